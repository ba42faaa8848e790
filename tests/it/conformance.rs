//! The WebSocket protocol itself, case by case as in chapters 1 to 7 of the Autobahn suite. There is
//! no echo here: a text has come through whole if its `client_id` comes back.

use crate::support::bare::{Bare, CLOSE, CONTINUATION, PING, PONG, TEXT, frame, handshake};
use crate::support::{Server, until, waiting};
use serde_json::json;

/// A frame of exactly this many bytes that is refused, with its `client_id`.
fn sized(name: &str, length: usize) -> String {
    let text = json!({"type": "?", "client_id": name, "pad": ""}).to_string();
    let pad = length.checked_sub(text.len()).expect("longer than its name");
    json!({"type": "?", "client_id": name, "pad": "*".repeat(pad)}).to_string()
}

/// Waits for the answer to the frame with this `client_id`.
async fn came_through(bare: &mut Bare, name: &str) {
    let answer = bare.json().await;
    assert_eq!((&answer["code"], &answer["client_id"]), (&json!("bad_frame"), &json!(name)));
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_of_every_length_arrive_whole_or_in_pieces() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut bare = Bare::open(&server, &ada, "/ws").await;
    // An empty text is not JSON.
    bare.send(frame(TEXT, b"")).await;
    assert_eq!(bare.json().await["code"], "bad_json");
    for length in [64, 124, 125, 126, 127, 128, 4_095, 4_096, 65_535, 65_536] {
        let name = format!("n{length}");
        let text = sized(&name, length);
        assert_eq!(text.len(), length);
        let bytes = frame(TEXT, text.as_bytes());
        bare.send(&bytes).await;
        came_through(&mut bare, &name).await;
        for chop in [997, 16_381] {
            for piece in bytes.chunks(chop) {
                bare.send(piece).await;
            }
            came_through(&mut bare, &name).await;
        }
    }
    for length in [64, 125, 126, 127, 1_000] {
        for byte in frame(TEXT, sized("bytes", length).as_bytes()) {
            bare.send([byte]).await;
        }
        came_through(&mut bare, "bytes").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_of_every_length_are_echoed() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut bare = Bare::open(&server, &ada, "/ws").await;
    for payload in [&b""[..], b"Hello", &[0, 255, 254, 253], &[0xfe; 125]] {
        bare.send(frame(PING, payload)).await;
        let pong = bare.frame().await.unwrap();
        assert_eq!((pong.first, pong.payload.as_slice()), (PONG, payload));
    }
    for byte in frame(PING, &[7; 125]) {
        bare.send([byte]).await;
    }
    assert_eq!(bare.frame().await.unwrap().payload, [7; 125]);
    // Unsolicited pongs, and ten pings at once.
    bare.send(frame(PONG, b"unasked")).await;
    bare.send((0..10).flat_map(|n| frame(PING, &[n])).collect::<Vec<u8>>()).await;
    for n in 0..10 {
        assert_eq!(bare.frame().await.unwrap().payload, [n]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fragments_are_joined_whatever_comes_in_between() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut bare = Bare::open(&server, &ada, "/ws").await;
    let text = sized("parts", 300);
    let (head, tail) = text.as_bytes().split_at(100);
    let (middle, last) = tail.split_at(100);
    let whole = [
        frame(0x01, head),
        frame(PING, b"1"),
        frame(0x00, b""),
        frame(0x00, middle),
        frame(PING, b"2"),
        frame(PONG, b""),
        frame(CONTINUATION, last),
    ]
    .concat();
    for chop in [whole.len(), 50, 1] {
        for piece in whole.chunks(chop) {
            bare.send(piece).await;
        }
        for payload in [b"1", b"2"] {
            let pong = bare.frame().await.unwrap();
            assert_eq!((pong.first, pong.payload.as_slice()), (PONG, &payload[..]));
        }
        came_through(&mut bare, "parts").await;
    }
    // All pieces empty but one, and every byte a fragment of its own.
    bare.send([frame(0x01, b""), frame(0x00, text.as_bytes()), frame(CONTINUATION, b"")].concat())
        .await;
    came_through(&mut bare, "parts").await;
    let mut singles = frame(0x01, b"");
    singles.extend(text.bytes().flat_map(|byte| frame(0x00, &[byte])));
    singles.extend(frame(CONTINUATION, b""));
    bare.send(singles).await;
    came_through(&mut bare, "parts").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn utf_8_is_read_to_its_boundaries() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut bare = Bare::open(&server, &ada, "/ws/general").await;
    let boundaries = [
        0x1, 0x7f, 0x80, 0x7ff, 0x800, 0xfff, 0x1000, 0xd7ff, 0xe000, 0xfffd, 0xfffe, 0xffff,
        0x10000, 0x3fffe, 0xfffff, 0x10ffff,
    ];
    for code in boundaries {
        let content = format!("<{}>", char::from_u32(code).unwrap());
        let text = format!("{{\"content\":\"{}\"}}", content.replace(char::is_control, "-"));
        let bytes = text.as_bytes();
        // Split in the middle of the character.
        let (head, tail) = bytes.split_at(bytes.len() - 4);
        bare.send([frame(0x01, head), frame(CONTINUATION, tail)].concat()).await;
        let expected = content.replace(char::is_control, "-");
        assert_eq!(bare.json().await["content"], expected, "{code:x}");
    }
    let invalid: [&[u8]; 14] = [
        b"\x80",                     // a continuation alone
        b"\xbf",                     //
        b"\xc0\xaf",                 // overlong
        b"\xc1\xbf",                 //
        b"\xe0\x80\xaf",             //
        b"\xe0\x9f\xbf",             //
        b"\xf0\x80\x80\xaf",         //
        b"\xf0\x8f\xbf\xbf",         //
        b"\xed\xa0\x80",             // surrogates
        b"\xed\xbf\xbf",             //
        b"\xf4\x90\x80\x80",         // beyond the last code point
        b"\xf8\x88\x80\x80\x80",     //
        b"\xce\xba\xe1\xbd\xb9\xcf", // cut at the end
        b"\xfe",
    ];
    for bytes in invalid {
        let mut bare = Bare::open(&server, &ada, "/ws").await;
        bare.send(frame(TEXT, bytes)).await;
        assert_eq!(bare.closed().await, 1007, "{bytes:x?}");
        let mut bare = Bare::open(&server, &ada, "/ws").await;
        for byte in bytes {
            // It may be refused before its end.
            bare.try_send(frame(if *byte == bytes[0] { 0x01 } else { 0x00 }, &[*byte])).await;
        }
        bare.try_send(frame(CONTINUATION, b"")).await;
        assert_eq!(bare.closed().await, 1007, "{bytes:x?} in fragments");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_is_answered_with_its_own_code_or_refused() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let valid = (1000..=1003).chain(1007..=1013).chain([3000, 3999, 4000, 4999]);
    for code in valid {
        let mut bare = Bare::open(&server, &ada, "/ws").await;
        bare.send(frame(CLOSE, &[&u16::to_be_bytes(code)[..], b"Goodbye \xc3\xbc"].concat())).await;
        assert_eq!(bare.closed().await, code);
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        let mut bare = Bare::open(&server, &ada, "/ws").await;
        bare.send(frame(CLOSE, &u16::to_be_bytes(code))).await;
        assert_eq!(bare.closed().await, 1002, "{code}");
    }
    let mut bare = Bare::open(&server, &ada, "/ws").await;
    bare.send(frame(CLOSE, b"")).await;
    assert_eq!(bare.closed().await, 1000);
    let longest = [&1000u16.to_be_bytes()[..], &[b'*'; 123]].concat();
    let mut bare = Bare::open(&server, &ada, "/ws").await;
    bare.send(frame(CLOSE, &longest)).await;
    assert_eq!(bare.closed().await, 1000);
    let mut bare = Bare::open(&server, &ada, "/ws").await;
    bare.send(frame(CLOSE, &[&longest[..], b"*"].concat())).await;
    assert_eq!(bare.closed().await, 1002);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_right_after_the_handshake_is_read() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let bearer = format!("Bearer {}", ada.token);
    let mut bare = Bare::connect(&server).await;
    let head = handshake(&server, "/ws", &[("Authorization", &bearer)]);
    bare.send([head.as_bytes(), &frame(TEXT, br#"{"type":"ping"}"#)].concat()).await;
    assert_eq!(bare.answer().await.0, 101);
    assert_eq!(bare.json().await["type"], "welcome");
    assert_eq!(bare.json().await["type"], "pong");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_arrives_before_the_welcome_is_read() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut other = ada.socket("/ws").await;
    let (holder, watcher) = (server.database.client().await, server.database.client().await);
    holder.batch_execute("begin; lock table chats").await.unwrap();
    let bearer = format!("Bearer {}", ada.token);
    let mut bare = Bare::connect(&server).await;
    bare.send(handshake(&server, "/ws", &[("Authorization", &bearer)])).await;
    until("the read for the welcome is waiting", || async { waiting(&watcher).await > 0 }).await;
    bare.text(r#"{"type":"ping"}"#).await;
    // All sockets of a user share one poll: if a later frame on another socket has been answered, this
    // one has been reported.
    assert!(other.is_silent().await);
    holder.batch_execute("rollback").await.unwrap();
    assert_eq!(bare.answer().await.0, 101);
    assert_eq!(bare.json().await["type"], "welcome");
    assert_eq!(bare.json().await["type"], "pong");
}
