//! The index of words: filled behind those who write, and never other than the messages.

use crate::search::{contents, found, held, indexed, said, search};
use crate::support::{Person, Server, until, waiting};
use parking_lot::Mutex;
use reqwest::Method;
use serde_json::json;
use snug::limits::{INDEX_PAUSE, INDEX_ROWS_MAX};
use snug::model::ids::ChatId;
use snug::model::waits::DatabaseWaits;
use snug::store::Store;
use std::collections::BTreeSet;
use std::time::SystemTime;
use tokio_postgres::Client;

/// As if all messages were of a version without search.
const BEFORE_THE_INDEX: &str = "truncate message_words, indexed_ranges;
    insert into indexed_ranges (chat_id, above, upto)
    select id, last_seq, last_seq from chats where last_seq > 0";

/// A server that has stopped with messages of a version without search in two chats, a private one among them.
async fn stopped_before_the_index() -> (Server, Client, Person) {
    let mut server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let private = ada.private_with(&bob).await;
    ada.say(private, "needle of two").await;
    let database = server.database.client().await;
    said(&database, 2 * INDEX_ROWS_MAX + 1, "'needle ' || n").await;
    indexed(&database, &ada).await;
    server.stop().await;
    database.batch_execute(BEFORE_THE_INDEX).await.unwrap();
    (server, database, ada)
}

/// Messages of a version without search.
#[tokio::test(flavor = "multi_thread")]
async fn earlier_messages_are_put_into_the_index_in_the_background() {
    let (server, database, ada) = stopped_before_the_index().await;
    let held = held(&server.database, 1).await;
    let server = Server::on(server.database.clone(), &[]).await;
    let ada = ada.at_server(&server);
    // What is new is found meanwhile, and the answer says that it is not everything.
    ada.say(1, "needle and thread").await;
    let answer = search(&ada, &[("q", "needle")]).await.expect(200);
    assert_eq!(answer["complete"], false);
    assert_eq!(contents(&answer)[0], "needle and thread");
    held.batch_execute("commit").await.unwrap();
    indexed(&database, &ada).await;
    assert_eq!(found(&ada, &[("q", "\"needle 1\"")]).await, ["needle 1"]);
    assert_eq!(found(&ada, &[("q", "needle two")]).await, ["needle of two"]);
    let rows = "select count(*), count(distinct (chat_id, seq)) from message_words";
    let row = database.query_one(rows, &[]).await.unwrap();
    let expected = 2 * INDEX_ROWS_MAX + 3;
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (expected, expected));
    until("the metrics say that it is done, and the planner knows", || async {
        let metrics = reqwest::get(server.url("/metrics")).await.unwrap().text().await.unwrap();
        let known = "select count(*) from pg_stats where tablename = 'message_words'";
        metrics.contains("\nsnug_unindexed_messages 0\n")
            && database.query_one(known, &[]).await.unwrap().get::<_, i64>(0) > 0
    })
    .await;
}

/// Neither to be read by a search nor to be waited for by the filler.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_room_that_is_gone_is_left_to_be_indexed() {
    let mut server = Server::start().await;
    let ada = server.person("ada").await;
    let (room, _) = ada.room("Tea").await;
    ada.say(1, "needle").await;
    ada.say(room, "needle").await;
    let database = server.database.client().await;
    indexed(&database, &ada).await;
    server.stop().await;
    // As in a version without search; and a room that went before this was seen to.
    let begin = format!(
        "truncate message_words;
         update indexed_ranges set above = upto;
         insert into indexed_ranges (chat_id, above, upto) values (999999, 7, 7);
         insert into unindexed_edits (chat_id, seq) values ({room}, 1)"
    );
    database.batch_execute(&begin).await.unwrap();
    let store = Store::external(&server.database.url(), DatabaseWaits::default()).unwrap();
    assert!(store.delete_room(ChatId(room)).await.unwrap());
    store.purge_rooms().await.unwrap();
    let left = "select (select count(*) from indexed_ranges where chat_id = $1)
        + (select count(*) from unindexed_edits) + (select count(*) from message_words)";
    assert_eq!(database.query_one(left, &[&room]).await.unwrap().get::<_, i64>(0), 0);
    let _server = Server::on(server.database.clone(), &[]).await;
    until("the first fill is over, and the planner knows", || async {
        let known = "select count(*) from pg_stats where tablename = 'message_words'";
        database.query_one(known, &[]).await.unwrap().get::<_, i64>(0) > 0
    })
    .await;
}

