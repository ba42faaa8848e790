//! Being named: whom a message names, how many of the unread ones name one, and where they are.

use crate::support::{Person, Server};
use serde_json::{Value, json};
use snug::limits::{CONTENT_CHARS_MAX, NAMED_MAX, PAGE_ROWS_DEFAULT};

/// What a message says of whom it names.
fn named(message: &Value) -> (Value, Value) {
    (message["mentions"].clone(), message["mentions_all"].clone())
}

fn nobody() -> (Value, Value) {
    (Value::Null, Value::Null)
}

fn only(people: &[&Person]) -> (Value, Value) {
    (people.iter().map(|person| person.id).collect(), Value::Null)
}

async fn send(person: &Person, chat_id: i64, content: &str) -> Value {
    let path = format!("/chats/{chat_id}/messages");
    person.post(&path, json!({"content": content})).await.expect(201)
}

async fn edit(person: &Person, chat_id: i64, seq: i64, content: &str) -> Value {
    let path = format!("/chats/{chat_id}/messages/{seq}");
    person.patch(&path, json!({"content": content})).await.expect(200)
}

/// How many unread messages name somebody in a chat: the list of chats and both kinds of `welcome` agree.
async fn mentioned(person: &Person, chat_id: i64) -> i64 {
    let of = |chats: &Value| {
        let chats = chats["chats"].as_array().unwrap();
        let chat = chats.iter().find(|chat| chat["chat_id"] == chat_id).unwrap();
        (chat["mentioned"].as_i64().unwrap(), chat["chat_type"].as_str().unwrap().to_owned())
    };
    let (count, kind) = of(&person.get("/chats?limit=200").await.expect(200));
    let own =
        if kind == "general" { "/ws/general".into() } else { format!("/ws/{kind}/{chat_id}") };
    for path in ["/ws", own.as_str()] {
        let welcome = person.raw_socket(path).await.expect("welcome").await;
        assert_eq!(of(&welcome).0, count, "{path}: {welcome}");
    }
    count
}

async fn unread(person: &Person, chat_id: i64, query: &str) -> Value {
    person.get(&format!("/chats/{chat_id}/mentions{query}")).await.expect(200)
}

