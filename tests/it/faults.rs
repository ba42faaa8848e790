//! A database that fails in the middle: nothing acknowledged is lost, nothing is stored twice, nobody
//! is told anything untrue, and service recovers by itself.

use crate::support::crowd::{Signals, check, listen, post, stored, talk, wait_for};
use crate::support::proxy::{Fate, Proxy};
use crate::support::{Database, Person, Server, until};
use futures_util::future::join_all;
use serde_json::json;
use snug::model::waits::{DatabaseWaits, Waits};
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A server behind the proxy, with direct access to its database.
pub(crate) async fn behind(proxy: &Proxy) -> Server {
    behind_waiting(proxy, Waits::default()).await
}

/// The same with these waits.
pub(crate) async fn behind_waiting(proxy: &Proxy, waits: Waits) -> Server {
    Server::waiting_on(proxy.database(), &[("SNUG_DATABASE_URL", &proxy.url())], waits).await
}

/// Waits for PostgreSQL that are short, in their order still.
pub(crate) fn hasty() -> Waits {
    let database = DatabaseWaits {
        statement: Duration::from_millis(1_500),
        answer: Duration::from_millis(2_500),
        commit: Duration::from_millis(2_500),
        settle: Duration::from_millis(3_500),
        change: Duration::from_millis(3_500),
        ..DatabaseWaits::default()
    };
    Waits { database, ..Waits::default() }
}

/// What goes on while `faults` happen; checked at the end.
async fn under_load(server: &Server, faults: impl AsyncFnOnce(&Signals)) {
    let people = join_all(["ada", "bob", "cyd"].map(|name| server.person(name))).await;
    let (signals, end) = (Signals::default(), AtomicI64::new(0));
    let readers = join_all([
        listen(&people[0], "/ws/general", 1, &end, None),
        listen(&people[1], "/ws", 1, &end, None),
        listen(&people[2], "/ws/general", 1, &end, Some(40)),
    ]);
    let writing = async {
        let talking = join_all(people.iter().map(|person| talk(person, 1, &person.name, &signals)));
        let posting = post(&people[0], 1, "http", &signals);
        let breaking = async {
            wait_for(&signals, 50).await;
            faults(&signals).await;
            wait_for(&signals, 50).await;
            signals.stop.store(true, Relaxed);
        };
        let (mut acked, posted, ()) = tokio::join!(talking, posting, breaking);
        acked.push(posted);
        end.store(stored(&server.database, 1).await.1, Relaxed);
        acked
    };
    let (acked, seen) = tokio::join!(writing, readers);
    let (history, last_seq) = stored(&server.database, 1).await;
    check(&history, last_seq, &acked, &seen);
    assert_healthy(server, &people[0]).await;
}

