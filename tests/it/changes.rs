//! Messages that change: edited and deleted by those who may, told to all in one order, and told again to
//! those who come back.

use crate::support::{Database, Person, Server, Socket, refusal, until};
use futures_util::future::join_all;
use serde_json::{Value, json};
use snug::limits::{BODY_BYTES_MAX, CONTENT_CHARS_MAX, REPLAY_CHANGED_MAX};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;
use tokio_postgres::SimpleQueryMessage;

fn path(chat_id: i64, seq: i64) -> String {
    format!("/chats/{chat_id}/messages/{seq}")
}

async fn edit(person: &Person, chat_id: i64, seq: i64, content: &str) -> Value {
    person.patch(&path(chat_id, seq), json!({"content": content})).await.expect(200)
}

/// The `type` of a frame, its `seq` and its `change`.
fn told(frame: &Value) -> (&str, i64, i64) {
    let number = |name: &str| frame[name].as_i64().unwrap_or(0);
    (frame["type"].as_str().unwrap(), number("seq"), number("change"))
}

/// What a socket gets up to `caught_up`, which is the last.
async fn replay(socket: &mut Socket) -> Vec<Value> {
    let mut frames = Vec::new();
    loop {
        frames.push(socket.next().await);
        if frames.last().unwrap()["type"] == "caught_up" {
            return frames;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_told_to_all_and_stays() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut sockets = [bob.socket("/ws").await, ada.socket("/ws/general").await];
    ada.say(1, "helo").await;
    let edited = edit(&ada, 1, 1, "hello \n").await;
    assert_eq!((&edited["content"], &edited["change"]), (&json!("hello"), &json!(1)));
    assert!(edited["edited_at"].as_str().unwrap() > edited["timestamp"].as_str().unwrap());
    for socket in &mut sockets {
        assert_eq!(told(&socket.next().await), ("message", 1, 0));
        let mut changed = socket.next().await;
        assert_eq!(changed.as_object_mut().unwrap().remove("type"), Some(json!("message_changed")));
        assert_eq!(changed, edited);
    }
    assert_eq!(bob.get(&path(1, 1)).await.expect(200), edited);
    let page = bob.get("/chats/general/history").await.expect(200);
    assert_eq!((&page["messages"][0], &page["last_change"]), (&edited, &json!(1)));
    let chats = bob.get("/chats").await.expect(200);
    assert_eq!(chats["chats"][0]["last_message"], edited);
    assert_eq!(chats["chats"][0]["last_change"], 1);
    let welcome = bob.raw_socket("/ws").await.next().await;
    assert_eq!(welcome["chats"][0]["last_change"], 1);
    // One that was changed back was changed all the same.
    assert_eq!(edit(&ada, 1, 1, "helo").await["change"], 2);
    assert!(ada.get(&path(1, 1)).await.expect(200)["edited_at"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_alter_a_message_is_no_change() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    ada.say(1, "hello").await;
    let mut socket = ada.socket("/ws").await;
    let same = edit(&ada, 1, 1, "hello  ").await;
    assert!(same["change"].is_null() && same["edited_at"].is_null(), "{same}");
    socket
        .send(json!({"type": "edit", "chat_id": 1, "seq": 1, "content": "hello", "client_id": "e"}))
        .await;
    let ack = json!({"type": "ack", "client_id": "e", "chat_id": 1, "seq": 1, "change": 0});
    assert_eq!(socket.next().await, ack);
    ada.delete(&path(1, 1)).await.expect(204);
    assert_eq!(told(&socket.next().await), ("message_changed", 1, 1));
    ada.delete(&path(1, 1)).await.expect(204);
    assert!(socket.is_silent().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_message_leaves_its_place() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let private = ada.private_with(&bob).await;
    let sent = json!({"content": "secret", "client_id": "mine"});
    let sent = ada.post(&format!("/chats/{private}/messages"), sent).await.expect(201);
    let answer = json!({"content": "what?", "reply_to": 1});
    bob.post(&format!("/chats/{private}/messages"), answer).await.expect(201);
    edit(&ada, private, 1, "a secret").await;
    bob.put(&format!("{}/reactions/👍", path(private, 1))).await.expect(204);
    bob.put(&format!("{}/pin", path(private, 1))).await.expect(204);
    let mut socket = bob.socket(&format!("/ws/private/{private}")).await;
    ada.delete(&path(private, 1)).await.expect(204);
    let mut expected = sent;
    for (name, value) in [("content", json!("")), ("deleted", json!(true)), ("change", json!(4))] {
        expected[name] = value;
    }
    assert_eq!(bob.get(&path(private, 1)).await.expect(200), expected);
    expected["type"] = json!("message_changed");
    assert_eq!(socket.next().await, expected);
    assert!(socket.is_silent().await, "it was one change");
    let quoted = &bob.get(&path(private, 2)).await.expect(200)["reply_to"];
    assert_eq!((&quoted["excerpt"], &quoted["deleted"]), (&json!(""), &json!(true)));
    assert_eq!(bob.get(&format!("/chats/{private}/pins")).await.expect(200)["messages"], json!([]));
    let chats = bob.get("/chats").await.expect(200);
    let chat =
        &chats["chats"].as_array().unwrap().iter().find(|c| c["chat_id"] == private).unwrap();
    assert_eq!((&chat["last_seq"], &chat["last_change"]), (&json!(2), &json!(4)));
    for (method, tail) in
        [("PATCH", ""), ("PUT", "/reactions/👍"), ("DELETE", "/reactions/👍"), ("PUT", "/pin")]
    {
        let request = ada.request(method.parse().unwrap(), &format!("{}{tail}", path(private, 1)));
        let request =
            if tail.is_empty() { request.json(&json!({"content": "x"})) } else { request };
        ada.send(request).await.refused(409, "deleted");
    }
    ada.delete(&format!("{}/pin", path(private, 1))).await.expect(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_those_who_may_change_a_message() {
    let server = Server::start().await;
    let [ada, bob, cyd] =
        [server.person("ada").await, server.person("bob").await, server.person("cyd").await];
    let (room, link) = ada.room("Tea").await;
    bob.enter(&ada, room, &link).await;
    for (author, text) in [(&ada, "hers"), (&bob, "his"), (&bob, "his, too")] {
        author.say(room, text).await;
    }
    let body = || json!({"content": "changed"});
    ada.patch(&path(room, 2), body()).await.refused(403, "not_author");
    bob.patch(&path(room, 1), body()).await.refused(403, "not_author");
    bob.delete(&path(room, 1)).await.refused(403, "not_author");
    bob.delete(&path(room, 2)).await.expect(204);
    // A room's creator deletes what others wrote there.
    ada.delete(&path(room, 3)).await.expect(204);
    bob.say(1, "in general").await;
    ada.delete(&path(1, 1)).await.refused(403, "not_author");
    for (chat, seq) in [(room, 1), (room, 99), (1, 99), (4711, 1), (room, 0)] {
        cyd.get(&path(chat, seq)).await.refused(404, "not_found");
        cyd.patch(&path(chat, seq), body()).await.refused(404, "not_found");
        cyd.delete(&path(chat, seq)).await.refused(404, "not_found");
    }
    // The server's moderators and owners, where they can read; and no longer than they are.
    let (other, _) = cyd.room("Cake").await;
    cyd.say(other, "hers").await;
    let mut socket = ada.socket("/ws").await;
    for role in ["moderator", "owner"] {
        server.give_role(&ada, role).await;
        let seq = bob.say(1, role).await;
        ada.patch(&path(1, seq), body()).await.refused(403, "not_author");
        ada.delete(&path(other, 1)).await.refused(404, "not_found");
        socket.send(json!({"type": "delete", "chat_id": 1, "seq": seq, "client_id": role})).await;
        assert_eq!(socket.expect("ack").await["seq"], seq);
    }
    server.give_role(&ada, "member").await;
    socket.send(json!({"type": "delete", "chat_id": 1, "seq": 1})).await;
    assert_eq!(socket.expect("error").await["code"], "not_author");
    // Whose membership has ended.
    ada.delete(&format!("/chats/room/{room}/members/{}", bob.id)).await.expect(204);
    bob.delete(&path(room, 2)).await.refused(404, "not_found");
}

/// Body, reach and existence, right, value, state.
#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_told_in_one_order() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, _) = ada.room("Tea").await;
    let (theirs, own) = (path(room, 1), path(1, 1));
    ada.say(room, "x").await;
    ada.say(1, "x").await;
    let mut socket = bob.socket("/ws").await;
    for mistake in
        [json!({"content": " "}), json!({}), json!([]), json!({"content": "x", "if_change": -1})]
    {
        bob.patch(&theirs, mistake.clone()).await.refused(404, "not_found");
        bob.patch(&own, mistake.clone()).await.refused(403, "not_author");
        let problem = ada.patch(&own, mistake.clone()).await;
        assert_eq!(problem.status.as_u16(), 422, "{mistake}");
        assert!(!problem.json()["errors"].as_array().unwrap().is_empty(), "{mistake}");
    }
    for path in [&theirs, &own] {
        let bad = |media_type: &str, body: &str| {
            let request = bob.request("PATCH".parse().unwrap(), path);
            bob.send(request.header("content-type", media_type).body(body.to_owned()))
        };
        bad("application/json", "{").await.refused(400, "bad_json");
        bad("text/plain", "{}").await.refused(415, "unsupported_media_type");
        bad("application/json", &" ".repeat(BODY_BYTES_MAX + 1)).await.refused(413, "too_large");
    }
    bob.put(&format!("{theirs}/reactions/x")).await.refused(404, "not_found");
    bob.put(&format!("{own}/reactions/x")).await.refused(422, "bad_emoji");
    let long = "x".repeat(CONTENT_CHARS_MAX + 1);
    for (code, content) in
        [("content_empty", " \n"), ("content_too_long", &long), ("content_invalid", "a\0b")]
    {
        let problem = ada.patch(&own, json!({"content": content})).await.refused(422, code);
        assert_eq!(problem["errors"][0]["field"], "content");
        for (chat_id, expected) in [(1, "not_author"), (room, "not_found")] {
            let frame = json!({"type": "edit", "chat_id": chat_id, "seq": 1, "content": content, "client_id": "e"});
            socket.send(frame).await;
            let error = socket.expect("error").await;
            assert_eq!((&error["code"], &error["client_id"]), (&json!(expected), &json!("e")));
        }
    }
    let late = json!({"content": "y", "if_change": 7});
    ada.patch(&own, late.clone()).await.refused(409, "changed");
    ada.patch(&own, json!({"content": "y", "if_change": 0})).await.expect(200);
    ada.patch(&own, json!({"content": "z", "if_change": 0})).await.refused(409, "changed");
    ada.patch(&own, json!({"content": "z", "if_change": 1})).await.expect(200);
    ada.delete(&own).await.expect(204);
    ada.patch(&own, json!({"content": " "})).await.refused(422, "content_empty");
    ada.patch(&own, late).await.refused(409, "deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_do_what_the_calls_do() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    ada.say(1, "one").await;
    let (mut all, mut single) = (ada.socket("/ws").await, ada.socket("/ws/general").await);
    let mut reader = bob.socket("/ws").await;
    let ack = |name: &str, change: i64| json!({"type": "ack", "client_id": name, "chat_id": 1, "seq": 1, "change": change});
    all.send(json!({"type": "edit", "chat_id": 1, "seq": 1, "content": "two", "client_id": "e1"}))
        .await;
    assert_eq!(all.expect("ack").await, ack("e1", 1));
    single
        .send(json!({"type": "react", "seq": 1, "emoji": "👍", "on": true, "client_id": "e2"}))
        .await;
    assert_eq!(single.expect("ack").await, ack("e2", 2));
    // The name means nothing beyond the answer.
    single
        .send(json!({"type": "react", "seq": 1, "emoji": "👍", "on": true, "client_id": "e2"}))
        .await;
    assert_eq!(single.expect("ack").await, ack("e2", 2));
    all.send(json!({"type": "react", "chat_id": 1, "seq": 1, "emoji": "👍", "on": false})).await;
    all.send(json!({"type": "edit", "chat_id": 1, "seq": 1, "content": "three", "if_change": 1, "client_id": "e3"})).await;
    let error = all.expect("error").await;
    assert_eq!(
        (&error["code"], &error["client_id"], &error["chat_id"]),
        (&json!("changed"), &json!("e3"), &json!(1))
    );
    single.send(json!({"type": "delete", "seq": 1, "client_id": "e4"})).await;
    assert_eq!(single.expect("ack").await, ack("e4", 4));
    // Of changes that were made while the reader was only joining, the last is told.
    let mut reached = 0;
    while reached < 4 {
        let frame = reader.next().await;
        let (kind, seq, change) = told(&frame);
        assert_eq!((kind, seq), ("message_changed", 1));
        assert!(change > reached, "{frame} after {reached}");
        reached = change;
    }
    for (frame, code) in [
        (json!({"type": "edit", "chat_id": 1, "seq": 1, "content": "x"}), "deleted"),
        (json!({"type": "react", "chat_id": 1, "seq": 1, "emoji": "👍", "on": true}), "deleted"),
        (json!({"type": "react", "chat_id": 1, "seq": 1, "emoji": "no", "on": true}), "bad_emoji"),
        (json!({"type": "delete", "chat_id": 1, "seq": 2}), "not_found"),
        (json!({"type": "delete", "chat_id": 4711, "seq": 1}), "not_found"),
        (json!({"type": "delete", "seq": 1}), "bad_frame"),
        (json!({"content": "x", "chat_id": 1, "reply_to": 2}), "bad_reply"),
    ] {
        all.send(frame.clone()).await;
        assert_eq!(all.expect("error").await["code"], code, "{frame}");
    }
    let frame = json!({"type": "delete", "chat_id": 1, "seq": 1, "client_id": "d"});
    reader.send(frame).await;
    assert_eq!(reader.expect("error").await["code"], "not_author");
}

/// The text before a change is kept nowhere, nor a digest of it.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_change_any_content_under_its_client_id_is_a_retry() {
    let mut server = Server::start().await;
    let ada = server.person("ada").await;
    let post = async |content: &str, status| {
        let draft = json!({"content": content, "client_id": "mine"});
        ada.post("/chats/1/messages", draft).await.expect(status)
    };
    post("first", 201).await;
    post("other", 409).await;
    let edited = edit(&ada, 1, 1, "second").await;
    let mut reader = ada.socket("/ws").await;
    for content in ["first", "second", "anything"] {
        assert_eq!(post(content, 200).await, edited);
    }
    reader.send(json!({"chat_id": 1, "content": "whatever", "client_id": "mine"})).await;
    let ack = reader.next().await;
    assert_eq!(
        (&ack["type"], &ack["id"], &ack["timestamp"]),
        (&json!("ack"), &edited["id"], &edited["timestamp"])
    );
    assert!(reader.is_silent().await, "nothing was stored or published");
    server.restart().await;
    ada.delete(&path(1, 1)).await.expect(204);
    let deleted = post("first", 200).await;
    assert_eq!((&deleted["content"], &deleted["deleted"]), (&json!(""), &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_back_gets_each_message_that_changed_once_and_as_it_stands() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    for n in 1..=6 {
        ada.say(1, &n.to_string()).await;
    }
    // Changes 1 to 6 of the messages 2, 4, 2, 6, 1, 4.
    for (n, seq) in [2, 4, 2, 6, 1, 4].into_iter().enumerate() {
        edit(&ada, 1, seq, &format!("edit {n}")).await;
    }
    let messages = |after: i64| -> Vec<(&str, i64, i64)> {
        let all = [(1, 5), (2, 3), (3, 0), (4, 6), (5, 0), (6, 4)];
        all.iter()
            .filter(|(seq, _)| *seq > after)
            .map(|(seq, change)| ("message", *seq, *change))
            .collect()
    };
    for after in 0..=6 {
        for change in 0..=6 {
            let changed = [(2, 3), (6, 4), (1, 5), (4, 6)];
            let changed = changed.iter().filter(|(seq, at)| *seq <= after && *at > change);
            let changed = changed.map(|(seq, at)| ("message_changed", *seq, *at));
            let mut expected = messages(after);
            expected.extend(changed);
            expected.push(("caught_up", 6, 6));
            let paths = [
                format!("/ws/general?after={after}&change={change}"),
                format!("/ws?after=1:{after}:{change}"),
            ];
            for path in paths {
                let frames = replay(&mut ada.socket(&path).await).await;
                assert_eq!(frames.iter().map(told).collect::<Vec<_>>(), expected, "{path}");
            }
            let mut socket = ada.socket("/ws").await;
            socket
                .send(json!({"type": "join", "chat_id": 1, "after": after, "change": change}))
                .await;
            let frames = replay(&mut socket).await;
            assert_eq!(
                frames.iter().map(told).collect::<Vec<_>>(),
                expected,
                "join {after} {change}"
            );
        }
        // A client that knows of no changes.
        for path in [format!("/ws/general?after={after}"), format!("/ws?after=1:{after}")] {
            let mut expected = messages(after);
            expected.push(("caught_up", 6, 6));
            let frames = replay(&mut ada.socket(&path).await).await;
            assert_eq!(frames.iter().map(told).collect::<Vec<_>>(), expected, "{path}");
        }
    }
    let mut live = ada.socket("/ws?after=1:6:6").await;
    assert_eq!(told(&live.next().await), ("caught_up", 6, 6));
    edit(&ada, 1, 3, "live").await;
    assert_eq!(told(&live.next().await), ("message_changed", 3, 7));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_change_number_is_refused() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    for path in [
        "/ws/general?change=1",
        "/ws/general?after=0&change=x",
        "/ws/general?after=0&change=-1",
        "/ws?change=1",
        "/ws?after=1:0&change=1",
        "/ws?after=1:0:x",
        "/ws?after=1:0:",
    ] {
        let url = format!("{}{path}&token={}", server.url("").replace("http", "ws"), ada.token);
        assert_eq!(refusal(url).await, (422, "invalid".to_owned()), "{path}");
    }
}

/// Many messages at once, each changed once, as the database holds them after a long time.
async fn fill(server: &Server, user: &Person, count: i64) {
    let fill = format!(
        "insert into messages (id, chat_type, chat_id, seq, sender_id, content, timestamp, draft_key,
            content_hash, change, edited_at)
         select nextval('message_ids'), 'general', 1, n, {}, n, now(), 's' || n, '', {count} + 1 - n, now()
         from generate_series(1, {count}) n;
         update chats set last_seq = {count}, last_change = {count} where id = 1",
        user.id
    );
    server.database.client().await.batch_execute(&fill).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_changes_or_a_position_beyond_the_end_is_a_reset() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let last = REPLAY_CHANGED_MAX + 1;
    fill(&server, &ada, last).await;
    let mut socket = ada.socket(&format!("/ws/general?after={last}&change=1")).await;
    for change in 2..=last {
        assert_eq!(told(&socket.next().await), ("message_changed", last + 1 - change, change));
    }
    assert_eq!(told(&socket.next().await), ("caught_up", last, last));
    let reset = json!({"type": "reset", "chat_id": 1, "last_seq": last, "last_change": last});
    for position in
        [format!("{last}:0"), format!("{last}:{}", last + 1), format!("{}:{last}", last + 1)]
    {
        let mut socket = ada.socket(&format!("/ws?after=1:{position}")).await;
        assert_eq!(socket.next().await, reset, "{position}");
        assert!(socket.is_silent().await);
    }
    // As many numbers, but fewer messages.
    let client = server.database.client().await;
    client.batch_execute("update messages set change = null where seq % 2 = 0").await.unwrap();
    let mut socket = ada.socket(&format!("/ws?after=1:{last}:0")).await;
    assert_eq!(replay(&mut socket).await.len() as i64, last / 2 + 2);
    edit(&ada, 1, 1, "live").await;
    assert_eq!(told(&socket.next().await), ("message_changed", 1, last + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_follow_a_database_whose_changes_go_back_in_time() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    ada.say(1, "x").await;
    for n in 0..3 {
        edit(&ada, 1, 1, &n.to_string()).await;
    }
    let mut socket = ada.socket("/ws").await;
    edit(&ada, 1, 1, "y").await;
    assert_eq!(told(&socket.next().await), ("message_changed", 1, 4));
    let client = server.database.client().await;
    let restore = "update messages set change = 1 where seq = 1; update chats set last_change = 1 where id = 1";
    client.batch_execute(restore).await.unwrap();
    socket.send(json!({"type": "join", "chat_id": 1, "after": 1, "change": 4})).await;
    let reset = json!({"type": "reset", "chat_id": 1, "last_seq": 1, "last_change": 1});
    assert_eq!(socket.next().await, reset);
    edit(&ada, 1, 1, "z").await;
    assert_eq!(told(&socket.next().await), ("message_changed", 1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_member_hears_no_change() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, link) = ada.room("Tea").await;
    bob.enter(&ada, room, &link).await;
    ada.say(room, "x").await;
    let (mut all, mut single) =
        (bob.socket("/ws").await, bob.socket(&format!("/ws/room/{room}")).await);
    ada.delete(&format!("/chats/room/{room}/members/{}", bob.id)).await.expect(204);
    edit(&ada, room, 1, "secret").await;
    assert_eq!(all.expect("chat_removed").await["chat_id"], room);
    assert!(all.expect_silence("message_changed").await);
    assert_eq!(single.closed().await, 4503);
    let mut back = bob.socket(&format!("/ws?after={room}:1:0")).await;
    assert_eq!(back.next().await, json!({"type": "chat_removed", "chat_id": room}));
    assert!(back.is_silent().await);
}

/// What one reader made of a chat: each message as last told.
#[derive(Default)]
struct View {
    messages: BTreeMap<i64, Value>,
    seq: i64,
    change: i64,
}

impl View {
    fn take(&mut self, mut frame: Value) {
        let kind = frame.as_object_mut().unwrap().remove("type").unwrap();
        let (seq, change) = (frame["seq"].as_i64().unwrap(), frame["change"].as_i64().unwrap_or(0));
        match kind.as_str().unwrap() {
            "message" => {
                assert_eq!(seq, self.seq + 1, "one order, no gap, no double");
                self.seq = seq;
                self.messages.insert(seq, frame);
            }
            "message_changed" => {
                assert!(change > self.change, "{change} after {}", self.change);
                self.change = change;
                let known = self.messages.get(&seq).expect("a change comes after its message");
                if change > known["change"].as_i64().unwrap_or(0) {
                    self.messages.insert(seq, frame);
                }
            }
            "caught_up" => {
                assert_eq!(seq, self.seq);
                assert!(change >= self.change);
                self.change = change;
            }
            other => panic!("{other}"),
        }
    }
}

/// Reads until this change is told, which is set while it reads; comes back every `hops` frames.
async fn follow(person: &Person, until: &AtomicI64, hops: Option<usize>) -> View {
    let mut view = View::default();
    loop {
        let position = format!("after={}&change={}", view.seq, view.change);
        let mut socket = person.socket(&format!("/ws/general?{position}")).await;
        let mut count = 0;
        while hops != Some(count) {
            if view.change >= until.load(Relaxed) {
                return view;
            }
            let next = tokio::time::timeout(Duration::from_millis(100), socket.next());
            if let Ok(frame) = next.await {
                view.take(frame);
                count += 1;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_readers_end_with_one_state_while_many_write_edit_and_react() {
    const EACH: i64 = 60;
    let server = Server::start().await;
    let names = ["ada", "bob", "cyd"];
    let mut people = Vec::new();
    for name in names {
        people.push(server.person(name).await);
    }
    for person in &people {
        person.say(1, "first").await;
    }
    let write = async |person: &Person, own: i64| {
        for n in 0..EACH {
            person.say(1, &format!("message {n}")).await;
            edit(person, 1, own, &format!("edit {n}")).await;
            let target = path(1, 1 + n % 5);
            person
                .put(&format!("{target}/reactions/{}", ["👍", "🎉"][(n % 2) as usize]))
                .await
                .expect(204);
            if n % 3 == 0 {
                person.delete(&format!("{target}/reactions/👍")).await.expect(204);
            }
        }
    };
    let last = AtomicI64::new(i64::MAX);
    let writing = async {
        tokio::join!(write(&people[0], 1), write(&people[1], 2), write(&people[2], 3));
        let marked = people[0].say(1, "the end").await;
        let end = edit(&people[0], 1, marked, "the very end").await;
        last.store(end["change"].as_i64().unwrap(), Relaxed);
    };
    let reading = join_all([
        follow(&people[0], &last, None),
        follow(&people[1], &last, Some(1)),
        follow(&people[2], &last, Some(7)),
        follow(&people[0], &last, Some(30)),
    ]);
    let ((), views) = tokio::join!(writing, reading);
    let mut stored = Vec::new();
    for after in [0, 200] {
        let path = format!("/chats/general/history?limit=200&after={after}");
        let page = people[1].get(&path).await.expect(200);
        stored.extend(page["messages"].as_array().unwrap().clone());
    }
    for view in views {
        assert_eq!(view.messages.into_values().collect::<Vec<_>>(), stored);
    }
    // From the beginning, in one go.
    let whole = follow(&people[2], &last, None).await;
    assert_eq!(whole.messages.into_values().collect::<Vec<_>>(), stored);
}

/// Dead versions of rows aside, which PostgreSQL removes when it vacuums the table.
#[tokio::test(flavor = "multi_thread")]
async fn a_dump_has_nothing_of_what_was_edited_or_deleted() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let private = ada.private_with(&bob).await;
    let (room, _) = ada.room("Tea").await;
    for chat_id in [1, private, room] {
        for (seq, word) in ["zanzibar", "quagmire"].iter().enumerate() {
            let draft = json!({"content": format!("the {word}"), "client_id": format!("c{seq}")});
            ada.post(&format!("/chats/{chat_id}/messages"), draft).await.expect(201);
        }
        let answer = json!({"content": "harmless", "reply_to": 2});
        ada.post(&format!("/chats/{chat_id}/messages"), answer).await.expect(201);
        ada.get(&path(chat_id, 3)).await.expect(200);
    }
    let digest = |word: &str| {
        use sha2::{Digest, Sha256};
        let digest = Sha256::digest(format!("the {word}").as_bytes());
        digest[..16].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let traces = ["zanzibar", "quagmire"].map(|word| [word.to_owned(), digest(word)]).concat();
    let dump = server.database.dump();
    for trace in &traces {
        assert!(dump.contains(trace), "{trace}");
    }
    for chat_id in [1, private, room] {
        edit(&ada, chat_id, 1, "nothing").await;
        ada.delete(&path(chat_id, 2)).await.expect(204);
    }
    let dump = server.database.dump();
    for trace in &traces {
        assert!(!dump.contains(trace), "{trace}");
    }
    assert!(dump.contains("harmless"));
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_count_in_the_allowance_of_messages() {
    let server = Server::with(&[("SNUG_RATE_LIMITS", "on")]).await;
    let ada = server.person("ada").await;
    ada.say(1, "x").await;
    // All at once, so that a slow machine does not pace them by itself.
    let at = path(1, 1);
    let changes = (0..40).map(|n| ada.patch(&at, json!({"content": n.to_string()})));
    let answers = futures_util::future::join_all(changes).await;
    let refused = answers.iter().filter(|answer| answer.status.as_u16() == 429).count();
    assert!(refused > 0, "changes are paced like messages");
    until("the allowance is back", || async {
        ada.patch(&path(1, 1), json!({"content": "y"})).await.status.as_u16() == 200
    })
    .await;
}

/// As the server prepares them. In the lane, above all, whatever is looked for in all chats holds up everybody.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_changed_is_read_without_looking_through_other_chats() {
    let database = Database::new().await.client().await;
    let fill = "insert into chats (chat_type) values ('private'), ('room');
        insert into messages (id, chat_type, chat_id, seq, sender_id, content, timestamp, draft_key,
            content_hash, change)
        select nextval('message_ids'), c.chat_type, c.id + others, n, 1, 'x', now(), 's' || n, '', n
        from chats c, generate_series(0, 1000000, 1000000) others, generate_series(1, 10000) n;
        update chats set last_seq = 10000, last_change = 10000;
        analyze chats; analyze messages;
        set enable_seqscan = off; set plan_cache_mode = force_generic_plan";
    database.batch_execute(fill).await.unwrap();
    let pages_read = async |statement: &str, arguments: &str| {
        let ask =
            format!("explain (analyze, buffers, format json) execute {statement} ({arguments})");
        // What is read once for all is not counted.
        database.simple_query(&ask).await.unwrap();
        let rows = database.simple_query(&ask).await.unwrap();
        let plan = rows.iter().find_map(|row| match row {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        let plan: Value = serde_json::from_str(plan.unwrap()).unwrap();
        let count = |name: &str| plan[0]["Plan"][name].as_i64().unwrap();
        (count("Shared Hit Blocks") + count("Shared Read Blocks"), plan)
    };
    for (name, types) in
        [("current", "bigint[], bigint[]"), ("count_changed", "bigint, bigint, bigint, bigint")]
    {
        let text = std::fs::read_to_string(format!("sql/messages/{name}.sql")).unwrap();
        database.batch_execute(&format!("prepare {name} ({types}) as {text}")).await.unwrap();
    }
    for row in database.query("select id from chats", &[]).await.unwrap() {
        let chat_id: i64 = row.get(0);
        let (read, plan) = pages_read("current", &format!("'{{{chat_id}}}', '{{7777}}'")).await;
        assert!(read < 20, "{plan:#}");
        let (read, plan) =
            pages_read("count_changed", &format!("{chat_id}, 9000, 10000, 10")).await;
        assert!(read < 20, "{plan:#}");
    }
}
