//! What is not valid HTTP is refused and ends its connection: no hidden request is ever carried out.

use crate::support::{Raw, Server, statuses};
use snug::limits::BODY_BYTES_MAX;
use snug::model::waits::Waits;

const SECOND: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn odd_methods_and_targets_find_nothing() {
    let server = Server::start().await;
    for (line, expected) in [
        ("TRACE / HTTP/1.1", 405),
        ("TRACK /chats HTTP/1.1", 405),
        ("PROPFIND /chats HTTP/1.1", 405),
        ("get /healthz HTTP/1.1", 405),
        ("GET //healthz HTTP/1.1", 404),
        ("GET /chats/../healthz HTTP/1.1", 404),
        ("GET /chats/%2e%2e/healthz HTTP/1.1", 404),
        ("GET /./healthz HTTP/1.1", 404),
        ("GET /healthz%00 HTTP/1.1", 404),
        ("GET /healthz/ HTTP/1.1", 404),
        ("GET /%68ealthz HTTP/1.1", 404),
        ("GET /healthz;x=1 HTTP/1.1", 404),
        ("GET /assets/../../../etc/passwd HTTP/1.1", 404),
        ("GET /assets/%2e%2e/%2e%2e/etc/passwd HTTP/1.1", 404),
        ("GET http://evil.example/healthz HTTP/1.1", 400),
        ("GET http://x/healthz HTTP/1.1", 400),
        ("CONNECT evil.example:80 HTTP/1.1", 400),
        ("OPTIONS * HTTP/1.1", 200),
        ("GET healthz HTTP/1.1", 400),
        ("GET /heal thz HTTP/1.1", 400),
        ("GET /healthz HTTP/2.0", 400),
        ("GET /healthz HTTP/1.2", 400),
        ("GET /healthz", 400),
        ("\u{16}\u{3}\u{1}\u{2}", 400),
    ] {
        let request = format!("{line}\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        assert_eq!(Raw::statuses(&server, request).await, [expected], "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_needs_exactly_one_valid_host() {
    let server = Server::start().await;
    for hosts in [
        "",
        "Host: localhost\r\nHost: localhost\r\n",
        "Host: localhost\r\nHost: y\r\n",
        "Host: x/../y\r\n",
        "Host: x@y\r\n",
        "Host: x y\r\n",
        "Host: <script>\r\n",
        "Host: \u{e9}\r\n",
    ] {
        let request = format!("GET /healthz HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
        assert_eq!(Raw::statuses(&server, request).await, [400], "{hosts:?}");
    }
    for host in ["x", "chat.example:8000", "[::1]:8000", "127.0.0.1"] {
        let request = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(Raw::statuses(&server, request).await, [200], "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_http_is_refused_in_the_same_format_as_everything_else() {
    let server = Server::start().await;
    let long = "x".repeat(20_000);
    for (request, status, code) in [
        ("GET /heal thz HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), 400, "bad_request"),
        (
            format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: {long}\r\n\r\n"),
            431,
            "headers_too_large",
        ),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nX-A\r\n\r\n".to_owned(), 400, "bad_request"),
    ] {
        let mut raw = Raw::open(&server).await;
        raw.send(&request).await;
        let answer = raw.rest().await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        for header in [
            "content-type: application/problem+json",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
            "connection: close",
            &format!("content-length: {}", body.len()),
        ] {
            assert!(head.lines().any(|line| line == header), "{header:?} in {head}");
        }
        let problem: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!((&problem["status"], &problem["code"]), (&status.into(), &code.into()));
    }
}

/// A login with this head and body, followed directly by a second request.
fn login(headers: &str, body: &str) -> String {
    format!(
        "POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         {headers}\r\n{body}{SECOND}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_with_a_repeated_or_odd_length_ends_the_connection() {
    let server = Server::start().await;
    let chunked = "2\r\n{}\r\n0\r\n\r\n";
    for (headers, body) in [
        ("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", chunked),
        ("Transfer-Encoding: chunked\r\nContent-Length: 2\r\n", chunked),
        ("Content-Length: 2\r\nContent-Length: 2\r\n", "{}"),
        ("Content-Length: 2\r\nContent-Length: 3\r\n", "{}"),
        ("Content-Length: 2, 2\r\n", "{}"),
        ("Content-Length: +2\r\n", "{}"),
        ("Content-Length: -2\r\n", "{}"),
        ("Content-Length: 0x2\r\n", "{}"),
        ("Content-Length: 2a\r\n", "{}"),
        ("Content-Length: \r\n", "{}"),
        ("Content-Length: 18446744073709551618\r\n", "{}"),
        ("Transfer-Encoding: gzip\r\n", chunked),
        ("Transfer-Encoding: gzip, chunked\r\n", chunked),
        ("Transfer-Encoding: chunked, gzip\r\n", chunked),
        ("Transfer-Encoding: identity\r\n", chunked),
        ("Transfer-Encoding: chunked, chunked\r\n", chunked),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", chunked),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", chunked),
        ("Transfer-Encoding: xchunked\r\n", chunked),
        ("Transfer-Encoding: \"chunked\"\r\n", chunked),
        ("Transfer-Encoding: \u{b}chunked\r\n", chunked),
        ("Transfer-Encoding : chunked\r\n", chunked),
        ("Content-Length : 2\r\n", "{}"),
        ("Transfer-Encoding: chunked\r\n", "zz\r\n{}\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\n", "-2\r\n{}\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\n", "2\n{}\n0\n\n"),
        ("Transfer-Encoding: chunked\r\n", "2\r\n{}xx0\r\n\r\n"),
    ] {
        let answers = Raw::statuses(&server, login(headers, body)).await;
        assert_eq!(answers, [400], "{headers:?} {body:?}");
    }
    let old = login("Transfer-Encoding: chunked\r\n", chunked).replacen("HTTP/1.1", "HTTP/1.0", 1);
    assert_eq!(Raw::statuses(&server, old).await, [400]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_a_proxy_may_read_differently_ends_the_connection() {
    let server = Server::start().await;
    for head in [
        "GET /docs HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n c\r\n\r\n",
        "GET /docs HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n\tc\r\n\r\n",
        "GET /docs HTTP/1.1\r\n Host: localhost\r\n\r\n",
        "GET /docs HTTP/1.1\nHost: x\n\n",
        "GET /docs HTTP/1.1\nHost: localhost\r\n\r\n",
        "GET /docs HTTP/1.1\r\nHost: x\nX-A: b\r\n\r\n",
        "GET /docs HTTP/1.1\r\nHost: localhost\r\nX-A: b\n\r\n",
        "GET /docs HTTP/1.1\r\nHost: localhost\r\n\n",
        "\nGET /docs HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /docs HTTP/1.1\r\nHost: localhost\r\nX-A: a\0b\r\n\r\n",
        "GET /docs HTTP/1.1\r\nHost: localhost\r\nX-\0A: b\r\n\r\n",
        "GET /docs HTTP/1.1\r\nHost: localhost\r\nX-A: a\rb\r\n\r\n",
        "GET /docs HTTP/1.1\r\nHost: localhost\r\nX A: b\r\n\r\n",
        "GET /docs HTTP/1.1\r\nHost: localhost\r\nX-A : b\r\n\r\n",
        "GET /docs HTTP/1.1\r\nHost: localhost\r\n: b\r\n\r\n",
        "GET /docs HTTP/1.1\r\nHost: localhost\r\nX-A\r\n\r\n",
    ] {
        let answers = Raw::statuses(&server, format!("{head}{SECOND}")).await;
        assert_eq!(answers, [400], "{head:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_read_is_not_taken_for_a_request() {
    let server = Server::start().await;
    let length = SECOND.len();
    for head in ["POST /auth/logout", "POST /auth/nothing", "PUT /chats", "GET /docs", "GET /ws"] {
        let sized =
            format!("{head} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
        let chunked = format!(
            "{head} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n"
        );
        let last = SECOND.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
        for all in
            [format!("{sized}{SECOND}{last}"), format!("{chunked}{SECOND}\r\n0\r\n\r\n{last}")]
        {
            // The remaining requests may be answered, or the connection closed; the body must not be
            // answered.
            assert!(Raw::statuses(&server, &all).await.len() <= 2, "{all:?}");
        }
    }
}

/// hyper itself would read on while a large answer waits for its reader, and then leave the next request unanswered
/// for ever.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_wait_for_the_body_ends_the_connection_and_says_so() {
    let server = Server::narrow(Waits::default()).await;
    let large = "x".repeat(BODY_BYTES_MAX);
    let chunks = |first: &str| format!("{:x}\r\n{first}\r\n1\r\nx\r\n0\r\n\r\n", first.len());
    for (line, first, expected) in [
        ("POST /auth/nothing", "x", 404),
        ("POST /auth/logout", "x", 401),
        ("GET /docs", "x", 200),
        ("GET /docs", &*large, 200),
    ] {
        let head =
            format!("{line} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
        let mut raw = Raw::narrow(&server).await;
        raw.send(format!("{head}{}{SECOND}", chunks(first))).await;
        let answers = raw.rest().await;
        assert_eq!(statuses(&answers), [expected], "{line}");
        assert!(answers.contains("connection: close\r\n"), "{line}: {answers}");
        assert!(expected != 200 || answers.ends_with("</html>"), "the answer is whole");
    }
}

/// So that it costs those who send one for nothing no new connection each time.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_nobody_reads_is_passed_over_if_it_came_with_its_head() {
    let server = Server::start().await;
    let last = SECOND.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    for line in ["POST /auth/nothing", "POST /auth/logout", "GET /docs"] {
        let head = format!("{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n");
        let answers = Raw::statuses(&server, format!("{head}{{}}{last}")).await;
        assert_eq!(answers.len(), 2, "{line}: {answers:?}");
        assert_eq!(answers[1], 200, "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_upgrade_ends_the_connection() {
    let server = Server::start().await;
    for (path, expected) in [("/healthz", 200), ("/ws", 426), ("/nothing", 404)] {
        for protocol in ["h2c", "websocket", "TLS/1.0"] {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: {protocol}\r\n\
                 Sec-WebSocket-Version: 12\r\n\r\n{SECOND}"
            );
            let answers = Raw::statuses(&server, request).await;
            assert_eq!(answers, [expected], "{path} {protocol}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_pieces_or_back_to_back_are_answered_in_order() {
    let server = Server::start().await;
    let body = "{\n\"username\":\"ada\",\n\"password\":\"12345678\"}\n\n\n";
    let sized = login(&format!("Content-Length: {}\r\n", body.len()), body);
    let (one, two) = body.split_at(10);
    let chunks = format!(
        "{:x};ext=\"a\"\r\n{one}\r\n{:X}\r\n{two}\r\n0\r\nX-Trailer: t\r\n\r\n",
        one.len(),
        two.len()
    );
    let chunked = login("Transfer-Encoding: Chunked\r\n", &chunks);
    let last = SECOND.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let all = format!("\r\n{sized}{chunked}{last}");
    assert_eq!(Raw::statuses(&server, &all).await, [401, 200, 401, 200, 200]);
    let mut raw = Raw::open(&server).await;
    for byte in all.bytes() {
        raw.send([byte]).await;
    }
    assert_eq!(crate::support::statuses(&raw.rest().await), [401, 200, 401, 200, 200]);
}
