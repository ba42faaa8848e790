//! Several nodes on one database: what is done on one of them is seen on all, at once where they hear each other, and some
//! seconds later where they do not.

use crate::support::crowd::{Signals, alter, check, listen, post, stored, talk};
use crate::support::{Database, Nodes, Person, Program, SECRET, Server, Socket, until};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use tokio_postgres::Client;

/// The numbers of the next messages that a socket gets.
async fn seqs(socket: &mut Socket, count: usize) -> Vec<i64> {
    let mut seqs = Vec::new();
    for _ in 0..count {
        seqs.push(socket.expect("message").await["seq"].as_i64().unwrap());
    }
    seqs
}

/// Ends the servers' connections that are called like this; returns how many there were.
async fn end_connections(watcher: &Client, name: &str) -> usize {
    let end = "select pg_terminate_backend(pid) from pg_stat_activity \
        where datname = current_database() and application_name like $1";
    watcher.query(end, &[&name]).await.unwrap().len()
}

// ---- messages ----

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_on_one_node_is_read_on_all() {
    let nodes = Nodes::hearing(3).await;
    let (ada, bob) = (nodes.person("ada").await, nodes.person("bob").await);
    let (room, link) = ada[1].room("Tea").await;
    bob[2].enter(&ada[0], room, &link).await;
    let private = ada[0].private_with(&bob[0]).await;
    let mut readers = Vec::new();
    for node in &bob {
        readers.push((node.socket("/ws").await, node.socket("/ws/general").await));
    }
    for (at, chat_id) in [(0, 1), (1, room), (2, private), (1, 1), (2, 1)] {
        let seq = ada[at].say(chat_id, "hello").await;
        for (all, general) in &mut readers {
            let message = all.expect("message").await;
            assert_eq!((&message["chat_id"], &message["seq"]), (&json!(chat_id), &json!(seq)));
            if chat_id == 1 {
                assert_eq!(general.expect("message").await, message);
            }
        }
    }
    assert_eq!(nodes.metric("snug_chats_healed_total").await, 0, "all of it was heard");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_are_made_on_one_node_are_seen_on_all() {
    let nodes = Nodes::hearing(2).await;
    let ada = nodes.person("ada").await;
    let mut reader = ada[0].socket("/ws").await;
    assert_eq!(ada[1].say(1, "hello").await, 1);
    assert_eq!(reader.expect("message").await["content"], "hello");
    let message = "/chats/1/messages/1";
    ada[1].patch(message, json!({"content": "goodbye"})).await.expect(200);
    let changed = reader.expect("message_changed").await;
    assert_eq!((&changed["content"], &changed["change"]), (&json!("goodbye"), &json!(1)));
    ada[1].put(&format!("{message}/reactions/%F0%9F%91%8D")).await.expect(204);
    assert_eq!(reader.expect("message_changed").await["change"], 2);
    ada[0].patch(message, json!({"content": "again"})).await.expect(200);
    assert_eq!(reader.expect("message_changed").await["change"], 3);
    ada[1].delete(message).await.expect(204);
    let deleted = reader.expect("message_changed").await;
    assert_eq!((&deleted["deleted"], &deleted["change"]), (&json!(true), &json!(4)));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_follow_a_chat_are_told_by_one_read() {
    let nodes = Nodes::hearing(2).await;
    let ada = nodes.person("ada").await;
    let mut readers = join_all((0..20).map(|_| ada[0].socket("/ws/general"))).await;
    for n in 1..=10 {
        ada[1].say(1, "hello").await;
        for reader in &mut readers {
            assert_eq!(seqs(reader, 1).await, [n]);
        }
    }
    let reads = ada[0].metric("snug_chat_reads_total").await;
    assert!((1..=10).contains(&reads), "{reads} reads");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_several_nodes_have_one_order_for_everybody() {
    let nodes = Nodes::hearing(3).await;
    let ada = nodes.person("ada").await;
    let mut readers = Vec::new();
    for node in &ada {
        readers.push(node.socket("/ws").await);
        readers.push(node.socket("/ws/general").await);
    }
    let mut writers = Vec::new();
    for node in &ada {
        writers.push(node.socket("/ws/general").await);
    }
    // Nobody waits for anything: what comes before on other nodes may be heard later.
    for n in 0..60 {
        writers[n % 3].send(json!({"content": n.to_string()})).await;
    }
    for reader in &mut readers {
        assert_eq!(seqs(reader, 60).await, (1..=60).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_has_said_is_found_by_looking() {
    let nodes = Nodes::half_deaf().await;
    let (ada, bob) = (nodes.person("ada").await, nodes.person("bob").await);
    let mut reader = ada[0].socket("/ws").await;
    for n in 1..=3 {
        ada[1].say(1, "hello").await;
        assert_eq!(seqs(&mut reader, 1).await, [n]);
    }
    ada[1].patch("/chats/1/messages/2", json!({"content": "changed"})).await.expect(200);
    assert_eq!(reader.expect("message_changed").await["seq"], 2);
    assert!(ada[0].metric("snug_chats_healed_total").await > 0);
    // Our own come at once, after those that we had not heard of.
    ada[1].say(1, "theirs").await;
    ada[0].say(1, "ours").await;
    assert_eq!(seqs(&mut reader, 2).await, [4, 5]);

    let private = bob[1].private_with(&ada[1]).await;
    assert_eq!(reader.expect("chat_added").await["chat"]["chat_id"], private);
    let (room, link) = bob[1].room("Tea").await;
    ada[1].enter(&bob[1], room, &link).await;
    assert_eq!(reader.expect("chat_added").await["chat"]["chat_id"], room);
    let mut inside = ada[0].socket(&format!("/ws/room/{room}")).await;
    bob[1].delete(&format!("/chats/room/{room}/members/{}", ada[0].id)).await.expect(204);
    assert_eq!(reader.expect("chat_removed").await["chat_id"], room);
    assert_eq!(inside.closed().await, 4503);
    ada[1].push("/auth/logout").await.expect(204);
    assert_eq!(reader.closed().await, 4501);
}

// ---- people ----

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_removed_on_one_node_reads_on_no_other() {
    let nodes = Nodes::hearing(2).await;
    let (ada, bob) = (nodes.person("ada").await, nodes.person("bob").await);
    let mut hers = ada[0].socket("/ws").await;
    let mut his = bob[0].socket("/ws").await;
    let (room, link) = ada[1].room("Tea").await;
    assert_eq!(hers.expect("chat_added").await["chat"]["chat_id"], room);
    let ask = format!("/chats/room/{room}/join");
    bob[1].post(&ask, json!({"invite_link": link})).await.expect(202);
    let request = hers.expect("join_request").await;
    assert_eq!(
        (&request["room_id"], &request["user"]["user_id"]),
        (&json!(room), &json!(bob[0].id))
    );
    let deny = format!("/chats/room/{room}/invite/deny");
    ada[1].post(&deny, json!({"user_id": bob[0].id})).await.expect(200);
    assert_eq!(his.expect("join_denied").await["room_id"], room);
    let approve = format!("/chats/room/{room}/invite/approve");
    ada[1].post(&approve, json!({"user_id": bob[0].id})).await.expect(200);
    assert_eq!(his.expect("chat_added").await["chat"]["chat_id"], room);
    let mut inside = bob[0].socket(&format!("/ws/room/{room}")).await;
    ada[1].say(room, "welcome").await;
    assert_eq!(his.expect("message").await["content"], "welcome");
    assert_eq!(inside.expect("message").await["content"], "welcome");
    ada[1].delete(&format!("/chats/room/{room}/members/{}", bob[0].id)).await.expect(204);
    assert_eq!(his.expect("chat_removed").await["chat_id"], room);
    assert_eq!(inside.closed().await, 4503);
    let seq = ada[1].say(room, "among us").await;
    while hers.expect("message").await["seq"] != seq {}
    assert!(his.expect_silence("message").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_on_one_node_has_sockets_on_no_other() {
    let nodes = Nodes::hearing(2).await;
    let ada = nodes.person("ada").await;
    let mut sockets = vec![ada[0].socket("/ws").await, ada[0].socket("/ws/general").await];
    sockets.push(ada[1].socket("/ws").await);
    ada[1].push("/auth/logout").await.expect(204);
    for socket in &mut sockets {
        assert_eq!(socket.closed().await, 4501);
    }
    until("the other node lets nobody in", || async { ada[0].get("/auth/me").await.status == 401 })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_have_read_and_write_is_seen_on_all_nodes() {
    let nodes = Nodes::hearing(2).await;
    let (ada, bob) = (nodes.person("ada").await, nodes.person("bob").await);
    let private = ada[0].private_with(&bob[0]).await;
    let mut hers = ada[0].socket("/ws").await;
    let mut his = bob[1].socket("/ws").await;
    let seq = ada[0].say(private, "hello").await;
    his.expect("message").await;
    let mut second = bob[0].socket("/ws").await;
    his.send(json!({"type": "read", "chat_id": private, "seq": seq})).await;
    let read = second.expect("read").await;
    assert_eq!((&read["chat_id"], &read["seq"]), (&json!(private), &json!(seq)));
    let seen = hers.expect("seen").await;
    assert_eq!((&seen["user_id"], &seen["seq"]), (&json!(bob[0].id), &json!(seq)));
    his.send(json!({"type": "typing", "chat_id": private})).await;
    let writes = hers.expect("typing").await;
    assert_eq!(
        (&writes["chat_id"], &writes["user"]["user_id"]),
        (&json!(private), &json!(bob[0].id))
    );
    let (room, link) = ada[1].room("Tea").await;
    hers.expect("chat_added").await;
    bob[1].enter(&ada[1], room, &link).await;
    let members = hers.expect("members").await;
    assert_eq!(
        (&members["event"], &members["user"]["user_id"]),
        (&json!("joined"), &json!(bob[0].id))
    );
}

/// Waits until a socket is told that this person is online, or is not.
async fn told(socket: &mut Socket, person: &Person, online: bool) {
    let news = json!({"user_id": person.id, "online": online});
    loop {
        let presence = socket.expect("presence").await;
        if presence["users"].as_array().unwrap().contains(&news) {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_online_if_they_are_on_any_node() {
    let nodes = Nodes::forgetful(2).await;
    let (ada, bob) = (nodes.person("ada").await, nodes.person("bob").await);
    let private = ada[0].private_with(&bob[0]).await;
    let (mut hers, online) = ada[0].watching("/ws").await;
    assert_eq!(online, Vec::<i64>::new());
    let his = bob[1].socket("/ws").await;
    told(&mut hers, &bob[0], true).await;
    let listed = async |person: &Person| -> Value {
        let list = person.get("/chats").await.expect(200);
        let chats = list["chats"].as_array().unwrap();
        chats.iter().find(|chat| chat["chat_id"] == private).unwrap()["online"].clone()
    };
    assert_eq!(listed(&ada[0]).await, true);
    let here = bob[0].socket("/ws").await;
    drop(his);
    until("the other node has none of his sockets", || async {
        bob[1].metric("snug_sockets").await == 0
    })
    .await;
    assert_eq!(listed(&ada[0]).await, true, "he is still here");
    let hide = json!({"shows_presence": false});
    bob[1].patch("/auth/me", hide).await.expect(200);
    told(&mut hers, &bob[0], false).await;
    bob[1].patch("/auth/me", json!({"shows_presence": true})).await.expect(200);
    told(&mut hers, &bob[0], true).await;
    drop(here);
    told(&mut hers, &bob[0], false).await;
    // A node that begins later hears who is there on the others.
    let late = Server::on(nodes.database().clone(), &[]).await;
    let ben = bob[0].at_server(&late);
    let (mut ours, _) = ben.watching("/ws").await;
    if listed(&ben).await == false {
        told(&mut ours, &ada[0], true).await;
    }
}

// ---- faults ----

#[tokio::test(flavor = "multi_thread")]
async fn the_bus_comes_back_by_itself_and_nothing_is_lost_meanwhile() {
    let nodes = Nodes::start(2).await;
    let ada = nodes.person("ada").await;
    let mut readers = vec![ada[0].socket("/ws").await, ada[1].socket("/ws").await];
    let watcher = nodes.database().client().await;
    for round in 1..=6 {
        let purpose = ["listen", "notify"][round as usize % 2];
        let ended = end_connections(&watcher, &format!("snug {purpose}")).await;
        assert!(ended > 0, "{purpose}");
        ada[round as usize % 2].say(1, "hello").await;
        for reader in &mut readers {
            assert_eq!(seqs(reader, 1).await, [round]);
        }
        nodes.wait_until_connected().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn that_the_bus_is_away_and_back_is_said_once() {
    let database = Database::new().await;
    let program = Program::start(&database, &[("SNUG_JWT_SECRET", SECRET)]);
    let nobody = Person::at(program.base());
    until("the bus is there", || async { nobody.metric("snug_bus_connected").await == 1 }).await;
    let watcher = database.client().await;
    for round in 1..=3 {
        assert!(end_connections(&watcher, "snug listen").await > 0);
        program.lines("the bus is away", round).await;
        program.lines("the bus is back", round).await;
    }
    let logged = program.stop();
    let of_the_bus = |line: &&String| line.contains("the bus is ");
    assert_eq!(logged.iter().filter(of_the_bus).count(), 6, "{logged:#?}");
    assert!(logged.iter().filter(of_the_bus).all(|line| !line.contains("ERROR")), "{logged:#?}");
}

/// Writers, editors and readers on each of two nodes, while connections to the database are ended in an order that is made
/// up from a seed, those of the bus among them.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_doubled_or_out_of_order_whatever_happens_to_the_bus() {
    let seed = u64::from_le_bytes(snug::os::random::bits().unwrap()[..8].try_into().unwrap()) | 1;
    println!("the seed is {seed}");
    let mut chance = seed;
    let mut below = |bound: u64| {
        chance ^= chance >> 12;
        chance ^= chance << 25;
        chance ^= chance >> 27;
        (chance.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    };
    let nodes = Nodes::start(2).await;
    let (ada, bob) = (nodes.person("ada").await, nodes.person("bob").await);
    for name in ["first", "second"] {
        let draft = json!({"content": name, "client_id": name});
        ada[0].post("/chats/1/messages", draft).await.expect(201);
    }
    let (signals, end) = (Signals::default(), AtomicI64::new(0));
    let readers = join_all([
        listen(&bob[0], "/ws", 1, &end, None),
        listen(&bob[1], "/ws", 1, &end, None),
        listen(&ada[0], "/ws/general", 1, &end, None),
        listen(&ada[1], "/ws/general", 1, &end, Some(7)),
    ]);
    let writing = async {
        let breaking = async {
            let watcher = nodes.database().client().await;
            for count in (1..=8).map(|round| round * 40) {
                until("more is said", || async { signals.acked.load(Relaxed) >= count }).await;
                let which = ["snug%", "snug listen", "snug notify", "snug lane"][below(4) as usize];
                end_connections(&watcher, which).await;
            }
            signals.stop.store(true, Relaxed);
        };
        let (zero, one, posted, first, second, ()) = tokio::join!(
            talk(&ada[0], 1, "zero", &signals),
            talk(&bob[1], 1, "one", &signals),
            post(&bob[0], 1, "post", &signals),
            alter(&ada[0], 1, 1, [&bob[0], &ada[0]], &signals),
            alter(&ada[1], 1, 2, [&bob[1], &ada[1]], &signals),
            breaking,
        );
        let changes = first.len() + second.len();
        end.store(stored(nodes.database(), 1).await.1, Relaxed);
        (vec![zero, one, posted], changes)
    };
    let ((acked, changes), seen) = tokio::join!(writing, readers);
    let (history, last_seq) = stored(nodes.database(), 1).await;
    check(&history, last_seq, &acked, &seen);
    assert!(changes > 0, "something was edited; the seed is {seed}");
}

// ---- who belongs together ----

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_different_databases_do_not_meet() {
    let database = Database::new().await;
    let before = Server::on(database.clone(), &[("SNUG_BUS", "postgres")]).await;
    let ada = before.person("ada").await;
    until("the key is made", || async { ada.metric("snug_bus_connected").await == 1 }).await;
    let mut before = before;
    before.stop().await;
    // The copy has the same key, the same accounts and the same chats.
    let copy = database.copy().await;
    let (one, two) = (Server::on(database, &[]).await, Server::on(copy, &[]).await);
    let nodes = Nodes(vec![one, two]);
    nodes.wait_until_connected().await;
    let ada: Vec<Person> = nodes.0.iter().map(|server| ada.at_server(server)).collect();
    let mut readers = vec![ada[0].socket("/ws").await, ada[1].socket("/ws").await];
    for (at, node) in ada.iter().enumerate() {
        node.say(1, "hello").await;
        assert_eq!(seqs(&mut readers[at], 1).await, [1]);
    }
    for reader in &mut readers {
        assert!(reader.expect_silence("message").await);
    }
    assert_eq!(nodes.metric("snug_bus_heard_total").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_bus_nothing_of_it_runs() {
    let server = Server::with(&[("SNUG_BUS", "off")]).await;
    let ada = server.person("ada").await;
    let mut reader = ada.socket("/ws").await;
    ada.say(1, "hello").await;
    reader.expect("message").await;
    assert_eq!(ada.metric("snug_bus_said_total").await, 0);
    let watcher = server.database.client().await;
    let of_the_bus = "select count(*) from pg_stat_activity where datname = current_database() \
        and application_name in ('snug listen', 'snug notify')";
    assert_eq!(watcher.query_one(of_the_bus, &[]).await.unwrap().get::<_, i64>(0), 0);
}