/// Asserts that everything is as before within five seconds after a fault.
async fn assert_healthy(server: &Server, person: &Person) {
    let began = Instant::now();
    server.wait_until_ready().await;
    let mut socket = person.socket("/ws/general").await;
    for n in 0.. {
        let sent = Instant::now();
        socket.send(json!({"content": "well?", "client_id": format!("well-{n}")})).await;
        let answer = loop {
            let frame = socket.next().await;
            if frame["type"] != "message" {
                break frame;
            }
        };
        if answer["type"] == "ack" && sent.elapsed() < Duration::from_millis(500) {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{answer}");
    }
    let client = server.database.client().await;
    until("no lock waits and no transaction idles", || async {
        let query = "select count(*) from pg_stat_activity where datname = current_database()
            and pid <> pg_backend_pid()
            and (wait_event_type = 'Lock' or state like 'idle in transaction%')";
        client.query_one(query, &[]).await.unwrap().get::<_, i64>(0) == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_commit_or_a_lost_answer_to_one_goes_unnoticed() {
    let proxy = Proxy::new().await;
    let server = behind(&proxy).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut reader = bob.socket("/ws/general").await;
    let mut writer = ada.socket("/ws/general").await;
    let mut seq = 0;
    for round in 0..6 {
        proxy.doom(if round % 2 == 0 { Fate::AnswerLost } else { Fate::Lost });
        for n in 0..5 {
            // With and without a client_id: the server generates a key for the latter.
            let draft = match n % 2 {
                0 => json!({"content": "x", "client_id": format!("{round}-{n}")}),
                _ => json!({"content": "x"}),
            };
            writer.send(draft).await;
        }
        for _ in 0..3 {
            writer.expect("ack").await;
        }
        for _ in 0..5 {
            seq += 1;
            assert_eq!(reader.next().await["seq"], seq);
        }
        assert_eq!(proxy.cuts(), round + 1);
        assert!(reader.is_silent().await, "nobody saw anything twice");
    }
    assert_eq!(stored(&server.database, 1).await.0.len(), 30);
}

/// Also where an edit names the state that it replaces, which is gone once it has been made.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_commit_or_whose_answer_is_lost_is_made_once() {
    let proxy = Proxy::new().await;
    let server = behind(&proxy).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    ada.say(1, "x").await;
    let mut reader = bob.socket("/ws/general").await;
    let mut writer = ada.socket("/ws/general").await;
    let (path, mut change) = ("/chats/1/messages/1", 0);
    for fate in [Fate::AnswerLost, Fate::Lost] {
        let content = format!("after {change}");
        let edit = json!({"content": content, "if_change": change});
        proxy.doom(fate);
        let edited = ada.patch(path, edit.clone()).await.expect(200);
        change += 1;
        assert_eq!((&edited["content"], &edited["change"]), (&json!(content), &json!(change)));
        assert_eq!(reader.expect("message_changed").await["change"], change);
        // Sent once more by the client, it is another edit.
        ada.patch(path, edit).await.refused(409, "changed");

        proxy.doom(fate);
        let on = fate == Fate::AnswerLost;
        writer
            .send(json!({"type": "react", "seq": 1, "emoji": "👍", "on": on, "client_id": "r"}))
            .await;
        change += 1;
        assert_eq!(writer.expect("ack").await["change"], change);
        assert_eq!(reader.expect("message_changed").await["change"], change);
    }
    proxy.doom(Fate::AnswerLost);
    ada.delete(path).await.expect(204);
    assert_eq!(reader.expect("message_changed").await["deleted"], true);
    assert_eq!(proxy.cuts(), 5);
    assert!(reader.is_silent().await, "nobody was told anything twice");
    assert_eq!(ada.get(path).await.expect(200)["change"], change + 1);
}

/// `storage_full` would say that the message is as it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_doubt_that_finds_no_room_is_not_called_a_definite_no() {
    let proxy = Proxy::new().await;
    let server = behind(&proxy).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    ada.say(1, "x").await;
    let mut reader = bob.socket("/ws/general").await;
    // Every attempt but the first finds no room. What a sequence is set to lasts, whatever becomes of the attempt.
    let fill = "create sequence first_attempt;
        create function no_room() returns trigger language plpgsql as $$
        begin
            if not (select is_called from first_attempt) then
                perform setval('first_attempt', txid_current());
            elsif (select last_value from first_attempt) <> txid_current() then
                raise exception 'could not extend file' using errcode = 'disk_full';
            end if;
            return null;
        end $$;
        create trigger no_room after update on chats for each statement execute function no_room()";
    let client = server.database.client().await;
    client.batch_execute(fill).await.unwrap();
    proxy.doom(Fate::AnswerLost);
    let path = "/chats/1/messages/1";
    ada.patch(path, json!({"content": "y"})).await.refused(503, "unavailable");
    assert_eq!(proxy.cuts(), 1);
    assert_eq!(reader.expect("message_changed").await["content"], "y");
    // What is not in doubt is a definite no.
    ada.patch(path, json!({"content": "z"})).await.refused(503, "storage_full");
    assert_eq!(ada.get(path).await.expect(200)["content"], "y");
    client.batch_execute("drop function no_room cascade").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_cut_at_their_commits_lose_and_duplicate_nothing() {
    let proxy = Proxy::new().await;
    let server = behind(&proxy).await;
    under_load(&server, async |signals| {
        for round in 0..8 {
            proxy.doom(if round % 2 == 0 { Fate::AnswerLost } else { Fate::Lost });
            until("a connection is cut", || async { proxy.cuts() > round }).await;
            wait_for(signals, 10).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_given_up_but_stored_are_seen_when_the_database_is_back() {
    let proxy = Proxy::new().await;
    let server = behind_waiting(&proxy, hasty()).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    ada.say(1, "first").await;
    let mut reader = bob.socket("/ws/general").await;
    let mut writer = ada.socket("/ws/general").await;
    proxy.refuse(true);
    end_backends(&server.database, "state = 'idle' and application_name = 'snug'").await;
    proxy.doom(Fate::AnswerLost);
    writer.send(json!({"content": "second", "client_id": "second"})).await;
    let error = writer.expect("error").await;
    assert_eq!((&error["code"], &error["client_id"]), (&json!("unavailable"), &json!("second")));
    assert_eq!(stored(&server.database, 1).await.1, 2, "it was stored all the same");
    // While it is unavailable, later senders are told so sooner.
    let began = Instant::now();
    writer.send(json!({"content": "third", "client_id": "third"})).await;
    assert_eq!(writer.expect("error").await["client_id"], "third");
    ada.post("/chats/1/messages", json!({"content": "by http"})).await.refused(503, "unavailable");
    assert!(began.elapsed() < hasty().database.settle, "{:?}", began.elapsed());

    proxy.refuse(false);
    let second = reader.expect("message").await;
    assert_eq!((&second["seq"], &second["content"]), (&json!(2), &json!("second")));
    writer.send(json!({"content": "second", "client_id": "second"})).await;
    assert_eq!(writer.expect("ack").await["seq"], 2);
    assert!(reader.is_silent().await);
}

/// Ends server processes of snug in this database; returns how many.
pub(crate) async fn end_backends(database: &Database, which: &str) -> i64 {
    let end = format!(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity
         where datname = current_database() and application_name in ('snug', 'snug lane') and {which}"
    );
    database.client().await.query_one(&end, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn backends_ended_under_load_lose_and_duplicate_nothing() {
    let server = Server::start().await;
    under_load(&server, async |signals| {
        for round in 0..9 {
            let which = if round % 3 == 0 { "true" } else { "application_name = 'snug lane'" };
            end_backends(&server.database, which).await;
            wait_for(signals, 10).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_hangs_is_not_waited_for_forever() {
    let proxy = Proxy::new().await;
    let server = behind_waiting(&proxy, hasty()).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut writer = ada.socket("/ws/general").await;
    let mut reader = bob.socket("/ws/general").await;
    ada.say(1, "first").await;
    proxy.clog(true);
    let began = Instant::now();
    writer.send(json!({"content": "second", "client_id": "second"})).await;
    let by_http = async {
        let draft = json!({"content": "by http", "client_id": "by-http"});
        ada.post("/chats/1/messages", draft).await.refused(503, "unavailable");
    };
    let reading = async {
        ada.get("/chats/general/history").await.refused(503, "unavailable");
    };
    let changing = async {
        ada.post("/chats/room", json!({"name": "Tea"})).await.refused(503, "unavailable");
    };
    let asking = async {
        let ready = ada.get("/readyz").await;
        assert_eq!(ready.status, 503);
        assert!(ready.headers.contains_key("retry-after"));
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    };
    tokio::join!(by_http, reading, changing, asking);
    assert_eq!(writer.expect("error").await["code"], "unavailable");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    // The sockets stay open, and frames that need no database are answered.
    writer.send(json!({"type": "ping"})).await;
    writer.expect("pong").await;
    assert_eq!(ada.get("/healthz").await.status, 200);

    proxy.clog(false);
    assert_healthy(&server, &ada).await;
    for (client_id, content) in [("second", "second"), ("by-http", "by http")] {
        writer.send(json!({"content": content, "client_id": client_id})).await;
        writer.expect("ack").await;
    }
    let (history, last_seq) = stored(&server.database, 1).await;
    for seq in 1..=last_seq {
        assert_eq!(reader.expect("message").await["seq"], seq);
    }
    let second = history.values().filter(|said| said.client_id == "second").count();
    let by_http = history.values().filter(|said| said.client_id == "by-http").count();
    assert_eq!((second, by_http, history.len() as i64), (1, 1, last_seq));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_backend_of_the_lane_does_not_duplicate_what_its_successor_stores() {
    use nix::sys::signal::{Signal, kill};
    let server = Server::waiting(hasty()).await;
    let ada = server.person("ada").await;
    let mut socket = ada.socket("/ws/general").await;
    socket.send(json!({"content": "first", "client_id": "first"})).await;
    socket.expect("ack").await;
    let client = server.database.client().await;
    let query = "select pid from pg_stat_activity where datname = current_database()
        and application_name = 'snug lane'";
    let pid: i32 = client.query_one(query, &[]).await.unwrap().get(0);
    let pid = nix::unistd::Pid::from_raw(pid);
    kill(pid, Signal::SIGSTOP).unwrap();
    socket.send(json!({"content": "second", "client_id": "second"})).await;
    let error = socket.expect("error").await;
    kill(pid, Signal::SIGCONT).unwrap();
    assert_eq!((&error["code"], &error["client_id"]), (&json!("unavailable"), &json!("second")));
    assert_healthy(&server, &ada).await;
    socket.send(json!({"content": "second", "client_id": "second"})).await;
    let ack = socket.expect("ack").await;
    let (history, last_seq) = stored(&server.database, 1).await;
    crate::support::check::history(&history, last_seq).unwrap();
    assert_eq!(history[&ack["seq"].as_i64().unwrap()].client_id, "second");
    let mut told = Vec::new();
    while told.len() < last_seq as usize {
        told.push(socket.expect("message").await["seq"].as_i64().unwrap());
    }
    assert_eq!(told, (1..=last_seq).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_free_connections_is_reported_soon_and_retried() {
    let proxy = Proxy::new().await;
    let (server, database) = (behind_waiting(&proxy, hasty()).await, proxy.database());
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut writer, mut reader) =
        (ada.socket("/ws/general").await, bob.socket("/ws/general").await);
    ada.say(1, "first").await;

    proxy.refuse(true);
    end_backends(&database, "true").await;
    until("the pool has noticed", || async { ada.get("/readyz").await.status == 503 }).await;
    let began = Instant::now();
    ada.get("/chats/general/history").await.refused(503, "unavailable");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    writer.send(json!({"content": "second", "client_id": "second"})).await;
    assert_eq!(writer.expect("error").await["code"], "unavailable");

    proxy.refuse(false);
    assert_healthy(&server, &ada).await;
    let (_, last_seq) = stored(&database, 1).await;
    for seq in 1..=last_seq {
        assert_eq!(reader.expect("message").await["seq"], seq);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_needs_a_connection_that_is_not_to_be_had_is_told_within_two_seconds() {
    let proxy = Proxy::new().await;
    let server = behind(&proxy).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut writer = ada.socket("/ws/general").await;
    ada.say(1, "first").await;
    proxy.refuse(true);
    end_backends(&proxy.database(), "true").await;
    let began = Instant::now();
    let soon = |what: &str| {
        let took = began.elapsed();
        assert!(took < Duration::from_secs(2), "{what}: {took:?}");
    };
    writer.send(json!({"content": "second", "client_id": "second"})).await;
    let by_socket = async {
        assert_eq!(writer.expect("error").await["code"], "unavailable");
        soon("a frame");
    };
    let by_http = async {
        ada.post("/chats/1/messages", json!({"content": "x"})).await.refused(503, "unavailable");
        soon("a message");
    };
    let reading = async {
        ada.get("/chats/general/history").await.refused(503, "unavailable");
        soon("a page");
    };
    let leaving = async {
        bob.post("/auth/logout", json!({})).await.refused(503, "unavailable");
        soon("a logout");
    };
    tokio::join!(by_socket, by_http, reading, leaving);
    let ready = ada.get("/readyz").await;
    ready.refused(503, "unavailable");
    assert!(ready.text.contains("PostgreSQL has no connection left (53300)"), "{}", ready.text);
    proxy.refuse(false);
    server.wait_until_ready().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_is_not_called_slow_when_the_server_cannot_read_for_it() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    ada.say(1, "first").await;
    let (mut all, mut general) = (ada.socket("/ws").await, ada.socket("/ws/general").await);
    let client = server.database.client().await;
    // Unlike an unavailable database, this is not waited for.
    let spoil = "alter table chats rename column last_seq to elsewhere";
    client.batch_execute(spoil).await.unwrap();
    all.send(json!({"type": "join"})).await;
    general.send(json!({"type": "join", "after": 0, "chat_id": 1})).await;
    assert_eq!((all.closed().await, general.closed().await), (1012, 1012));

    let mend = "alter table chats rename column elsewhere to last_seq";
    client.batch_execute(mend).await.unwrap();
    let metrics = ada.get("/metrics").await.text;
    assert!(metrics.contains("snug_outbox_overflows_total 0"), "{metrics}");
    let mut general = ada.socket("/ws/general?after=0").await;
    assert_eq!(general.next().await["content"], "first");
}

/// A database that is away is waited for, though not forever.
#[tokio::test(flavor = "multi_thread")]
async fn a_socket_whose_chats_cannot_be_read_in_time_is_told_to_come_back() {
    let proxy = Proxy::new().await;
    let mut waits = hasty();
    waits.database.read_patience = Duration::from_secs(1);
    let server = behind_waiting(&proxy, waits).await;
    let ada = server.person("ada").await;
    let mut socket = ada.socket("/ws").await;
    proxy.refuse(true);
    end_backends(&proxy.database(), "true").await;
    socket.send(json!({"type": "join"})).await;
    assert_eq!(socket.closed().await, 1012);
    proxy.refuse(false);
    server.wait_until_ready().await;
    ada.socket("/ws").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_on_one_database_give_each_number_once() {
    let database = Database::empty().await;
    // They create the schema at the same time.
    let (one, two) =
        tokio::join!(Server::on(database.clone(), &[]), Server::on(database.clone(), &[]));
    let (ada, bob) = (one.person("ada").await, two.person("bob").await);
    let private = ada.private_with(&bob).await;
    let (signals, end) = (Signals::default(), AtomicI64::new(0));
    let reading = join_all([
        listen(&ada, "/ws/general", 1, &end, None),
        listen(&bob, "/ws", 1, &end, Some(25)),
    ]);
    let writing = async {
        let enough = async {
            wait_for(&signals, 600).await;
            signals.stop.store(true, Relaxed);
        };
        let (a, b, c, d, ()) = tokio::join!(
            talk(&ada, 1, "a", &signals),
            talk(&bob, 1, "b", &signals),
            talk(&ada, private, "c", &signals),
            talk(&bob, private, "d", &signals),
            enough
        );
        // Each server tells only its own sockets; its next message brings what they are missing.
        for (person, name) in [(&ada, "last-a"), (&bob, "last-b"), (&ada, "last-c")] {
            let draft = json!({"content": name, "client_id": name});
            person.post("/chats/1/messages", draft).await.expect(201);
        }
        end.store(stored(&database, 1).await.1 - 1, Relaxed);
        ([a, b], [c, d])
    };
    let ((general, privately), seen) = tokio::join!(writing, reading);
    let (mut history, last_seq) = stored(&database, 1).await;
    check(&history, last_seq, &general, &[]);
    history.remove(&last_seq);
    for mut seen in seen {
        seen.truncate(history.len());
        crate::support::check::seen(&history, &seen, 1).unwrap();
    }
    let (history, last_seq) = stored(&database, private).await;
    check(&history, last_seq, &privately, &[]);
}