/// Whoever changes or deletes a message: the index follows in the same transaction.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_message_is_found_as_it_is_and_a_deleted_one_is_not() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let database = server.database.client().await;
    let words = "select count(*) from message_words where words @@ 'needle'::tsquery";
    let count = async || database.query_one(words, &[]).await.unwrap().get::<_, i64>(0);
    for step in ["new", "indexed"] {
        database
            .batch_execute(
                "delete from messages; update chats set last_seq = 0; delete from indexed_ranges",
            )
            .await
            .unwrap();
        let held = held(&server.database, 1).await;
        for content in ["needle one", "needle two", "needle three"] {
            ada.say(1, content).await;
        }
        if step == "indexed" {
            held.batch_execute("commit").await.unwrap();
            indexed(&database, &ada).await;
            assert_eq!(count().await, 3);
        }
        // In one transaction: nobody sees anything in between.
        let changing = server.database.client().await;
        changing
            .batch_execute(
                "begin; update messages set content = 'thread' where content = 'needle one';
                 update messages set content = '' where content = 'needle two'",
            )
            .await
            .unwrap();
        assert_eq!(found(&ada, &[("q", "needle")]).await.len(), 3, "{step}");
        changing.batch_execute("commit").await.unwrap();
        assert_eq!(found(&ada, &[("q", "needle")]).await, ["needle three"], "{step}");
        assert_eq!(found(&ada, &[("q", "thread")]).await, ["thread"], "{step}");
        assert_eq!(count().await, i64::from(step == "indexed"), "{step}");
        database
            .batch_execute("delete from messages where content = 'needle three'")
            .await
            .unwrap();
        assert!(found(&ada, &[("q", "needle")]).await.is_empty(), "{step}");
        assert_eq!(count().await, 0, "{step}");
        if step == "new" {
            held.batch_execute("commit").await.unwrap();
        }
        // What is written about next is also what the filler finds what was edited by.
        ada.say(1, "more").await;
        indexed(&database, &ada).await;
        until("what was edited is in the index", || async {
            let edits = "select count(*) from unindexed_edits";
            database.query_one(edits, &[]).await.unwrap().get::<_, i64>(0) == 0
        })
        .await;
        assert_eq!(found(&ada, &[("q", "thread")]).await, ["thread"], "{step}");
        let threads = "select count(*) from message_words where words @@ 'thread'::tsquery";
        assert_eq!(database.query_one(threads, &[]).await.unwrap().get::<_, i64>(0), 1, "{step}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_and_a_deletion_count_at_once() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let database = server.database.client().await;
    for step in ["new", "indexed"] {
        let (one, two) = (ada.say(1, "needle one").await, ada.say(1, "needle two").await);
        if step == "indexed" {
            indexed(&database, &ada).await;
        }
        let path = |seq| format!("/chats/1/messages/{seq}");
        let edit = ada.request(Method::PATCH, &path(one)).json(&json!({"content": "thread"}));
        let edited = ada.send(edit).await.expect(200);
        assert!(found(&ada, &[("q", "needle one")]).await.is_empty(), "{step}");
        let answer = search(&ada, &[("q", "thread"), ("limit", "1")]).await.expect(200);
        assert_eq!(answer["results"][0]["message"], edited, "{step}");
        let deleted = ada.delete(&path(two)).await;
        assert!(deleted.status.is_success(), "{}", deleted.text);
        assert!(found(&ada, &[("q", "needle")]).await.is_empty(), "{step}");
        let words = "select count(*) from message_words where words @@ 'needle'::tsquery";
        assert_eq!(database.query_one(words, &[]).await.unwrap().get::<_, i64>(0), 0, "{step}");
        until("what was edited is in the index again", || async {
            let edits = "select count(*) from unindexed_edits";
            database.query_one(edits, &[]).await.unwrap().get::<_, i64>(0) == 0
        })
        .await;
    }
    assert_eq!(found(&ada, &[("q", "thread")]).await, ["thread", "thread"]);
}

/// The filler has read a message when it is changed: the change waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_changes_while_it_is_put_into_the_index_is_not_left_as_it_was() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let watcher = server.database.client().await;
    for (change, left) in [("''", 0), ("'thread'", 1)] {
        let holder = server.database.client().await;
        holder.batch_execute("begin; lock table message_words in share mode").await.unwrap();
        ada.say(1, "needle").await;
        until("the filler waits", || async { waiting(&watcher).await == 1 }).await;
        let changing = server.database.client().await;
        let change = format!("update messages set content = {change} where content = 'needle'");
        let changed = tokio::spawn(async move { changing.batch_execute(&change).await });
        until("the change waits for it", || async { waiting(&watcher).await == 2 }).await;
        assert_eq!(found(&ada, &[("q", "needle")]).await, ["needle"]);
        holder.batch_execute("commit").await.unwrap();
        changed.await.unwrap().unwrap();
        assert!(found(&ada, &[("q", "needle")]).await.is_empty());
        assert_eq!(found(&ada, &[("q", "thread")]).await.len(), left);
        let words = "select count(*) from message_words where words @@ 'needle'::tsquery";
        assert_eq!(watcher.query_one(words, &[]).await.unwrap().get::<_, i64>(0), 0);
    }
}

