//! One account, or one address, does not take from the others what all of them share: hashing, the
//! database's connections, memory, the disk.

use crate::support::proxy::Proxy;
use crate::support::{Answer, PASSWORD, Person, Server, until, waiting};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

async fn limited() -> Server {
    Server::with(&[("SNUG_RATE_LIMITS", "on"), ("SNUG_TRUSTED_PROXIES", "127.0.0.1")]).await
}

async fn log_in(who: &Person, name: &str, from: &str) -> Answer {
    let body = json!({"username": name, "password": PASSWORD});
    let request = who.request(Method::POST, "/auth/login").json(&body);
    who.send(request.header("x-forwarded-for", from)).await
}

fn too_many(answer: &Answer) -> u64 {
    answer.refused(429, "rate_limited");
    answer.headers["retry-after"].to_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_right_logins_from_one_address_do_not_keep_others_out() {
    let server = Server::with(&[("SNUG_TRUSTED_PROXIES", "127.0.0.1")]).await;
    let ada = Person::nobody(&server).joined_by("ada").await;
    let goes_on = Arc::new(AtomicBool::new(true));
    let busy: Vec<_> = (0..90)
        .map(|_| {
            let (nobody, goes_on) = (Person::nobody(&server), Arc::clone(&goes_on));
            tokio::spawn(async move {
                while goes_on.load(Relaxed) {
                    log_in(&nobody, "ada", "192.0.2.1").await;
                }
            })
        })
        .collect();
    until("the queue is long", || async {
        let text = ada.get("/metrics").await.text;
        let line = text.lines().find_map(|line| line.strip_prefix("snug_hashing_queue "));
        line.unwrap().parse::<usize>().unwrap() >= 60
    })
    .await;
    for n in 1..=8 {
        log_in(&ada, "ada", &format!("198.51.100.{n}")).await.expect(200);
    }
    goes_on.store(false, Relaxed);
    for task in busy {
        task.await.unwrap();
    }
}

async fn put_people(server: &Server, count: i64) {
    let put = "insert into users (username, email, password_hash)
        select 'user' || n || '-end', n || '@example.org', '' from generate_series(1, $1::bigint) n";
    let database = server.database.client().await;
    database.execute(put, &[&count]).await.unwrap();
    database.batch_execute("analyze users").await.unwrap();
}

/// The rows of the table `users` that were read one after the other, without an index.
async fn read_in_sequence(server: &Server) -> i64 {
    let database = server.database.client().await;
    let read = "select seq_tup_read from pg_stat_user_tables where relname = 'users'";
    database.query_one(read, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_does_not_read_all_names() {
    let mut server = Server::start().await;
    let ada = server.person("ada").await;
    put_people(&server, 20_000).await;
    let before = read_in_sequence(&server).await;
    for (part, found) in [
        ("user1999", 11),
        ("er1999", 11),
        ("7-e", 20),
        ("99", 20),
        ("zq", 0),
        ("q", 0),
        ("ada", 1),
        ("da", 1),
        ("D", 20),
        ("no-such-name", 0),
    ] {
        let answer = ada.get(&format!("/users?q={part}")).await.expect(200);
        assert_eq!(answer["users"].as_array().unwrap().len(), found, "{part}");
    }
    // A connection that ends tells the statistics what it read.
    server.stop().await;
    let read = read_in_sequence(&server).await - before;
    assert!(read < 1_000, "{read} names were read");
}

#[tokio::test(flavor = "multi_thread")]
async fn searching_is_paced_and_leaves_connections_to_others() {
    let server = limited().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let answers = join_all((0..60).map(|_| ada.get("/users?q=a"))).await;
    let found = answers.iter().filter(|answer| answer.status == 200).count();
    assert!((10..50).contains(&found), "{found}");
    answers.iter().filter(|answer| answer.status != 200).for_each(|answer| {
        too_many(answer);
    });
    let pages = join_all((0..6).map(|_| ada.send(ada.browses(Method::GET, "/?people=a")))).await;
    let refused = pages.iter().find(|page| page.status == 429).expect("pages are paced as well");
    assert!(refused.text.contains("<people-search"), "{}", refused.text);
    bob.get("/users?q=a").await.expect(200);

    // While no search comes to an end, they hold only a part of the pool.
    let mut database = server.database.client().await;
    let lock = database.transaction().await.unwrap();
    lock.batch_execute("lock table users in access exclusive mode").await.unwrap();
    let searching: Vec<_> = (0..20)
        .map(|_| {
            let bob = bob.clone();
            tokio::spawn(async move { bob.get("/users?q=a").await })
        })
        .collect();
    let watcher = server.database.client().await;
    until("searches wait", || async { waiting(&watcher).await >= 3 }).await;
    for _ in 0..20 {
        let answer = bob.get("/readyz").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    lock.rollback().await.unwrap();
    for task in searching {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn making_rooms_and_private_chats_is_paced() {
    let server = limited().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let open = json!({"receiver_id": bob.id});
    ada.post("/chats/private", open.clone()).await.expect(201);
    for n in 1..20 {
        ada.post("/chats/room", json!({"name": format!("Room {n}")})).await.expect(201);
        // What exists already is not made.
        ada.post("/chats/private", open.clone()).await.expect(200);
    }
    let refused = ada.post("/chats/room", json!({"name": "One more"})).await;
    assert!((30..=60).contains(&too_many(&refused)));
    let eve = server.person("eve").await;
    too_many(&ada.post("/chats/private", json!({"receiver_id": eve.id})).await);
    ada.post("/chats/private", open).await.expect(200);
    bob.post("/chats/private", json!({"receiver_id": eve.id})).await.expect(201);
    bob.post("/chats/room", json!({"name": "Tea"})).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_reads_of_last_messages_only_what_it_shows() {
    let proxy = Proxy::new().await;
    let url = proxy.url();
    let server = Server::on(proxy.database(), &[("SNUG_DATABASE_URL", &url)]).await;
    let ada = server.person("ada").await;
    let put = "with chat as (
            insert into chats (chat_type, last_seq) select 'room', 1 from generate_series(1, 300)
            returning id
        ), room as (
            insert into chat_rooms (id, creator_id, name, description, invite_link)
            select id, $1, 'Room', '', '' from chat
        ), member as (
            insert into room_members (room_id, user_id, state) select id, $1, 'approved' from chat
        )
        insert into messages
            (id, chat_type, chat_id, seq, sender_id, room_id, content, timestamp, draft_key, content_hash)
        select nextval('message_ids'), 'room', id, 1, $1, id,
            E'\\n\\n  Begins here ' || repeat('𝄞 ', 1990), now(), 's' || id, ''
        from chat";
    server.database.client().await.execute(put, &[&ada.id]).await.unwrap();
    let before = proxy.answered();
    let page = ada.send(ada.browses(Method::GET, "/")).await;
    assert_eq!(page.text.matches("Begins here").count(), 300, "{}", page.status);
    let read = (proxy.answered() - before) / 300;
    assert!(read < 2_500, "{read} bytes a chat");
    // Programs have the whole message.
    let chats = ada.get("/chats?limit=10").await.expect(200);
    let last = chats["chats"][0]["last_message"]["content"].as_str().unwrap();
    assert!(last.starts_with("\n\n  Begins") && last.chars().count() > 3_900);
}

#[tokio::test(flavor = "multi_thread")]
async fn long_messages_use_up_an_allowance_of_their_own() {
    let server = limited().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let long = "𝄞".repeat(4_000);
    let (mut stored, began) = (0, Instant::now());
    let wait = loop {
        assert!(began.elapsed() < Duration::from_secs(20));
        let answer = ada.post("/chats/1/messages", json!({"content": long})).await;
        if answer.status == 201 {
            stored += 1;
            assert!(stored <= 40, "{} KB within {:?}", stored * 16, began.elapsed());
        } else if let wait @ 2.. = too_many(&answer) {
            break wait;
        }
    };
    assert!(stored >= 20, "{stored}");
    assert!(wait <= 4, "{wait}");
    bob.say(1, &long).await;
}

/// PostgreSQL plans a statement once for a connection. When the table was empty then, a plan that reads all
/// of it looks as good as any.
#[tokio::test(flavor = "multi_thread")]
async fn storing_a_message_reads_no_others_however_small_the_table_was_when_it_was_planned() {
    const STORED: i64 = 3_000;
    let mut server = Server::start().await;
    let ada = server.person("ada").await;
    let database = server.database.client().await;
    database.batch_execute("analyze").await.unwrap();
    ada.say(1, "planned").await;
    // Whoever fills the index of words reads messages, too.
    let holder = server.database.client().await;
    holder
        .batch_execute(
            "insert into indexed_ranges (chat_id) values (1) on conflict do nothing; commit;
             begin; select from indexed_ranges where chat_id = 1 for key share",
        )
        .await
        .unwrap();
    let put = format!(
        "insert into messages (id, chat_type, chat_id, seq, sender_id, content, timestamp, draft_key,
            content_hash)
         select nextval('message_ids'), 'general', 1, n, {}, 'Hello', now(), 's' || n, ''
         from generate_series(2, {STORED}) n;
         update chats set last_seq = {STORED} where id = 1",
        ada.id
    );
    database.batch_execute(&put).await.unwrap();
    for _ in 0..10 {
        ada.say(1, "stored").await;
    }
    // A connection that ends tells the statistics what it read.
    server.stop().await;
    drop(holder);
    until("the lane's connection has ended", || async {
        let others = "select from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid() and client_port is not null";
        database.query(others, &[]).await.unwrap().is_empty()
    })
    .await;
    let read = "select coalesce(sum(idx_tup_read), 0)::bigint from pg_stat_user_indexes
        where relname = 'general_messages'";
    let read: i64 = database.query_one(read, &[]).await.unwrap().get(0);
    assert!(read < STORED, "{read} messages were read");
}
