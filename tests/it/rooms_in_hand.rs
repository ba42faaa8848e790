//! Rooms in the operator's hand: listed, given to somebody else, deleted.

use crate::commands::refused;
use crate::operators::said;
use crate::support::{SECRET, Server};
use serde_json::json;
use std::time::{Duration, Instant};

fn commanded(server: &Server, arguments: &[&str]) -> String {
    let url = server.database.url();
    let variables = [("SNUG_DATABASE_URL", url.as_str()), ("SNUG_JWT_SECRET", SECRET)];
    said(arguments, &variables, "")
}

fn turned_down(server: &Server, arguments: &[&str]) -> String {
    let url = server.database.url();
    let variables = [("SNUG_DATABASE_URL", url.as_str()), ("SNUG_JWT_SECRET", SECRET)];
    refused(1, arguments, &variables)
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_are_listed_and_given_to_members() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    assert_eq!(commanded(&server, &["room", "list"]), "there are no rooms yet\n");
    let (room, link) = ada.room("Tea time").await;
    let id = room.to_string();
    ada.say(room, "hello").await;
    let line = turned_down(&server, &["room", "transfer", &id, "bob"]);
    assert!(line.contains("not a member"), "{line}");
    bob.enter(&ada, room, &link).await;
    let list = commanded(&server, &["room", "list"]);
    let fields: Vec<&str> = list.trim_end().split('\t').collect();
    assert_eq!(fields[..5], [&*id, "Tea time", "ada", "2", "1"], "{list}");
    let done = commanded(&server, &["room", "transfer", &id, "BOB"]);
    assert_eq!(done, format!("room {id} is bob's from now on\n"));
    let shown = bob.get(&format!("/chats/room/{room}")).await.expect(200);
    assert_eq!(shown["creator_id"], bob.id);
    assert!(shown["invite_link"].is_string());
    let rotate = format!("/chats/room/{room}/invite/rotate");
    ada.push(&rotate).await.refused(403, "not_creator");
    bob.push(&rotate).await.expect(200);
    for wrong in [&["room", "transfer", "999999", "bob"][..], &["room", "transfer", &id, "eve"]] {
        turned_down(&server, wrong);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_room_is_gone_with_all_that_was_said_in_it() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, link) = ada.room("Tea").await;
    bob.enter(&ada, room, &link).await;
    ada.say(room, "hello").await;
    ada.say(1, "elsewhere").await;
    let id = room.to_string();
    assert_eq!(commanded(&server, &["room", "delete", &id]), format!("room {id} is gone\n"));
    for person in [&ada, &bob] {
        person.get(&format!("/chats/room/{room}")).await.refused(404, "not_found");
        let path = format!("/chats/{room}/messages");
        person.post(&path, json!({"content": "still?"})).await.refused(404, "not_found");
        let chats = person.get("/chats").await.expect(200);
        assert_eq!(chats["chats"].as_array().unwrap().len(), 1);
    }
    let left = "select (select count(*) from messages), (select count(*) from chats)";
    let row = server.database.client().await.query_one(left, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (1, 1));
    assert!(turned_down(&server, &["room", "delete", &id]).contains("there is no room"));
}

#[tokio::test(flavor = "multi_thread")]
async fn stats_say_how_much_there_is() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    ada.room("Tea").await;
    ada.private_with(&bob).await;
    ada.say(1, "hello").await;
    commanded(&server, &["user", "disable", "bob"]);
    let stats = commanded(&server, &["stats"]);
    for line in [
        "accounts      1",
        "disabled      1",
        "sessions      1",
        "rooms         1",
        "private chats 1",
        "messages      1",
    ] {
        assert!(stats.lines().any(|said| said == line), "{line} in {stats}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_are_in_a_room_are_told_that_it_is_deleted() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, link) = ada.room("Tea").await;
    bob.enter(&ada, room, &link).await;
    let (mut hers, mut his) = (ada.socket("/ws").await, bob.socket("/ws").await);
    let mut inside = bob.socket(&format!("/ws/room/{room}")).await;
    let mut elsewhere = bob.socket("/ws/general").await;
    commanded(&server, &["room", "delete", &room.to_string()]);
    let began = Instant::now();
    for socket in [&mut hers, &mut his] {
        let removed = socket.expect("chat_removed").await;
        assert_eq!(removed, json!({"type": "chat_removed", "chat_id": room}));
    }
    assert_eq!(inside.closed().await, 4503);
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    // Once, and everything else goes on.
    ada.say(1, "hello").await;
    assert_eq!(hers.next().await["type"], "message");
    elsewhere.expect("message").await;
    assert!(his.expect_silence("chat_removed").await);
}
