//! How far people have read: written in the end whatever happens, and announced when it moves.

use crate::faults::{behind, end_backends};
use crate::support::proxy::Proxy;
use crate::support::{Raw, Server, until, waiting};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn no_position_is_lost_while_the_database_is_unavailable() {
    let proxy = Proxy::new().await;
    let server = behind(&proxy).await;
    let ada = server.person("ada").await;
    let database = server.database.client().await;
    // More than fits into one statement.
    let put = "with made as (
            insert into chats (chat_type, last_seq) select 'private', 1 from generate_series(1, 1000)
            returning id
        )
        insert into private_chats (chat_id, user_low, user_high)
        select id, $1::bigint, 1000000 + id from made returning chat_id";
    let chats = database.query(put, &[&ada.id]).await.unwrap();
    let mut socket = ada.socket("/ws").await;
    // Answered once everything that the socket sent has been read.
    socket.send(json!({"type": "join"})).await;
    socket.expect("welcome").await;
    proxy.refuse(true);
    end_backends(&server.database, "true").await;
    for chat in &chats {
        let chat_id: i64 = chat.get(0);
        socket.send(json!({"type": "read", "chat_id": chat_id, "seq": 1})).await;
    }
    socket.send(json!({"type": "ping"})).await;
    socket.expect("pong").await;
    // Some come from the session check, which runs once a second like the writing of positions.
    let refusals = proxy.refusals();
    until("writing has failed", || async { proxy.refusals() > refusals + 3 }).await;
    proxy.refuse(false);
    until("all are written", || async {
        let count = "select count(*) from read_positions where user_id = $1 and read_seq = 1";
        database.query_one(count, &[&ada.id]).await.unwrap().get::<_, i64>(0) == 1_000
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_is_announced_even_if_its_client_has_left() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    server.person("bob").await.say(1, "hello").await;
    let mut socket = ada.socket("/ws").await;
    let holder = server.database.client().await;
    let hold = format!("begin; select from read_positions where user_id = {} for update", ada.id);
    holder.batch_execute(&hold).await.unwrap();
    let mut raw = Raw::open(&server).await;
    raw.send(format!(
        "POST /chats/1/read HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{{\"seq\":1}}",
        ada.token
    ))
    .await;
    let watcher = server.database.client().await;
    until("it waits", || async { waiting(&watcher).await > 0 }).await;
    drop(raw);
    ada.get("/auth/me").await.expect(200);
    holder.batch_execute("rollback").await.unwrap();
    assert_eq!(socket.expect("read").await, json!({"type": "read", "chat_id": 1, "seq": 1}));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_has_been_read_in_an_empty_chat() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let (room, _) = ada.room("Tea").await;
    let database = server.database.client().await;
    let clear = "delete from read_positions where chat_id = $1";
    database.execute(clear, &[&room]).await.unwrap();
    let mut socket = ada.socket("/ws").await;
    ada.post(&format!("/chats/{room}/read"), json!({"seq": 7})).await.expect(204);
    assert!(socket.expect_silence("read").await);
    let count = "select count(*) from read_positions where chat_id = $1";
    assert_eq!(database.query_one(count, &[&room]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_number_may_be_written_with_a_fraction() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    ada.say(1, "Hello!").await;
    ada.post("/chats/1/read", json!({"seq": 1.0})).await.expect(204);
    assert_eq!(ada.post("/chats/1/read", json!({"seq": 0.5})).await.faults(), ["seq"]);
}
