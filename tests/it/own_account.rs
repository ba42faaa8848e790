//! What people do with their own account without the operator: another address, their data as a file, and its
//! end.

use crate::operators::said;
use crate::pages::{Browser, location};
use crate::support::{Answer, PASSWORD, Person, SECRET, Server, session_cookie, until, waiting};
use reqwest::Method;
use serde_json::{Value, json};
use snug::http::public_url::Scheme;
use snug::model::waits::DatabaseWaits;
use snug::store::Store;

async fn change(person: &Person, body: Value) -> Answer {
    person.send(person.request(Method::PATCH, "/auth/me").json(&body)).await
}

async fn delete(person: &Person, body: Value) -> Answer {
    person.send(person.request(Method::DELETE, "/auth/me").json(&body)).await
}

/// Deletes the account of this person.
async fn leave(person: &Person) {
    let answer = delete(person, json!({"current_password": PASSWORD, "messages": "keep"})).await;
    let cookie = answer.headers["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.starts_with(&format!("{}=; ", session_cookie(Scheme::Http))), "{cookie}");
    answer.expect(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_changed_with_the_password() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let with = |email: &str| json!({"email": email, "current_password": PASSWORD});
    let bare = change(&ada, json!({"email": "new@example.org"})).await;
    assert_eq!(bare.faults(), ["current_password"]);
    let wrong = json!({"email": "new@example.org", "current_password": "not this one"});
    assert_eq!(change(&ada, wrong).await.faults(), ["current_password"]);
    assert_eq!(change(&ada, with("nowhere")).await.faults(), ["email"]);
    change(&ada, with("BOB@example.org")).await.refused(409, "email_taken");
    let before = ada.get("/auth/me").await.expect(200);
    assert_eq!(change(&ada, json!({})).await.expect(200), before, "nothing was asked for");
    let changed = change(&ada, with("new@example.org")).await.expect(200);
    assert_eq!(changed["email"], "new@example.org");
    assert_eq!(ada.get("/auth/me").await.expect(200), changed);
    Person::nobody(&server).log_in("new@example.org", PASSWORD).await;
    // It is free for others now, and hers in other letters still hers.
    change(&bob, with("ada@example.org")).await.expect(200);
    change(&ada, with("New@example.org")).await.expect(200);
    let by_cookie = ada.browses(Method::PATCH, "/auth/me").json(&with("x@example.org"));
    ada.send(by_cookie).await.refused(403, "foreign_origin");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_want_one_address_at_once_one_gets_it() {
    let server = Server::start().await;
    let mut people = Vec::new();
    for name in ["ada", "bob", "cyd", "dan"] {
        people.push(server.person(name).await);
    }
    let body = json!({"email": "one@example.org", "current_password": PASSWORD});
    let asking = people.iter().map(|person| change(person, body.clone()));
    let answers = futures_util::future::join_all(asking).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.refused(409, "email_taken");
    }
}

/// The lines of an export by their type.
fn lines(export: &str) -> Vec<Value> {
    export.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_has_ones_account_sessions_chats_and_messages_and_nobody_elses() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, link) = bob.room("Tea").await;
    ada.enter(&bob, room, &link).await;
    let private = ada.private_with(&bob).await;
    for chat_id in [1, room, private] {
        for n in 0..120 {
            if n < 2 || chat_id == 1 {
                ada.say(chat_id, &format!("hers {n}\n\"in {chat_id}\"")).await;
            }
        }
        bob.say(chat_id, "his").await;
    }
    // What she said stays hers, also where she no longer is.
    ada.delete(&format!("/chats/room/{room}/members/{}", ada.id)).await.expect(204);
    let answer = ada.get("/auth/me/export").await;
    assert_eq!(answer.headers["content-type"], "application/x-ndjson");
    assert_eq!(answer.headers["content-disposition"], "attachment; filename=\"snug-ada.jsonl\"");
    assert!(!answer.headers.contains_key("content-length"), "it is streamed");
    assert_eq!(answer.status, 200);
    let lines = lines(&answer.text);
    let of = |kind: &str| lines.iter().filter(|line| line["type"] == kind).collect::<Vec<_>>();
    let me = ada.get("/auth/me").await.expect(200);
    for name in ["user_id", "username", "email", "created_at", "role", "shows_presence"] {
        assert_eq!(of("account")[0][name], me[name], "{name}");
    }
    assert_eq!((of("account").len(), of("session").len()), (1, 1));
    let mut chats: Vec<_> = of("chat").iter().map(|chat| chat["name"].as_str().unwrap()).collect();
    chats.sort_unstable();
    assert_eq!(chats, ["General", "bob"]);
    let messages = of("message");
    assert_eq!(messages.len(), 124);
    let by = |message: &&Value| {
        message["user_id"].as_i64().or_else(|| message["sender_id"].as_i64()) == Some(ada.id)
    };
    assert!(messages.iter().all(by), "{messages:#?}");
    let history = ada.get("/chats/general/history?limit=200").await.expect(200);
    let mut own: Vec<Value> = history["messages"].as_array().unwrap().clone();
    own.retain(|message| message["user_id"] == ada.id);
    let mut exported: Vec<Value> = messages
        .iter()
        .filter(|message| message["chat_id"] == 1)
        .map(|message| {
            let mut message = (*message).clone();
            message.as_object_mut().unwrap().shift_remove("type");
            message
        })
        .collect();
    exported.sort_by_key(|message| message["seq"].as_i64());
    assert_eq!(exported, own, "as in the history");
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_are_few_at_once_and_for_each_user() {
    let server = Server::with(&[("SNUG_RATE_LIMITS", "on")]).await;
    let ada = server.person("ada").await;
    for _ in 0..snug::limits::EXPORTS_PER_USER.burst {
        ada.get("/auth/me/export").await.expect(200);
    }
    let refused = ada.get("/auth/me/export").await;
    refused.refused(429, "rate_limited");
    assert!(refused.headers.contains_key("retry-after"));
    server.person("bob").await.get("/auth/me/export").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_cannot_be_read_to_its_end_is_cut_off() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    ada.say(1, "hers").await;
    // The account can be read, and what is said in chats cannot.
    let break_it = "drop view current_messages";
    server.database.client().await.batch_execute(break_it).await.unwrap();
    let mut answer = ada.request(Method::GET, "/auth/me/export").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut text = String::new();
    let cut = loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => text.push_str(std::str::from_utf8(&chunk).unwrap()),
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(cut, "it looks whole: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_account_is_gone_and_what_was_said_stays() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let elsewhere = ada.log_in("ada", PASSWORD).await;
    let mut socket = elsewhere.socket("/ws").await;
    let private = ada.private_with(&bob).await;
    ada.say(1, "in general").await;
    ada.say(private, "in private").await;
    let wrong = json!({"current_password": "not this one", "messages": "keep"});
    assert_eq!(delete(&ada, wrong).await.faults(), ["current_password"]);
    for odd in [
        json!({"current_password": PASSWORD}),
        json!({"current_password": PASSWORD, "messages": "burn"}),
    ] {
        assert_eq!(delete(&ada, odd).await.faults(), ["messages"]);
    }
    leave(&ada).await;
    assert_eq!(socket.closed().await, 4501);
    for gone in [&ada, &elsewhere] {
        gone.get("/auth/me").await.refused(401, "unauthenticated");
    }
    let body = json!({"username": "ada", "password": PASSWORD});
    Person::nobody(&server).post("/auth/login", body).await.refused(401, "bad_credentials");
    let name = format!("deleted-{}", ada.id);
    until("her name is gone", || async {
        let history = bob.get("/chats/general/history").await.expect(200);
        history["messages"][0]["username"] == json!(name)
    })
    .await;
    let chats = bob.get("/chats").await.expect(200);
    let chat = chats["chats"].as_array().unwrap().iter().find(|chat| chat["chat_id"] == private);
    assert_eq!(chat.unwrap()["name"], json!(name));
    let history = bob.get(&format!("/chats/private/{private}/history")).await.expect(200);
    assert_eq!(history["messages"][0]["content"], "in private");
    assert_eq!(bob.get("/users?q=ada").await.expect(200)["users"], json!([]));
    let count = "select count(*) from users u full join sessions s on s.user_id = u.id
        full join read_positions p on p.user_id = u.id where u.id = $1 or s.user_id = $1 or p.user_id = $1";
    let database = server.database.client().await;
    assert_eq!(database.query_one(count, &[&ada.id]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_is_free_at_once_and_the_name_after_30_days_and_the_id_never() {
    let server = Server::start().await;
    let ada = server.person("Ada").await;
    leave(&ada).await;
    let nobody = Person::nobody(&server);
    let sign_up = async |name: &str| {
        let body = json!({"username": name, "password": PASSWORD, "email": "ada@example.org"});
        nobody.post("/auth/signup", body).await
    };
    sign_up("aDA").await.refused(409, "username_taken");
    let database = server.database.client().await;
    let store = Store::external(&server.database.url(), DatabaseWaits::default()).unwrap();
    let wait = async |days: i32| {
        let set = format!("update former_names set free_at = free_at - interval '{days} days'");
        database.batch_execute(&set).await.unwrap();
        store.purge_former_names().await.unwrap();
    };
    wait(29).await;
    sign_up("ada").await.refused(409, "username_taken");
    wait(2).await;
    let made = sign_up("ada").await.expect(201);
    assert!(made["user_id"].as_i64().unwrap() > ada.id);
    let left = "select count(*) from former_names";
    assert_eq!(database.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_passes_to_the_member_who_was_let_in_first_and_goes_without_one() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let (bob, cyd) = (server.person("bob").await, server.person("cyd").await);
    let eve = server.person("eve").await;
    let (tea, tea_link) = ada.room("Tea").await;
    let (jam, jam_link) = ada.room("Jam").await;
    cyd.enter(&ada, tea, &tea_link).await;
    bob.enter(&ada, tea, &tea_link).await;
    let ask = format!("/chats/room/{jam}/join");
    eve.post(&ask, json!({"invite_link": jam_link})).await.expect(202);
    let seq = ada.say(jam, "alone").await;
    let react = format!("/chats/{jam}/messages/{seq}/reactions/%F0%9F%91%8D");
    ada.send(ada.request(Method::PUT, &react)).await.expect(204);
    ada.say(tea, "together").await;
    let mut heir = cyd.socket("/ws").await;
    let mut other = bob.socket("/ws").await;
    leave(&ada).await;
    let added = heir.expect("chat_added").await;
    assert_eq!(added["chat"]["chat_id"], tea);
    let left = other.expect("members").await;
    assert_eq!((&left["event"], &left["user"]["username"]), (&json!("left"), &json!("ada")));
    assert!(other.expect_silence("chat_added").await);
    let room = cyd.get(&format!("/chats/room/{tea}")).await.expect(200);
    assert_eq!((&room["creator_id"], &room["members"]), (&json!(cyd.id), &json!(2)));
    assert!(room["invite_link"].is_string(), "{room}");
    let history = cyd.get(&format!("/chats/room/{tea}/history")).await.expect(200);
    assert_eq!(history["messages"][0]["content"], "together");
    // The other one is gone, also for those who asked, and its messages in the background.
    eve.get(&ask).await.refused(404, "not_found");
    eve.post(&ask, json!({"invite_link": jam_link})).await.refused(404, "not_found");
    let store = Store::external(&server.database.url(), DatabaseWaits::default()).unwrap();
    store.purge_rooms().await.unwrap();
    let database = server.database.client().await;
    let left = "select (select count(*) from messages where chat_id = $1)
        + (select count(*) from reactions where chat_id = $1)
        + (select count(*) from chats where id = $1) + (select count(*) from read_positions where chat_id = $1)";
    assert_eq!(database.query_one(left, &[&jam]).await.unwrap().get::<_, i64>(0), 0);
    assert!(database.query_one(left, &[&tea]).await.unwrap().get::<_, i64>(0) > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_owner_cannot_leave() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let bob = server.person("bob").await;
    let url = server.database.url();
    let variables = [("SNUG_DATABASE_URL", url.as_str()), ("SNUG_JWT_SECRET", SECRET)];
    said(&["user", "role", "ada", "owner"], &variables, "");
    let body = json!({"current_password": PASSWORD, "messages": "keep"});
    delete(&ada, body.clone()).await.refused(409, "last_owner");
    ada.get("/auth/me").await.expect(200);
    let line = crate::commands::refused(1, &["user", "delete", "ada"], &variables);
    assert!(line.contains("Nobody else owns this server"), "{line}");
    said(&["user", "role", "bob", "owner"], &variables, "");
    leave(&ada).await;
    delete(&bob, body).await.refused(409, "last_owner");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_owners_who_leave_at_once_one_stays() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let url = server.database.url();
    let variables = [("SNUG_DATABASE_URL", url.as_str()), ("SNUG_JWT_SECRET", SECRET)];
    for name in ["ada", "bob"] {
        said(&["user", "role", name, "owner"], &variables, "");
    }
    // Both wait for the same lock, and none of them has seen the other go.
    let holder = server.database.client().await;
    holder
        .batch_execute("begin; select from users where username = 'ada' for update")
        .await
        .unwrap();
    let body = json!({"current_password": PASSWORD, "messages": "keep"});
    let (hers, his) = (delete(&ada, body.clone()), delete(&bob, body));
    let watcher = server.database.client().await;
    let release = async {
        until("both wait", || async { waiting(&watcher).await == 2 }).await;
        holder.batch_execute("commit").await.unwrap();
    };
    let (hers, his, ()) = futures_util::future::join3(hers, his, release).await;
    let statuses = [hers.status.as_u16(), his.status.as_u16()];
    assert!(matches!(statuses, [204, 409] | [409, 204]), "{statuses:?}");
    let owners = "select count(*) from users where role = 'owner'";
    assert_eq!(watcher.query_one(owners, &[]).await.unwrap().get::<_, i64>(0), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_deletes_an_account_while_it_serves() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, link) = ada.room("Tea").await;
    bob.enter(&ada, room, &link).await;
    let mut socket = ada.socket("/ws").await;
    let url = server.database.url();
    let variables = [("SNUG_DATABASE_URL", url.as_str()), ("SNUG_JWT_SECRET", SECRET)];
    let done = said(&["user", "delete", "ADA"], &variables, "");
    assert_eq!(done, format!("ada is gone; what they said stays, under deleted-{}\n", ada.id));
    assert_eq!(socket.closed().await, 4501);
    until("her token is dead", || async { ada.get("/auth/me").await.status == 401 }).await;
    let room = bob.get(&format!("/chats/room/{room}")).await.expect(200);
    assert_eq!(room["creator_id"], bob.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_change_the_address_and_delete_the_account() {
    let server = Server::start().await;
    server.person("ada").await;
    server.person("bob").await;
    let mut browser = Browser::signed_in(&server, "ada").await;
    let page = browser.get("/settings").await.text;
    assert!(page.contains("href=\"/auth/me/export\""), "{page}");
    let form = |email, password| [("email", email), ("current_password", password)];
    for (fields, status, id) in [
        (form("nowhere", PASSWORD), 422, "email-fault"),
        (form("bob@example.org", PASSWORD), 409, "email-fault"),
        (form("new@example.org", "not this one"), 422, "email_password-fault"),
    ] {
        let answer = browser.submit("/settings", "/settings/email", &fields).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        assert!(answer.text.contains(&format!("id=\"{id}\"")), "{id} in {}", answer.text);
    }
    let fields = form(" new@example.org ", PASSWORD);
    for answer in browser.submit_twice("/settings", "/settings/email", &fields).await {
        assert_eq!(location(&answer), "/settings?email=changed#account-title");
    }
    let page = browser.get("/settings?email=changed").await.text;
    assert!(page.contains("new@example.org") && page.contains("Your e-mail address is changed"));
    let wrong = [("current_password", "not this one")];
    let answer = browser.submit("/settings", "/settings/delete", &wrong).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("id=\"deletion_password-fault\""), "{}", answer.text);
    let right = [("current_password", PASSWORD)];
    let answer = browser.submit("/settings", "/settings/delete", &right).await;
    assert_eq!(location(&answer), "/login?deleted");
    assert!(browser.get("/login?deleted").await.text.contains("Your account is deleted"));
    assert_eq!(location(&browser.get("/settings").await), "/login?next=%2Fsettings");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_under_way_does_not_outlive_the_account() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let database = server.database.client().await;
    let begin = "begin; delete from users where username = 'ada'";
    database.batch_execute(begin).await.unwrap();
    let making = tokio::spawn(async move { ada.post("/chats/room", json!({"name": "Tea"})).await });
    let watcher = server.database.client().await;
    until("the room waits", || async { waiting(&watcher).await > 0 }).await;
    database.batch_execute("commit").await.unwrap();
    making.await.unwrap().refused(401, "unauthenticated");
    let rooms = watcher.query_one("select count(*) from chat_rooms", &[]).await.unwrap();
    assert_eq!(rooms.get::<_, i64>(0), 0);
}

/// Of somebody who signed up and left again between the look at the name and the new account.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_kept_also_from_a_sign_up_under_way() {
    let server = Server::start().await;
    let database = server.database.client().await;
    let begin = "begin; insert into users (username, email, password_hash) values ('Ada', 'a@example.org', '')";
    database.batch_execute(begin).await.unwrap();
    let body = json!({"username": "ada", "password": PASSWORD, "email": "ada@example.org"});
    let nobody = Person::nobody(&server);
    let signing_up = tokio::spawn(async move { nobody.post("/auth/signup", body).await });
    let watcher = server.database.client().await;
    until("it waits", || async { waiting(&watcher).await > 0 }).await;
    let leave =
        "insert into former_names (name, free_at) values ('ada', now() + interval '30 days');
        delete from users where username = 'Ada'; commit";
    database.batch_execute(leave).await.unwrap();
    signing_up.await.unwrap().refused(409, "username_taken");
    let left = "select (select count(*) from users) + (select count(*) from read_positions)";
    assert_eq!(watcher.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 0);
}