async fn seqs(person: &Person, chat_id: i64) -> Value {
    unread(person, chat_id, "").await["seqs"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_names_those_who_can_read_it_for_everybody_and_for_ever() {
    let server = Server::start().await;
    let (ada, bob, cyd) =
        (server.person("ada").await, server.person("Bob").await, server.person("cyd").await);
    let (room, link) = ada.room("Tea").await;
    bob.enter(&ada, room, &link).await;
    let private = ada.private_with(&bob).await;
    for (chat_id, expected) in
        [(1, [&cyd, &bob, &ada].as_slice()), (room, &[&bob, &ada]), (private, &[&bob, &ada])]
    {
        let mut socket = bob.socket("/ws").await;
        let sent = send(&ada, chat_id, "@cyd, @bob and **@ADA**: @nobody `@cyd` @bob.").await;
        assert_eq!(named(&sent), only(expected));
        let mut frame = socket.expect("message").await;
        frame.as_object_mut().unwrap().remove("type");
        assert_eq!(frame, sent, "live");
        let seq = &sent["seq"];
        let one = bob.get(&format!("/chats/{chat_id}/messages/{seq}")).await.expect(200);
        assert_eq!(one, sent, "by itself");
        let mut socket = bob.socket(&format!("/ws?after={chat_id}:0")).await;
        assert_eq!(named(&socket.expect("message").await), only(expected), "replayed");
        assert!(sent["change"].is_null(), "naming is no change");
    }
    // A retry is answered with the message as it stands.
    let draft = json!({"content": "@bob", "client_id": "mine"});
    let first = ada.post("/chats/1/messages", draft.clone()).await.expect(201);
    let mut socket = bob.socket("/ws/general").await;
    assert_eq!(ada.post("/chats/1/messages", draft).await.expect(200), first);
    assert_eq!(named(&first), only(&[&bob]));
    assert!(socket.is_silent().await);
    assert_eq!(mentioned(&bob, 1).await, 2);
    // An answer names people, too.
    let answer = json!({"content": "@cyd?", "reply_to": 1});
    let answer = ada.post("/chats/1/messages", answer).await.expect(201);
    assert_eq!((named(&answer), &answer["reply_to"]["seq"]), (only(&[&cyd]), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_messages_that_name_one_are_counted_until_they_are_read() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let private = ada.private_with(&bob).await;
    for chat_id in [1, private] {
        assert_eq!(mentioned(&bob, chat_id).await, 0);
        for content in ["@bob", "nobody", "@bob @bob", "`@bob`", "@Bob @ada"] {
            ada.say(chat_id, content).await;
        }
        assert_eq!(
            (mentioned(&bob, chat_id).await, seqs(&bob, chat_id).await),
            (3, json!([1, 3, 5]))
        );
        // One's own aside.
        assert_eq!((mentioned(&ada, chat_id).await, seqs(&ada, chat_id).await), (0, json!([])));
        for (read, left) in [(1, vec![3, 5]), (2, vec![3, 5]), (4, vec![5])] {
            let path = format!("/chats/{chat_id}/read");
            bob.post(&path, json!({"seq": read})).await.expect(204);
            assert_eq!(mentioned(&bob, chat_id).await, left.len() as i64, "read up to {read}");
            assert_eq!(seqs(&bob, chat_id).await, json!(left));
        }
        // Who answers has read what is above.
        bob.say(chat_id, "@ada").await;
        assert_eq!((mentioned(&bob, chat_id).await, mentioned(&ada, chat_id).await), (0, 1));
        ada.say(chat_id, "@bob").await;
        assert_eq!((mentioned(&bob, chat_id).await, mentioned(&ada, chat_id).await), (1, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_names_those_of_the_new_text_and_nobody_else() {
    let server = Server::start().await;
    let (ada, bob, cyd) =
        (server.person("ada").await, server.person("bob").await, server.person("cyd").await);
    ada.say(1, "@bob").await;
    let mut socket = bob.socket("/ws/general").await;
    let mut live = async |expected: (Value, Value)| {
        assert_eq!(named(&socket.expect("message_changed").await), expected);
    };
    assert_eq!(named(&edit(&ada, 1, 1, "@cyd @bob @ada").await), only(&[&cyd, &bob, &ada]));
    live(only(&[&cyd, &bob, &ada])).await;
    assert_eq!((mentioned(&bob, 1).await, mentioned(&cyd, 1).await), (1, 1));
    assert_eq!(named(&edit(&ada, 1, 1, "@cyd").await), only(&[&cyd]));
    live(only(&[&cyd])).await;
    assert_eq!((mentioned(&bob, 1).await, mentioned(&cyd, 1).await), (0, 1));
    assert_eq!(named(&edit(&ada, 1, 1, "nobody").await), nobody());
    live(nobody()).await;
    assert_eq!((mentioned(&bob, 1).await, mentioned(&cyd, 1).await), (0, 0));
    assert_eq!(named(&edit(&ada, 1, 1, "@bob").await), only(&[&bob]));
    live(only(&[&bob])).await;
    // Refused, and the same again: nothing is named anew.
    let path = "/chats/1/messages/1";
    ada.patch(path, json!({"content": "@cyd", "if_change": 1})).await.refused(409, "changed");
    bob.patch(path, json!({"content": "@cyd"})).await.refused(403, "not_author");
    assert_eq!(named(&edit(&ada, 1, 1, "@bob").await), only(&[&bob]));
    assert_eq!((seqs(&bob, 1).await, seqs(&cyd, 1).await), (json!([1]), json!([])));
    // Another change leaves the names alone.
    cyd.put("/chats/1/messages/1/reactions/%F0%9F%91%8D").await.expect(204);
    live(only(&[&bob])).await;
    // By a socket, in one batch with a message.
    let mut writer = ada.socket("/ws/general").await;
    writer.send(json!({"type": "message", "content": "@cyd"})).await;
    writer.send(json!({"type": "edit", "seq": 1, "content": "@cyd again"})).await;
    live(only(&[&cyd])).await;
    assert_eq!((seqs(&bob, 1).await, seqs(&cyd, 1).await), (json!([]), json!([1, 2])));
    // Who comes back is told what stands.
    let mut socket = bob.socket("/ws/general?after=1&change=0").await;
    assert_eq!(named(&socket.expect("message").await), only(&[&cyd]));
    assert_eq!(named(&socket.expect("message_changed").await), only(&[&cyd]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_names_nobody_and_leaves_nothing() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, link) = ada.room("Tea").await;
    bob.enter(&ada, room, &link).await;
    for content in ["@bob", "@all @bob"] {
        let seq = ada.say(room, content).await;
        assert_eq!(seqs(&bob, room).await, json!([seq]));
        ada.delete(&format!("/chats/{room}/messages/{seq}")).await.expect(204);
        let message = bob.get(&format!("/chats/{room}/messages/{seq}")).await.expect(200);
        assert_eq!((named(&message), &message["deleted"]), (nobody(), &json!(true)));
        assert_eq!((mentioned(&bob, room).await, seqs(&bob, room).await), (0, json!([])));
    }
    let client = server.database.client().await;
    let left = "select count(*) from mentions";
    assert_eq!(client.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 0);
    let dump = server.database.dump();
    assert!(dump.contains("COPY public.mentions") && !dump.contains("@bob"));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_a_room_are_named_by_who_made_it_and_nowhere_else() {
    let server = Server::start().await;
    let (ada, bob, cyd) =
        (server.person("ada").await, server.person("bob").await, server.person("cyd").await);
    let (room, link) = ada.room("Tea").await;
    bob.enter(&ada, room, &link).await;
    cyd.enter(&ada, room, &link).await;
    let private = ada.private_with(&bob).await;
    for chat_id in [1, private] {
        assert_eq!(named(&send(&ada, chat_id, "@all").await), nobody(), "{chat_id}");
    }
    assert_eq!(named(&send(&bob, room, "@all").await), nobody());
    assert_eq!(named(&send(&ada, room, "`@all`").await), nobody());
    assert_eq!(named(&send(&ada, room, "@ALL").await), (Value::Null, json!(true)));
    let both = send(&ada, room, "@bob and @all").await;
    assert_eq!(named(&both), (json!([bob.id]), json!(true)));
    let page = cyd.get(&format!("/chats/room/{room}/history?limit=1")).await.expect(200);
    assert_eq!(named(&page["messages"][0]), named(&both));
    // Each message is counted once.
    for person in [&bob, &cyd] {
        assert_eq!((mentioned(person, room).await, seqs(person, room).await), (2, json!([3, 4])));
    }
    assert_eq!(mentioned(&ada, room).await, 0);
    // Who comes later has nothing to catch up on.
    let dan = server.person("dan").await;
    dan.enter(&ada, room, &link).await;
    assert_eq!(mentioned(&dan, room).await, 0);
    // When the room passes on, so does the right.
    let leave = json!({"current_password": crate::support::PASSWORD, "messages": "keep"});
    ada.send(ada.request(reqwest::Method::DELETE, "/auth/me").json(&leave)).await.expect(204);
    assert_eq!(named(&send(&bob, room, "@all").await), (Value::Null, json!(true)));
    assert_eq!(named(&send(&cyd, room, "@all").await), nobody());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_called_all() {
    let server = Server::start().await;
    let nobody = Person::nobody(&server);
    for name in ["all", "All", "ALL"] {
        let body = json!({"username": name, "password": "correct horse", "email": "a@example.org"});
        assert_eq!(nobody.post("/auth/signup", body).await.faults(), ["username"], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_left_a_room_is_not_named_there_and_hears_of_nothing() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, link) = ada.room("Tea").await;
    bob.enter(&ada, room, &link).await;
    ada.say(room, "@bob").await;
    assert_eq!(mentioned(&bob, room).await, 1);
    ada.delete(&format!("/chats/room/{room}/members/{}", bob.id)).await.expect(204);
    bob.get(&format!("/chats/{room}/mentions")).await.refused(404, "not_found");
    assert_eq!(named(&send(&ada, room, "@bob @all").await), (Value::Null, json!(true)));
    // The message that was sent when they could read it stays as it was; and an edit names them no more.
    let first = ada.get(&format!("/chats/{room}/messages/1")).await.expect(200);
    assert_eq!(named(&first), only(&[&bob]));
    assert_eq!(named(&edit(&ada, room, 1, "@bob!").await), nobody());
    bob.post(&format!("/chats/room/{room}/join"), json!({"invite_link": link})).await.expect(202);
    assert_eq!(named(&send(&ada, room, "@bob").await), nobody(), "one who has only asked");
    let approve = format!("/chats/room/{room}/invite/approve");
    ada.post(&approve, json!({"user_id": bob.id})).await.expect(200);
    assert_eq!(mentioned(&bob, room).await, 0, "what was said meanwhile");
    ada.say(room, "@bob").await;
    assert_eq!(mentioned(&bob, room).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_changes_hands_changes_nothing_that_was_said() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    ada.say(1, "@bob").await;
    let client = server.database.client().await;
    client
        .batch_execute("update users set username = 'bobby', email = 'bobby@example.org' where username = 'bob'")
        .await
        .unwrap();
    let other = server.person("bob").await;
    let first = ada.get("/chats/1/messages/1").await.expect(200);
    assert_eq!(named(&first), only(&[&bob]));
    assert_eq!((mentioned(&bob, 1).await, mentioned(&other, 1).await), (1, 0));
    assert_eq!(named(&send(&ada, 1, "@bob, not @bobby").await), only(&[&other, &bob]));
    // Those who cannot log in cannot read it.
    client
        .batch_execute("update users set state = 'disabled' where username = 'bob'")
        .await
        .unwrap();
    assert_eq!(named(&send(&ada, 1, "@bob").await), nobody());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_names_so_many_and_no_more() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let client = server.database.client().await;
    let fill = "insert into users (username, email, password_hash)
        select 'u' || n, 'u' || n || '@example.org', '' from generate_series(100, 999) n";
    client.batch_execute(fill).await.unwrap();
    let ids = "select id from users where username = any ($1) order by username";
    let ids = async |names: &[String]| -> Vec<i64> {
        client.query(ids, &[&names]).await.unwrap().iter().map(|row| row.get(0)).collect()
    };
    let names: Vec<String> = (100..900).map(|n| format!("u{n}")).collect();
    let flood: String = names.iter().map(|name| format!("@{name} ")).collect();
    let sent = send(&ada, 1, &flood[..CONTENT_CHARS_MAX]).await;
    assert_eq!(sent["mentions"], json!(ids(&names[..NAMED_MAX as usize]).await));
    // Those that nobody has do not count.
    let strangers: String = (100..200).map(|n| format!("@x{n} ")).collect();
    let sent = send(&ada, 1, &format!("{strangers}@u200")).await;
    assert_eq!(sent["mentions"], json!(ids(&["u200".to_owned()]).await));
    for flood in ["@", "@a", "@.", "@u100.", "\u{FF20}u100-", "`@u100", "**@u100", "> @u100\n"] {
        let content = flood.repeat(CONTENT_CHARS_MAX / flood.chars().count());
        let sent = send(&ada, 1, &content).await;
        assert_eq!(sent["content"], content.trim_end(), "{flood}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_names_one_is_paged() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let count = PAGE_ROWS_DEFAULT + 3;
    for n in 1..=count {
        ada.say(1, &format!("@bob {n}")).await;
    }
    let all: Vec<i64> = (1..=count).collect();
    let first = unread(&bob, 1, "").await;
    let (page, rest) = all.split_at(PAGE_ROWS_DEFAULT as usize);
    assert_eq!(first, json!({"seqs": page, "next": PAGE_ROWS_DEFAULT}));
    let second = unread(&bob, 1, &format!("?after={}", first["next"])).await;
    assert_eq!(second, json!({"seqs": rest, "next": null}));
    assert_eq!(unread(&bob, 1, "?limit=1&after=7").await, json!({"seqs": [8], "next": 8}));
    assert_eq!(unread(&bob, 1, "?after=9007199254740991").await["seqs"], json!([]));
    for bad in ["limit=0", "limit=201", "after=0", "after=-1", "after=x", "after=9007199254740992"]
    {
        assert_eq!(bob.get(&format!("/chats/1/mentions?{bad}")).await.status, 422, "{bad}");
    }
    for absent in ["0", "-1", "99", "x", "9223372036854775808"] {
        bob.get(&format!("/chats/{absent}/mentions")).await.refused(404, "not_found");
    }
}
