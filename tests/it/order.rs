//! One order for everybody: numbers without a gap, the same for every reader, however many people
//! write, and however often a reader leaves and comes back.

use crate::support::crowd::{self, Signals, check, listen, post, stored, talk};
use crate::support::{Server, until, waiting};
use futures_util::future::join_all;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};

#[tokio::test(flavor = "multi_thread")]
async fn all_readers_see_one_order_while_many_write() {
    let server = Server::start().await;
    let people = join_all((0..4).map(|n| server.person(["ada", "bob", "cyd", "dee"][n]))).await;
    let (signals, end) = (Signals::default(), AtomicI64::new(0));
    let readers = join_all((0..8).map(|n| {
        let path = if n % 2 == 0 { "/ws/general" } else { "/ws" };
        listen(&people[n % 4], path, 1, &end, None)
    }));
    let talkers = join_all(people.iter().map(|person| talk(person, 1, &person.name, &signals)));
    let names = ["h0", "h1"];
    let posters = join_all((0..2).map(|n| post(&people[n], 1, names[n], &signals)));
    let writing = async {
        let enough = async {
            until("enough is said", || async { signals.acked.load(Relaxed) >= 1_500 }).await;
            signals.stop.store(true, Relaxed);
        };
        let (mut talked, posted, ()) = tokio::join!(talkers, posters, enough);
        talked.extend(posted);
        let (_, last_seq) = stored(&server.database, 1).await;
        end.store(last_seq, Relaxed);
        talked
    };
    let (acked, seen) = tokio::join!(writing, readers);
    let (history, last_seq) = stored(&server.database, 1).await;
    check(&history, last_seq, &acked, &seen);
    assert_eq!(history.len(), acked.iter().map(Vec::len).sum::<usize>());
    for who in &acked {
        // A socket's own drafts keep the order in which it sent them.
        let mut sorted = who.clone();
        sorted.sort_by_key(|message| message.seq);
        let number = |m: &crate::support::check::Acked| {
            m.said.client_id.rsplit('-').next().unwrap().parse::<i64>().unwrap()
        };
        assert!(sorted.is_sorted_by_key(number), "drafts of one sender overtook each other");
    }
    // The history, page by page, is what the readers saw.
    let mut paged = Vec::new();
    while paged.len() < history.len() {
        let path = format!("/chats/general/history?limit=200&after={}", paged.len());
        let page = people[0].get(&path).await.expect(200);
        paged.extend(page["messages"].as_array().unwrap().iter().map(crowd::of));
    }
    assert_eq!(paged, seen[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_keeps_reconnecting_sees_every_message_once() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let private = ada.private_with(&bob).await;
    let (signals, end, other_end) = (Signals::default(), AtomicI64::new(0), AtomicI64::new(0));
    let path = format!("/ws/private/{private}");
    let hoppers = join_all([
        listen(&bob, "/ws/general", 1, &end, Some(1)),
        listen(&bob, "/ws/general", 1, &end, Some(7)),
        listen(&ada, "/ws", 1, &end, Some(1)),
        listen(&bob, "/ws", 1, &end, Some(5)),
    ]);
    let private_hoppers = join_all([
        listen(&ada, &path, private, &other_end, Some(2)),
        listen(&bob, "/ws", private, &other_end, Some(3)),
    ]);
    let writing = async {
        let enough = async {
            until("enough is said", || async { signals.acked.load(Relaxed) >= 500 }).await;
            signals.stop.store(true, Relaxed);
        };
        let (general, privately, ()) =
            tokio::join!(talk(&ada, 1, "g", &signals), talk(&bob, private, "p", &signals), enough);
        end.store(stored(&server.database, 1).await.1, Relaxed);
        other_end.store(stored(&server.database, private).await.1, Relaxed);
        (general, privately)
    };
    let ((general, privately), seen, private_seen) =
        tokio::join!(writing, hoppers, private_hoppers);
    let (history, last_seq) = stored(&server.database, 1).await;
    check(&history, last_seq, &[general], &seen);
    let (history, last_seq) = stored(&server.database, private).await;
    check(&history, last_seq, &[privately], &private_seen);
}

#[tokio::test(flavor = "multi_thread")]
async fn chats_written_to_at_once_do_not_mix() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let rooms = join_all((0..8).map(|n| {
        let ada = ada.clone();
        async move { ada.room(&format!("Room {n}")).await.0 }
    }))
    .await;
    let mut reader = ada.socket("/ws").await;
    let mut writer = ada.socket("/ws").await;
    for n in 0..320 {
        let chat_id = rooms[n * 7 % rooms.len()];
        writer.send(json!({"chat_id": chat_id, "content": n.to_string()})).await;
    }
    let mut at = std::collections::HashMap::new();
    for _ in 0..320 {
        let message = reader.expect("message").await;
        let seq = at.entry(message["chat_id"].as_i64().unwrap()).or_insert(0);
        *seq += 1;
        assert_eq!(message["seq"], *seq);
    }
    assert!(at.len() == rooms.len() && at.values().all(|last| *last == 40), "{at:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_members_message_never_slips_in() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, link) = ada.room("Tea").await;
    let database = server.database.client().await;
    for round in 0..8 {
        bob.enter(&ada, room, &link).await;
        let stop = Arc::new(AtomicBool::new(false));
        let talking = tokio::spawn({
            let (bob, stop) = (bob.clone(), Arc::clone(&stop));
            async move {
                let mut socket = bob.socket("/ws").await;
                let mut sent = 0;
                while !stop.load(Relaxed) {
                    for _ in 0..20 {
                        sent += 1;
                        let client_id = format!("{round}-{sent}");
                        let draft =
                            json!({"chat_id": room, "content": "x", "client_id": client_id});
                        socket.send(draft).await;
                    }
                    for _ in 0..20 {
                        loop {
                            let frame = socket.next().await;
                            if frame["type"] == "ack" || frame["type"] == "error" {
                                break;
                            }
                        }
                    }
                }
            }
        });
        let count = async || {
            let query = "select count(*) from messages where sender_id = $1";
            database.query_one(query, &[&bob.id]).await.unwrap().get::<_, i64>(0)
        };
        let before = count().await;
        until("he talks", || async { count().await > before }).await;
        ada.delete(&format!("/chats/room/{room}/members/{}", bob.id)).await.expect(204);
        let then = count().await;
        // After this, some of his drafts are refused.
        ada.say(room, "after").await;
        stop.store(true, Relaxed);
        talking.await.unwrap();
        assert_eq!(count().await, then, "round {round}");
    }
}

/// In the order of the numbers, so that a later one never has an earlier date.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_gets_its_timestamp_when_its_chat_is_locked() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let (holder, watcher) = (server.database.client().await, server.database.client().await);
    holder.batch_execute("begin; select from chats where id = 1 for update").await.unwrap();
    let free = async {
        until("the lane waits for the chat", || async { waiting(&watcher).await == 1 }).await;
        let now = "select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";
        let now: String = watcher.query_one(now, &[]).await.unwrap().get(0);
        holder.batch_execute("rollback").await.unwrap();
        now
    };
    let (posted, before) =
        tokio::join!(ada.post("/chats/1/messages", json!({"content": "x"})), free);
    let posted = posted.expect(201);
    assert!(posted["timestamp"].as_str().unwrap() > before.as_str(), "{posted} after {before}");
}
