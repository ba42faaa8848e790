//! Signals: who writes, who is online, who has read. They reach those who share a chat and show their own,
//! nobody else, and they are never in the way of messages.

use crate::faults::end_backends;
use crate::support::{Answer, Person, Server, Socket, until, waiting};
use reqwest::Method;
use serde_json::{Value, json};
use snug::limits::{
    CONTENT_CHARS_MAX, CONTROL_FRAMES_PER_SEC_MAX, PASSWORD_CHARS_MAX, PRESENCE_ROOM_MEMBERS_MAX,
    TYPING_CHATS_MAX, TYPING_ONLINE_MAX, TYPING_PAUSE,
};
use snug::model::waits::{SocketWaits, Waits};
use std::time::Instant;

/// One where people are offline as soon as their last socket is gone.
async fn forgetful() -> Server {
    let sockets = SocketWaits { offline_after_secs: 0, ..SocketWaits::default() };
    Server::waiting(Waits { sockets, ..Waits::default() }).await
}

async fn shows(person: &Person, shows: bool) -> Answer {
    let body = json!({"shows_presence": shows});
    person.send(person.request(Method::PATCH, "/auth/me").json(&body)).await
}

fn typing(chat_id: i64) -> Value {
    json!({"type": "typing", "chat_id": chat_id})
}

fn writes(chat_id: i64, person: &Person) -> Value {
    json!({"type": "typing", "chat_id": chat_id, "user": {"user_id": person.id, "username": person.name}})
}

fn stands(person: &Person, online: bool) -> Value {
    json!({"type": "presence", "users": [{"user_id": person.id, "online": online}]})
}

/// Everything that this socket has sent is dealt with.
async fn settle(socket: &mut Socket) {
    socket.send(json!({"type": "ping"})).await;
    socket.expect("pong").await;
}

/// The chat as the person's list has it.
async fn listed(person: &Person, chat_id: i64) -> Value {
    let list = person.get("/chats").await.expect(200);
    let chats = list["chats"].as_array().unwrap();
    chats.iter().find(|chat| chat["chat_id"] == chat_id).unwrap().clone()
}

async fn metric(person: &Person, name: &str) -> u64 {
    let text = person.get("/metrics").await.text;
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap().parse().unwrap()
}

// ---- who writes ----

