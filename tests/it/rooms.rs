//! Rooms: created, joined by link and approval, left.

use crate::support::{Person, Server, until, waiting};
use serde_json::{Value, json};
use snug::limits::{PAGE_ROWS_MAX, ROOM_DESCRIPTION_CHARS_MAX, ROOM_NAME_CHARS_MAX};

fn path(room: i64, rest: &str) -> String {
    format!("/chats/room/{room}/{rest}")
}

async fn ask(person: &Person, room: i64, link: &str) -> crate::support::Answer {
    person.post(&path(room, "join"), json!({"invite_link": link})).await
}

async fn status(person: &Person, room: i64) -> String {
    let answer = person.get(&path(room, "join")).await.expect(200);
    answer["status"].as_str().unwrap().to_owned()
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_shown_to_its_members_and_its_link_to_its_creator() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let body = json!({"name": " Tea & cake ", "description": " At five. "});
    let made = ada.post("/chats/room", body).await.expect(201);
    let (room, link) = (made["room_id"].as_i64().unwrap(), made["invite_link"].as_str().unwrap());
    let begin = server.url(&format!("/chats/room/{room}/invite?code="));
    let code = link.strip_prefix(&begin).unwrap();
    assert!(code.len() >= 22, "128 random bits: {code}");
    bob.enter(&ada, room, link).await;
    let seen = ada.get(&format!("/chats/room/{room}")).await.expect(200);
    let mut expected = json!({"room_id": room, "name": "Tea & cake", "description": "At five.",
        "creator_id": ada.id, "created_at": seen["created_at"], "members": 2, "invite_link": link});
    assert_eq!(seen, expected);
    expected.as_object_mut().unwrap().remove("invite_link");
    assert_eq!(bob.get(&format!("/chats/room/{room}")).await.expect(200), expected);
    let (_, other) = ada.room("Other").await;
    assert_ne!(other.split_once("code=").unwrap().1, code);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_descriptions_have_limits() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let (name, description) =
        ("x".repeat(ROOM_NAME_CHARS_MAX + 1), "x".repeat(ROOM_DESCRIPTION_CHARS_MAX + 1));
    for (body, field) in [
        (json!({}), "name"),
        (json!({"name": ""}), "name"),
        (json!({"name": " \u{3000} "}), "name"),
        (json!({"name": name}), "name"),
        (json!({"name": "a\nb"}), "name"),
        (json!({"name": "a\0b"}), "name"),
        (json!({"name": "a\u{202e}b"}), "name"),
        (json!({"name": "a\u{200b}b"}), "name"),
        (json!({"name": 7}), "name"),
        (json!({"name": "x", "description": description}), "description"),
        (json!({"name": "x", "description": "a\0b"}), "description"),
        (json!({"name": "x", "description": []}), "description"),
    ] {
        assert_eq!(ada.post("/chats/room", body.clone()).await.faults(), [field], "{body}");
    }
    for body in [
        json!({"name": "😀".repeat(ROOM_NAME_CHARS_MAX), "description": "😀".repeat(ROOM_DESCRIPTION_CHARS_MAX)}),
        json!({"name": format!("  {}  ", "x".repeat(ROOM_NAME_CHARS_MAX)), "description": null}),
        json!({"name": "%_\\' \"<b>", "description": "line\nline"}),
    ] {
        ada.post("/chats/room", body).await.expect(201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_who_ask_wait_until_the_creator_answers() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let cyd = server.person("cyd").await;
    let (room, link) = ada.room("Tea").await;
    let decide = async |answer: &str, who: &Person| {
        ada.post(&path(room, &format!("invite/{answer}")), json!({"user_id": who.id})).await
    };
    bob.get(&path(room, "join")).await.refused(404, "not_found");
    for _ in 0..2 {
        let pending = json!({"status": "pending_approval"});
        assert_eq!(ask(&bob, room, &link).await.expect(202), pending);
    }
    ask(&cyd, room, &link).await.expect(202);
    assert_eq!(status(&bob, room).await, "pending_approval");
    bob.get(&format!("/chats/room/{room}")).await.refused(404, "not_found");
    let pending = ada.get(&path(room, "invite/pending")).await.expect(200);
    assert_eq!((names(&pending["pending"]), &pending["next"]), (vec!["bob", "cyd"], &Value::Null));
    assert_eq!(pending["pending"][0]["user_id"], bob.id);
    assert!(pending["pending"][0]["requested_at"].as_str().unwrap().ends_with('Z'));

    for _ in 0..2 {
        assert_eq!(decide("deny", &bob).await.expect(200), json!({"status": "denied"}));
    }
    assert_eq!(status(&bob, room).await, "denied");
    ask(&bob, room, &link).await.refused(403, "denied");
    let denied = ada.get(&path(room, "invite/pending?state=denied")).await.expect(200);
    assert_eq!(names(&denied["pending"]), ["bob"]);
    let open = ada.get(&path(room, "invite/pending?state=pending")).await.expect(200);
    assert_eq!(names(&open["pending"]), ["cyd"]);

    for _ in 0..2 {
        assert_eq!(decide("approve", &bob).await.expect(200), json!({"status": "approved"}));
    }
    assert_eq!(ask(&bob, room, &link).await.expect(200), json!({"status": "member"}));
    assert_eq!(status(&bob, room).await, "member");
    decide("deny", &bob).await.refused(409, "already_member");
    decide("deny", &ada).await.refused(409, "already_member");
    assert_eq!(decide("approve", &ada).await.expect(200), json!({"status": "approved"}));
    let stranger = server.person("dan").await;
    decide("approve", &stranger).await.refused(404, "not_found");
    decide("deny", &stranger).await.refused(404, "not_found");
    assert_eq!(ask(&ada, room, &link).await.expect(200), json!({"status": "member"}));
    let faults = ada.get(&path(room, "invite/pending?state=approved")).await.faults();
    assert_eq!(faults, ["state"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_rooms_current_link_allows_asking() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, link) = ada.room("Tea").await;
    let (other, other_link) = ada.room("Other").await;
    let (begin, code) = link.split_once("code=").unwrap();
    let other_code = other_link.split_once("code=").unwrap().1;
    let absent = bob.get("/nothing").await;
    for wrong in [
        String::new(),
        code.to_owned(),
        begin.to_owned(),
        format!("{begin}code="),
        link[..link.len() - 1].to_owned(),
        format!("{link}A"),
        format!("{link}%00"),
        link.to_uppercase(),
        other_link.clone(),
        format!("{begin}code={other_code}"),
        other_link.replace(other_code, code),
        format!("{begin}cod={code}"),
        format!("{begin}code={}", "A".repeat(22)),
        format!("{begin}code={}", "A".repeat(30_000)),
        "\0".to_owned(),
        "http://[".to_owned(),
        "javascript:alert(1)".to_owned(),
    ] {
        let answer = ask(&bob, room, &wrong).await;
        assert_eq!((answer.status.as_u16(), &answer.text), (404, &absent.text), "{wrong}");
    }
    let odd = json!({"invite_link": {"url": link}});
    assert_eq!(bob.post(&path(room, "join"), odd).await.faults(), ["invite_link"]);
    // The link is parsed, never fetched: any host will do, or none.
    let carol = server.person("carol").await;
    ask(&carol, room, &link.replace(&server.url(""), "https://elsewhere.invalid"))
        .await
        .expect(202);

    let rotated = ada.push(&path(room, "invite/rotate")).await.expect(200);
    let new = rotated["invite_link"].as_str().unwrap();
    assert!(new != link && new.starts_with(begin));
    ask(&bob, room, &link).await.refused(404, "not_found");
    ask(&bob, room, new.strip_prefix(&server.url("")).unwrap()).await.expect(202);
    assert_eq!(status(&carol, room).await, "pending_approval", "requests stay");
    assert_eq!(ada.get(&format!("/chats/room/{room}")).await.expect(200)["invite_link"], new);
    ask(&bob, other, &other_link).await.expect(202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_who_left_or_was_removed_may_ask_again() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let cyd = server.person("cyd").await;
    let (room, link) = ada.room("Tea").await;
    let member = |person: &Person| path(room, &format!("members/{}", person.id));
    for person in [&bob, &cyd] {
        person.enter(&ada, room, &link).await;
    }
    let members = ada.get(&path(room, "members")).await.expect(200);
    assert_eq!(
        members["members"],
        json!([{"user_id": ada.id, "username": "ada", "is_creator": true, "online": false},
            {"user_id": bob.id, "username": "bob", "is_creator": false, "online": false},
            {"user_id": cyd.id, "username": "cyd", "is_creator": false, "online": false}])
    );
    bob.delete(&member(&cyd)).await.refused(403, "not_creator");
    ada.delete(&member(&ada)).await.refused(409, "creator_must_stay");
    bob.delete(&member(&ada)).await.refused(403, "not_creator");
    let mut socket = cyd.socket(&format!("/ws/room/{room}")).await;
    ada.delete(&member(&cyd)).await.expect(204);
    assert_eq!(socket.closed().await, 4503);
    ada.delete(&member(&cyd)).await.refused(404, "not_found");
    cyd.delete(&member(&cyd)).await.refused(404, "not_found");
    cyd.post(&format!("/chats/{room}/messages"), json!({"content": "x"}))
        .await
        .refused(404, "not_found");
    cyd.get(&path(room, "join")).await.refused(404, "not_found");
    bob.delete(&member(&bob)).await.expect(204);
    bob.get(&path(room, "history")).await.refused(404, "not_found");
    assert_eq!(ada.get(&format!("/chats/room/{room}")).await.expect(200)["members"], 1);
    cyd.enter(&ada, room, &link).await;
    assert_eq!(status(&cyd, room).await, "member");
}

#[tokio::test(flavor = "multi_thread")]
async fn members_and_requests_come_in_pages() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let (room, _) = ada.room("Tea").await;
    let database = server.database.client().await;
    database
        .batch_execute(&format!(
            "insert into users (username, email, password_hash)
             select 'user' || n, n || '@example.org', 'none' from generate_series(1, 9) n;
             insert into room_members (room_id, user_id, state, requested_at)
             select {room}, id, (array['approved', 'pending', 'denied'])[1 + id % 3],
                now() - id / 4 * interval '1 day'
             from users where username like 'user%'"
        ))
        .await
        .unwrap();
    for (list, member) in [
        ("members", "members"),
        ("invite/pending", "pending"),
        ("invite/pending?state=denied", "pending"),
    ] {
        let sign = if list.contains('?') { '&' } else { '?' };
        let all = ada.get(&path(room, list)).await.expect(200);
        assert!(all[member].as_array().unwrap().len() >= 3);
        let times = |user: &Value| user["requested_at"].as_str().unwrap_or_default().to_owned();
        assert!(all[member].as_array().unwrap().is_sorted_by_key(times), "oldest first: {all}");
        for limit in 1..=5 {
            let (mut seen, mut after) = (Vec::new(), String::new());
            loop {
                let query = format!("{list}{sign}limit={limit}{after}");
                let page = ada.get(&path(room, &query)).await.expect(200);
                seen.extend(page[member].as_array().unwrap().clone());
                match page["next"].as_i64() {
                    Some(next) => after = format!("&after={next}"),
                    None => break,
                }
            }
            assert_eq!(json!(seen), all[member], "{list}, limit {limit}");
        }
        let many = format!("limit={}", PAGE_ROWS_MAX + 1);
        for (query, field) in [("limit=0", "limit"), (&*many, "limit"), ("after=x", "after")] {
            let query = format!("{list}{sign}{query}");
            assert_eq!(ada.get(&path(room, &query)).await.faults(), [field], "{query}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_and_answers_have_one_outcome() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    for _ in 0..5 {
        let (room, link) = ada.room("Tea").await;
        let asking = (0..6).map(|_| ask(&bob, room, &link));
        for answer in futures_util::future::join_all(asking).await {
            answer.expect(202);
        }
        let answering = (0..8).map(|n| {
            let word = if n % 2 == 0 { "approve" } else { "deny" };
            let path = path(room, &format!("invite/{word}"));
            let (ada, id) = (ada.clone(), bob.id);
            async move { (word, ada.post(&path, json!({"user_id": id})).await) }
        });
        for (word, answer) in futures_util::future::join_all(answering).await {
            match word {
                "approve" => drop(answer.expect(200)),
                _ if answer.status == 200 => {}
                _ => drop(answer.refused(409, "already_member")),
            }
        }
        assert_eq!(status(&bob, room).await, "member");
        let database = server.database.client().await;
        let count = "select count(*) from room_members where room_id = $1";
        let rows: i64 = database.query_one(count, &[&room]).await.unwrap().get(0);
        assert_eq!(rows, 2);
        let leave = path(room, &format!("members/{}", bob.id));
        let leaving = [bob.delete(&leave), ada.delete(&leave), bob.delete(&leave)];
        let left = futures_util::future::join_all(leaving).await;
        assert_eq!(left.iter().filter(|answer| answer.status == 204).count(), 1);
        assert_eq!(left.iter().filter(|answer| answer.status == 404).count(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_is_deleted_while_somebody_asks_to_join_is_not_found() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, link) = ada.room("Tea").await;
    let database = server.database.client().await;
    let begin = format!("begin; select from chats where id = {room} for no key update");
    database.batch_execute(&begin).await.unwrap();
    let (ask, body) = (format!("/chats/room/{room}/join"), json!({"invite_link": link}));
    let asking = tokio::spawn(async move { bob.post(&ask, body).await });
    let watcher = server.database.client().await;
    until("the request waits", || async { waiting(&watcher).await > 0 }).await;
    let delete = format!(
        "delete from room_members where room_id = {room}; delete from chat_rooms where id = {room}; commit"
    );
    database.batch_execute(&delete).await.unwrap();
    asking.await.unwrap().refused(404, "not_found");
}