/// Nothing is lost or there twice when the filler is interrupted, or when two of them work.
#[tokio::test(flavor = "multi_thread")]
async fn two_fillers_share_the_work() {
    let server = Server::start().await;
    let other = Server::on(server.database.clone(), &[]).await;
    let ada = server.person("ada").await;
    let database = server.database.client().await;
    for _ in 0..5 {
        said(&database, INDEX_ROWS_MAX, "'needle ' || n").await;
        ada.say(1, "thread").await;
        ada.at_server(&other).say(1, "thread").await;
    }
    indexed(&database, &ada).await;
    let rows = "select count(*), max(seq) from message_words";
    let row = database.query_one(rows, &[]).await.unwrap();
    let expected = 5 * (INDEX_ROWS_MAX + 2);
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (expected, expected));
    assert_eq!(found(&ada, &[("q", "thread")]).await.len(), 10);
}

/// What is left of the first fill is in the hands of the other one: each asks for it now and then only.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_share_the_first_fill_and_wait_for_each_other() {
    const LOOKS: usize = 12;
    let (server, database, ada) = stopped_before_the_index().await;
    let held = held(&server.database, 1).await;
    let one = Server::on(server.database.clone(), &[]).await;
    let _other = Server::on(server.database.clone(), &[]).await;
    let ada = ada.at_server(&one);
    until("the chat that nobody holds is there", || async {
        let answer = search(&ada, &[("q", "needle two")]).await.expect(200);
        contents(&answer) == ["needle of two"]
    })
    .await;
    // A look for what is left is the last that its connection did.
    let looks = "select query_start from pg_stat_activity
        where datname = current_database() and query like '%sum(i.above)%' and pid <> pg_backend_pid()";
    let seen = Mutex::new(BTreeSet::<SystemTime>::new());
    until("they have looked again and again", || async {
        let rows = database.query(looks, &[]).await.unwrap();
        let mut seen = seen.lock();
        seen.extend(rows.iter().map(|row| row.get::<_, SystemTime>(0)));
        seen.len() >= LOOKS
    })
    .await;
    let seen = seen.into_inner();
    let span = seen.last().unwrap().duration_since(*seen.first().unwrap()).unwrap();
    let pauses = (seen.len() / 2 - 1) as u32;
    assert!(span >= INDEX_PAUSE * pauses, "{} looks in {span:?}", seen.len());
    held.batch_execute("commit").await.unwrap();
    indexed(&database, &ada).await;
    let rows = "select count(*), count(distinct (chat_id, seq)) from message_words";
    let row = database.query_one(rows, &[]).await.unwrap();
    let expected = 2 * INDEX_ROWS_MAX + 2;
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (expected, expected));
}

/// As after a start: many chats have news that nobody has told about.
#[tokio::test(flavor = "multi_thread")]
async fn the_news_of_thousands_of_chats_is_indexed_some_hundred_at_a_time() {
    let mut server = Server::start().await;
    let ada = server.person("ada").await;
    ada.say(1, "thread").await;
    server.stop().await;
    let database = server.database.client().await;
    let chats = 5 * INDEX_ROWS_MAX;
    let fill = format!(
        "with made as (
            insert into chats (chat_type, last_seq) select 'private', 1 from generate_series(1, {chats})
            returning id
         ), known as (
            insert into private_chats (chat_id, user_low, user_high) select id, 1, 100000 + id from made
         )
         insert into messages (id, chat_type, chat_id, seq, sender_id, receiver_id, content, timestamp,
            draft_key, content_hash)
         select nextval('message_ids'), 'private', id, 1, 100000 + id, 1, 'needle ' || id, now(), 's' || id, ''
         from made"
    );
    database.batch_execute(&fill).await.unwrap();
    let server = Server::on(server.database.clone(), &[]).await;
    let ada = ada.at_server(&server);
    indexed(&database, &ada).await;
    let rows = "select count(*), count(distinct chat_id) from message_words";
    let row = database.query_one(rows, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (chats + 1, chats + 1));
    let answer = search(&ada, &[("q", "needle"), ("limit", "50")]).await.expect(200);
    assert_eq!(
        (answer["results"].as_array().unwrap().len(), &answer["complete"]),
        (50, &json!(true))
    );
}
