//! What monitoring and programs read, with and without a database.

use crate::support::{Database, Person, Program, Server, until};
use crate::tidy::files;
use reqwest::Method;
use serde_json::{Value, json};
use snug::model::error::FrameCode;
use std::collections::BTreeSet;
use strum::IntoEnumIterator;

#[tokio::test(flavor = "multi_thread")]
async fn health_readiness_and_descriptions_are_public() {
    let server = Server::start().await;
    let nobody = Person::nobody(&server);
    for (path, media_type) in [
        ("/healthz", "text/plain; charset=utf-8"),
        ("/readyz", "text/plain; charset=utf-8"),
        ("/openapi.json", "application/json"),
        ("/docs", "text/html; charset=utf-8"),
    ] {
        let answer = nobody.get(path).await;
        assert_eq!(answer.headers["content-type"], media_type);
        answer.expect(200);
    }
    let described: Value = nobody.get("/openapi.json").await.expect(200);
    assert_eq!(described["openapi"], "3.1.1");
    assert!(nobody.get("/docs").await.text.contains("id=\"createUser\""));
}

#[test]
fn the_description_names_only_existing_codes() {
    fn codes(value: &Value, found: &mut BTreeSet<String>) {
        if let Value::Object(members) = value {
            match &members.get("code") {
                Some(Value::String(code)) => drop(found.insert(code.clone())),
                Some(code) => {
                    let choices = code["enum"].as_array().into_iter().flatten();
                    found.extend(choices.map(|code| code.as_str().unwrap().to_owned()));
                }
                None => {}
            }
        }
        match value {
            Value::Object(members) => members.values().for_each(|member| codes(member, found)),
            Value::Array(items) => items.iter().for_each(|item| codes(item, found)),
            _ => {}
        }
    }
    let document = serde_json::from_str(include_str!("../../assets/openapi.json")).unwrap();
    let mut found = BTreeSet::new();
    codes(&document, &mut found);
    assert!(found.len() > 15, "{found:?}");
    let source: String = files("src", ".rs").into_iter().map(|(_, text)| text).collect();
    let of_frames: Vec<&str> = FrameCode::iter().map(FrameCode::name).collect();
    for code in found.iter().filter(|code| !of_frames.contains(&code.as_str())) {
        assert!(source.contains(&format!("\"{code}\"")), "{code} is not one of our codes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_for_the_machine_itself_and_for_holders_of_the_token() {
    let token = "Zt8rQ2mX5wYb7kLp";
    let server = Server::with(&[("SNUG_METRICS_TOKEN", token)]).await;
    let nobody = Person::nobody(&server);
    let absent = nobody.get("/nothing").await;
    nobody.get("/metrics").await.expect(200);
    let ada = server.person("ada").await;
    for (name, value) in [
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("forwarded", "for=192.0.2.1"),
        ("x-forwarded-host", "chat.example"),
        ("x-real-ip", "192.0.2.1"),
        ("via", "1.1 proxy"),
    ] {
        let asks = |token: &str| {
            let request = nobody.request(Method::GET, "/metrics").header(name, value);
            nobody.send(if token.is_empty() { request } else { request.bearer_auth(token) })
        };
        for wrong in ["", &token[1..], "x", &ada.token] {
            let answer = asks(wrong).await;
            assert_eq!(
                (answer.status.as_u16(), &answer.text),
                (404, &absent.text),
                "{name} {wrong}"
            );
        }
        asks(token).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_what_happens() {
    let server = Server::start().await;
    let ada = Person::nobody(&server).joined_by("ada").await;
    let mut socket = ada.socket("/ws").await;
    let _second = ada.socket("/ws/general").await;
    ada.say(1, "counted").await;
    socket.expect("message").await;
    ada.get("/chats/room/9").await.refused(404, "not_found");
    let value = async |name: &str| {
        let text = ada.get("/metrics").await.text;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} in {text}")).parse::<f64>().unwrap()
    };
    until("both deliveries are counted", || async { value("snug_deliveries_total").await == 2.0 })
        .await;
    let mut third = ada.socket("/ws/general?after=0").await;
    third.expect("caught_up").await;
    assert_eq!(value("snug_deliveries_total").await, 3.0, "replayed messages count, too");
    for (name, expected) in [
        ("snug_sockets", 3.0),
        ("snug_users_online", 1.0),
        ("snug_messages_stored_total", 1.0),
        ("snug_commit_seconds_count", 1.0),
        ("snug_batch_drafts_sum", 1.0),
        ("snug_outbox_overflows_total", 0.0),
        ("snug_signals_dropped_total", 0.0),
        ("snug_hashing_queue", 0.0),
        ("snug_pool_waiting", 0.0),
        (r#"snug_requests_total{route="/chats/room/{room_id}",status="404"}"#, 1.0),
        (r#"snug_requests_total{route="/auth/login",status="200"}"#, 1.0),
    ] {
        assert_eq!(value(name).await, expected, "{name}");
    }
    assert!(value("snug_pool_connections").await >= 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_it_serves_what_it_can_and_logs_that_once() {
    let database = Database::empty().await;
    let dead = "postgres:///snug?host=/nonexistent&user=snug";
    let program = Program::start(&database, &[("SNUG_DATABASE_URL", dead)]);
    let nobody = Person::at(program.base());
    nobody.get("/healthz").await.expect(200);
    nobody.get("/docs").await.expect(200);
    for answer in [
        nobody.get("/readyz").await,
        nobody.post("/auth/login", json!({"username": "ada", "password": "12345678"})).await,
    ] {
        answer.refused(503, "unavailable");
        assert!(answer.headers["retry-after"].to_str().unwrap().parse::<u32>().unwrap() >= 1);
    }
    nobody.get("/auth/me").await.refused(401, "unauthenticated");
    let said = program.stop();
    let away = said.iter().filter(|line| line.contains("does not answer")).count();
    assert_eq!(away, 1, "{said:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_database_comes_back_so_does_the_service() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    ada.say(1, "before").await;
    let name = &server.database.name;
    let admin = Database::administrator().await;
    let allow = async |yes: bool| {
        let set = format!("alter database {name} with allow_connections {yes}");
        admin.batch_execute(&set).await.unwrap();
    };
    allow(false).await;
    let end = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1";
    admin.execute(end, &[name]).await.unwrap();
    until("nothing is ready", || async { ada.get("/readyz").await.status == 503 }).await;
    for path in ["/readyz", "/chats", "/chats/general/history", "/auth/me", "/users?q=a"] {
        let answer = ada.get(path).await;
        // The session may still be cached for a second, but nothing else works.
        answer.refused(503, "unavailable");
        assert!(answer.headers.contains_key("retry-after"));
    }
    ada.get("/healthz").await.expect(200);
    let unsaid = json!({"content": "meanwhile", "client_id": "m"});
    let posting = tokio::spawn({
        let (ada, unsaid) = (ada.clone(), unsaid.clone());
        async move { ada.post("/chats/1/messages", unsaid).await }
    });
    allow(true).await;
    server.wait_until_ready().await;
    let posted = posting.await.unwrap();
    assert!(matches!(posted.status.as_u16(), 201 | 503), "{}", posted.text);
    let again = ada.post("/chats/1/messages", unsaid).await;
    assert!(again.status.is_success(), "{}", again.text);
    let history = ada.get("/chats/general/history").await.expect(200);
    assert_eq!(history["messages"].as_array().unwrap().len(), 2, "stored once");
}

/// As when a standby has taken the place of the primary.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_database_is_read_and_said_to_be_so() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    ada.say(1, "before").await;
    let name = &server.database.name;
    let admin = Database::administrator().await;
    let end = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1";
    let read_only = format!("alter database {name} set default_transaction_read_only = on");
    admin.batch_execute(&read_only).await.unwrap();
    admin.execute(end, &[name]).await.unwrap();
    let said = "ready to read; the database is read-only, and nothing is stored\n";
    until("it is said", || async { ada.get("/readyz").await.text == said }).await;
    ada.get("/chats/general/history").await.expect(200);
    let unsaid = json!({"content": "after", "client_id": "a"});
    ada.post("/chats/1/messages", unsaid.clone()).await.refused(503, "unavailable");
    let writable = format!("alter database {name} reset default_transaction_read_only");
    admin.batch_execute(&writable).await.unwrap();
    admin.execute(end, &[name]).await.unwrap();
    until("it is over", || async { ada.get("/readyz").await.text == "ready\n" }).await;
    until("it is stored", || async {
        ada.post("/chats/1/messages", unsaid.clone()).await.status.is_success()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_the_schema_is_waited_for() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let database = server.database.client().await;
    database.batch_execute("alter schema public rename to elsewhere").await.unwrap();
    ada.get("/readyz").await.refused(503, "unavailable");
    ada.get("/users?q=ada").await.refused(503, "unavailable");
    database.batch_execute("alter schema elsewhere rename to public").await.unwrap();
    server.wait_until_ready().await;
}
