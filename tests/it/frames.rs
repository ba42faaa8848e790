//! What each client frame means, and how the server answers it.

use crate::support::bare::{Bare, TEXT, frame};
use crate::support::{Person, Server, Socket};
use serde_json::{Value, json};
use snug::limits::{
    BODY_BYTES_MAX, CLIENT_ID_CHARS_MAX, CONTENT_CHARS_MAX, JSON_DEPTH_MAX, OFFENCES_MAX,
};

fn code(frame: &Value) -> &str {
    assert_eq!(frame["type"], "error", "{frame}");
    assert!(frame["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    frame["code"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn welcome_comes_first_and_tells_the_state_of_each_chat() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    ada.say(1, "one").await;
    ada.say(1, "two").await;
    let private = ada.private_with(&bob).await;
    let (room, _) = ada.room("Tea").await;
    ada.post("/chats/1/read", json!({"seq": 1})).await.expect(204);
    let epoch = ada.get("/chats").await.expect(200)["epoch"].clone();

    let general = json!({"chat_id": 1, "chat_type": "general", "last_seq": 2, "last_change": 0, "read_seq": 2, "mentioned": 0});
    let welcome = ada.raw_socket("/ws/general").await.next().await;
    assert_eq!(
        welcome,
        json!({"type": "welcome", "protocol": 1, "user_id": ada.id, "username": "ada",
            "epoch": epoch, "chats": [general]})
    );
    let welcome = ada.raw_socket("/ws").await.next().await;
    let empty = |id, kind| json!({"chat_id": id, "chat_type": kind, "last_seq": 0, "last_change": 0, "read_seq": 0, "mentioned": 0});
    assert_eq!(welcome["chats"], json!([general, empty(private, "private"), empty(room, "room")]));
    // Bob had an account before anything was said.
    let welcome = bob.raw_socket("/ws/general").await.next().await;
    assert_eq!(welcome["chats"][0]["read_seq"], 0);
    // Cy did not.
    let cy = server.person("cyd").await;
    let welcome = cy.raw_socket("/ws/general").await.next().await;
    assert_eq!(welcome["chats"][0]["read_seq"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_reaches_every_connected_reader_in_the_shape_of_its_chat() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let private = ada.private_with(&bob).await;
    let (room, link) = ada.room("Tea").await;
    bob.enter(&ada, room, &link).await;
    let mut all = bob.socket("/ws").await;
    for (path, chat_id, members) in [
        ("/ws/general".to_owned(), 1, json!({"chat_type": "general", "user_id": ada.id})),
        (
            format!("/ws/private/{private}"),
            private,
            json!({"chat_type": "private", "sender_id": ada.id, "receiver_id": bob.id}),
        ),
        (
            format!("/ws/room/{room}"),
            room,
            json!({"chat_type": "room", "room_id": room, "user_id": ada.id}),
        ),
    ] {
        let mut hers = ada.socket(&path).await;
        let mut his = bob.socket(&path).await;
        // The frame may name the chat, which must then be this one; other members have no effect.
        let draft = json!({"content": "Hi \n", "chat_id": chat_id, "user_id": 99, "id": 99,
            "seq": 99, "timestamp": "1970-01-01T00:00:00Z", "chat_type": "x", "username": "eve"});
        hers.send(draft).await;
        let message = hers.next().await;
        assert_eq!(his.expect("message").await, message);
        assert_eq!(all.expect("message").await, message);
        let mut expected = members;
        for (name, value) in [
            ("type", json!("message")),
            ("id", message["id"].clone()),
            ("seq", json!(1)),
            ("chat_id", json!(chat_id)),
            ("username", json!("ada")),
            ("content", json!("Hi")),
            ("timestamp", message["timestamp"].clone()),
            ("client_id", Value::Null),
        ] {
            expected[name] = value;
        }
        assert_eq!(message, expected);
        let timestamp = message["timestamp"].as_str().unwrap();
        assert!(timestamp.ends_with('Z') && timestamp.len() == 27, "{timestamp}");
        // Without a client_id there is no ack.
        assert!(hers.is_silent().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ack_is_for_the_sending_socket_and_only_for_a_client_id() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let (mut sending, mut other) = (ada.socket("/ws").await, ada.socket("/ws").await);
    let draft = json!({"type": "message", "chat_id": 1, "content": "x", "client_id": "c0ffee-1"});
    sending.send(draft).await;
    let ack = sending.expect("ack").await;
    let message = sending.expect("message").await;
    assert_eq!(message["client_id"], "c0ffee-1");
    let expected = json!({"type": "ack", "client_id": "c0ffee-1", "chat_id": 1,
        "id": message["id"], "seq": 1, "timestamp": message["timestamp"]});
    assert_eq!(ack, expected);
    assert_eq!(other.next().await, message);
    assert!(other.is_silent().await, "the ack is not for the other socket");
    assert!(sending.is_silent().await, "nothing arrives twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_refused_with_its_client_id_and_nothing_is_stored() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut bare = Bare::open(&server, &ada, "/ws").await;
    let long = format!(r#"{{"chat_id":1,"content":"{}"}}"#, "x".repeat(CONTENT_CHARS_MAX + 1));
    let [open, close] = ["[", "]"].map(|bracket| bracket.repeat(JSON_DEPTH_MAX));
    let deep = format!(r#"{{"chat_id":1,"content":"x","a":{open}{close}}}"#);
    let abyss = format!(r#"{{"chat_id":1,"content":{}"#, "[".repeat(BODY_BYTES_MAX - 100));
    let long_id = "i".repeat(CLIENT_ID_CHARS_MAX + 1);
    let long_id = format!(r#"{{"chat_id":1,"content":"x","client_id":"{long_id}"}}"#);
    let frames = [
        ("", "bad_json"),
        ("hello", "bad_json"),
        (r#"{"chat_id":1,"content":"x""#, "bad_json"),
        ("{'chat_id':1}", "bad_json"),
        ("\u{feff}{}", "bad_json"),
        (r#"{"chat_id":1,"content":"\ud800"}"#, "bad_json"),
        (r#"{"chat_id":1,"content":"\udc00\ud800"}"#, "bad_json"),
        ("[]", "bad_frame"),
        (r#"["message"]"#, "bad_frame"),
        ("7", "bad_frame"),
        ("null", "bad_frame"),
        (r#""message""#, "bad_frame"),
        ("{}", "bad_frame"),
        (r#"{"type":"dance"}"#, "bad_frame"),
        (r#"{"type":null,"chat_id":1}"#, "bad_frame"),
        (r#"{"type":7}"#, "bad_frame"),
        (r#"{"chat_id":1,"content":7}"#, "bad_frame"),
        (r#"{"chat_id":1,"content":["x"]}"#, "bad_frame"),
        (r#"{"chat_id":"1","content":"x"}"#, "bad_frame"),
        (r#"{"chat_id":1.5,"content":"x"}"#, "bad_frame"),
        (r#"{"content":"no chat"}"#, "bad_frame"),
        (r#"{"chat_id":1,"content":"x","client_id":7}"#, "bad_frame"),
        (r#"{"type":"read","chat_id":1}"#, "bad_frame"),
        (r#"{"type":"read","chat_id":1,"seq":"1"}"#, "bad_frame"),
        (r#"{"type":"read","chat_id":1,"seq":-1}"#, "bad_frame"),
        (r#"{"type":"join","chat_id":1}"#, "bad_frame"),
        (r#"{"type":"join","after":0}"#, "bad_frame"),
        (&deep, "bad_frame"),
        (&abyss, "bad_frame"),
        (r#"{"chat_id":1,"content":""}"#, "content_empty"),
        (r#"{"chat_id":1,"content":" \t\n\u2003"}"#, "content_empty"),
        (&long, "content_too_long"),
        (r#"{"chat_id":1,"content":"a\u0000b"}"#, "content_invalid"),
        (r#"{"chat_id":1,"content":"x","client_id":""}"#, "bad_client_id"),
        (r#"{"chat_id":1,"content":"x","client_id":"a b"}"#, "bad_client_id"),
        (r#"{"chat_id":1,"content":"x","client_id":"ü"}"#, "bad_client_id"),
        (&long_id, "bad_client_id"),
        (r#"{"chat_id":4711,"content":"x"}"#, "not_found"),
        (r#"{"chat_id":0,"content":"x"}"#, "not_found"),
        (r#"{"chat_id":-1,"content":"x"}"#, "not_found"),
        (r#"{"chat_id":9007199254740992,"content":"x"}"#, "not_found"),
        (r#"{"type":"read","chat_id":4711,"seq":1}"#, "not_found"),
        (r#"{"type":"join","chat_id":4711,"after":0}"#, "not_found"),
    ];
    for (text, expected) in frames {
        bare.send(frame(TEXT, text.as_bytes())).await;
        let answer = bare.json().await;
        assert_eq!(code(&answer), expected, "{:.80}", text);
        // A valid frame in between, or it would count as persisting.
        bare.text(r#"{"type":"ping"}"#).await;
        assert_eq!(bare.json().await["type"], "pong");
    }
    let page = ada.get("/chats/general/history").await.expect(200);
    assert_eq!(page["last_seq"], 0);

    let mut one = ada.socket("/ws/general").await;
    for draft in
        [json!({"content": "x", "chat_id": 2}), json!({"type": "read", "chat_id": 2, "seq": 1})]
    {
        one.send(draft).await;
        assert_eq!(code(&one.next().await), "bad_frame");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_content_may_have_every_character_escaped() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let longest = "😀".repeat(CONTENT_CHARS_MAX);
    let escaped = r"\ud83d\ude00".repeat(CONTENT_CHARS_MAX);
    let name = r"\u007e".repeat(CLIENT_ID_CHARS_MAX);
    let body = format!(r#"{{"content":"{escaped}","client_id":"{name}"}}"#);
    let posted = ada.put_in("/chats/1/messages", "application/json", body).await.expect(201);
    assert_eq!(posted["content"], longest);
    let mut bare = Bare::open(&server, &ada, "/ws/general").await;
    bare.text(&format!(r#"{{"content":"{escaped}"}}"#)).await;
    assert_eq!(bare.json().await["content"], longest);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_content_is_stored_as_it_was_sent() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut socket = ada.socket("/ws/general").await;
    let longest = "🎈".repeat(CONTENT_CHARS_MAX);
    let odd =
        "  \u{202e}<b>&amp;</b>\u{0}".replace('\0', "") + "\r\n\u{1b}[31m %_\\ \"quoted\" é\u{301}";
    for content in [longest.as_str(), &odd] {
        socket.send(json!({"content": format!("{content} \n\t")})).await;
        assert_eq!(socket.next().await["content"], content);
    }
    let page = ada.get("/chats/general/history").await.expect(200);
    assert_eq!(
        (&page["messages"][0]["content"], &page["messages"][1]["content"]),
        (&json!(longest), &json!(odd))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn persistent_nonsense_ends_with_1008() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut bare = Bare::open(&server, &ada, "/ws").await;
    bare.try_send(frame(TEXT, b"nonsense").repeat(4 * usize::from(OFFENCES_MAX))).await;
    assert_eq!(bare.closed().await, 1008);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_repeats_the_names_that_the_frame_gave_itself() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut socket = ada.socket("/ws").await;
    let deep = (0..20).fold(json!([]), |inner, _| json!([inner]));
    for (frame, code) in [
        (json!({"chat_id": 4711, "client_id": "me", "content": "x"}), "not_found"),
        (json!({"chat_id": 1, "client_id": "me", "content": ""}), "content_empty"),
        (json!({"chat_id": 1, "client_id": "me", "content": 7}), "bad_frame"),
        (json!({"chat_id": 1, "client_id": "me", "type": "dance"}), "bad_frame"),
        (json!({"chat_id": 4711, "client_id": "me", "type": "read", "seq": 1}), "not_found"),
        (json!({"chat_id": 4711, "client_id": "me", "type": "join", "after": 1}), "not_found"),
        (json!({"chat_id": 1, "client_id": "me", "content": "x", "a": deep}), "bad_frame"),
    ] {
        socket.send(frame.clone()).await;
        let error = socket.next().await;
        assert_eq!(
            (&error["code"], &error["client_id"], &error["chat_id"]),
            (&json!(code), &json!("me"), &frame["chat_id"])
        );
    }
    socket.send(json!({"type": "dance"})).await;
    let error = socket.next().await;
    assert!(error.get("client_id").is_none() && error.get("chat_id").is_none(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_is_answered_and_unknown_members_are_ignored() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut socket = ada.socket("/ws").await;
    socket.send(json!({"type": "ping", "color": {"a": [1]}})).await;
    assert_eq!(socket.next().await, json!({"type": "pong"}));
}

/// Waits until this socket is told that its user has read at least this far.
async fn has_read(socket: &mut Socket, chat_id: i64, seq: i64) -> usize {
    for frames in 1.. {
        let read = socket.expect("read").await;
        assert_eq!(read["chat_id"], chat_id);
        if read["seq"].as_i64().unwrap() >= seq {
            return frames;
        }
    }
    unreachable!()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_socket_has_read_is_told_to_the_users_others() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    for n in 1..=20 {
        ada.say(1, &n.to_string()).await;
    }
    let mut first = bob.socket("/ws").await;
    let mut second = bob.socket("/ws").await;
    let mut general = bob.socket("/ws/general").await;
    let private = ada.private_with(&bob).await;
    let mut elsewhere = bob.socket(&format!("/ws/private/{private}")).await;
    let mut hers = ada.socket("/ws").await;
    for seq in 1..=15 {
        first.send(json!({"type": "read", "chat_id": 1, "seq": seq})).await;
    }
    for socket in [&mut second, &mut general] {
        assert!(has_read(socket, 1, 15).await <= 2, "at most one a second");
    }
    // It only grows, and never passes the end.
    general.send(json!({"type": "read", "seq": 3})).await;
    general.send(json!({"type": "read", "seq": 4711})).await;
    assert_eq!(has_read(&mut second, 1, 20).await, 1);
    assert_eq!(first.expect("read").await, json!({"type": "read", "chat_id": 1, "seq": 20}));
    assert!(first.expect_silence("read").await && general.expect_silence("read").await);
    assert!(elsewhere.expect_silence("read").await, "another chat's socket is not told");
    assert!(hers.expect_silence("read").await, "nor does another user");
    bob.post("/chats/1/read", json!({"seq": 20})).await.expect(204);
    let chats = bob.get("/chats").await.expect(200);
    let general = chats["chats"].as_array().unwrap().iter().find(|chat| chat["chat_id"] == 1);
    assert_eq!(
        (&general.unwrap()["read_seq"], &general.unwrap()["unread"]),
        (&json!(20), &json!(0))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn welcome_includes_what_was_read_a_moment_ago() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let position = |welcome: Value| {
        let chat = &welcome["chats"][0];
        (chat["last_seq"].as_i64().unwrap(), chat["read_seq"].as_i64().unwrap())
    };
    let welcome = async |person: &Person| {
        let mut socket = person.raw_socket("/ws/general").await;
        position(socket.next().await)
    };
    // Somebody follows the chat all the time, so that a shard knows its last number.
    let (mut hers, _his) = (ada.socket("/ws/general").await, bob.socket("/ws/general").await);
    hers.send(json!({"content": "one", "client_id": "one"})).await;
    hers.expect("ack").await;
    assert_eq!(welcome(&ada).await, (1, 1), "a sender's own message counts as read");
    assert_eq!(welcome(&bob).await, (1, 0));
    bob.post("/chats/1/read", json!({"seq": 1})).await.expect(204);
    assert_eq!(welcome(&bob).await, (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_by_http_is_told_to_all_sockets_of_the_user() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    ada.say(1, "x").await;
    let mut all = bob.socket("/ws").await;
    let mut general = bob.socket("/ws/general").await;
    bob.post("/chats/1/read", json!({"seq": 1})).await.expect(204);
    for socket in [&mut all, &mut general] {
        assert_eq!(socket.expect("read").await, json!({"type": "read", "chat_id": 1, "seq": 1}));
    }
}
