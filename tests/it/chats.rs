//! The list of chats, posting by HTTP, read positions, private chats.

use crate::support::{Person, Server};
use serde_json::{Value, json};
use snug::limits::{BODY_BYTES_MAX, CLIENT_ID_CHARS_MAX, CONTENT_CHARS_MAX, PAGE_ROWS_MAX};

async fn list(person: &Person, query: &str) -> Value {
    person.get(&format!("/chats{query}")).await.expect(200)
}

fn ids(list: &Value) -> Vec<i64> {
    let chats = list["chats"].as_array().unwrap();
    chats.iter().map(|chat| chat["chat_id"].as_i64().unwrap()).collect()
}

async fn chat(person: &Person, chat_id: i64) -> Value {
    let list = list(person, &format!("?limit={PAGE_ROWS_MAX}")).await;
    let chats = list["chats"].as_array().unwrap();
    chats.iter().find(|chat| chat["chat_id"] == chat_id).unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_has_the_most_recent_activity_first() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    assert_eq!(ids(&list(&ada, "").await), [1]);
    let private = bob.private_with(&ada).await;
    let (room, _) = ada.room("Tea").await;
    assert_eq!(ids(&list(&ada, "").await), [room, private, 1]);
    assert_eq!(ids(&list(&bob, "").await), [private, 1]);
    bob.say(private, "Hi").await;
    assert_eq!(ids(&list(&ada, "").await), [private, room, 1]);
    bob.say(1, "Hello").await;
    assert_eq!(ids(&list(&ada, "").await), [1, private, room]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_chat_shows_its_type_and_how_far_it_has_been_read() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let private = bob.private_with(&ada).await;
    let (room, _) = ada.room("Tea").await;
    bob.say(private, "one").await;
    bob.say(private, "two").await;
    let all = list(&ada, "").await;
    assert_eq!(
        (&all["next"], all["epoch"].as_str().is_some_and(|e| !e.is_empty())),
        (&Value::Null, true)
    );
    assert_eq!(
        chat(&ada, 1).await,
        json!({"chat_id": 1, "chat_type": "general", "name": "General", "last_seq": 0, "last_change": 0,
            "read_seq": 0, "unread": 0, "mentioned": 0, "last_message": null})
    );
    assert_eq!(
        chat(&ada, room).await,
        json!({"chat_id": room, "chat_type": "room", "name": "Tea", "last_seq": 0, "last_change": 0, "read_seq": 0,
            "unread": 0, "mentioned": 0, "last_message": null})
    );
    let history = ada.get(&format!("/chats/private/{private}/history")).await.expect(200);
    assert_eq!(
        chat(&ada, private).await,
        json!({"chat_id": private, "chat_type": "private", "name": "bob", "user_id": bob.id,
            "online": false, "seen_seq": 2, "last_seq": 2, "last_change": 0, "read_seq": 0, "unread": 2, "mentioned": 0,
            "last_message": history["messages"][1]})
    );
    assert_eq!(chat(&bob, private).await["name"], "ada");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_comes_in_pages() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut all = vec![1];
    for n in 0..6 {
        all.insert(0, ada.room(&format!("Room {n}")).await.0);
    }
    for limit in 1..=8 {
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let page = list(&ada, &format!("?limit={limit}{after}")).await;
            assert!(ids(&page).len() <= limit);
            seen.extend(ids(&page));
            match page["next"].as_i64() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        assert_eq!(seen, all, "limit {limit}");
    }
    for (query, field) in [
        ("limit=0", "limit"),
        (&*format!("limit={}", PAGE_ROWS_MAX + 1), "limit"),
        ("limit=x", "limit"),
        ("after=0", "after"),
        ("after=-1", "after"),
        ("after=9007199254740992", "after"),
    ] {
        assert_eq!(ada.get(&format!("/chats?{query}")).await.faults(), [field], "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_returns_the_message_and_is_stored_once_per_client_id() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let path = "/chats/1/messages";
    let draft = json!({"content": " Hello! \n\u{2003}", "client_id": "c0ffee-1"});
    let first = ada.post(path, draft.clone()).await.expect(201);
    let (id, timestamp) = (&first["id"], first["timestamp"].as_str().unwrap());
    assert!(timestamp.len() == 27 && timestamp.ends_with('Z'), "{timestamp}");
    assert_eq!(
        first,
        json!({"id": id, "seq": 1, "chat_id": 1, "chat_type": "general", "user_id": ada.id,
            "username": "ada", "content": " Hello!", "timestamp": timestamp, "client_id": "c0ffee-1"})
    );
    assert_eq!(ada.post(path, draft.clone()).await.expect(200), first);
    let other = json!({"content": "Other", "client_id": "c0ffee-1"});
    ada.post(path, other).await.refused(409, "client_id_reused");
    // A client_id belongs to its sender, in this chat.
    assert_eq!(bob.post(path, draft.clone()).await.expect(201)["seq"], 2);
    let (room, _) = ada.room("Tea").await;
    let in_room = ada.post(&format!("/chats/{room}/messages"), draft.clone()).await.expect(201);
    assert_eq!(
        (&in_room["seq"], &in_room["room_id"], &in_room["user_id"]),
        (&json!(1), &json!(room), &json!(ada.id))
    );
    let asking = (0..8).map(|_| ada.post(path, json!({"content": "x", "client_id": "at-once"})));
    let answers = futures_util::future::join_all(asking).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    assert!(answers.iter().all(|answer| answer.json()["seq"] == 3));
    let history = ada.get("/chats/general/history").await.expect(200);
    assert_eq!((&history["last_seq"], &history["messages"][0]), (&json!(3), &first));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_is_refused_with_the_codes_of_error_frames() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let long = "😀".repeat(CONTENT_CHARS_MAX + 1);
    let name = "x".repeat(CLIENT_ID_CHARS_MAX + 1);
    for (body, code, field) in [
        (json!({"content": ""}), "content_empty", "content"),
        (json!({"content": " \n\t\u{a0}\u{2028}"}), "content_empty", "content"),
        (json!({"content": long}), "content_too_long", "content"),
        (json!({"content": "a\0b"}), "content_invalid", "content"),
        (json!({"content": "x", "client_id": ""}), "bad_client_id", "client_id"),
        (json!({"content": "x", "client_id": "a b"}), "bad_client_id", "client_id"),
        (json!({"content": "x", "client_id": "é"}), "bad_client_id", "client_id"),
        (json!({"content": "x", "client_id": name}), "bad_client_id", "client_id"),
        (json!({"content": 7}), "invalid", "content"),
        (json!({"content": "x", "client_id": 7}), "invalid", "client_id"),
    ] {
        let problem = ada.post("/chats/1/messages", body.clone()).await.refused(422, code);
        assert_eq!(problem["errors"][0]["field"], field, "{body}");
    }
    let huge = json!({"content": "x".repeat(BODY_BYTES_MAX)});
    ada.post("/chats/1/messages", huge).await.refused(413, "too_large");
    assert_eq!(chat(&ada, 1).await["last_seq"], 0, "nothing was stored");
    let longest = format!("{}\n  ", "😀".repeat(CONTENT_CHARS_MAX));
    ada.post("/chats/1/messages", json!({"content": longest})).await.expect(201);
    let names =
        json!({"content": "x", "client_id": format!("!{}~", "x".repeat(CLIENT_ID_CHARS_MAX - 2))});
    ada.post("/chats/1/messages", names).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_a_client_slips_in_have_no_effect() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, link) = ada.room("Tea").await;
    let body = json!({"content": "x", "id": 99, "seq": 99, "user_id": bob.id, "sender_id": bob.id,
        "username": "bob", "chat_id": room, "chat_type": "room", "room_id": room,
        "timestamp": "2001-01-01T00:00:00Z"});
    let message = ada.post("/chats/1/messages", body).await.expect(201);
    assert_eq!((&message["seq"], &message["chat_type"]), (&json!(1), &json!("general")));
    assert_eq!((&message["user_id"], &message["username"]), (&json!(ada.id), &json!("ada")));
    assert!(message["timestamp"].as_str().unwrap() > "2020" && message["id"] != 99);
    let join = json!({"invite_link": link, "is_approved": true, "state": "approved",
        "user_id": ada.id, "room_id": 1});
    bob.post(&format!("/chats/room/{room}/join"), join).await.expect(202);
    bob.get(&format!("/chats/room/{room}")).await.refused(404, "not_found");
    let made = json!({"name": "Mine", "creator_id": ada.id, "room_id": room, "id": room});
    let made = bob.post("/chats/room", made).await.expect(201)["room_id"].clone();
    let made = bob.get(&format!("/chats/room/{made}")).await.expect(200);
    assert_eq!((&made["creator_id"], &made["name"]), (&json!(bob.id), &json!("Mine")));
    let body = json!({"username": "cyd", "password": "12345678", "email": "cyd@x.org", "id": 1,
        "user_id": ada.id, "created_at": "2001-01-01T00:00:00Z", "is_admin": true});
    let cyd = Person::nobody(&server).post("/auth/signup", body).await.expect(201);
    assert!(cyd["user_id"].as_i64().unwrap() > bob.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_position_only_grows_and_never_passes_the_end() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    for n in 1..=5 {
        ada.say(1, &format!("{n}")).await;
    }
    let standing = async |person: &Person| {
        let chat = chat(person, 1).await;
        (chat["read_seq"].as_i64().unwrap(), chat["unread"].as_i64().unwrap())
    };
    assert_eq!(standing(&ada).await, (5, 0), "a sender's own messages count as read");
    assert_eq!(standing(&bob).await, (0, 5));
    for (seq, expected) in
        [(0, 0), (2, 2), (1, 2), (4, 4), (0, 4), (9_007_199_254_740_991_i64, 5), (3, 5)]
    {
        let answer = bob.post("/chats/1/read", json!({"seq": seq})).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
        assert_eq!(standing(&bob).await, (expected, 5 - expected), "after {seq}");
    }
    bob.say(1, "mine").await;
    assert_eq!((standing(&bob).await, standing(&ada).await), ((6, 0), (5, 1)));
    let cyd = server.person("cyd").await;
    assert_eq!(standing(&cyd).await, (6, 0), "older messages are not unread for a new user");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_member_begins_to_read_at_the_approval() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, link) = ada.room("Tea").await;
    ada.say(room, "before").await;
    bob.enter(&ada, room, &link).await;
    let standing = chat(&bob, room).await;
    assert_eq!((&standing["read_seq"], &standing["unread"]), (&json!(1), &json!(0)));
    let history = bob.get(&format!("/chats/room/{room}/history")).await.expect(200);
    assert_eq!(history["messages"][0]["content"], "before", "they can read the whole history");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_users_have_one_private_chat_whoever_asks_and_whenever() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let asks = |from: &Person, to: &Person| {
        let (from, body) = (from.clone(), json!({"receiver_id": to.id}));
        async move { from.post("/chats/private", body).await }
    };
    let asking = (0..10).map(|n| if n % 2 == 0 { asks(&ada, &bob) } else { asks(&bob, &ada) });
    let answers = futures_util::future::join_all(asking).await;
    let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(made.len(), 1);
    let chat_id = made[0].json()["chat_id"].clone();
    assert_eq!(made[0].json(), json!({"chat_id": chat_id, "status": "created"}));
    for answer in answers.into_iter().filter(|answer| answer.status != 201) {
        assert_eq!(answer.expect(200), json!({"chat_id": chat_id, "status": "exists"}));
    }
    let nobody = ada.post("/chats/private", json!({"receiver_id": 999_999})).await;
    nobody.refused(404, "user_not_found");
    let largest = json!({"receiver_id": 9_007_199_254_740_991_i64});
    ada.post("/chats/private", largest).await.refused(404, "user_not_found");
    for odd in [json!(ada.id), json!(0), json!(-1), json!("2"), json!(null), json!(1u64 << 53)] {
        let faults = ada.post("/chats/private", json!({"receiver_id": odd})).await.faults();
        assert_eq!(faults, ["receiver_id"], "{odd}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_users_messages_remain_under_a_reserved_name() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let private = ada.private_with(&bob).await;
    bob.say(1, "still here").await;
    let database = server.database.client().await;
    database.execute("delete from users where id = $1", &[&bob.id]).await.unwrap();
    let name = format!("deleted-{}", bob.id);
    let history = ada.get("/chats/general/history").await.expect(200);
    assert_eq!(history["messages"][0]["username"], name);
    assert_eq!(chat(&ada, private).await["name"], name);
    let again = server.person("bob").await;
    assert!(again.id > bob.id, "an id is never reused");
}
