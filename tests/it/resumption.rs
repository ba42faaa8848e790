//! Resuming from any position: a replay, then live, without a gap or a duplicate; or a reset if it is
//! too far.

use crate::support::{Person, Server};
use serde_json::{Value, json};
use snug::limits::REPLAY_MESSAGES_MAX;

async fn say_all(person: &Person, chat_id: i64, count: i64) {
    for n in 0..count {
        person.say(chat_id, &n.to_string()).await;
    }
}

/// Many messages at once, as the database holds them after a long time.
async fn fill(server: &Server, user: &Person, count: i64) {
    let client = server.database.client().await;
    let fill = format!(
        "insert into messages (id, chat_type, chat_id, seq, sender_id, content, timestamp,
            draft_key, content_hash)
         select nextval('message_ids'), 'general', 1, n, {}, n, now(), 's' || n, ''
         from generate_series(1, {count}) n;
         update chats set last_seq = {count} where id = 1",
        user.id
    );
    client.batch_execute(&fill).await.unwrap();
}

fn is(kind: &str, frame: &Value, chat_id: i64, seq: i64) -> bool {
    let position = if kind == "reset" { "last_seq" } else { "seq" };
    frame["type"] == kind && frame["chat_id"] == chat_id && frame[position] == seq
}

#[tokio::test(flavor = "multi_thread")]
async fn one_socket_resumes_several_chats() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let private = ada.private_with(&bob).await;
    let (room, _) = ada.room("Tea").await;
    for chat_id in [1, private, room] {
        say_all(&ada, chat_id, 4).await;
    }
    let mut socket = ada.socket(&format!("/ws?after=1:2,{private}:0")).await;
    let mut seen: Vec<(i64, i64)> = Vec::new();
    let mut caught_up = Vec::new();
    while caught_up.len() < 2 {
        let frame = socket.next().await;
        let place = (frame["chat_id"].as_i64().unwrap(), frame["seq"].as_i64().unwrap());
        match frame["type"].as_str().unwrap() {
            "message" => seen.push(place),
            "caught_up" => caught_up.push(place),
            _ => panic!("{frame}"),
        }
    }
    seen.sort_unstable();
    caught_up.sort_unstable();
    let expected = [(1, 3), (1, 4), (private, 1), (private, 2), (private, 3), (private, 4)];
    assert_eq!(seen, expected, "the room was not asked for");
    assert_eq!(caught_up, [(1, 4), (private, 4)]);
    for chat_id in [room, private, 1] {
        ada.say(chat_id, "live").await;
        assert!(is("message", &socket.next().await, chat_id, 5));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_misses_nothing_is_caught_up_at_once() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut socket = ada.socket("/ws/general?after=0").await;
    assert!(is("caught_up", &socket.next().await, 1, 0));
    ada.say(1, "x").await;
    assert!(is("message", &socket.next().await, 1, 1));
    let mut socket = ada.socket("/ws?after=1:1").await;
    assert!(is("caught_up", &socket.next().await, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_replay_is_allowed_and_one_more_message_is_a_reset() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let last = REPLAY_MESSAGES_MAX + 1;
    fill(&server, &ada, last).await;
    let mut socket = ada.socket("/ws/general?after=1").await;
    for seq in 2..=last {
        assert!(is("message", &socket.next().await, 1, seq));
    }
    assert!(is("caught_up", &socket.next().await, 1, last));
    let mut far = ada.socket("/ws/general?after=0").await;
    let mut beyond = ada.socket(&format!("/ws?after=1:{}", last + 1)).await;
    for socket in [&mut far, &mut beyond] {
        assert!(is("reset", &socket.next().await, 1, last));
    }
    ada.say(1, "live").await;
    for socket in [&mut far, &mut beyond, &mut socket] {
        assert!(is("message", &socket.next().await, 1, last + 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_of_another_epoch_are_ignored() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let private = ada.private_with(&bob).await;
    say_all(&ada, 1, 3).await;
    let epoch = ada.get("/chats").await.expect(200)["epoch"].as_str().unwrap().to_owned();
    let mut same = ada.socket(&format!("/ws?after=1:2&epoch={epoch}")).await;
    assert!(is("message", &same.next().await, 1, 3));
    let mut other = ada.socket("/ws?after=1:2&epoch=other").await;
    assert!(is("reset", &other.next().await, 1, 3));
    assert!(is("reset", &other.next().await, private, 0));
    let mut single = ada.socket("/ws/general?after=1&epoch=other").await;
    assert!(is("reset", &single.next().await, 1, 3));
    ada.say(1, "live").await;
    for socket in [&mut other, &mut single] {
        assert!(is("message", &socket.next().await, 1, 4));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_follow_a_database_that_goes_back_in_time() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let (mut live, mut asking) = (ada.socket("/ws").await, ada.socket("/ws/general").await);
    say_all(&ada, 1, 3).await;
    for socket in [&mut live, &mut asking] {
        for seq in 1..=3 {
            assert!(is("message", &socket.next().await, 1, seq));
        }
    }
    let client = server.database.client().await;
    let restore = "delete from messages where seq > 1; update chats set last_seq = 1 where id = 1";
    client.batch_execute(restore).await.unwrap();
    asking.send(json!({"type": "join", "chat_id": 1, "after": 3})).await;
    for socket in [&mut live, &mut asking] {
        assert!(is("reset", &socket.next().await, 1, 1));
    }
    for seq in 2..=4 {
        ada.say(1, "again").await;
        for socket in [&mut live, &mut asking] {
            assert!(is("message", &socket.next().await, 1, seq));
        }
    }
    let mut fresh = ada.raw_socket("/ws/general").await;
    assert_eq!(fresh.next().await["chats"][0]["last_seq"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_out_of_reach_is_announced_as_removed() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, _) = ada.room("Tea").await;
    ada.say(room, "secret").await;
    let mut socket = bob.socket(&format!("/ws?after=1:0,{room}:0,4711:3")).await;
    let mut frames = [socket.next().await, socket.next().await, socket.next().await];
    frames.sort_by_key(|frame| frame["chat_id"].as_i64());
    assert!(is("caught_up", &frames[0], 1, 0));
    for (frame, chat_id) in frames[1..].iter().zip([room, 4711]) {
        assert_eq!(*frame, json!({"type": "chat_removed", "chat_id": chat_id}));
    }
    ada.say(room, "more").await;
    assert!(socket.is_silent().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn join_asks_for_welcome_again_or_rewinds_a_chat() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    say_all(&ada, 1, 3).await;
    for path in ["/ws", "/ws/general"] {
        let mut socket = ada.socket(path).await;
        socket.send(json!({"type": "join"})).await;
        let welcome = socket.next().await;
        assert_eq!(
            (&welcome["type"], &welcome["chats"][0]["last_seq"]),
            (&json!("welcome"), &json!(3))
        );
        socket.send(json!({"type": "join", "chat_id": 1, "after": 1})).await;
        assert!(is("message", &socket.next().await, 1, 2));
        assert!(is("message", &socket.next().await, 1, 3));
        assert!(is("caught_up", &socket.next().await, 1, 3));
        socket.send(json!({"type": "join", "chat_id": 1, "after": 4711})).await;
        assert!(is("reset", &socket.next().await, 1, 3));
    }
    let mut socket = ada.socket("/ws/general").await;
    ada.say(1, "live").await;
    assert!(is("message", &socket.next().await, 1, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn joining_while_others_talk_leaves_no_gap() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let talking = async {
        for n in 0..120 {
            ada.say(1, &n.to_string()).await;
        }
    };
    let reading = async {
        let mut socket = bob.socket("/ws").await;
        let mut at = None;
        let mut back = 0;
        while at != Some(120) {
            let frame = socket.next().await;
            match frame["type"].as_str().unwrap() {
                "message" => {
                    let seq = frame["seq"].as_i64().unwrap();
                    assert!(at.is_none_or(|at| seq == at + 1), "{seq} after {at:?}");
                    at = Some(seq);
                    if seq % 20 == 0 && back < 5 {
                        // Messages that were under way come before the replay begins.
                        back += 1;
                        let to = seq - 10;
                        socket.send(json!({"type": "join", "chat_id": 1, "after": to})).await;
                        loop {
                            let frame = socket.next().await;
                            if is("message", &frame, 1, to + 1) {
                                break;
                            }
                            if is("caught_up", &frame, 1, at.unwrap()) {
                                continue;
                            }
                            at = Some(at.unwrap() + 1);
                            assert!(is("message", &frame, 1, at.unwrap()), "{frame}");
                        }
                        at = Some(to + 1);
                    }
                }
                "caught_up" => assert_eq!(frame["seq"].as_i64(), at),
                _ => panic!("{frame}"),
            }
        }
    };
    tokio::join!(talking, reading);
}
