//! Messages that answer others, and pages around them.

use crate::support::{Person, Server};
use serde_json::{Value, json};
use snug::limits::EXCERPT_CHARS_MAX;

async fn answer(person: &Person, chat_id: i64, to: Value) -> crate::support::Answer {
    let draft = json!({"content": "yes", "reply_to": to});
    person.post(&format!("/chats/{chat_id}/messages"), draft).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_has_an_excerpt_of_what_it_answers_as_that_stands() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let private = ada.private_with(&bob).await;
    let mut socket = ada.socket("/ws").await;
    bob.say(private, "  Tea \n\t or   coffee? ").await;
    socket.next().await;
    let quoted = |excerpt: &str, deleted: bool| json!({"seq": 1, "user_id": bob.id, "username": "bob", "excerpt": excerpt, "deleted": deleted});
    let sent = answer(&ada, private, json!(1)).await.expect(201);
    assert_eq!(sent["reply_to"], quoted("Tea or coffee?", false));
    assert!(sent["change"].is_null(), "{sent}");
    let mut frame = socket.next().await;
    frame.as_object_mut().unwrap().remove("type");
    assert_eq!(frame, sent);
    let history = format!("/chats/private/{private}/history");
    let last = async || bob.get(&history).await.expect(200)["messages"][1].clone();
    assert_eq!(last().await, sent);
    let path = format!("/chats/{private}/messages/1");
    let long = "tea ".repeat(EXCERPT_CHARS_MAX);
    bob.patch(&path, json!({"content": long})).await.expect(200);
    assert_eq!(last().await["reply_to"], quoted(&long[..EXCERPT_CHARS_MAX], false));
    bob.patch(&path, json!({"content": format!("a{}b", "\u{3000}".repeat(3_000))}))
        .await
        .expect(200);
    assert_eq!(last().await["reply_to"], quoted("a b", false));
    bob.delete(&path).await.expect(204);
    assert_eq!(last().await["reply_to"], quoted("", true));
    // What is deleted may be answered; and its answer has not changed.
    let sent = answer(&ada, private, json!(1)).await.expect(201);
    assert_eq!(sent["reply_to"], quoted("", true));
    assert!(last().await["change"].is_null());
    // A deleted answer answers nothing.
    ada.delete(&format!("/chats/{private}/messages/2")).await.expect(204);
    assert!(last().await["reply_to"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_message_of_the_same_chat_is_answered() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, _) = ada.room("Tea").await;
    for n in 0..3 {
        ada.say(room, &n.to_string()).await;
    }
    ada.say(1, "x").await;
    for seq in [json!(2), json!(0), json!(-1), json!(1_i64 << 53)] {
        let problem = answer(&ada, 1, seq).await.refused(422, "bad_reply");
        assert_eq!(problem["errors"][0]["field"], "reply_to");
    }
    assert_eq!(answer(&ada, 1, json!("1")).await.faults(), ["reply_to"]);
    assert_eq!(answer(&ada, 1, json!(1.5)).await.faults(), ["reply_to"]);
    answer(&bob, room, json!(2)).await.refused(404, "not_found");
    assert!(answer(&ada, 1, Value::Null).await.expect(201)["reply_to"].is_null());
    answer(&ada, 1, json!(1.0)).await.expect(201);
    assert_eq!(ada.get("/chats/general/history").await.expect(200)["last_seq"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_by_socket_is_acknowledged_and_its_retry_is_known() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    ada.say(1, "x").await;
    let mut socket = ada.socket("/ws/general").await;
    let frame = |to: i64| json!({"content": "yes", "client_id": "mine", "reply_to": to});
    socket.send(frame(1)).await;
    let ack = socket.expect("ack").await;
    let message = socket.expect("message").await;
    assert_eq!((&ack["seq"], &message["reply_to"]["excerpt"]), (&json!(2), &json!("x")));
    socket.send(frame(1)).await;
    assert_eq!(socket.next().await, ack);
    // It is known by its name, whatever it would answer now.
    socket.send(frame(99)).await;
    assert_eq!(socket.next().await, ack);
    socket.send(json!({"content": "no", "client_id": "other", "reply_to": 99})).await;
    let error = socket.next().await;
    assert_eq!((&error["code"], &error["client_id"]), (&json!("bad_reply"), &json!("other")));
}

/// The message is told as it was sent, and then the change.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_changed_in_the_same_batch_is_told_as_both() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    ada.say(1, "x").await;
    let (room, _) = ada.room("Tea").await;
    let mut reader = bob.socket("/ws/general").await;
    let mut writer = ada.socket("/ws").await;
    // What is set aside because the row of its chat is held is one batch once that is free.
    let mut client = server.database.client().await;
    let held = client.transaction().await.unwrap();
    held.execute("select from chats where id = 1 for update", &[]).await.unwrap();
    writer.send(json!({"chat_id": 1, "content": "yes", "reply_to": 1})).await;
    writer.send(json!({"chat_id": room, "content": "x", "client_id": "x"})).await;
    assert_eq!(writer.expect("ack").await["chat_id"], room);
    writer.send(json!({"type": "react", "chat_id": 1, "seq": 2, "emoji": "👍", "on": true})).await;
    writer.send(json!({"type": "ping"})).await;
    writer.expect("pong").await;
    held.rollback().await.unwrap();
    let message = reader.expect("message").await;
    assert_eq!(message["reply_to"]["excerpt"], "x");
    assert_eq!((message.get("change"), message.get("reactions")), (None, None));
    let changed = reader.expect("message_changed").await;
    assert_eq!((&changed["seq"], &changed["change"]), (&json!(2), &json!(1)));
    assert_eq!(changed["reactions"][0]["emoji"], "👍");
    assert_eq!(changed["reply_to"], message["reply_to"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_around_a_message_has_half_of_it_before() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, _) = ada.room("Tea").await;
    for n in 1..=10 {
        ada.say(room, &n.to_string()).await;
    }
    let path = |query: &str| format!("/chats/room/{room}/history?{query}");
    for (around, limit, first, last) in [
        (5, 4, 3, 6),
        (5, 5, 3, 7),
        (5, 1, 5, 5),
        (5, 2, 4, 5),
        (1, 6, 1, 3),
        (2, 6, 1, 4),
        (10, 6, 7, 10),
        (9, 6, 6, 10),
        (5, 200, 1, 10),
    ] {
        let page = ada.get(&path(&format!("around={around}&limit={limit}"))).await.expect(200);
        let seqs: Vec<i64> = page["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| m["seq"].as_i64().unwrap())
            .collect();
        assert_eq!(seqs, (first..=last).collect::<Vec<_>>(), "around {around}, {limit}");
        let beyond = (&page["has_more"], &page["has_newer"]);
        assert_eq!(beyond, (&json!(first > 1), &json!(last < 10)), "around {around}, {limit}");
    }
    for absent in ["around=0", "around=11"] {
        ada.get(&path(absent)).await.refused(404, "not_found");
    }
    for bad in
        ["around=5&before=3", "around=5&after=3", "around=5&offset=0", "around=-1", "around=x"]
    {
        assert_eq!(ada.get(&path(bad)).await.status.as_u16(), 422, "{bad}");
    }
    bob.get(&path("around=5")).await.refused(404, "not_found");
    assert!(ada.get(&path("before=5")).await.expect(200)["has_newer"].is_null());
}
