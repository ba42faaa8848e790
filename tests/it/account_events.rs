//! Events of the account, and how sockets end: people who lose access hear nothing more, within a
//! second.

use crate::support::bare::{Bare, CLOSE};
use crate::support::{PASSWORD, Person, Server, refusal};
use serde_json::json;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn a_new_private_chat_is_added_on_both_sides_and_its_messages_follow() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut hers, mut his) = (ada.socket("/ws").await, bob.socket("/ws").await);
    let (mut second, mut general) = (bob.socket("/ws").await, bob.socket("/ws/general").await);
    let private = ada.private_with(&bob).await;
    for (socket, other) in [(&mut hers, &bob), (&mut his, &ada), (&mut second, &ada)] {
        let chat = json!({"chat_id": private, "chat_type": "private", "last_seq": 0, "last_change": 0,
            "read_seq": 0, "unread": 0, "mentioned": 0, "user_id": other.id, "online": true, "seen_seq": 0,
            "name": other.name, "last_message": null});
        assert_eq!(socket.next().await, json!({"type": "chat_added", "chat": chat}));
    }
    ada.say(private, "Hi").await;
    for socket in [&mut hers, &mut his, &mut second] {
        let message = socket.next().await;
        assert_eq!((&message["chat_id"], &message["seq"]), (&json!(private), &json!(1)));
    }
    assert!(general.is_silent().await, "single-chat sockets are not told");
    assert_eq!(ada.private_with(&bob).await, private);
    assert!(hers.is_silent().await, "it is added once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_tells_its_creator_and_those_who_ask() {
    let server = Server::start().await;
    let (ada, bob, cy) =
        (server.person("ada").await, server.person("bob").await, server.person("cyd").await);
    let (mut hers, mut general) = (ada.socket("/ws").await, ada.socket("/ws/general").await);
    let (room, link) = ada.room("Tea").await;
    let added = hers.next().await;
    assert_eq!((&added["type"], &added["chat"]["name"]), (&json!("chat_added"), &json!("Tea")));
    let mut inside = ada.socket(&format!("/ws/room/{room}")).await;
    ada.say(room, "before").await;
    ada.say(room, "anybody came").await;
    for seq in 1..=2 {
        assert_eq!(hers.next().await["seq"], seq);
        assert_eq!(inside.next().await["seq"], seq);
    }
    let (mut his, mut theirs) = (bob.socket("/ws").await, cy.socket("/ws").await);
    let mut his_general = bob.socket("/ws/general").await;
    let join = format!("/chats/room/{room}/join");
    for person in [&bob, &cy] {
        for _ in 0..2 {
            person.post(&join, json!({"invite_link": link})).await.expect(202);
        }
        let user = json!({"user_id": person.id, "username": person.name});
        let asked = json!({"type": "join_request", "room_id": room, "user": user});
        assert_eq!(hers.next().await, asked, "announced once");
    }
    ada.post(&format!("/chats/room/{room}/invite/deny"), json!({"user_id": cy.id}))
        .await
        .expect(200);
    assert_eq!(theirs.next().await, json!({"type": "join_denied", "room_id": room}));
    ada.post(&format!("/chats/room/{room}/invite/approve"), json!({"user_id": bob.id}))
        .await
        .expect(200);
    let added = his.next().await;
    assert_eq!(added["type"], "chat_added");
    let chat = &added["chat"];
    assert_eq!(
        (&chat["last_seq"], &chat["read_seq"], &chat["unread"]),
        (&json!(2), &json!(2), &json!(0))
    );
    assert_eq!(chat["last_message"]["content"], "anybody came");
    ada.say(room, "welcome").await;
    assert_eq!(his.next().await["event"], "joined");
    assert_eq!(his.next().await["seq"], 3, "its messages start at last_seq + 1");
    his.send(json!({"chat_id": room, "content": "thanks", "client_id": "t"})).await;
    assert_eq!(his.expect("ack").await["seq"], 4);
    for socket in [&mut general, &mut inside, &mut his_general] {
        for kind in ["join_request", "chat_added", "join_denied", "chat_removed"] {
            assert!(socket.expect_silence(kind).await, "{kind} is for /ws only");
        }
    }
    assert!(theirs.is_silent().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_member_hears_nothing_more() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, link) = ada.room("Tea").await;
    bob.enter(&ada, room, &link).await;
    let path = format!("/ws/room/{room}");
    let (mut all, mut one, mut idle) =
        (bob.socket("/ws").await, bob.socket(&path).await, bob.socket(&path).await);
    let mut hers = ada.socket(&path).await;
    all.send(json!({"chat_id": room, "content": "still here"})).await;
    all.expect("message").await;
    let began = Instant::now();
    ada.delete(&format!("/chats/room/{room}/members/{}", bob.id)).await.expect(204);
    assert_eq!(one.closed().await, 4503);
    assert_eq!(idle.closed().await, 4503);
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    assert_eq!(all.next().await, json!({"type": "chat_removed", "chat_id": room}));
    for draft in [
        json!({"chat_id": room, "content": "me too", "client_id": "x"}),
        json!({"type": "read", "chat_id": room, "seq": 1}),
        json!({"type": "join", "chat_id": room, "after": 0}),
    ] {
        all.send(draft).await;
        assert_eq!(all.next().await["code"], "not_found");
    }
    ada.say(room, "between us").await;
    assert!(all.is_silent().await);
    assert_eq!(hers.expect("message").await["content"], "still here");
    assert_eq!(hers.expect("message").await["content"], "between us");
    // A removed member may ask again, and is then back on the same socket.
    bob.enter(&ada, room, &link).await;
    assert_eq!(all.next().await["type"], "chat_added");
    ada.say(room, "hello again").await;
    assert_eq!(all.expect("message").await["seq"], 3);
}

