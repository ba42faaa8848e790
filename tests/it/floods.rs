//! Too fast and too slow: clients that flood are refused and then disconnected, clients that stall are
//! disconnected, and the others do not notice.

use crate::support::bare::{Bare, PING, PONG, TEXT, frame};
use crate::support::{Answer, Person, Server, raise_file_limit, until};
use futures_util::FutureExt;
use futures_util::future::join_all;
use serde_json::{Value, json};
use snug::limits::{
    CONTENT_BYTES_MAX, CONTENT_CHARS_MAX, MESSAGE_RATE, OUTBOX_BYTES_MAX, SEND_BUFFER_BYTES,
    SHARD_TURN,
};
use snug::model::waits::{SocketWaits, Waits};
use std::time::{Duration, Instant};

const BURST: u32 = MESSAGE_RATE.burst;

/// Sends a burst over one socket, then less than that over another, and less by HTTP. Returns the first
/// refusal of each of those two, if both refuse anything.
async fn flood(person: &Person) -> Option<(Value, Answer)> {
    let draft = |n: u32| json!({"chat_id": 1, "content": "x", "client_id": n.to_string()});
    let (mut socket, mut other) = (person.socket("/ws").await, person.socket("/ws/general").await);
    for n in 0..BURST {
        socket.send(draft(n)).await;
    }
    for _ in 0..BURST {
        socket.expect("ack").await;
    }
    for n in 1..BURST {
        other.send(draft(BURST + n)).await;
    }
    let mut errors = Vec::new();
    let mut outcomes = 1..BURST;
    while !outcomes.is_empty() {
        let frame = other.next().await;
        if frame["type"] != "message" {
            outcomes.next();
            errors.extend((frame["type"] == "error").then_some(frame));
        }
    }
    let posts = (0..10).map(|_| person.post("/chats/1/messages", json!({"content": "x"})));
    let mut answers = join_all(posts).await.into_iter();
    Some((errors.into_iter().next()?, answers.find(|answer| answer.status != 201)?))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_is_accepted_and_anything_beyond_is_refused_with_the_time_to_wait() {
    let server = Server::with(&[("SNUG_RATE_LIMITS", "on")]).await;
    // If the machine stood still for seconds, all of it was allowed: then another person tries.
    let mut flooded = None;
    for name in ["ada", "ben", "cid", "dot", "eve"] {
        let person = server.person(name).await;
        if let Some(refused) = flood(&person).await {
            flooded = Some((person, refused));
            break;
        }
    }
    let (ada, (error, refused)) = flooded.expect("the pace is the user's, over sockets and HTTP");
    assert_eq!((&error["code"], &error["chat_id"]), (&json!("rate_limited"), &json!(1)));
    assert!(error["client_id"].is_string(), "{error}");
    let wait = error["retry_after_ms"].as_u64().unwrap();
    assert!((1..=1_000).contains(&wait), "{wait}");
    refused.refused(429, "rate_limited");
    assert!(refused.headers.contains_key("retry-after"));
    // Others may go on, and so may this one after a while.
    let bob = server.person("bob").await;
    bob.say(1, "unhindered").await;
    until("messages are accepted again", || async {
        ada.post("/chats/1/messages", json!({"content": "x"})).await.status == 201
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_keeps_flooding_is_disconnected() {
    let server = Server::with(&[("SNUG_RATE_LIMITS", "on")]).await;
    let ada = server.person("ada").await;
    let mut bare = Bare::open(&server, &ada, "/ws/general").await;
    bare.try_send(frame(TEXT, br#"{"content":"flood"}"#).repeat(300)).await;
    assert_eq!(bare.closed().await, 1008);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_control_frames_are_refused_and_then_close_the_socket() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    for flood in [frame(PING, b"?"), frame(PONG, b""), frame(TEXT, br#"{"type":"ping"}"#)] {
        let mut bare = Bare::open(&server, &ada, "/ws").await;
        bare.try_send(flood.repeat(75)).await;
        let refusal = loop {
            let frame = bare.frame().await.unwrap();
            if frame.first == TEXT && frame.json()["type"] == "error" {
                break frame.json();
            }
        };
        assert_eq!(refusal["code"], "rate_limited");
        assert!(refusal["retry_after_ms"].as_u64().is_some_and(|wait| wait <= 1_000));
        bare.try_send(flood.repeat(400)).await;
        assert_eq!(bare.closed().await, 1008);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stalls_is_closed_and_resumes_while_others_go_on() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut stalled = Bare::narrow(&server, &bob, "/ws/general").await;
    let mut going_on = ada.socket("/ws/general").await;
    let content = "🐌".repeat(CONTENT_CHARS_MAX);
    let mut last = 0;
    // Either its outbox is full, or on a slow machine it has been waited for too long.
    let is_given_up = async || {
        let metrics = ada.get("/metrics").await.text;
        let given_up = ["snug_outbox_overflows_total 1", "snug_sockets 1"];
        metrics.lines().any(|line| given_up.contains(&line))
    };
    let began = Instant::now();
    while !is_given_up().await {
        assert!(began.elapsed() < Duration::from_secs(90), "what waits for a reader is limited");
        // No more than can be replayed.
        let burst = if last < 900 { 20 } else { 0 };
        for _ in 0..burst {
            going_on.send(json!({"content": content})).await;
        }
        for _ in 0..burst {
            last += 1;
            assert_eq!(going_on.next().await["seq"], last);
        }
    }
    // The stalled reader reads again: whole frames in order, then the close.
    let mut at = 0;
    while let Some(frame) = stalled.frame_or_cut().await {
        if frame.first != TEXT {
            assert_eq!(frame.payload[..2], 1013u16.to_be_bytes());
            break;
        }
        at += 1;
        assert_eq!(frame.json()["seq"], at);
    }
    assert!(at < last);
    let mut resumed = bob.socket(&format!("/ws/general?after={at}")).await;
    for seq in at + 1..=last {
        assert_eq!(resumed.next().await["seq"], seq);
    }
    assert_eq!(
        resumed.next().await,
        json!({"type": "caught_up", "chat_id": 1, "seq": last, "change": 0})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kernels_share_of_what_waits_for_a_reader_is_limited_too() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let _stalled = Bare::open(&server, &bob, "/ws/general").await;
    let mut going_on = ada.socket("/ws/general").await;
    let content = "🐌".repeat(CONTENT_CHARS_MAX);
    // Linux doubles the limit, and the reader's own kernel starts with 128 KiB.
    let most = OUTBOX_BYTES_MAX + 2 * SEND_BUFFER_BYTES + 256 * 1024;
    let mut said = 0;
    while !ada.get("/metrics").await.text.contains("snug_outbox_overflows_total 1") {
        assert!(said < most, "{said} bytes wait for a reader that takes nothing");
        // Several at once, so that it is not disconnected for the time it takes on a slow machine.
        for _ in 0..8 {
            said += content.len();
            going_on.send(json!({"content": content})).await;
        }
        for _ in 0..8 {
            going_on.expect("message").await;
        }
    }
    assert!(said > OUTBOX_BYTES_MAX);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_takes_nothing_for_too_long_is_disconnected() {
    let hasty = SocketWaits { write_stall_secs: 6, ..SocketWaits::default() };
    let server = Server::waiting(Waits { sockets: hasty, ..Waits::default() }).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (content, mut seq) = ("🐌".repeat(CONTENT_CHARS_MAX), 0);
    let is_true = async |line: &str| {
        let metrics = ada.get("/metrics").await.text;
        metrics.lines().any(|other| other == line)
    };
    // How many messages the kernel and the outbox hold together for a reader that takes none.
    let first = Bare::narrow(&server, &bob, "/ws/general").await;
    while !is_true("snug_outbox_overflows_total 1").await {
        ada.say(1, &content).await;
        seq += 1;
        assert!(seq < 1_000);
    }
    drop(first);
    until("it is gone", || is_true("snug_sockets 0")).await;
    // More than the kernel holds for this one, less than fills its outbox.
    let mut stalled = Bare::narrow(&server, &bob, "/ws/general").await;
    let began = Instant::now();
    for _ in 0..seq - 16 {
        ada.say(1, &content).await;
    }
    let said = seq - 16;
    seq += said;
    let mut going_on = ada.socket("/ws/general").await;
    while !is_true("snug_sockets 1").await {
        assert!(began.elapsed() < Duration::from_secs(32), "that is what pings are for");
        ada.say(1, "others go on").await;
        seq += 1;
        while going_on.expect("message").await["seq"] != seq {}
        // A few messages a second, so that they do not fill the outbox.
        let more = tokio::time::timeout(Duration::from_millis(300), going_on.receive()).await;
        assert!(more.is_err(), "{more:?}");
    }
    assert!(began.elapsed() > Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(is_true("snug_outbox_overflows_total 1").await, "it was the time, not the size");
    let taken = stalled.rest().await as i64;
    assert!(taken < said * CONTENT_BYTES_MAX as i64, "{taken}");
    let mut resumed = bob.socket(&format!("/ws/general?after={}", seq - said)).await;
    for n in seq - said + 1..=seq {
        assert_eq!(resumed.next().await["seq"], n);
    }
}

/// On one thread, as on one core: only if the shard yields does anybody else get a turn.
#[tokio::test]
async fn a_message_to_many_leaves_turns_for_others() {
    const MANY: u32 = SHARD_TURN + SHARD_TURN / 4;
    raise_file_limit();
    let many = ("SNUG_MAX_CONNECTIONS_PER_USER", &*MANY.to_string());
    let server = Server::with(&[many]).await;
    let ada = server.person("ada").await;
    let mut sockets = Vec::new();
    for _ in 0..MANY {
        sockets.push(ada.socket("/ws/general").await);
    }
    let [first, .., last] = &mut sockets[..] else { unreachable!("there are many") };
    let reading = async {
        first.expect("message").await;
        assert!(last.next().now_or_never().is_none(), "all were written in one go");
        last.expect("message").await;
    };
    tokio::join!(ada.say(1, "Hello, all!"), reading);
}

/// On one thread, too, so that it can be seen who is written to first.
#[tokio::test]
async fn the_ack_does_not_wait_until_all_readers_have_the_message() {
    const READERS: u32 = SHARD_TURN + SHARD_TURN / 4;
    raise_file_limit();
    let many = ("SNUG_MAX_CONNECTIONS_PER_USER", &*(READERS + 1).to_string());
    let server = Server::with(&[many]).await;
    let ada = server.person("ada").await;
    let mut readers = Vec::new();
    for _ in 0..READERS {
        readers.push(ada.socket("/ws/general").await);
    }
    // It came last, and so it would be the last to be written to.
    let mut writer = ada.socket("/ws/general").await;
    writer.send(json!({"content": "Hello, all!", "client_id": "first"})).await;
    writer.expect("ack").await;
    let last = readers.last_mut().expect("there are many");
    assert!(last.next().now_or_never().is_none(), "the ack came after all messages");
    last.expect("message").await;
    writer.expect("message").await;
}
