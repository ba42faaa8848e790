//! Who comes to a room and who is gone: those who are there hear it as it happens, and nobody else does.

use crate::support::{Person, Server, Socket};
use serde_json::{Value, json};

fn said(room: i64, person: &Person, event: &str) -> Value {
    let user = json!({"user_id": person.id, "username": person.name});
    json!({"type": "members", "room_id": room, "user": user, "event": event})
}

/// Each of them hears it once.
async fn hear(sockets: &mut [&mut Socket], frame: &Value) {
    for socket in sockets {
        assert_eq!(socket.expect("members").await, *frame);
        assert!(socket.expect_silence("members").await, "once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_are_there_hear_who_joins_leaves_and_is_removed() {
    let server = Server::start().await;
    let (ada, bob, cyd) =
        (server.person("ada").await, server.person("bob").await, server.person("cyd").await);
    let (room, link) = ada.room("Tea").await;
    let place = format!("/ws/room/{room}");
    let (mut hers, mut inside) = (ada.socket("/ws").await, ada.socket(&place).await);
    let (mut his, mut theirs) = (bob.socket("/ws").await, cyd.socket("/ws").await);
    let mut general = ada.socket("/ws/general").await;

    bob.enter(&ada, room, &link).await;
    assert_eq!(his.expect("chat_added").await["chat"]["chat_id"], room);
    hear(&mut [&mut hers, &mut inside, &mut his], &said(room, &bob, "joined")).await;
    // Approved again: nobody has come.
    let approve = format!("/chats/room/{room}/invite/approve");
    ada.post(&approve, json!({"user_id": bob.id})).await.expect(200);
    assert!(hers.expect_silence("members").await);

    cyd.enter(&ada, room, &link).await;
    let joined = said(room, &cyd, "joined");
    hear(&mut [&mut hers, &mut inside, &mut his, &mut theirs], &joined).await;
    cyd.delete(&format!("/chats/room/{room}/members/{}", cyd.id)).await.expect(204);
    hear(&mut [&mut hers, &mut inside, &mut his], &said(room, &cyd, "left")).await;
    ada.delete(&format!("/chats/room/{room}/members/{}", bob.id)).await.expect(204);
    hear(&mut [&mut hers, &mut inside], &said(room, &bob, "removed")).await;
    for outside in [&mut his, &mut theirs, &mut general] {
        assert!(outside.expect_silence("members").await, "not for those who are elsewhere");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_came_and_went_is_not_a_message_and_is_not_replayed() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, link) = ada.room("Tea").await;
    bob.enter(&ada, room, &link).await;
    bob.delete(&format!("/chats/room/{room}/members/{}", bob.id)).await.expect(204);
    let mut back = ada.socket(&format!("/ws/room/{room}?after=0")).await;
    back.expect("caught_up").await;
    assert!(back.expect_silence("members").await);
    let history = ada.get(&format!("/chats/room/{room}/history")).await.expect(200);
    assert_eq!((&history["messages"], &history["last_seq"]), (&json!([]), &json!(0)));
}
