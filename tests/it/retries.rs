//! A draft is stored once, however often and by whatever route it is sent again.

use crate::support::{Person, Server, Socket};
use serde_json::{Value, json};
use snug::limits::CLIENT_ID_CHARS_MAX;

async fn send(socket: &mut Socket, chat_id: i64, content: &str, client_id: &str) -> Value {
    socket.send(json!({"chat_id": chat_id, "content": content, "client_id": client_id})).await;
    loop {
        let frame = socket.next().await;
        if frame["type"] != "message" {
            return frame;
        }
    }
}

async fn post(person: &Person, content: &str, client_id: &str, status: u16) -> Value {
    let draft = json!({"content": content, "client_id": client_id});
    person.post("/chats/1/messages", draft).await.expect(status)
}

async fn stored(person: &Person) -> Vec<Value> {
    let page = person.get("/chats/general/history?limit=200").await.expect(200);
    page["messages"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_gets_the_same_acknowledgement_as_the_first_attempt() {
    let mut server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut reader = bob.socket("/ws/general").await;
    let mut socket = ada.socket("/ws/general").await;
    let first = send(&mut socket, 1, "hello", "id-1").await;
    assert_eq!((&first["type"], &first["seq"]), (&json!("ack"), &json!(1)));
    assert_eq!(send(&mut socket, 1, "hello", "id-1").await, first);
    assert_eq!(
        send(&mut socket, 1, "hello  \n", "id-1").await,
        first,
        "it is the same after trimming"
    );
    let mut other = ada.socket("/ws").await;
    assert_eq!(send(&mut other, 1, "hello", "id-1").await, first);
    let again = post(&ada, "hello", "id-1", 200).await;
    assert_eq!((&again["id"], &again["timestamp"]), (&first["id"], &first["timestamp"]));
    // The other way round: first by HTTP, then by socket.
    let second = post(&ada, "by http", "id-2", 201).await;
    let ack = send(&mut other, 1, "by http", "id-2").await;
    assert_eq!((&ack["id"], &ack["seq"]), (&second["id"], &json!(2)));

    for seq in 1..=2 {
        assert_eq!(reader.next().await["seq"], seq);
    }
    assert!(reader.is_silent().await, "nobody sees a retry");

    server.restart().await;
    let mut socket = ada.socket("/ws/general").await;
    assert_eq!(send(&mut socket, 1, "hello", "id-1").await, first);
    assert_eq!(post(&ada, "by http", "id-2", 200).await["id"], second["id"]);
    assert_eq!(stored(&ada).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn different_content_with_the_same_client_id_is_refused() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut socket = ada.socket("/ws").await;
    send(&mut socket, 1, "hello", "id-1").await;
    let error = send(&mut socket, 1, "good-bye", "id-1").await;
    assert_eq!(
        (&error["code"], &error["client_id"], &error["chat_id"]),
        (&json!("client_id_reused"), &json!("id-1"), &json!(1))
    );
    let draft = json!({"content": "good-bye", "client_id": "id-1"});
    ada.post("/chats/1/messages", draft).await.refused(409, "client_id_reused");
    assert_eq!(stored(&ada).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_id_belongs_to_one_sender_in_one_chat() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let private = ada.private_with(&bob).await;
    let mut hers = ada.socket("/ws").await;
    let mut his = bob.socket("/ws").await;
    for (socket, chat_id, seq) in [(&mut hers, 1, 1), (&mut his, 1, 2)] {
        assert_eq!(send(socket, chat_id, "hello", "id-1").await["seq"], seq);
    }
    assert_eq!(send(&mut hers, private, "hello", "id-1").await["seq"], 1);
    assert_eq!(send(&mut his, private, "something else", "id-1").await["seq"], 2);
    // Case matters in a client_id; the longest and oddest ones are allowed, too.
    let longest = "~!".repeat(CLIENT_ID_CHARS_MAX / 2);
    assert_eq!(send(&mut hers, 1, "hello", "ID-1").await["seq"], 3);
    assert_eq!(send(&mut hers, 1, "hello", &longest).await["seq"], 4);
    assert_eq!(stored(&ada).await[3]["client_id"], longest);
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_that_overtake_each_other_are_one_message() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut reader = ada.socket("/ws/general").await;
    let tries = (0..24).map(|n| {
        let ada = &ada;
        async move {
            if n % 3 == 0 {
                let draft = json!({"content": "once", "client_id": "id-1"});
                let answer = ada.post("/chats/1/messages", draft).await;
                assert!([200, 201].contains(&answer.status.as_u16()), "{answer:?}");
                (answer.json()["id"].clone(), usize::from(answer.status == 201))
            } else {
                let mut socket = ada.socket("/ws/general").await;
                let draft = json!({"content": "once", "client_id": "id-1"});
                socket.send(draft.clone()).await;
                socket.send(draft).await;
                let first = socket.expect("ack").await;
                assert_eq!(socket.expect("ack").await, first);
                (first["id"].clone(), 0)
            }
        }
    });
    let answers = futures_util::future::join_all(tries).await;
    assert!(answers.iter().all(|(id, _)| *id == answers[0].0));
    assert!(answers.iter().map(|(_, created)| created).sum::<usize>() <= 1);
    assert_eq!(stored(&ada).await.len(), 1);
    assert_eq!(reader.expect("message").await["seq"], 1);
    assert!(reader.is_silent().await);
}
