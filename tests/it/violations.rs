//! Violations of the WebSocket protocol, and the code that closes the socket for each.

use crate::support::bare::{BINARY, Bare, CLOSE, CONTINUATION, PING, PONG, TEXT, frame, header};
use crate::support::{Server, until};
use snug::limits::{BODY_BYTES_MAX, MESSAGE_FRAGMENTS_MAX};
use snug::model::waits::{SocketWaits, Waits};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn each_violation_has_its_code() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let begun = frame(0x01, b"x");
    let half = frame(0x01, &vec![b'x'; BODY_BYTES_MAX]);
    let after = |first: &[u8], second: Vec<u8>| [first, &second[..]].concat();
    for (what, bytes, code) in [
        ("unmasked", vec![TEXT, 1, b'x'], 1002),
        ("RSV1", frame(0xc1, b"{}"), 1002),
        ("RSV2", frame(0xa1, b"{}"), 1002),
        ("RSV3 on a ping", frame(0x99, b""), 1002),
        ("reserved data opcode", frame(0x83, b"x"), 1002),
        ("reserved control opcode", frame(0x8b, b""), 1002),
        ("a continuation of nothing", frame(CONTINUATION, b"x"), 1002),
        ("a text inside a text", after(&begun, frame(TEXT, b"y")), 1002),
        ("a binary inside a text", after(&begun, frame(BINARY, b"y")), 1002),
        ("a long ping", frame(PING, &[0; 126]), 1002),
        ("a long pong", frame(PONG, &[0; 126]), 1002),
        ("a fragmented ping", frame(0x09, b""), 1002),
        ("a close of one byte", frame(CLOSE, &[3]), 1002),
        ("an impossible length", [&[TEXT, 0xff][..], &[0xff; 12]].concat(), 1009),
        ("not UTF-8", frame(TEXT, b"\xff"), 1007),
        ("not UTF-8 across fragments", after(&frame(0x01, b"a\xc3"), frame(0x00, b"\x28")), 1007),
        ("cut UTF-8", after(&frame(0x01, b"a\xc3"), frame(CONTINUATION, b"")), 1007),
        ("not UTF-8 in a close", frame(CLOSE, b"\x03\xe8\xff"), 1007),
        ("too big by its header", header(TEXT, BODY_BYTES_MAX as u64 + 1), 1009),
        ("huge by its header", header(TEXT, 1 << 40), 1009),
        ("too big in total", after(&half, header(CONTINUATION, 1)), 1009),
        ("binary", frame(BINARY, b"{}"), 1003),
        ("binary by its header", header(BINARY, BODY_BYTES_MAX as u64), 1003),
    ] {
        let mut bare = Bare::open(&server, &ada, "/ws").await;
        bare.send(bytes).await;
        assert_eq!(bare.closed().await, code, "{what}");
    }
    let page = ada.get("/chats/general/history").await.expect(200);
    assert_eq!(page["last_seq"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_empty_fragments_are_cut_off() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut bare = Bare::open(&server, &ada, "/ws").await;
    bare.send(frame(0x01, b"")).await;
    let many = frame(0x00, b"").repeat(2 * MESSAGE_FRAGMENTS_MAX as usize);
    bare.try_send(many).await;
    assert_eq!(bare.closed().await, 1008);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_not_complete_in_ten_seconds_closes_the_socket() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let began = Instant::now();
    let whole = frame(TEXT, br#"{"type":"ping"}"#);
    let waits = [
        vec![TEXT],
        header(TEXT, 100),
        whole[..whole.len() - 1].to_vec(),
        frame(0x01, b"{"),
        [frame(0x01, b"{"), frame(0x00, b""), frame(PING, b"?")].concat(),
    ];
    let waits = waits.map(|bytes| {
        let (server, ada) = (&server, &ada);
        async move {
            let mut bare = Bare::open(server, ada, "/ws").await;
            bare.send(bytes).await;
            (bare.closed().await, began.elapsed())
        }
    });
    for (code, took) in futures_util::future::join_all(waits).await {
        assert_eq!(code, 4408);
        assert!((9.0..15.0).contains(&took.as_secs_f64()), "{took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_after_a_close_frame_is_ignored() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut reader = bob.socket("/ws/general").await;
    let mut bare = Bare::open(&server, &ada, "/ws/general").await;
    let close = frame(CLOSE, &1000u16.to_be_bytes());
    let late = frame(TEXT, br#"{"content":"too late"}"#);
    bare.send([close, late.clone(), frame(PING, b"?"), vec![0xff; 64]].concat()).await;
    assert_eq!(bare.closed().await, 1000);
    let mut bare = Bare::open(&server, &ada, "/ws/general").await;
    bare.send([frame(0x83, b"x"), late].concat()).await;
    assert_eq!(bare.closed().await, 1002);
    ada.say(1, "in time").await;
    assert_eq!(reader.expect("message").await["content"], "in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_silently_is_noticed_at_once() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut sockets = Vec::new();
    for _ in 0..40 {
        sockets.push(Bare::open(&server, &ada, "/ws/general").await);
    }
    // All at once, so that for some the last frame arrives together with the end; and a frame that
    // needs no answer, because a failed write would give it away.
    let leaving = sockets.into_iter().map(|mut bare| async move {
        bare.send(frame(PONG, b"")).await;
        bare.end().await;
        bare
    });
    let began = Instant::now();
    let _half_open = futures_util::future::join_all(leaving).await;
    until("the sockets are gone", || async { open_sockets(&ada).await == 0 }).await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

async fn open_sockets(person: &crate::support::Person) -> u64 {
    let metrics = person.get("/metrics").await.text;
    let line = metrics.lines().find(|line| line.starts_with("snug_sockets ")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_socket_is_pinged_and_dropped_if_it_does_not_answer() {
    let hasty = SocketWaits { ping_after_secs: 4, pong_within_secs: 4, ..SocketWaits::default() };
    let server = Server::waiting(Waits { sockets: hasty, ..Waits::default() }).await;
    let ada = server.person("ada").await;
    let (mut deaf, mut alive) =
        (Bare::open(&server, &ada, "/ws").await, Bare::open(&server, &ada, "/ws/general").await);
    let began = Instant::now();
    let pinged = async |bare: &mut Bare| {
        let ping = bare.frame().await.unwrap();
        assert_eq!(ping.first, PING, "{ping:?}");
        assert!((2.0..9.0).contains(&began.elapsed().as_secs_f64()), "{:?}", began.elapsed());
        ping.payload
    };
    pinged(&mut deaf).await;
    let payload = pinged(&mut alive).await;
    alive.send(frame(PONG, &payload)).await;
    assert_eq!(deaf.closed().await, 4408);
    let took = began.elapsed().as_secs_f64();
    assert!((6.0..13.0).contains(&took), "{took}");
    alive.text(r#"{"type":"ping"}"#).await;
    // It may have been silent for long enough to be pinged again.
    let answer = loop {
        let frame = alive.frame().await.unwrap();
        if frame.first != PING {
            break frame.json();
        }
        alive.send(crate::support::bare::frame(PONG, &frame.payload)).await;
    };
    assert_eq!(answer["type"], "pong");
}