#[tokio::test(flavor = "multi_thread")]
async fn the_others_of_a_chat_hear_who_is_writing_and_nobody_else_does() {
    let server = Server::start().await;
    let (ada, bob, cyd) =
        (server.person("ada").await, server.person("bob").await, server.person("cyd").await);
    let (room, link) = ada.room("Tea").await;
    bob.enter(&ada, room, &link).await;
    let private = ada.private_with(&bob).await;
    let place = format!("/ws/room/{room}");
    let (mut hers, mut second) = (ada.socket("/ws").await, ada.socket(&place).await);
    let (mut his, mut inside) = (bob.socket("/ws").await, bob.socket(&place).await);
    let (mut outside, mut general) = (cyd.socket("/ws").await, bob.socket("/ws/general").await);

    hers.send(typing(room)).await;
    assert_eq!(his.expect("typing").await, writes(room, &ada));
    assert_eq!(inside.expect("typing").await, writes(room, &ada));
    // On its own socket the chat need not be named.
    inside.send(json!({"type": "typing"})).await;
    for socket in [&mut hers, &mut second] {
        assert_eq!(socket.expect("typing").await, writes(room, &bob));
    }
    hers.send(typing(private)).await;
    assert_eq!(his.expect("typing").await, writes(private, &ada));
    hers.send(typing(1)).await;
    for socket in [&mut his, &mut outside, &mut general] {
        assert_eq!(socket.expect("typing").await, writes(1, &ada));
    }
    for socket in [&mut hers, &mut second, &mut his, &mut inside, &mut outside, &mut general] {
        assert!(socket.expect_silence("typing").await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn typing_out_of_reach_is_not_found() {
    let server = Server::start().await;
    let (ada, bob, cyd) =
        (server.person("ada").await, server.person("bob").await, server.person("cyd").await);
    let (room, link) = ada.room("Tea").await;
    let private = ada.private_with(&bob).await;
    let (mut hers, mut his) = (ada.socket("/ws").await, bob.socket("/ws").await);
    let mut theirs = cyd.socket("/ws").await;
    for (chat_id, code) in [
        (json!(room), "not_found"),
        (json!(private), "not_found"),
        (json!(4_711), "not_found"),
        (json!(0), "not_found"),
        (json!(null), "bad_frame"),
        (json!("1"), "bad_frame"),
        (json!([1]), "bad_frame"),
    ] {
        theirs.send(json!({"type": "typing", "chat_id": chat_id, "client_id": "x"})).await;
        let error = theirs.expect("error").await;
        assert_eq!((&error["code"], &error["client_id"]), (&json!(code), &json!("x")), "{chat_id}");
    }
    let mut general = cyd.socket("/ws/general").await;
    general.send(typing(room)).await;
    assert_eq!(general.expect("error").await["code"], "bad_frame", "another chat than its own");

    // From one who was a member.
    cyd.enter(&ada, room, &link).await;
    theirs.expect("chat_added").await;
    theirs.send(typing(room)).await;
    assert_eq!(hers.expect("typing").await, writes(room, &cyd));
    ada.delete(&format!("/chats/room/{room}/members/{}", cyd.id)).await.expect(204);
    theirs.expect("chat_removed").await;
    theirs.send(typing(room)).await;
    assert_eq!(theirs.expect("error").await["code"], "not_found");
    hers.send(typing(room)).await;
    settle(&mut hers).await;
    for socket in [&mut hers, &mut his, &mut theirs] {
        assert!(socket.expect_silence("typing").await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn typing_goes_on_once_in_three_seconds_and_a_flood_is_refused() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let private = ada.private_with(&bob).await;
    let (mut hers, mut other) = (ada.socket("/ws").await, ada.socket("/ws").await);
    let mut his = bob.socket("/ws").await;
    let began = Instant::now();
    for socket in [&mut hers, &mut other] {
        for _ in 0..CONTROL_FRAMES_PER_SEC_MAX / 2 - 1 {
            socket.send(typing(private)).await;
        }
        settle(socket).await;
    }
    // On the clock of the server no more than this has passed.
    let most = 1 + (began.elapsed().as_secs_f64() / TYPING_PAUSE.as_secs_f64()) as usize;
    assert_eq!(his.expect("typing").await, writes(private, &ada));
    let mut heard = 1;
    while !his.expect_silence("typing").await {
        his.expect("typing").await;
        heard += 1;
    }
    assert!(heard <= most, "{heard} of at most {most}");
    for socket in [&mut hers, &mut other] {
        assert!(socket.expect_silence("error").await, "what is dropped is no fault");
    }
    // More than anybody needs. The messages in between are stored.
    for count in 0..10 * CONTROL_FRAMES_PER_SEC_MAX {
        if !hers.try_send(typing(private)).await {
            break;
        }
        if count % 100 == 0 {
            hers.send(json!({"type": "message", "chat_id": private, "content": "Hello!"})).await;
        }
    }
    let error = hers.expect("error").await;
    assert_eq!((&error["code"], &error["chat_id"]), (&json!("rate_limited"), &json!(private)));
    assert_eq!(his.expect("message").await["seq"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn typing_is_passed_on_in_a_few_chats_at_once() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut rooms = Vec::new();
    for count in 0..TYPING_CHATS_MAX + 2 {
        rooms.push(ada.room(&format!("Room {count}")).await);
    }
    let bob = server.person("bob").await;
    for (room, link) in &rooms {
        bob.enter(&ada, *room, link).await;
    }
    let (mut hers, mut his) = (ada.socket("/ws").await, bob.socket("/ws").await);
    let began = Instant::now();
    for (room, _) in &rooms {
        hers.send(typing(*room)).await;
    }
    settle(&mut hers).await;
    let is_quick = began.elapsed() < TYPING_PAUSE;
    let mut heard = 0;
    while !his.expect_silence("typing").await {
        his.expect("typing").await;
        heard += 1;
    }
    assert!(heard >= TYPING_CHATS_MAX && (!is_quick || heard == TYPING_CHATS_MAX), "{heard}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_many_are_online_nobody_is_told_who_writes() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut hers = ada.socket("/ws").await;
    let mut sockets = Vec::new();
    for count in 1..TYPING_ONLINE_MAX {
        let person = server.person(&format!("guest{count}")).await;
        sockets.push(person.socket("/ws/general").await);
    }
    hers.send(typing(1)).await;
    assert_eq!(sockets[0].expect("typing").await, writes(1, &ada));
    // Another socket of the same user is nobody new.
    let _second = ada.socket("/ws/general").await;
    let bob = server.person("bob").await;
    let private = ada.private_with(&bob).await;
    let mut his = bob.socket("/ws").await;
    his.send(typing(1)).await;
    his.send(typing(private)).await;
    assert_eq!(hers.expect("typing").await, writes(private, &bob), "only there");
    assert!(sockets[0].expect_silence("typing").await);
    // All the others have heard her, and nobody else.
    for socket in &mut sockets[1..] {
        socket.expect("typing").await;
        assert!(socket.expect_silence("typing").await);
    }
}

// ---- who is online ----

#[tokio::test(flavor = "multi_thread")]
async fn those_who_share_a_private_chat_or_a_room_see_who_is_online() {
    let server = forgetful().await;
    let (ada, bob, cyd, eve) = (
        server.person("ada").await,
        server.person("bob").await,
        server.person("cyd").await,
        server.person("eve").await,
    );
    ada.private_with(&bob).await;
    let (room, link) = ada.room("Tea").await;
    cyd.enter(&ada, room, &link).await;
    let (mut hers, seen) = ada.watching("/ws").await;
    assert!(seen.is_empty(), "also if nobody is online");
    // A stranger, whom she sees in General.
    let (mut alien, seen) = eve.watching("/ws").await;
    assert!(seen.is_empty());
    // Any socket counts.
    let general = bob.socket("/ws/general").await;
    assert_eq!(hers.expect("presence").await, stands(&bob, true));
    let (theirs, seen) = cyd.watching("/ws").await;
    assert_eq!(seen, [ada.id]);
    assert_eq!(hers.expect("presence").await, stands(&cyd, true));
    // After each welcome.
    hers.send(json!({"type": "join"})).await;
    hers.expect("welcome").await;
    let again = hers.expect("presence").await;
    let mut users: Vec<i64> = again["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["user_id"].as_i64().unwrap())
        .collect();
    users.sort();
    assert_eq!(users, [bob.id, cyd.id]);

    let second = bob.socket("/ws").await;
    drop(general);
    drop(theirs);
    assert_eq!(hers.expect("presence").await, stands(&cyd, false));
    drop(second);
    assert_eq!(hers.expect("presence").await, stands(&bob, false), "only now");
    // The first that she hears is of somebody whom she knows since.
    let private = eve.private_with(&ada).await;
    assert_eq!(alien.expect("chat_added").await["chat"]["chat_id"], private);
    assert_eq!(alien.expect("presence").await, stands(&ada, true));
    assert_eq!(hers.expect("presence").await, stands(&eve, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_soon_was_never_away() {
    let server = Server::start().await;
    let (ada, bob, cyd) =
        (server.person("ada").await, server.person("bob").await, server.person("cyd").await);
    let private = ada.private_with(&bob).await;
    ada.private_with(&cyd).await;
    let (mut hers, _) = ada.watching("/ws").await;
    let his = bob.socket("/ws").await;
    assert_eq!(hers.expect("presence").await, stands(&bob, true));
    drop(his);
    assert_eq!(listed(&ada, private).await["online"], true);
    let _again = bob.socket("/ws").await;
    let _theirs = cyd.socket("/ws").await;
    assert_eq!(hers.expect("presence").await, stands(&cyd, true), "nothing before it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_member_and_the_room_see_each_other_until_one_is_removed() {
    let server = forgetful().await;
    let (ada, bob, cyd) =
        (server.person("ada").await, server.person("bob").await, server.person("cyd").await);
    let (room, link) = ada.room("Tea").await;
    let ((mut hers, _), (mut his, seen)) = (ada.watching("/ws").await, bob.watching("/ws").await);
    assert!(seen.is_empty());
    bob.enter(&ada, room, &link).await;
    his.expect("chat_added").await;
    assert_eq!(his.expect("presence").await, stands(&ada, true));
    assert_eq!(hers.expect("presence").await, stands(&bob, true));
    ada.delete(&format!("/chats/room/{room}/members/{}", bob.id)).await.expect(204);
    his.expect("chat_removed").await;
    let private = bob.private_with(&cyd).await;
    assert_eq!(his.expect("chat_added").await["chat"]["chat_id"], private);
    drop(hers);
    until("she is gone", || async { metric(&bob, "snug_users_online").await == 1 }).await;
    let _theirs = cyd.socket("/ws").await;
    assert_eq!(his.expect("presence").await, stands(&cyd, true), "and nothing of her");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_members_of_a_large_room_do_not_see_each_other() {
    let server = Server::start().await;
    let (ada, bob, cyd) =
        (server.person("ada").await, server.person("bob").await, server.person("cyd").await);
    let (room, link) = ada.room("Tea").await;
    bob.enter(&ada, room, &link).await;
    let database = server.database.client().await;
    let fill = "insert into room_members (room_id, user_id, state)
        select $1, 1000000 + n, 'approved' from generate_series(3, $2::bigint) n";
    database.execute(fill, &[&room, &PRESENCE_ROOM_MEMBERS_MAX]).await.unwrap();
    let (mut hers, _) = ada.watching("/ws").await;
    let (mut his, seen) = bob.watching("/ws").await;
    assert_eq!(seen, [ada.id], "as large as it may be");
    assert_eq!(hers.expect("presence").await, stands(&bob, true));
    cyd.enter(&ada, room, &link).await;
    let (_theirs, seen) = cyd.watching("/ws").await;
    assert!(seen.is_empty(), "one too many");
    his.send(json!({"type": "join"})).await;
    his.expect("welcome").await;
    assert_eq!(his.expect("presence").await, json!({"type": "presence", "users": []}));
    // Their list says it all the same.
    let members = ada.get(&format!("/chats/room/{room}/members")).await.expect(200);
    let online = |id: i64| {
        let members = members["members"].as_array().unwrap();
        members.iter().find(|one| one["user_id"] == id).unwrap()["online"].as_bool().unwrap()
    };
    assert_eq!([ada.id, bob.id, cyd.id].map(online), [true; 3]);
    assert!(!online(1_000_003), "an account that is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_say_who_is_online_and_how_far_they_have_read() {
    let server = forgetful().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let private = ada.private_with(&bob).await;
    let (room, link) = ada.room("Tea").await;
    bob.enter(&ada, room, &link).await;
    let of = async |person: &Person| {
        let chat = listed(person, private).await;
        (chat["online"].clone(), chat["seen_seq"].clone())
    };
    assert_eq!(of(&ada).await, (json!(false), json!(0)));
    let his = bob.socket("/ws/general").await;
    ada.say(private, "Hello!").await;
    assert_eq!(of(&ada).await, (json!(true), json!(0)));
    assert_eq!(of(&bob).await, (json!(false), json!(1)), "sending says so by itself");
    bob.post(&format!("/chats/{private}/read"), json!({"seq": 1})).await.expect(204);
    assert_eq!(of(&ada).await, (json!(true), json!(1)));
    for chat_id in [1, room] {
        let chat = listed(&ada, chat_id).await;
        assert!(chat.get("online").is_none() && chat.get("seen_seq").is_none(), "{chat}");
    }
    let online = async || {
        let members = ada.get(&format!("/chats/room/{room}/members")).await.expect(200);
        let members = members["members"].as_array().unwrap().clone();
        members.iter().map(|one| one["online"].as_bool().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(online().await, [false, true]);
    drop(his);
    until("he is offline", || async { online().await == [false, false] }).await;
    assert_eq!(of(&ada).await, (json!(false), json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_gone_is_told_even_if_it_cannot_be_read_at_first() {
    let server = forgetful().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    ada.private_with(&bob).await;
    let (mut hers, _) = ada.watching("/ws").await;
    let his = bob.socket("/ws").await;
    assert_eq!(hers.expect("presence").await, stands(&bob, true));
    let (holder, watcher) = (server.database.client().await, server.database.client().await);
    holder.batch_execute("begin; lock table private_chats in access exclusive mode").await.unwrap();
    drop(his);
    until("it waits", || async { waiting(&watcher).await > 0 }).await;
    end_backends(&server.database, "wait_event_type = 'Lock'").await;
    until("it waits again", || async { waiting(&watcher).await > 0 }).await;
    assert!(hers.expect_silence("presence").await);
    holder.batch_execute("rollback").await.unwrap();
    assert_eq!(hers.expect("presence").await, stands(&bob, false));
}

// ---- who has read ----

#[tokio::test(flavor = "multi_thread")]
async fn in_private_chats_the_other_one_sees_how_far_one_has_read() {
    let server = Server::start().await;
    let (ada, bob, cyd) =
        (server.person("ada").await, server.person("bob").await, server.person("cyd").await);
    let private = ada.private_with(&bob).await;
    let (room, link) = ada.room("Tea").await;
    bob.enter(&ada, room, &link).await;
    for _ in 0..3 {
        ada.say(private, "Hello!").await;
    }
    ada.say(room, "Hello!").await;
    let place = format!("/ws/private/{private}");
    let (mut hers, mut inside) = (ada.socket("/ws").await, ada.socket(&place).await);
    let (mut elsewhere, mut his) = (ada.socket("/ws/general").await, bob.socket("/ws").await);
    let mut theirs = cyd.socket("/ws").await;
    let seen = |seq| json!({"type": "seen", "chat_id": private, "user_id": bob.id, "seq": seq});

    his.send(json!({"type": "read", "chat_id": room, "seq": 1})).await;
    his.send(json!({"type": "read", "chat_id": private, "seq": 1})).await;
    for socket in [&mut hers, &mut inside] {
        assert_eq!(socket.expect("seen").await, seen(1));
    }
    bob.post(&format!("/chats/{private}/read"), json!({"seq": 99})).await.expect(204);
    for socket in [&mut hers, &mut inside] {
        assert_eq!(socket.expect("seen").await, seen(3), "not beyond the end");
    }
    // Read again: nothing new. And an answer says so by itself.
    bob.post(&format!("/chats/{private}/read"), json!({"seq": 2})).await.expect(204);
    ada.say(private, "Are you there?").await;
    bob.say(private, "Yes.").await;
    hers.expect("message").await;
    for socket in [&mut hers, &mut inside, &mut elsewhere, &mut his, &mut theirs] {
        assert!(socket.expect_silence("seen").await);
    }
    assert_eq!(listed(&ada, private).await["seen_seq"], 5);
}

// ---- the switch ----

#[tokio::test(flavor = "multi_thread")]
async fn one_switch_hides_everything_in_both_directions_at_once() {
    let server = forgetful().await;
    let (ada, bob, cyd) =
        (server.person("ada").await, server.person("bob").await, server.person("cyd").await);
    let private = ada.private_with(&bob).await;
    ada.private_with(&cyd).await;
    let (room, link) = ada.room("Tea").await;
    bob.enter(&ada, room, &link).await;
    ada.say(private, "one").await;
    assert_eq!(ada.get("/auth/me").await.expect(200)["shows_presence"], true);
    let (mut hers, _) = ada.watching("/ws").await;
    let (mut his, seen) = bob.watching("/ws").await;
    assert_eq!(seen, [ada.id]);
    assert_eq!(hers.expect("presence").await, stands(&bob, true));
    let mut place = bob.socket(&format!("/ws/private/{private}")).await;

    let changed = shows(&bob, false).await.expect(200);
    assert_eq!((&changed["shows_presence"], &changed["username"]), (&json!(false), &json!("bob")));
    assert_eq!(bob.get("/auth/me").await.expect(200), changed);
    assert_eq!(hers.expect("presence").await, stands(&bob, false));
    assert_eq!(his.expect("presence").await, stands(&ada, false), "nobody is shown any more");
    hers.send(typing(private)).await;
    his.send(typing(private)).await;
    place.send(json!({"type": "typing"})).await;
    ada.say(private, "two").await;
    his.send(json!({"type": "read", "chat_id": private, "seq": 2})).await;
    place.expect("read").await;
    bob.say(private, "three").await;
    ada.post(&format!("/chats/{private}/read"), json!({"seq": 3})).await.expect(204);
    hers.expect("read").await;
    for socket in [&mut hers, &mut his, &mut place] {
        for kind in ["typing", "seen", "error"] {
            assert!(socket.expect_silence(kind).await, "{kind}");
        }
    }
    for person in [&ada, &bob] {
        let chat = listed(person, private).await;
        assert_eq!((&chat["online"], &chat["seen_seq"]), (&json!(false), &json!(null)));
    }
    let online = async |person: &Person| {
        let members = person.get(&format!("/chats/room/{room}/members")).await.expect(200);
        let members = members["members"].as_array().unwrap().clone();
        members.iter().map(|one| one["online"].as_bool().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(online(&ada).await, [true, false]);
    assert_eq!(online(&bob).await, [false, false]);
    // Coming back changes nothing.
    drop((his, place));
    until("he is gone", || async { metric(&ada, "snug_users_online").await == 1 }).await;
    let (mut his, seen) = bob.watching("/ws").await;
    assert!(seen.is_empty());
    let theirs = cyd.socket("/ws").await;
    assert_eq!(hers.expect("presence").await, stands(&cyd, true), "nothing of him");

    shows(&bob, true).await.expect(200);
    assert_eq!(hers.expect("presence").await, stands(&bob, true));
    assert_eq!(his.expect("presence").await, stands(&ada, true));
    hers.send(typing(room)).await;
    assert_eq!(his.expect("typing").await, writes(room, &ada));
    his.send(typing(room)).await;
    assert_eq!(hers.expect("typing").await, writes(room, &bob));
    let chat = listed(&ada, private).await;
    assert_eq!((&chat["online"], &chat["seen_seq"]), (&json!(true), &json!(3)));
    // The same again is no change.
    shows(&bob, true).await.expect(200);
    drop(theirs);
    assert_eq!(hers.expect("presence").await, stands(&cyd, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_switch_is_true_or_false() {
    let server = Server::with(&[("SNUG_RATE_LIMITS", "on")]).await;
    let ada = server.person("ada").await;
    for bad in [json!("false"), json!(0), json!([true]), json!({})] {
        let body = json!({"shows_presence": bad});
        let answer = ada.send(ada.request(Method::PATCH, "/auth/me").json(&body)).await;
        assert_eq!(answer.faults(), ["shows_presence"]);
    }
    // Both or neither.
    let both = json!({"shows_presence": false, "email": "nowhere", "current_password": "x"});
    let answer = ada.send(ada.request(Method::PATCH, "/auth/me").json(&both)).await;
    assert_eq!(answer.faults(), ["email"]);
    // What is not asked for must be possible all the same.
    let long = "x".repeat(PASSWORD_CHARS_MAX + 1);
    let body = json!({"shows_presence": false, "current_password": long});
    let answer = ada.send(ada.request(Method::PATCH, "/auth/me").json(&body)).await;
    assert_eq!(answer.faults(), ["current_password"]);
    let body = json!({"shows_presence": null});
    let answer = ada.send(ada.request(Method::PATCH, "/auth/me").json(&body)).await;
    assert_eq!(answer.expect(200)["shows_presence"], true);
    // Those who know her are told each time, which has its limit; the same again costs nothing.
    for _ in 0..30 {
        shows(&ada, true).await.expect(200);
    }
    let mut refused = None;
    for count in 0..200 {
        let answer = shows(&ada, count % 2 == 1).await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
        answer.expect(200);
    }
    refused.unwrap().refused(429, "rate_limited");
}

// ---- slow readers ----

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_misses_no_message_and_is_told_how_things_stand_later() {
    let sockets =
        SocketWaits { offline_after_secs: 0, write_stall_secs: 120, ..SocketWaits::default() };
    let server = Server::narrow(Waits { sockets, ..Waits::default() }).await;
    let (ada, bob, cyd) =
        (server.person("ada").await, server.person("bob").await, server.person("cyd").await);
    let private = ada.private_with(&bob).await;
    bob.private_with(&cyd).await;
    bob.say(private, "Hello!").await;
    let (mut his, _) = bob.watching("/ws").await;
    let mut hers = ada.socket("/ws").await;
    assert_eq!(his.expect("presence").await, stands(&ada, true));
    // He reads nothing: more than the kernels hold, less than is too much.
    let long = "\u{1f4ac}".repeat(CONTENT_CHARS_MAX);
    let count = 35;
    for _ in 0..count {
        ada.say(1, &long).await;
    }
    let dropped = async || metric(&ada, "snug_signals_dropped_total").await;
    let before = dropped().await;
    hers.send(typing(private)).await;
    until("it is dropped", || async { dropped().await == before + 1 }).await;
    hers.send(json!({"type": "read", "chat_id": private, "seq": 1})).await;
    until("that she has read is owed", || async { dropped().await == before + 2 }).await;
    let theirs = cyd.socket("/ws").await;
    until("that they are there is owed", || async { dropped().await == before + 3 }).await;
    drop(theirs);
    until("that they are gone is owed", || async { dropped().await == before + 4 }).await;

    for seq in 1..=count {
        assert_eq!(his.expect("message").await["seq"], seq);
    }
    assert_eq!(his.expect("presence").await, stands(&cyd, false), "as it stands");
    let seen = json!({"type": "seen", "chat_id": private, "user_id": ada.id, "seq": 1});
    assert_eq!(his.expect("seen").await, seen);
    for kind in ["typing", "presence", "seen"] {
        assert!(his.expect_silence(kind).await, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_are_stored_nowhere() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let private = ada.private_with(&bob).await;
    let mut hers = ada.socket("/ws").await;
    let mut his = bob.socket("/ws").await;
    hers.send(typing(private)).await;
    his.expect("typing").await;
    let mut back = bob.socket(&format!("/ws/private/{private}?after=0")).await;
    back.expect("caught_up").await;
    assert!(back.expect_silence("typing").await);
    let history = ada.get(&format!("/chats/private/{private}/history")).await.expect(200);
    assert_eq!((&history["messages"], &history["last_seq"]), (&json!([]), &json!(0)));
}
