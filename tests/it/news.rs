//! What comes on the bus is believed only if one of our nodes has said it, and only once: whoever reaches the bus otherwise
//! can show nobody anything.

use crate::support::{Nodes, Person, until};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::json;
use snug::bus::{NodeId, Seal};
use snug::limits::NOTIFY_BYTES_MAX;
use snug::model::ids::{ChatId, UserId};
use snug::model::news::News;
use snug::model::wire::{ServerFrame, UserJson, text_frame};
use snug::store::Store;
use tokio_postgres::{AsyncMessage, Client, NoTls};

/// As anybody can who may connect to the database.
async fn notify(client: &Client, channel: &str, payload: &str) {
    client.execute("select pg_notify($1, $2)", &[&channel, &payload]).await.unwrap();
}

async fn channel(client: &Client) -> String {
    let place: String = client.query_one("select bus_place()", &[]).await.unwrap().get(0);
    format!("snug_{place}")
}

fn shown_to(person: &Person) -> Vec<u8> {
    let user = UserJson { user_id: UserId(1), username: "eve" };
    let frame = text_frame(&ServerFrame::JoinRequest { room_id: ChatId(1), user });
    News::Account { user_id: UserId(person.id), frame }.encode()
}

async fn passed_over(person: &Person, why: &str) -> u64 {
    let text = person.get("/metrics").await.text;
    let name = format!("snug_bus_passed_over_total{{why=\"{why}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&name)).map_or(0, |count| count.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_none_of_our_nodes_has_said_is_passed_over_and_counted() {
    let nodes = Nodes::hearing(1).await;
    let ada = &nodes.person("ada").await[0];
    let mut socket = ada.socket("/ws").await;
    let client = nodes.database().client().await;
    let channel = channel(&client).await;
    let mut body = Vec::new();
    News::put(&shown_to(ada), &mut body);
    let terms = Store::external(&nodes.database().url(), Default::default()).unwrap();
    let terms = terms.bus_terms().await.unwrap();
    let now: i64 = client
        .query_one("select (extract(epoch from clock_timestamp()) * 1000000)::bigint", &[])
        .await
        .unwrap()
        .get(0);
    let seal = |key: &[u8], place: &str, node, stamp| {
        STANDARD_NO_PAD.encode(Seal::new(key, place).seal(NodeId(node), stamp, &body))
    };
    let minute = 60_000_000;
    for (why, payload) in [
        ("unread", "hello".to_owned()),
        ("unread", String::new()),
        ("unread", "x".repeat(NOTIFY_BYTES_MAX)),
        ("unread", STANDARD_NO_PAD.encode([0; 100])),
        ("newer", STANDARD_NO_PAD.encode([vec![2], body.clone()].concat())),
        ("forged", STANDARD_NO_PAD.encode([1; 5_000])),
        ("forged", seal(&[7; 32], &terms.place, 1, now)),
        ("forged", seal(&terms.key, "elsewhere", 2, now)),
        ("old", seal(&terms.key, &terms.place, 3, now - 10 * minute)),
    ] {
        let before = passed_over(ada, why).await;
        notify(&client, &channel, &payload).await;
        until("it is passed over", || async { passed_over(ada, why).await == before + 1 }).await;
    }
    assert!(socket.expect_silence("join_request").await);
    // By which it can be seen that this would have been heard.
    notify(&client, &channel, &seal(&terms.key, &terms.place, 4, now + minute)).await;
    assert_eq!(socket.expect("join_request").await["user"]["username"], "eve");
    // What comes with something that cannot be read is heard all the same.
    let mut body = Vec::new();
    News::put(&[250, 1, 2], &mut body);
    News::put(&shown_to(ada), &mut body);
    let sealed = Seal::new(&terms.key, &terms.place).seal(NodeId(5), now + minute, &body);
    let before = passed_over(ada, "unread").await;
    notify(&client, &channel, &STANDARD_NO_PAD.encode(sealed)).await;
    socket.expect("join_request").await;
    assert_eq!(passed_over(ada, "unread").await, before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_again_is_not_heard_again() {
    let nodes = Nodes::hearing(2).await;
    let (ada, bob) = (nodes.person("ada").await, nodes.person("bob").await);
    let (room, link) = ada[0].room("Tea").await;
    let mut socket = ada[0].socket("/ws").await;
    // Whoever may connect to the database can listen.
    let mut config = tokio_postgres::Config::new();
    config.host_path(nodes.database().socket().parent().unwrap());
    config.user("snug").dbname(&nodes.database().name);
    let (client, mut connection) = config.connect(NoTls).await.unwrap();
    let (tell, mut heard) = tokio::sync::mpsc::channel(1_000);
    tokio::spawn(async move {
        while let Some(Ok(message)) =
            std::future::poll_fn(|context| connection.poll_message(context)).await
        {
            if let AsyncMessage::Notification(note) = message {
                tell.send(note.payload().to_owned()).await.unwrap();
            }
        }
    });
    let channel = channel(&client).await;
    client.batch_execute(&format!("listen {channel}")).await.unwrap();
    let ask = format!("/chats/room/{room}/join");
    bob[1].post(&ask, json!({"invite_link": link})).await.expect(202);
    socket.expect("join_request").await;
    let mut payloads = vec![heard.recv().await.unwrap()];
    while let Ok(payload) = heard.try_recv() {
        payloads.push(payload);
    }
    for text in payloads.iter().map(|payload| STANDARD_NO_PAD.decode(payload).unwrap()) {
        assert!(!text.windows(3).any(|three| three == b"Tea"), "no text that people wrote");
    }
    for payload in &payloads {
        notify(&client, &channel, payload).await;
    }
    // Each by the node that has not said it itself.
    let count = payloads.len() as u64;
    until("all are passed over", || async {
        passed_over(&ada[0], "old").await + passed_over(&ada[1], "old").await == count
    })
    .await;
    assert!(socket.expect_silence("join_request").await);
}
