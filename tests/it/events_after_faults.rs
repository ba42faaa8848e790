//! People who join or leave a chat are told, whatever becomes of an answer on the way.

use crate::faults::{behind, hasty};
use crate::support::Server;
use crate::support::proxy::{Fate, Proxy};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_private_chat_created_without_an_answer_is_announced_at_the_next_attempt() {
    let proxy = Proxy::new().await;
    let server = behind(&proxy).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut hers, mut his) = (ada.socket("/ws").await, bob.socket("/ws").await);
    let with_bob = json!({"receiver_id": bob.id});
    proxy.doom(Fate::AnswerLost);
    ada.post("/chats/private", with_bob.clone()).await.refused(503, "unavailable");
    assert_eq!(proxy.cuts(), 1);
    let made = ada.post("/chats/private", with_bob.clone()).await.expect(200);
    assert_eq!(made["status"], "exists");
    let private = made["chat_id"].as_i64().unwrap();
    for socket in [&mut hers, &mut his] {
        let added = socket.next().await;
        assert_eq!(
            (&added["type"], &added["chat"]["chat_id"]),
            (&json!("chat_added"), &json!(private))
        );
    }
    ada.post("/chats/private", with_bob).await.expect(200);
    ada.say(private, "Hi").await;
    for socket in [&mut hers, &mut his] {
        let message = socket.next().await;
        assert_eq!((&message["chat_id"], &message["seq"]), (&json!(private), &json!(1)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_or_removal_is_announced_even_if_its_answer_was_lost() {
    let proxy = Proxy::new().await;
    let server = behind(&proxy).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, link) = ada.room("Tea").await;
    let ask = format!("/chats/room/{room}/join");
    bob.post(&ask, json!({"invite_link": link})).await.expect(202);
    let mut his = bob.socket("/ws").await;
    proxy.doom(Fate::AnswerLost);
    let approve = format!("/chats/room/{room}/invite/approve");
    ada.post(&approve, json!({"user_id": bob.id})).await.refused(503, "unavailable");
    assert_eq!(his.next().await["type"], "chat_added");
    ada.post(&approve, json!({"user_id": bob.id})).await.expect(200);
    bob.post(&ask, json!({"invite_link": link})).await.expect(200);
    let mut inside = bob.socket(&format!("/ws/room/{room}")).await;
    ada.say(room, "Hi").await;
    assert_eq!(his.next().await["seq"], 1, "it was added once");
    assert_eq!(inside.next().await["seq"], 1);
    proxy.doom(Fate::AnswerLost);
    let member = format!("/chats/room/{room}/members/{}", bob.id);
    ada.delete(&member).await.expect(204);
    assert_eq!(his.next().await, json!({"type": "chat_removed", "chat_id": room}));
    assert_eq!(inside.closed().await, 4503);
    assert_eq!(proxy.cuts(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_that_cannot_be_read_back_is_announced_once_it_can() {
    let server = Server::waiting(hasty()).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, link) = ada.room("Tea").await;
    let mut his = bob.socket("/ws").await;
    // The list of chats needs this table; a decision does not.
    let mut client = server.database.client().await;
    let held = client.transaction().await.unwrap();
    held.execute("lock table private_chats in access exclusive mode", &[]).await.unwrap();
    bob.enter(&ada, room, &link).await;
    held.rollback().await.unwrap();
    assert_eq!(his.next().await["type"], "chat_added");
    ada.say(room, "Hi").await;
    assert_eq!(his.next().await["seq"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_welcome_brings_what_was_never_announced() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, _) = ada.room("Tea").await;
    ada.say(room, "before").await;
    let mut his = bob.socket("/ws").await;
    let client = server.database.client().await;
    let rooms = |welcome: serde_json::Value| {
        assert_eq!(welcome["type"], "welcome");
        let chats = welcome["chats"].as_array().unwrap().clone();
        chats.iter().filter(|chat| chat["chat_id"] == room).count()
    };
    let join = "insert into room_members (room_id, user_id, state) values ($1, $2, 'approved')";
    client.execute(join, &[&room, &bob.id]).await.unwrap();
    his.send(json!({"type": "join"})).await;
    assert_eq!(rooms(his.next().await), 1);
    ada.say(room, "Hi").await;
    assert_eq!(his.next().await["seq"], 2);
    let leave = "delete from room_members where room_id = $1 and user_id = $2";
    client.execute(leave, &[&room, &bob.id]).await.unwrap();
    his.send(json!({"type": "join"})).await;
    assert_eq!(rooms(his.next().await), 0);
    assert_eq!(his.next().await, json!({"type": "chat_removed", "chat_id": room}));
    ada.say(room, "between us").await;
    assert!(his.is_silent().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_who_is_back_after_a_removal_is_let_in_at_once() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, link) = ada.room("Tea").await;
    bob.enter(&ada, room, &link).await;
    let path = format!("/ws/room/{room}");
    let mut inside = bob.socket(&path).await;
    ada.delete(&format!("/chats/room/{room}/members/{}", bob.id)).await.expect(204);
    assert_eq!(inside.closed().await, 4503);
    // An approval that the shards are not told about.
    let client = server.database.client().await;
    let join = "insert into room_members (room_id, user_id, state) values ($1, $2, 'approved')";
    client.execute(join, &[&room, &bob.id]).await.unwrap();
    let mut inside = bob.socket(&path).await;
    ada.say(room, "Hi").await;
    assert_eq!(inside.next().await["seq"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_receives_nothing_from_a_chat_that_it_does_not_follow() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, _) = ada.room("Tea").await;
    ada.say(room, "Hi").await;
    let mut his = bob.socket("/ws").await;
    let client = server.database.client().await;
    let join = "insert into room_members (room_id, user_id, state) values ($1, $2, 'approved')";
    client.execute(join, &[&room, &bob.id]).await.unwrap();
    bob.post(&format!("/chats/{room}/read"), json!({"seq": 1})).await.expect(204);
    assert!(his.is_silent().await);
    his.send(json!({"type": "join"})).await;
    his.expect("welcome").await;
    ada.say(room, "again").await;
    his.expect("message").await;
    bob.post(&format!("/chats/{room}/read"), json!({"seq": 2})).await.expect(204);
    assert_eq!(his.next().await, json!({"type": "read", "chat_id": room, "seq": 2}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_arrives_before_the_welcome_is_announced_after_it() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, link) = ada.room("Tea").await;
    // The welcome of /ws needs this table; a request to join does not.
    let mut client = server.database.client().await;
    let held = client.transaction().await.unwrap();
    held.execute("lock table private_chats in access exclusive mode", &[]).await.unwrap();
    let mut hers = ada.raw_socket("/ws").await;
    let ask = format!("/chats/room/{room}/join");
    bob.post(&ask, json!({"invite_link": link})).await.expect(202);
    held.rollback().await.unwrap();
    assert_eq!(hers.next().await["type"], "welcome");
    let user = json!({"user_id": bob.id, "username": "bob"});
    let asked = json!({"type": "join_request", "room_id": room, "user": user});
    assert_eq!(hers.next().await, asked);
    assert!(hers.is_silent().await);
}
