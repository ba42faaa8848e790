//! The main path: people sign up, talk in the general chat, privately and in rooms, and find it again.

use crate::support::Server;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn everybody_receives_messages_in_order() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut hers = ada.socket("/ws/general").await;
    let mut his = bob.socket("/ws").await;
    hers.send(json!({"content": "Hello!", "client_id": "c0ffee-1"})).await;
    let ack = hers.expect("ack").await;
    assert_eq!((&ack["client_id"], &ack["seq"]), (&json!("c0ffee-1"), &json!(1)));
    for socket in [&mut hers, &mut his] {
        let message = socket.expect("message").await;
        assert_eq!(message["content"], "Hello!");
        assert_eq!((&message["username"], &message["seq"]), (&json!("ada"), &json!(1)));
    }
    let page = bob.get("/chats/general/history").await.expect(200);
    assert_eq!(page["messages"][0]["id"], ack["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_joined_by_link_and_approval() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut hers = ada.socket("/ws").await;
    let (room_id, link) = ada.room("Tea").await;
    assert_eq!(hers.expect("chat_added").await["chat"]["name"], "Tea");
    let mut his = bob.socket("/ws").await;
    bob.enter(&ada, room_id, &link).await;
    let request = hers.expect("join_request").await;
    assert_eq!(request["user"], json!({"user_id": bob.id, "username": "bob"}));
    assert_eq!(his.expect("chat_added").await["chat"]["chat_id"], room_id);
    assert_eq!(his.expect("members").await["event"], "joined");
    ada.say(room_id, "Welcome!").await;
    assert_eq!(his.expect("message").await["content"], "Welcome!");
    bob.delete(&format!("/chats/room/{room_id}/members/{}", bob.id)).await.expect(204);
    assert_eq!(his.expect("chat_removed").await["chat_id"], room_id);
    ada.say(room_id, "Gone?").await;
    assert!(his.is_silent().await, "nothing arrives after chat_removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_resumes_where_they_left_off() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    for n in 1..=5 {
        ada.say(1, &format!("number {n}")).await;
    }
    let mut socket = ada.socket("/ws/general?after=2").await;
    for n in 3..=5 {
        assert_eq!(socket.next().await["seq"], n);
    }
    assert_eq!(
        socket.next().await,
        json!({"type": "caught_up", "chat_id": 1, "seq": 5, "change": 0})
    );
    ada.say(1, "live").await;
    assert_eq!(socket.next().await["seq"], 6);
}