/// A `/ws` and a single-chat socket that have been idle since their welcome.
async fn sockets(person: &Person) -> [crate::support::Socket; 2] {
    [person.socket("/ws").await, person.socket("/ws/general").await]
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_closes_the_sockets_of_that_session() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let elsewhere = ada.log_in("ada", PASSWORD).await;
    let mut idle = sockets(&ada).await;
    let mut other = elsewhere.socket("/ws").await;
    let began = Instant::now();
    ada.push("/auth/logout").await.expect(204);
    for socket in &mut idle {
        assert_eq!(socket.closed().await, 4501);
    }
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    assert!(other.is_silent().await, "the other session is alive");
    let url = format!("ws://{}/ws?token={}", server.address, ada.token);
    assert_eq!(refusal(url).await, (401, "unauthenticated".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_all_other_sessions() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let here = ada.log_in("ada", PASSWORD).await;
    let mut others = sockets(&ada).await;
    let mut own = here.socket("/ws").await;
    let change = json!({"current_password": PASSWORD, "new_password": "another one, longer"});
    here.post("/auth/password", change).await.expect(204);
    let began = Instant::now();
    for socket in &mut others {
        assert_eq!(socket.closed().await, 4501);
    }
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    assert!(own.is_silent().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ended_only_in_the_database_soon_has_no_sockets() {
    let server = Server::start().await;
    let (ada, bob, cyd) =
        (server.person("ada").await, server.person("bob").await, server.person("cyd").await);
    let (mut revoked, mut deleted) = (sockets(&ada).await, sockets(&bob).await);
    let mut bare = Bare::open(&server, &ada, "/ws/general").await;
    let mut other = cyd.socket("/ws").await;
    let database = server.database.client().await;
    let began = Instant::now();
    let revoke = "update sessions set revoked_at = now() where user_id = $1";
    database.execute(revoke, &[&ada.id]).await.unwrap();
    database.execute("delete from users where id = $1", &[&bob.id]).await.unwrap();
    for socket in revoked.iter_mut().chain(&mut deleted) {
        assert_eq!(socket.closed().await, 4501);
    }
    let a_second = SOON + Duration::from_secs(1);
    assert!(began.elapsed() < a_second, "{:?}", began.elapsed());
    cyd.say(1, "to those who are still here").await;
    assert_eq!(
        bare.frame().await.map(|frame| frame.first),
        Some(CLOSE),
        "nothing arrives before the close"
    );
    assert_eq!(other.expect("message").await["seq"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_ends_when_its_token_expires() {
    let server = Server::with(&[("SNUG_TOKEN_LIFETIME", "3s")]).await;
    let bob = Person::nobody(&server).joined_by("bob").await;
    let ada = Person::nobody(&server).joined_by("ada").await;
    // Signed after this moment, so it is valid for at least three seconds from now.
    let mut idle = sockets(&ada).await;
    let exp = expiry(&ada);
    let mut reader = bob.log_in("bob", PASSWORD).await.socket("/ws").await;
    for socket in &mut idle {
        assert_eq!(socket.closed().await, 4501);
        let late = jiff::Timestamp::now().as_millisecond() - exp * 1_000;
        assert!((0..1_000).contains(&late), "closed {late} ms after exp");
    }
    assert_eq!(reader.closed().await, 4501);
}

fn expiry(person: &Person) -> i64 {
    use base64::Engine;
    let payload = person.token.split('.').nth(1).unwrap();
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap();
    serde_json::from_slice::<serde_json::Value>(&payload).unwrap()["exp"].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_acknowledges_drafts_under_way_and_disconnects_everybody() {
    let mut server = Server::start().await;
    let ada = server.person("ada").await;
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(ada.socket("/ws/general").await);
    }
    // The lane has to wait for the chat's row, because somebody else holds it.
    let mut client = server.database.client().await;
    let held = client.transaction().await.unwrap();
    held.execute("select from chats where id = 1 for update", &[]).await.unwrap();
    let mut sending = ada.socket("/ws/general").await;
    for n in 0..3 {
        sending.send(json!({"content": n.to_string(), "client_id": n.to_string()})).await;
    }
    sending.send(json!({"type": "ping"})).await;
    sending.expect("pong").await;
    let stopping = tokio::spawn(async move {
        server.stop().await;
        server
    });
    for socket in &mut idle {
        assert_eq!(socket.closed().await, 1001);
    }
    held.rollback().await.unwrap();
    for n in 0..3 {
        assert_eq!(sending.expect("ack").await["seq"], n + 1);
    }
    assert_eq!(sending.closed().await, 1001);
    let server = stopping.await.unwrap();
    let client = server.database.client().await;
    let stored: i64 = client.query_one("select count(*) from messages", &[]).await.unwrap().get(0);
    assert_eq!(stored, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_users_messages_remain_under_another_name() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let private = ada.private_with(&bob).await;
    bob.say(1, "remember me").await;
    bob.say(private, "and this").await;
    let client = server.database.client().await;
    client.execute("delete from users where id = $1", &[&bob.id]).await.unwrap();
    let name = json!(format!("deleted-{}", bob.id));
    let page = ada.get("/chats/general/history").await.expect(200);
    assert_eq!(page["messages"][0]["username"], name);
    let mut socket = ada.socket(&format!("/ws?after=1:0,{private}:0")).await;
    for _ in 0..2 {
        assert_eq!(socket.expect("message").await["username"], name);
    }
    let chats = ada.get("/chats").await.expect(200);
    let chat = chats["chats"].as_array().unwrap().iter().find(|chat| chat["chat_id"] == private);
    assert_eq!(chat.unwrap()["name"], name);
    let cy = server.person("cyd").await;
    assert!(cy.id > bob.id, "an id is never reused");
    // Nobody may pretend to be a user who is gone.
    let posing = json!({"username": name, "password": PASSWORD, "email": "x@example.org"});
    assert_eq!(Person::nobody(&server).post("/auth/signup", posing).await.faults(), ["username"]);
}
