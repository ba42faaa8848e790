//! Behind proxies, beside other programs, under other people's names: what a request says about where
//! it comes from, and how much of that is believed.

use crate::pages::Browser;
use crate::support::bare::{Bare, handshake};
use crate::support::{Database, PASSWORD, Person, Program, Raw, Server};
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::json;
use snug::http::public_url::Scheme;
use snug::model::waits::{RequestWaits, Waits};
use std::time::Duration;

const TRUSTING: &[(&str, &str)] = &[("SNUG_TRUSTED_PROXIES", "127.0.0.1")];

#[tokio::test(flavor = "multi_thread")]
async fn another_programs_cookie_does_not_hide_ours() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let ours = ada.cookie(Scheme::Http);
    let nobody = Person::nobody(&server);
    for before in
        [&b"n=\xf6"[..], b"n=\"a b\"", b"=", b"n", b";;", b"\xff\xfe=\xff", b"snug_sessions=x"]
    {
        for cookies in [[before, ours.as_bytes()], [ours.as_bytes(), before]] {
            let value = HeaderValue::from_bytes(&cookies.join(&b"; "[..])).unwrap();
            let request = nobody.request(Method::GET, "/auth/me").header("cookie", value);
            nobody.send(request).await.expect(200);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_unreadable_part_of_a_header_does_not_hide_the_rest() {
    let server = Server::start().await;
    let nobody = Person::nobody(&server);
    let bytes = |bytes: &[u8]| HeaderValue::from_bytes(bytes).unwrap();
    let request = nobody.request(Method::GET, "/nothing");
    let answer = nobody.send(request.header("accept", bytes(b"\xff, text/html"))).await;
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/html"));
    let request = nobody.request(Method::GET, "/login");
    let request =
        request.header("accept-encoding", bytes(b"\xff")).header("accept-encoding", "gzip");
    assert_eq!(nobody.send(request).await.headers["content-encoding"], "gzip");
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_meant_for_another_program_are_ignored() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    // One like ours, by another key.
    let signed = ada.token.rsplit_once('.').unwrap().0;
    let foreign = format!("Bearer {signed}.c2lnbmVkIGJ5IHNvbWVib2R5IGVsc2U");
    for other in [
        "Basic YWRhOmFkYQ==",
        "Digest a=b",
        "Bearerx y",
        "basic",
        "\u{e9}",
        "Bearer",
        "Bearer ",
        "bearer x",
        "Bearer \u{e9}",
        &foreign,
    ] {
        let request = ada.browses(Method::GET, "/auth/me").header("authorization", other);
        ada.send(request).await.expect(200);
        let mut bare = Bare::connect(&server).await;
        let path = format!("/ws?token={}", ada.token);
        bare.send(handshake(&server, &path, &[("Authorization", other)])).await;
        assert_eq!(bare.answer().await.0, 101, "{other}");
    }
    // Ours counts wherever it stands, and one that has ended is not passed over.
    let both = |token: &str| {
        let request = ada.browses(Method::GET, "/auth/me");
        request.header("authorization", &foreign).bearer_auth(token)
    };
    ada.send(both(&ada.token)).await.expect(200);
    let ended = ada.log_in(&ada.name, PASSWORD).await;
    ended.push("/auth/logout").await.expect(204);
    ada.send(both(&ended.token)).await.refused(401, "unauthenticated");
    let nobody = Person::nobody(&server);
    let request = nobody.request(Method::GET, "/auth/me").header("authorization", "Basic YTpi");
    nobody.send(request).await.refused(401, "unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_recognised_in_every_form() {
    let settings = [TRUSTING, &[("SNUG_RATE_LIMITS", "on")]].concat();
    let server = Server::with(&settings).await;
    server.person("ada").await;
    let nobody = Person::nobody(&server);
    let guess = async |from: &str| {
        let body = json!({"username": "ada", "password": "not the password"});
        let request = nobody.request(Method::POST, "/auth/login").json(&body);
        nobody.send(request.header("x-forwarded-for", from)).await.status.as_u16()
    };
    for form in [
        "192.0.2.1",
        "192.0.2.1:4711",
        "\"192.0.2.1:1\"",
        "::ffff:192.0.2.1",
        "6.6.6.6, 192.0.2.1:2",
    ] {
        assert_eq!(guess(form).await, 401, "{form}");
    }
    assert_eq!(guess("192.0.2.1:9").await, 429);
    for form in [
        "2001:db8::1",
        "[2001:db8::2]",
        "[2001:db8::3]:4711",
        "2001:db8::4%eth0",
        "\"[2001:db8::5]:1\"",
    ] {
        assert_eq!(guess(form).await, 401, "{form}");
    }
    assert_eq!(guess("[2001:db8::6]:1").await, 429, "one /64");
    assert_eq!(guess("192.0.2.2:9").await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn loopback_is_not_enough_for_metrics_if_there_may_be_a_proxy() {
    let direct = Server::start().await;
    let public = Server::with(&[("SNUG_PUBLIC_URL", "http://chat.example")]).await;
    let asks = async |server: &Server, host: &str| {
        let nobody = Person::nobody(server);
        nobody
            .send(nobody.request(Method::GET, "/metrics").header("host", host))
            .await
            .status
            .as_u16()
    };
    for loopback in ["127.0.0.1", "localhost:8000", "[::1]:8000"] {
        assert_eq!(asks(&direct, loopback).await, 200, "{loopback}");
        assert_eq!(asks(&public, loopback).await, 404, "{loopback}");
    }
    assert_eq!(asks(&direct, "192.0.2.1").await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_given_to_this_machine_by_somebody_else_is_not_answered() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let with_host = async |host: &str, method: Method, path: &str| {
        let request = ada.browses(method, path).header("host", host);
        ada.send(request.header("origin", format!("http://{host}"))).await
    };
    for (method, path) in [
        (Method::GET, "/general"),
        (Method::GET, "/chats/general/history"),
        (Method::POST, "/auth/signup"),
        (Method::POST, "/auth/login"),
        (Method::GET, "/nothing"),
        (Method::GET, "/docs"),
        (Method::GET, "/metrics"),
    ] {
        let answer = with_host("evil.example", method, path).await;
        assert_eq!(answer.status, 421, "{path}");
        assert!(answer.text.contains(&server.address.to_string()), "{path}: {}", answer.text);
    }
    let mut bare = Bare::connect(&server).await;
    let shakes = handshake(&server, &format!("/ws?token={}", ada.token), &[]);
    bare.send(shakes.replace(&server.address.to_string(), "evil.example")).await;
    assert_eq!(bare.answer().await.0, 421);
    let machine = nix::unistd::gethostname().unwrap().into_string().unwrap();
    for ours in ["localhost:8000", "192.0.2.7", "[2001:db8::1]:8000", &machine] {
        with_host(ours, Method::GET, "/chats/general/history").await.expect(200);
    }
    with_host("evil.example", Method::GET, "/healthz").await.expect(200);
    with_host("evil.example", Method::GET, "/readyz").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_by_another_address_are_told_the_public_one() {
    let server = Server::with(&[("SNUG_PUBLIC_URL", "https://chat.example")]).await;
    let ada = server.person("ada").await;
    let with_host = |host: &str, method: Method, path: &str| {
        ada.browses(method, path).header("host", host).header("accept", "text/html")
    };
    let page = ada.send(with_host("chat.example", Method::GET, "/login")).await;
    assert!(page.status == 303 || page.status == 200, "{}", page.status);
    let refused =
        ada.send(with_host("192.0.2.7:8000", Method::POST, "/login").form(&[("a", "b")])).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text.contains("chat.example"), "{}", refused.text);
    let foreign = ada.send(with_host("other.example", Method::GET, "/")).await;
    assert_eq!(foreign.status, 421);
    assert!(foreign.text.contains("chat.example"), "{}", foreign.text);
    let socket = ada.cookie(Scheme::Https);
    let mut bare = Bare::connect(&server).await;
    let origin = server.url("");
    bare.send(handshake(&server, "/ws", &[("Cookie", &socket), ("Origin", &origin)])).await;
    let (status, _, body) = bare.answer().await;
    assert!(status == 403 && body.contains("https://chat.example"), "{status} {body}");
}

/// The port behind the proxy, opened without it: not even the name is another one.
#[tokio::test(flavor = "multi_thread")]
async fn visitors_by_another_port_of_the_same_name_are_told_the_public_url() {
    for (url, host, is_elsewhere) in [
        ("https://chat.example", "chat.example:8000", true),
        ("https://chat.example:8443", "chat.example:8000", true),
        ("https://chat.example:8443", "chat.example", false),
        ("https://chat.example", "chat.example:443", false),
    ] {
        let server = Server::with(&[("SNUG_PUBLIC_URL", url)]).await;
        let nobody = Person::nobody(&server);
        let form = nobody.request(Method::POST, "/login").header("host", host);
        let refused = nobody.send(form.header("accept", "text/html").form(&[("a", "b")])).await;
        assert_eq!(refused.status, 403);
        let said = format!("open {url} and try again there");
        let text = refused.text.replace("&#x2f;", "/");
        assert_eq!(text.contains(&said), is_elsewhere, "{host}: {text}");
    }
}

/// As proxies do that are not told to pass on `Host`: what counts is the public URL.
#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_may_pass_on_a_host_of_its_own() {
    let server = Server::with(&[("SNUG_PUBLIC_URL", "https://chat.example")]).await;
    server.person("ada").await;
    let mut browser = Browser::signed_in(&server, "ada").await;
    let page = browser.submit("/general", "/general", &[("content", "hello")]).await;
    assert_eq!(page.status, 303, "{}", page.text);
}

/// Browsers share cookies between the ports of a host, and between a domain and its siblings.
#[tokio::test(flavor = "multi_thread")]
async fn two_servers_on_one_host_do_not_take_each_others_cookies() {
    let one = Server::start().await;
    let other = Server::with(&[("SNUG_JWT_SECRET", "aX3nQ8vR5tY2wE9uK7mB4cJ6hG1dF0sL")]).await;
    let (ada, bob) = (one.person("ada").await, other.person("bob").await);
    let jar = reqwest::Client::builder().cookie_store(true).build().unwrap();
    let log_in = async |server: &Server, name: &str| {
        let body = json!({"username": name, "password": PASSWORD});
        assert_eq!(
            jar.post(server.url("/auth/login")).json(&body).send().await.unwrap().status(),
            200
        );
    };
    log_in(&one, &ada.name).await;
    log_in(&other, &bob.name).await;
    for (server, person) in [(&one, &ada), (&other, &bob)] {
        let me = jar.get(server.url("/auth/me")).send().await.unwrap();
        assert_eq!(me.json::<serde_json::Value>().await.unwrap()["user_id"], person.id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_https_a_cookie_that_a_sibling_domain_could_plant_is_not_ours() {
    let server = Server::with(&[("SNUG_PUBLIC_URL", "https://chat.example")]).await;
    let ada = server.person("ada").await;
    ada.send(ada.browses(Method::GET, "/auth/me")).await.refused(401, "unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_ends_the_session_that_the_browser_had_before() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut socket = ada.socket("/ws").await;
    let body = json!({"username": "bob", "password": PASSWORD});
    let request = ada.browses(Method::POST, "/auth/login").header("origin", server.url(""));
    ada.send(request.json(&body)).await.expect(200);
    ada.get("/auth/me").await.refused(401, "unauthenticated");
    assert_eq!(socket.closed().await, 4501);
    bob.get("/auth/me").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_a_socket_has_no_body() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let path = format!("/ws?token={}", ada.token);
    for (name, value) in [("Content-Length", "60"), ("Transfer-Encoding", "chunked")] {
        let mut bare = Bare::connect(&server).await;
        bare.send(handshake(&server, &path, &[(name, value)])).await;
        bare.send(if name == "Content-Length" { "x".repeat(60) } else { "0\r\n\r\n".into() }).await;
        assert_eq!(bare.answer().await.0, 400, "{name}");
    }
    let mut bare = Bare::connect(&server).await;
    bare.send(handshake(&server, &path, &[("Content-Length", "0")])).await;
    assert_eq!(bare.answer().await.0, 101);
}

/// The checks of HAProxy, nginx and others, unless configured otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn health_checks_of_load_balancers_are_answered_in_every_form() {
    let server = Server::start().await;
    for (method, path) in [
        ("GET", "/healthz"),
        ("HEAD", "/healthz"),
        ("OPTIONS", "/healthz"),
        ("GET", "/readyz"),
        ("HEAD", "/readyz"),
        ("OPTIONS", "/readyz"),
        ("OPTIONS", "/"),
        ("OPTIONS", "*"),
    ] {
        for head in [
            " HTTP/1.0\r\n\r\n",
            " HTTP/1.0\r\nHost: evil.example\r\n\r\n",
            " HTTP/1.1\r\nHost: backend\r\nConnection: close\r\n\r\n",
        ] {
            let mut raw = Raw::open(&server).await;
            raw.send(format!("{method} {path}{head}")).await;
            let answer = raw.rest().await;
            assert!(answer.contains(" 200 OK\r\n"), "{method} {path}{head}: {answer}");
        }
    }
    for (head, status) in [
        // HTTP/1.0 knows no Host, and some balancers ask for a page.
        ("GET / HTTP/1.0", "303"),
        ("HEAD / HTTP/1.0", "303"),
        ("HEAD /login HTTP/1.0", "200"),
        ("GET /openapi.json HTTP/1.0", "200"),
        ("GET / HTTP/1.0\r\nHost: evil.example", "421"),
        // Nobody can tell that this came to the machine itself.
        ("GET /metrics HTTP/1.0", "404"),
        ("POST /auth/logout HTTP/1.0", "400"),
        ("GET /healthz HTTP/1.1\r\nConnection: close", "400"),
        ("OPTIONS * HTTP/1.1\r\nConnection: close", "400"),
        ("GET * HTTP/1.1\r\nHost: localhost\r\nConnection: close", "404"),
    ] {
        let mut raw = Raw::open(&server).await;
        raw.send(format!("{head}\r\n\r\n")).await;
        let answer = raw.rest().await;
        assert_eq!(answer.split(' ').nth(1), Some(status), "{head}: {answer}");
    }
}

/// A proxy that keeps a connection for later must not find it closed under its next request.
#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_of_trusted_proxies_are_kept_longer() {
    let requests = RequestWaits { read: Duration::from_millis(500), ..RequestWaits::default() };
    let waits = Waits { requests, ..Waits::default() };
    let trusting = Server::waiting_on(Database::new().await, TRUSTING, waits).await;
    let stranger = Server::waiting_on(Database::new().await, &[], waits).await;
    let request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let (mut kept, mut ended) = (Bare::connect(&trusting).await, Bare::connect(&stranger).await);
    for bare in [&mut kept, &mut ended] {
        bare.send(request).await;
        assert_eq!(bare.answer().await.0, 200);
    }
    ended.rest().await;
    assert!(!kept.ends_within(2 * requests.read).await);
    kept.send(request).await;
    assert_eq!(kept.answer().await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn oddities_of_a_proxy_are_logged_once() {
    let database = Database::new().await;
    let own = [("SNUG_TRUSTED_PROXIES", "127.0.0.1"), ("SNUG_LOG", "warn,snug=info")];
    let trusting = Program::start(&database, &own);
    let stranger = Program::start(&database, &[]);
    for (program, from, said) in [
        (&trusting, None, "no X-Forwarded-For"),
        (&trusting, Some("unknown"), "is not an address"),
        (&stranger, Some("192.0.2.1"), "SNUG_TRUSTED_PROXIES"),
    ] {
        let nobody = Person::at(program.base());
        for _ in 0..3 {
            let request = nobody.request(Method::GET, "/docs");
            let request =
                from.into_iter().fold(request, |r, from| r.header("x-forwarded-for", from));
            nobody.send(request).await.expect(200);
        }
        program.lines(said, 1).await;
    }
    let nobody = Person::at(stranger.base());
    let login = json!({"username": "ada", "password": PASSWORD});
    for _ in 0..3 {
        let request = nobody.request(Method::POST, "/auth/login").json(&login);
        nobody
            .send(request.header("origin", "https://evil.example"))
            .await
            .refused(403, "foreign_origin");
        nobody.get("/ws").await.refused(426, "upgrade_required");
        let request = nobody.request(Method::GET, "/docs").header("host", "evil.example");
        assert_eq!(nobody.send(request).await.status, 421);
    }
    let (trusted, strange) = (trusting.stop(), stranger.stop());
    let count = |log: &[String], text: &str| log.iter().filter(|line| line.contains(text)).count();
    for (log, text) in [
        (&trusted, "no X-Forwarded-For"),
        (&trusted, "is not an address"),
        (&strange, "name it in SNUG_TRUSTED_PROXIES"),
        (&strange, "came from another origin"),
        (&strange, "without the header Upgrade"),
        (&strange, "for a name that is not known"),
    ] {
        assert_eq!(count(log, text), 1, "{text}: {log:#?}");
    }
    let origin = strange.iter().find(|line| line.contains("another origin")).unwrap();
    assert!(
        origin.contains("https://evil.example") && origin.contains("SNUG_PUBLIC_URL"),
        "{origin}"
    );
}
