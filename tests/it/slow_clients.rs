//! Clients that send or receive too slowly are cut off (slowloris).

use crate::support::{PATIENCE, Person, Raw, Server, raise_file_limit, until};
use snug::limits::{CONTENT_CHARS_MAX, MEDIUM, PAGE_ROWS_MAX};
use snug::model::waits::{RequestWaits, Waits};
use std::net::Ipv4Addr;
use std::ops::Range;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// How long clients are waited for here.
const WAIT: Duration = Duration::from_secs(3);
/// When one is cut: not before, and in time even where the machine is busy.
const CUT: Range<Duration> = Duration::from_millis(2_500)..Duration::from_secs(25);

/// A request, and the end of its connection.
const ENDING: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

fn hasty() -> Waits {
    let requests = RequestWaits { read: WAIT, write_stall: WAIT, ..RequestWaits::default() };
    Waits { requests, ..Waits::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_made_right_before_a_stop_is_answered() {
    let requests = RequestWaits { speak_at_stop: PATIENCE, ..RequestWaits::default() };
    let mut server = Server::waiting(Waits { requests, ..Waits::default() }).await;
    let (mut early, address) = (Raw::open(&server).await, server.address);
    // They are accepted in the order in which they come.
    assert_eq!(Raw::statuses(&server, ENDING).await, [200]);
    let stopping = tokio::spawn(async move { server.stop().await });
    until("nobody is let in any more", || async { TcpStream::connect(address).await.is_err() })
        .await;
    early.send(ENDING).await;
    let answer = early.rest().await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
    stopping.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_dribbles_is_cut_off() {
    let server = Server::waiting(hasty()).await;
    let ends = async |begins: &str, expected: &[u16]| {
        let began = Instant::now();
        let statuses = Raw::statuses(&server, begins).await;
        let took = began.elapsed();
        assert_eq!(statuses, expected, "{begins:?}");
        assert!(CUT.contains(&took), "{begins:?}: {took:?}");
    };
    let head = "POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let sized = format!("{head}Content-Length: 1000\r\n\r\n{{");
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n3e8\r\n{{");
    tokio::join!(
        ends("", &[]),
        ends("GET /healthz HT", &[]),
        ends("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: ", &[]),
        ends(&sized, &[408]),
        ends(&chunked, &[408]),
        async {
            let mut raw = Raw::open(&server).await;
            raw.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: ").await;
            // A byte now and then is no progress.
            assert_cut(&mut raw).await;
        },
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_takes_none_of_its_answers_is_cut_off() {
    let server = Server::waiting(hasty()).await;
    let ask = ask_for_much(&server).await;
    let mut raw = Raw::open(&server).await;
    // More than the kernel buffers: 3 MiB each.
    raw.send(ask.repeat(12)).await;
    assert_cut(&mut raw).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_takes_a_little_of_its_answer_now_and_then_is_cut_off() {
    let server = Server::narrow(hasty()).await;
    let mut raw = Raw::narrow(&server).await;
    raw.send(ask_for_much(&server).await).await;
    let began = Instant::now();
    let mut every = tokio::time::interval(Duration::from_millis(100));
    // What the kernels have buffered arrives even long after the server has closed; but then it
    // answers none of our bytes.
    while began.elapsed() < Duration::from_secs(30) && raw.try_send("x").await {
        raw.some(200).await;
        every.tick().await;
    }
    assert!(CUT.contains(&began.elapsed()), "{:?}", began.elapsed());
}

/// Answers that their readers do not take are bounded in all, for a subnet, and for a user.
#[tokio::test(flavor = "multi_thread")]
async fn large_answers_that_nobody_takes_leave_room_for_those_of_others() {
    let server = Server::start().await;
    let ask = ask_for_much(&server).await;
    let small = ask.replace(&format!("limit={PAGE_ROWS_MAX}"), "limit=1");
    let (mut held, mut refused) = (Vec::new(), 0);
    for subnet in [2, 3, 4] {
        for place in 0..10 {
            let mut reader = Raw::narrow_from(&server, Ipv4Addr::new(127, 0, 0, subnet)).await;
            reader.send(&ask).await;
            match &reader.some(12).await[9..] {
                b"200" => held.push(reader),
                b"503" => {
                    let rest = reader.some(4_096).await;
                    let rest = String::from_utf8(rest).unwrap();
                    assert!(rest.contains("retry-after: ") && rest.contains("\"busy\""), "{rest}");
                    refused += 1;
                }
                other => panic!("{other:?}"),
            }
            assert!(place > 0 || held.len() > (subnet as usize - 2), "a new subnet has a share");
        }
    }
    let bytes = held.len() * PAGE_ROWS_MAX as usize * CONTENT_CHARS_MAX * 4;
    assert!(refused > 0 && bytes < 48 * 1024 * 1024, "{bytes} bytes wait, {refused} refused");
    for subnet in [1, 2] {
        let mut reader = Raw::narrow_from(&server, Ipv4Addr::new(127, 0, 0, subnet)).await;
        reader.send(&small).await;
        assert_eq!(&reader.some(12).await[9..], b"200", "small ones never wait");
    }
    let bea = server.person("bea").await;
    let mut neighbour = Raw::narrow_from(&server, Ipv4Addr::new(127, 0, 0, 2)).await;
    neighbour.send(page_of(&bea, PAGE_ROWS_MAX / 4)).await;
    assert_eq!(&neighbour.some(12).await[9..], b"200", "the same subnet, but somebody else");
    let mut other = Raw::open(&server).await;
    other.send(ask.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")).await;
    let whole = other.rest().await;
    assert!(whole.starts_with("HTTP/1.1 200") && whole.ends_with('}'), "{whole:.100}");
    drop(held);
    until("what nobody waits for any longer is forgotten", || async {
        let mut reader = Raw::narrow_from(&server, Ipv4Addr::new(127, 0, 0, 2)).await;
        reader.send(&ask).await;
        &reader.some(12).await[9..] == b"200"
    })
    .await;
}

/// One who asks for many long pages waits for them alone.
#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_asks_for_many_long_pages_does_not_delay_the_short_ones_of_others() {
    let server = Server::start().await;
    let ask = ask_for_much(&server).await;
    let bea = server.person("bea").await;
    let short = page_of(&bea, 1).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let mut asking = Vec::new();
    for _ in 0..150 {
        let mut reader = Raw::narrow(&server).await;
        reader.send(&ask).await;
        asking.push(reader);
    }
    for _ in 0..10 {
        assert_eq!(Raw::statuses(&server, &short).await, [200]);
    }
    for mut reader in asking {
        let answer = String::from_utf8_lossy(&reader.some(2_048).await).into_owned();
        let is_busy = answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: ");
        assert!(answer.starts_with("HTTP/1.1 200 ") || is_busy, "{answer}");
        assert!(!answer.contains("\"unavailable\""), "PostgreSQL is well: {answer}");
    }
}

/// A request whose answer is some MiB long.
async fn ask_for_much(server: &Server) -> String {
    let ada = server.person("ada").await;
    let put = format!(
        "insert into messages (id, chat_type, chat_id, seq, sender_id, content, timestamp,
            draft_key, content_hash)
         select n, 'general', 1, n, 1, repeat('😀', {CONTENT_CHARS_MAX}), now(), 's' || n, ''
         from generate_series(1, {PAGE_ROWS_MAX}) n;
         update chats set last_seq = {PAGE_ROWS_MAX} where id = 1"
    );
    server.database.client().await.batch_execute(&put).await.unwrap();
    page_of(&ada, PAGE_ROWS_MAX)
}

fn page_of(reader: &Person, limit: i64) -> String {
    format!(
        "GET /chats/general/history?limit={limit} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n",
        reader.token
    )
}

/// An answer of 85 KiB, of which the kernels buffer little, while the announced body is never sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_slowly_read_answer_arrives_whole_although_the_request_was_never_read() {
    let server = Server::narrow(Waits::default()).await;
    let mut raw = Raw::narrow(&server).await;
    raw.send("GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
        .await;
    let mut answer = Vec::new();
    loop {
        let some = raw.some(8_192).await;
        if some.is_empty() {
            break;
        }
        answer.extend(some);
    }
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let whole = server.person("ada").await.get("/openapi.json").await.text;
    assert_eq!(head.lines().next(), Some("HTTP/1.1 200 OK"));
    assert!(body == whole, "{} of {} bytes", body.len(), whole.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_takes_all_its_places_leaves_some_for_others() {
    raise_file_limit();
    let server = Server::start().await;
    let mut held = Vec::new();
    for _ in 0..MEDIUM.http_connections {
        held.push(Raw::from(&server, Ipv4Addr::new(127, 0, 0, 2)).await);
    }
    let ask = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    // Silent connections are cut after ten seconds; nobody else has to wait for that.
    let answers = tokio::time::timeout(Duration::from_secs(5), Raw::statuses(&server, ask)).await;
    assert_eq!(answers.expect("at once"), [200]);
}

/// Connections on which there is no request under way make room for those who have one.
#[tokio::test(flavor = "multi_thread")]
async fn connections_without_a_request_make_room() {
    raise_file_limit();
    let server = Server::start().await;
    let ask = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let half = format!("{ask}{}", &ask[..20]);
    let body = "POST /auth/login HTTP/1.1\r\nHost: localhost\r\n\
        Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    for begins in ["", &ask[..20], ask, &half, body] {
        let mut held = Vec::new();
        for subnet in [2, 3] {
            let address = Ipv4Addr::new(127, 0, 0, subnet);
            for _ in 0..MEDIUM.http_connections_per_address() + 50 {
                let mut raw = Raw::from(&server, address).await;
                raw.send(begins).await;
                held.push(raw);
            }
        }
        let began = Instant::now();
        for subnet in [1, 2, 3] {
            let mut raw = Raw::from(&server, Ipv4Addr::new(127, 0, 0, subnet)).await;
            raw.send(ask).await;
            raw.until("HTTP/1.1 200").await;
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{begins:?}: {:?}", began.elapsed());
    }
}

/// Connections of this address that take all its places with answers that they do not read.
async fn take_all_places(server: &Server, from: Ipv4Addr) -> Vec<Raw> {
    let mut held = Vec::new();
    for _ in 0..MEDIUM.http_connections_per_address() {
        let mut raw = Raw::narrow_from(server, from).await;
        raw.send(ASK_FOR_A_PLACE).await;
        held.push(raw);
    }
    for raw in &mut held {
        raw.until("HTTP/1.1 200").await;
    }
    held
}

const ASK_FOR_A_PLACE: &str = "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn assert_told_to_come_back(answer: &str) {
    assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("retry-after: ") && head.contains("connection: close"), "{head}");
    assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{answer}");
    assert!(body.contains("\"busy\""), "{body}");
}

/// Whoever waited for a place in vain is told so.
#[tokio::test(flavor = "multi_thread")]
async fn who_gets_no_place_is_told_to_come_back() {
    raise_file_limit();
    let requests = RequestWaits { read: Duration::from_secs(1), ..RequestWaits::default() };
    let requests = RequestWaits { write_stall: Duration::from_secs(120), ..requests };
    let server = Server::narrow(Waits { requests, ..Waits::default() }).await;
    let from = Ipv4Addr::new(127, 0, 0, 2);
    let _held = take_all_places(&server, from).await;
    let mut waiting = Raw::from(&server, from).await;
    waiting.send(ASK_FOR_A_PLACE).await;
    assert_told_to_come_back(&waiting.rest().await);
    Person::nobody(&server).get("/healthz").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_place_when_the_server_stops_is_told_so_too() {
    raise_file_limit();
    let requests = RequestWaits::default();
    let requests = RequestWaits { write_stall: Duration::from_secs(120), ..requests };
    let mut server = Server::narrow(Waits { requests, ..Waits::default() }).await;
    let from = Ipv4Addr::new(127, 0, 0, 2);
    let _held = take_all_places(&server, from).await;
    let (mut waiting, mut silent) =
        (Raw::from(&server, from).await, Raw::from(&server, from).await);
    waiting.send(ASK_FOR_A_PLACE).await;
    // They are accepted in their order.
    let mut last = Raw::from(&server, Ipv4Addr::LOCALHOST).await;
    last.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    last.until("HTTP/1.1 200").await;
    server.stop().await;
    assert_told_to_come_back(&waiting.rest().await);
    assert_eq!(silent.rest().await, "", "it has asked for nothing");
}

/// Sends a byte now and then until the server has closed, which must be when it has waited for long enough.
async fn assert_cut(raw: &mut Raw) {
    let began = Instant::now();
    let mut every = tokio::time::interval(Duration::from_millis(500));
    while began.elapsed() < Duration::from_secs(40) && raw.try_send("x").await {
        every.tick().await;
    }
    assert!(CUT.contains(&began.elapsed()), "{:?}", began.elapsed());
}
