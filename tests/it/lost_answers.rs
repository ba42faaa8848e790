//! Changes whose answer is lost or never comes: what was done is announced all the same, what was not
//! done is tried again, and nothing is held forever.

use crate::faults::{behind, behind_waiting, hasty};
use crate::support::proxy::{Fate, Proxy};
use crate::support::{Database, PASSWORD, Person, Raw, Server, until, waiting};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use snug::limits::PAGES_STILL_MAX;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_whose_answer_is_lost_ends_the_session_and_its_sockets() {
    let proxy = Proxy::new().await;
    let server = behind(&proxy).await;
    let ada = server.person("ada").await;
    let mut idle = [ada.socket("/ws").await, ada.socket("/ws/general").await];
    proxy.doom(Fate::UpdateAnswerLost);
    ada.push("/auth/logout").await.expect(204);
    assert_eq!(proxy.cuts(), 1);
    for socket in &mut idle {
        assert_eq!(socket.closed().await, 4501);
    }
    ada.get("/auth/me").await.refused(401, "unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_over_before_its_sockets_close() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut socket = ada.socket("/ws").await;
    let (holder, watcher) = (server.database.client().await, server.database.client().await);
    holder.batch_execute("begin; select from sessions for update").await.unwrap();
    let leaving = async { ada.push("/auth/logout").await.expect(204) };
    let meanwhile = async {
        until("the end of the session waits to be stored", || async {
            waiting(&watcher).await > 0
        })
        .await;
        assert!(socket.is_silent().await);
        holder.batch_execute("rollback").await.unwrap();
        assert_eq!(socket.closed().await, 4501);
        ada.get("/auth/me").await.refused(401, "unauthenticated");
    };
    tokio::join!(leaving, meanwhile);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_change_and_the_end_of_other_sessions_happen_together_or_not_at_all() {
    let proxy = Proxy::new().await;
    let server = behind(&proxy).await;
    let ada = server.person("ada").await;
    let elsewhere = ada.log_in(&ada.name, PASSWORD).await;
    let mut other = elsewhere.socket("/ws").await;
    let change = json!({"current_password": PASSWORD, "new_password": "another one, longer"});
    proxy.doom(Fate::Lost);
    ada.post("/auth/password", change.clone()).await.refused(503, "unavailable");
    assert_eq!(proxy.cuts(), 1);
    elsewhere.get("/auth/me").await.expect(200);
    assert!(other.is_silent().await);
    ada.log_in(&ada.name, PASSWORD).await;
    ada.post("/auth/password", change).await.expect(204);
    assert_eq!(other.closed().await, 4501);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_password_whose_answer_is_lost_ends_other_sessions_all_the_same() {
    let proxy = Proxy::new().await;
    let server = behind(&proxy).await;
    let ada = server.person("ada").await;
    let elsewhere = ada.log_in(&ada.name, PASSWORD).await;
    let mut other = elsewhere.socket("/ws").await;
    let change = json!({"current_password": PASSWORD, "new_password": "another one, longer"});
    proxy.doom(Fate::AnswerLost);
    ada.post("/auth/password", change).await.refused(503, "unavailable");
    assert_eq!(proxy.cuts(), 1);
    assert_eq!(other.closed().await, 4501);
    ada.log_in(&ada.name, "another one, longer").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_chat_delays_its_own_messages_only() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let private = ada.private_with(&bob).await;
    let mut writer = ada.socket("/ws").await;
    let holder = server.database.client().await;
    holder.batch_execute("begin; select from chats where id = 1 for update").await.unwrap();
    let draft = |chat_id: i64, n: i64| {
        let client_id = format!("{chat_id}.{n}");
        json!({"type": "message", "chat_id": chat_id, "content": client_id, "client_id": client_id})
    };
    for n in 1..=8 {
        writer.send(draft(1, n)).await;
        writer.send(draft(private, n)).await;
    }
    for n in 1..=8 {
        let ack = writer.expect("ack").await;
        assert_eq!((&ack["chat_id"], &ack["seq"]), (&json!(private), &json!(n)));
    }
    bob.say(private, "nobody else waits").await;
    // What comes later for the held chat comes behind what waits for it.
    for n in 9..=12 {
        writer.send(draft(1, n)).await;
    }
    holder.batch_execute("rollback").await.unwrap();
    for n in 1..=12 {
        let ack = writer.expect("ack").await;
        assert_eq!((&ack["client_id"], &ack["seq"]), (&json!(format!("1.{n}")), &json!(n)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_chat_is_given_up_in_time_and_others_flow() {
    let server = Server::waiting(hasty()).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let private = ada.private_with(&bob).await;
    let mut writer = ada.socket("/ws").await;
    let holder = server.database.client().await;
    holder.batch_execute("begin; select from chats where id = 1 for update").await.unwrap();
    let began = Instant::now();
    let drafts = 8;
    for n in 0..drafts {
        let client_id = n.to_string();
        let draft =
            json!({"type": "message", "chat_id": 1, "content": "x", "client_id": client_id});
        writer.send(draft).await;
    }
    for _ in 0..drafts {
        let error = writer.expect("error").await;
        assert_eq!((&error["code"], &error["chat_id"]), (&json!("unavailable"), &json!(1)));
    }
    // The first may have gone alone; the others wait for it and then have their own deadline.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let draft = json!({"type": "message", "chat_id": private, "content": "x", "client_id": "p"});
    writer.send(draft).await;
    assert_eq!(writer.expect("ack").await["seq"], 1);
    holder.batch_execute("rollback").await.unwrap();
    ada.say(1, "free again").await;
    let first = writer.expect("message").await;
    assert_eq!((&first["chat_id"], &first["seq"]), (&json!(private), &json!(1)));
    let second = writer.expect("message").await;
    assert_eq!((&second["chat_id"], &second["seq"]), (&json!(1), &json!(1)), "none was stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_is_cut_off_is_run_again() {
    for fate in [Fate::Lost, Fate::AnswerLost] {
        let proxy = Proxy::before(Database::empty().await);
        proxy.doom(fate);
        let server = behind(&proxy).await;
        assert_eq!(proxy.cuts(), 1);
        server.person("ada").await.say(1, "hello").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_whose_answer_is_lost_is_made_and_announced() {
    for fate in [Fate::Lost, Fate::AnswerLost] {
        let proxy = Proxy::new().await;
        let server = behind(&proxy).await;
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let (room, link) = ada.room("Tea").await;
        bob.enter(&ada, room, &link).await;
        let mut all = bob.socket("/ws").await;
        let mut one = bob.socket(&format!("/ws/room/{room}")).await;
        proxy.doom(fate);
        let member = format!("/chats/room/{room}/members/{}", bob.id);
        ada.delete(&member).await.expect(204);
        assert_eq!(proxy.cuts(), 1);
        assert_eq!(one.closed().await, 4503);
        assert_eq!(all.expect("chat_removed").await["chat_id"], room);
        ada.delete(&member).await.refused(404, "not_found");
    }
}

/// How many connections to PostgreSQL the server has now.
async fn connections(person: &Person) -> u32 {
    let text = person.get("/metrics").await.text;
    let line = text.lines().find_map(|line| line.strip_prefix("snug_pool_connections "));
    line.unwrap().parse().unwrap()
}

/// Neither one for changes nor one for reading pages.
#[tokio::test(flavor = "multi_thread")]
async fn connections_to_a_database_that_hangs_are_discarded() {
    let proxy = Proxy::new().await;
    let server = behind_waiting(&proxy, hasty()).await;
    let ada = server.person("ada").await;
    // Several, because a user waits for what the same user has asked for before.
    let names = ["bob", "cyd", "dan", "eve", "fay", "gus", "hal", "ida"];
    let people = join_all(names.map(|name| server.person(name))).await;
    let make =
        |who: &Person| who.request(Method::POST, "/chats/room").json(&json!({"name": "Tea"}));
    let read = |who: &Person| who.request(Method::GET, "/chats/general/history");
    for ask in [&make as &(dyn Fn(&Person) -> _ + Sync), &read] {
        assert!(ada.send(ask(&ada)).await.status.is_success());
        assert!(connections(&ada).await > 0);
        proxy.clog(true);
        // More than there are connections: each is used by one caller, or shared by all.
        for answer in join_all(people.iter().map(|who| who.send(ask(who)))).await {
            answer.refused(503, "unavailable");
        }
        until("all are discarded", || async { connections(&ada).await == 0 }).await;
        proxy.clog(false);
        server.wait_until_ready().await;
        assert!(ada.send(ask(&ada)).await.status.is_success());
    }
}

/// If only one connection hangs, it is left alone as soon as another caller comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_shared_connection_that_hangs_does_not_hold_up_later_callers() {
    use nix::sys::signal::{Signal, kill};
    let server = Server::waiting(hasty()).await;
    let ada = server.person("ada").await;
    let page = || ada.get("/chats/general/history");
    let is_answered = std::cell::Cell::new(false);
    let (holder, watcher) = (server.database.client().await, server.database.client().await);
    holder.batch_execute("begin; lock table general_messages").await.unwrap();
    let later = async {
        let waiting = "select pid from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'";
        until("a page waits", async || watcher.query_opt(waiting, &[]).await.unwrap().is_some())
            .await;
        let pid = watcher.query_one(waiting, &[]).await.unwrap().get(0);
        let pid = nix::unistd::Pid::from_raw(pid);
        kill(pid, Signal::SIGSTOP).unwrap();
        holder.batch_execute("rollback").await.unwrap();
        let began = Instant::now();
        until("it counts as still", async || began.elapsed() > PAGES_STILL_MAX).await;
        (pid, page().await, is_answered.get())
    };
    let first = async {
        let first = page().await;
        is_answered.set(true);
        first
    };
    let (first, (pid, second, is_late)) = tokio::join!(first, later);
    kill(pid, Signal::SIGCONT).unwrap();
    first.refused(503, "unavailable");
    second.expect(200);
    assert!(!is_late, "before the first was given up");
}

/// Otherwise the next caller would wait for it, and the work under way would not be limited.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_whose_caller_has_left_is_kept_until_it_is_answered() {
    for (path, table) in [("/chats/general/history", "general_messages"), ("/chats", "chat_rooms")]
    {
        let server = Server::start().await;
        let ada = server.person("ada").await;
        ada.get(path).await.expect(200);
        // Several, because what one user has asked for is limited before connections are.
        let names = ["bob", "cyd", "dan", "eve", "fay"];
        let people = join_all(names.map(|name| server.person(name))).await;
        let (holder, watcher) = (server.database.client().await, server.database.client().await);
        let host = server.address;
        let asks = people.iter().map(|who| {
            let bearer = format!("Authorization: Bearer {}", who.token);
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{bearer}\r\n\r\n")
        });
        let mut asks = asks.collect::<Vec<_>>().into_iter().cycle();
        // More in total than there are, so they must have been given back.
        for _ in 0..5 {
            holder.batch_execute(&format!("begin; lock table {table}")).await.unwrap();
            let mut askers = 0;
            while waiting(&watcher).await < 3 {
                askers += 1;
                assert!(askers < 60, "they were given a connection that a caller had just left");
                let mut asker = Raw::open(&server).await;
                asker.send(&asks.next().unwrap()).await;
                // A later request is answered, so this one has been taken up.
                ada.get("/auth/me").await.expect(200);
                asker.end().await;
                assert_eq!(asker.rest().await, "");
            }
            holder.batch_execute("rollback").await.unwrap();
            until("nothing waits", async || waiting(&watcher).await == 0).await;
        }
        ada.get(path).await.expect(200);
    }
}
