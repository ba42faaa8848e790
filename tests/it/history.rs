//! Pages of a chat's history.

use crate::support::{Database, Person, Server, until, waiting};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use snug::limits::{BODY_BYTES_MAX, PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX};
use snug::model::ids::ID_MAX;
use snug::model::message::ChatType;
use snug::store::history_statement;

const GENERAL: &str = "/chats/general/history";

async fn page(person: &Person, query: &str) -> (Vec<i64>, bool) {
    let page = person.get(&format!("{GENERAL}?{query}")).await.expect(200);
    of(&page)
}

fn of(page: &Value) -> (Vec<i64>, bool) {
    let messages = page["messages"].as_array().unwrap();
    let seqs = messages.iter().map(|message| message["seq"].as_i64().unwrap()).collect();
    (seqs, page["has_more"].as_bool().unwrap())
}

/// A server with this many messages in the general chat, and a person who reads them.
async fn talk(messages: i64) -> (Server, Person) {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let database = server.database.client().await;
    database
        .batch_execute(&format!(
            "insert into messages (id, chat_type, chat_id, seq, sender_id, content, timestamp,
                draft_key, content_hash)
             select nextval('message_ids'), 'general', 1, n, 1, 'message ' || n, now(), 's' || n, ''
             from generate_series(1, {messages}) n;
             update chats set last_seq = {messages} where id = 1"
        ))
        .await
        .unwrap();
    (server, ada)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_by_offset_is_arithmetic_at_any_depth() {
    let (_server, ada) = talk(12).await;
    for limit in [1, 5, 11, 12, 13, PAGE_ROWS_MAX] {
        for offset in [0, 1, 6, 11, 12, 13, ID_MAX] {
            let end = 12 - offset.min(12);
            let begin = (end - limit + 1).max(1);
            let expected = ((begin..=end).collect::<Vec<_>>(), end > 0 && begin > 1);
            let got = page(&ada, &format!("limit={limit}&offset={offset}")).await;
            assert_eq!(got, expected, "limit {limit}, offset {offset}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_by_position_goes_back_with_before_and_forward_with_after() {
    let (_server, ada) = talk(12).await;
    for limit in [1, 5, 12, PAGE_ROWS_MAX] {
        for seq in [0, 1, 2, 7, 12, 13, 14, ID_MAX] {
            let end = (seq - 1).clamp(0, 12);
            let begin = (end - limit + 1).max(1);
            let expected = ((begin..=end).collect::<Vec<_>>(), end > 0 && begin > 1);
            let got = page(&ada, &format!("limit={limit}&before={seq}")).await;
            assert_eq!(got, expected, "limit {limit}, before {seq}");

            let (begin, end) = (seq.min(12) + 1, (seq.min(12) + limit).min(12));
            let expected = ((begin..=end).collect::<Vec<_>>(), begin <= end && end < 12);
            let got = page(&ada, &format!("limit={limit}&after={seq}")).await;
            assert_eq!(got, expected, "limit {limit}, after {seq}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_by_position_do_not_shift_while_people_talk() {
    let (_server, ada) = talk(10).await;
    let (newest, _) = page(&ada, "limit=4").await;
    assert_eq!(newest, [7, 8, 9, 10]);
    ada.say(1, "meanwhile").await;
    assert_eq!(page(&ada, "limit=4&before=7").await, (vec![3, 4, 5, 6], true));
    assert_eq!(page(&ada, "limit=4&before=3").await, (vec![1, 2], false));
    assert_eq!(page(&ada, "limit=4&after=10").await, (vec![11], false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_has_the_default_number_of_messages() {
    let last = PAGE_ROWS_MAX + 1;
    let (_server, ada) = talk(last).await;
    let page = ada.get(GENERAL).await.expect(200);
    assert_eq!(of(&page), ((last - PAGE_ROWS_DEFAULT + 1..=last).collect(), true));
    assert_eq!(page["last_seq"], last);
    assert_eq!(page["epoch"], ada.get("/chats").await.expect(200)["epoch"]);
    let first = &page["messages"][0];
    assert_eq!(
        (&first["content"], &first["client_id"]),
        (&json!(format!("message {}", last - PAGE_ROWS_DEFAULT + 1)), &Value::Null)
    );
    let longest = ada.get(&format!("{GENERAL}?limit={PAGE_ROWS_MAX}")).await.expect(200);
    assert_eq!(of(&longest).0.len() as i64, PAGE_ROWS_MAX);
    let members: Vec<_> = page.as_object().unwrap().keys().collect();
    assert_eq!(members, ["messages", "last_seq", "last_change", "has_more", "epoch"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_chat_has_an_empty_page() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    for query in ["", "offset=5", "before=5", "after=0"] {
        assert_eq!(page(&ada, query).await, (vec![], false), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impossible_page_is_422() {
    let (_server, ada) = talk(1).await;
    for (query, field) in [
        ("limit=0", "limit"),
        (&*format!("limit={}", PAGE_ROWS_MAX + 1), "limit"),
        ("limit=-1", "limit"),
        ("limit=", "limit"),
        ("limit=1.0", "limit"),
        ("limit=0x1", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("offset=-1", "offset"),
        ("offset=x", "offset"),
        ("offset=9007199254740992", "offset"),
        ("before=-1", "before"),
        ("before=x", "before"),
        ("after=x", "after"),
        ("after=1%00", "after"),
        ("offset=0&before=1", "offset"),
        ("offset=0&after=1", "offset"),
        ("before=1&after=1", "offset"),
        ("offset=0&before=1&after=1", "offset"),
    ] {
        assert_eq!(ada.get(&format!("{GENERAL}?{query}")).await.faults(), [field], "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_defines_the_page_if_the_query_does_not() {
    let (_server, ada) = talk(12).await;
    let asks = |query: &str, media_type: &str, body: &str| {
        let request = ada.request(Method::GET, &format!("{GENERAL}{query}"));
        ada.send(request.header("content-type", media_type).body(body.to_owned()))
    };
    let json = "application/json";
    let seqs = async |query: &str, body: &str| of(&asks(query, json, body).await.expect(200)).0;
    assert_eq!(seqs("", r#"{"limit":2,"offset":3}"#).await, [8, 9]);
    assert_eq!(seqs("", r#"{"offset":10,"other":1}"#).await, [1, 2]);
    assert_eq!(seqs("", r#"{"limit":1}"#).await, [12]);
    assert_eq!(seqs("?limit=3", r#"{"limit":1,"offset":5}"#).await, [10, 11, 12]);
    assert_eq!(seqs("?before=9", r#"{"limit":2}"#).await, [7, 8]);
    assert_eq!(asks("?before=9", json, r#"{"offset":1}"#).await.faults(), ["offset"]);
    assert_eq!(seqs("", "").await.len(), 12);
    for (body, field) in [
        (r#"{"limit":0}"#, "limit"),
        (&*format!(r#"{{"limit":{}}}"#, PAGE_ROWS_MAX + 1), "limit"),
        (r#"{"limit":"5"}"#, "limit"),
        (r#"{"offset":-1}"#, "offset"),
        ("[]", "body"),
    ] {
        assert_eq!(asks("", json, body).await.faults(), [field], "{body}");
    }
    asks("", json, "{").await.refused(400, "bad_json");
    asks("", json, &" ".repeat(BODY_BYTES_MAX + 1)).await.refused(413, "too_large");
    asks("", "text/plain", r#"{"limit":1}"#).await.refused(415, "unsupported_media_type");
    asks("", "text/plain", "").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_have_the_shape_of_their_chat() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let private = ada.private_with(&bob).await;
    let (room, _) = ada.room("Tea").await;
    for (chat_id, path, shape) in [
        (1, GENERAL.to_owned(), json!({"chat_type": "general", "user_id": ada.id})),
        (
            private,
            format!("/chats/private/{private}/history"),
            json!({"chat_type": "private", "sender_id": ada.id, "receiver_id": bob.id}),
        ),
        (
            room,
            format!("/chats/room/{room}/history"),
            json!({"chat_type": "room", "room_id": room, "user_id": ada.id}),
        ),
    ] {
        let posted = ada
            .post(&format!("/chats/{chat_id}/messages"), json!({"content": "x", "client_id": "c"}))
            .await
            .expect(201);
        let page = ada.get(&path).await.expect(200);
        let mut expected = shape;
        for (name, value) in [
            ("id", posted["id"].clone()),
            ("seq", json!(1)),
            ("chat_id", json!(chat_id)),
            ("username", json!("ada")),
            ("content", json!("x")),
            ("timestamp", posted["timestamp"].clone()),
            ("client_id", json!("c")),
        ] {
            expected[name] = value;
        }
        assert_eq!(page["messages"], json!([expected]), "{path}");
        assert_eq!(posted, expected);
    }
    // A chat can be read only by the path of its own kind.
    for path in [
        format!("/chats/room/{private}/history"),
        format!("/chats/private/{room}/history"),
        "/chats/room/1/history".to_owned(),
        "/chats/private/1/history".to_owned(),
        "/chats/room/1".to_owned(),
    ] {
        ada.get(&path).await.refused(404, "not_found");
    }
}

/// Up to eight of them, as long as their connection keeps returning pages.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_pages_share_a_connection() {
    let (server, ada) = talk(12).await;
    let (holder, watcher) = (server.database.client().await, server.database.client().await);
    holder.batch_execute("begin; lock table general_messages").await.unwrap();
    let first = page(&ada, "limit=1");
    let others = async {
        until("the first waits", || async { waiting(&watcher).await == 1 }).await;
        join_all((2..=9).map(|_| page(&ada, "limit=1"))).await
    };
    let release = async {
        until("one is waiting on another connection", || async { waiting(&watcher).await >= 2 })
            .await;
        // Long enough for all the others to arrive.
        server.person("bob").await;
        assert!(waiting(&watcher).await <= 4, "of nine");
        holder.batch_execute("rollback").await.unwrap();
    };
    let (first, others, ()) = tokio::join!(first, others, release);
    assert_eq!(first, (vec![12], true));
    assert_eq!(others, vec![first; 8]);
}

/// The statements as the server prepares them. Only a plan that walks the key in order and stops at
/// the limit stays cheap: in a chat of ten million messages, any other reads them all.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_walks_the_key_and_reads_only_its_own_rows() {
    let database = Database::new().await.client().await;
    for chat_type in [ChatType::General, ChatType::Private, ChatType::Room] {
        let kind = chat_type.name();
        let fill = format!(
            "insert into messages (id, chat_type, chat_id, seq, sender_id, content, timestamp,
                draft_key, content_hash)
             select nextval('message_ids'), '{kind}', 1, n, 1, 'message ' || n, now(), 's' || n, ''
             from generate_series(1, 20000) n;
             analyze messages;
             set plan_cache_mode = force_generic_plan"
        );
        database.batch_execute(&fill).await.unwrap();
        let page = history_statement(chat_type);
        let types = "bigint, bigint, bigint, bigint, bigint, bigint";
        database.batch_execute(&format!("prepare {kind} ({types}) as {page}")).await.unwrap();
        for position in ["9000, null, null", "0, 77, null", "0, null, 77"] {
            let explain = format!("explain execute {kind} (1, 1, 50, {position})");
            let plan = database.simple_query(&explain).await.unwrap();
            let plan = format!("{plan:?}");
            let walk = format!("Index Scan using {kind}_messages_pkey on {kind}_messages");
            assert!(plan.contains("Limit") && plan.contains(&walk), "{plan}");
        }
    }
}
