//! One's own sessions, as one sees and ends them: by call, by page, and by the operator's command.

use crate::commands::refused;
use crate::operators::said;
use crate::pages::{Browser, location};
use crate::support::{PASSWORD, Person, SECRET, Server, session_cookie, until};
use reqwest::Method;
use serde_json::{Value, json};
use snug::http::public_url::Scheme;
use snug::limits::SESSIONS_PER_USER_MAX;

async fn sessions(person: &Person) -> Vec<Value> {
    let list = person.get("/auth/sessions").await.expect(200);
    list["sessions"].as_array().unwrap().clone()
}

/// The session of the one who asks.
async fn current(person: &Person) -> Value {
    let mut all = sessions(person).await;
    all.retain(|session| session["is_current"] == true);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// Logs in as a browser of this name, from behind a proxy.
async fn signed_in(server: &Server, agent: &str, address: &str) -> Person {
    let nobody = Person::nobody(server);
    let request = nobody.request(Method::POST, "/auth/login");
    let request = request.header("user-agent", agent).header("x-forwarded-for", address);
    let body = json!({"username": "ada", "password": PASSWORD});
    let answer = nobody.send(request.json(&body)).await.expect(200);
    let mut person = nobody.with_token(answer["access_token"].as_str().unwrap());
    person.id = answer["user_id"].as_i64().unwrap();
    person
}

#[tokio::test(flavor = "multi_thread")]
async fn ones_own_sessions_are_listed_with_device_address_and_last_use() {
    let server = Server::with(&[("SNUG_TRUSTED_PROXIES", "127.0.0.1")]).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let phone = signed_in(&server, "Phone/1.0", "192.0.2.7").await;
    let all = sessions(&phone).await;
    assert_eq!(all.len(), 2, "{all:?}");
    let own = current(&phone).await;
    assert_eq!((&own["address"], &own["user_agent"]), (&json!("192.0.2.7"), &json!("Phone/1.0")));
    assert_eq!(all[0], own, "the last used first");
    assert_eq!(all[1]["id"], current(&ada).await["id"]);
    assert_eq!(all[1]["user_agent"], Value::Null);
    for time in ["created_at", "last_used_at"] {
        assert_eq!(own[time].as_str().unwrap().len(), 27, "{own}");
    }
    assert_eq!(sessions(&bob).await.len(), 1, "nobody else's");
    // The id is neither the session nor a part of the token, which would let somebody in.
    assert!(own["id"].as_i64().is_some_and(|id| (1..1 << 53).contains(&id)), "{own}");
    phone.push("/auth/logout").await.expect(204);
    assert_eq!(sessions(&ada).await.len(), 1, "only those that are alive");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_use_follows_requests_and_open_sockets() {
    let server = Server::with(&[("SNUG_TRUSTED_PROXIES", "127.0.0.1")]).await;
    let ada = server.person("ada").await;
    let elsewhere = ada.log_in("ada", PASSWORD).await;
    let _open = elsewhere.socket("/ws").await;
    let database = server.database.client().await;
    let age = "update sessions set last_used_at = now() - interval '1 hour'";
    database.batch_execute(age).await.unwrap();
    let fresh = async |address: &str| {
        let noted = "select count(*) from sessions
            where last_used_at > now() - interval '1 minute' and host(address) = $1";
        database.query_one(noted, &[&address]).await.unwrap().get::<_, i64>(0)
    };
    until("the open socket is noted", || async { fresh("127.0.0.1").await == 1 }).await;
    let me = ada.request(Method::GET, "/auth/me").header("x-forwarded-for", "192.0.2.9");
    ada.send(me).await.expect(200);
    until("the request is noted", || async { fresh("192.0.2.9").await == 1 }).await;
    assert_eq!(current(&ada).await["address"], "192.0.2.9");
    // What is fresh is not written again: nobody's row changes with each request.
    let row = "select xmin::text from sessions order by id";
    let rows = async || -> Vec<String> {
        database.query(row, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    };
    let before = rows().await;
    ada.get("/auth/me").await.expect(200);
    let noted = "select count(*) from sessions where last_used_at > now() - interval '1 minute'";
    assert_eq!(database.query_one(noted, &[]).await.unwrap().get::<_, i64>(0), 2);
    assert_eq!(rows().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_ones_own_sessions_can_be_ended_with_its_sockets() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let elsewhere = ada.log_in("ada", PASSWORD).await;
    let mut socket = elsewhere.socket("/ws").await;
    let mut own = ada.socket("/ws").await;
    let path = format!("/auth/sessions/{}", current(&elsewhere).await["id"]);
    bob.delete(&path).await.refused(404, "not_found");
    let by_cookie = ada.send(ada.browses(Method::DELETE, &path)).await;
    by_cookie.refused(403, "foreign_origin");
    let ended = ada.delete(&path).await;
    assert!(!ended.headers.contains_key("set-cookie"));
    ended.expect(204);
    assert_eq!(socket.closed().await, 4501);
    elsewhere.get("/auth/me").await.refused(401, "unauthenticated");
    assert!(own.is_silent().await);
    ada.delete(&path).await.refused(404, "not_found");
    // The current one: as by logging out.
    let current = format!("/auth/sessions/{}", current(&ada).await["id"]);
    let ended = ada.delete(&current).await;
    let cookie = ended.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with(&format!("{}=; ", session_cookie(Scheme::Http))), "{cookie}");
    assert_eq!(own.closed().await, 4501);
    ada.get("/auth/me").await.refused(401, "unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_show_where_one_is_logged_in_and_end_a_session() {
    let server = Server::with(&[("SNUG_TRUSTED_PROXIES", "127.0.0.1")]).await;
    server.person("ada").await;
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0";
    let phone = signed_in(&server, agent, "192.0.2.7").await;
    let mut browser = Browser::signed_in(&server, "ada").await;
    let page = browser.get("/settings").await.text;
    for shown in ["Firefox on Linux", "192.0.2.7", "This one.", "End<span"] {
        assert!(page.contains(shown), "{shown} in {page}");
    }
    let session = current(&phone).await["id"].to_string();
    let fields = [("session", &*session)];
    for answer in browser.submit_twice("/settings", "/settings/session", &fields).await {
        assert_eq!(location(&answer), "/settings?session=ended#sessions-title");
    }
    phone.get("/auth/me").await.refused(401, "unauthenticated");
    let page = browser.get("/settings?session=ended").await.text;
    assert!(page.contains("That session has ended.") && !page.contains("Firefox on Linux"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_lists_and_ends_sessions_while_it_serves() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let phone = signed_in(&server, "Phone\t1", "192.0.2.7").await;
    let url = server.database.url();
    let variables = [("SNUG_DATABASE_URL", url.as_str()), ("SNUG_JWT_SECRET", SECRET)];
    let list = said(&["session", "list", "ADA"], &variables, "");
    let number = current(&phone).await["id"].to_string();
    let lines: Vec<Vec<&str>> = list.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(lines.len(), 2, "{list}");
    let line = lines.iter().find(|line| line[0] == number).unwrap();
    assert_eq!(line[3..], ["127.0.0.1", "Phone\\t1"], "{list}");
    let mut socket = phone.socket("/ws").await;
    let ended = said(&["session", "revoke", "ada", &number], &variables, "");
    assert_eq!(ended, "ended 1 of the sessions of ada\n");
    let began = std::time::Instant::now();
    assert_eq!(socket.closed().await, 4501);
    assert!(began.elapsed().as_secs() < 3, "{:?}", began.elapsed());
    ada.get("/auth/me").await.expect(200);
    let line = refused(1, &["session", "revoke", "ada", &number], &variables);
    assert!(line.contains("has no session"), "{line}");
    said(&["session", "revoke", "ada", "--all"], &variables, "");
    until("her last session is over", || async { ada.get("/auth/me").await.status == 401 }).await;
    let none = said(&["session", "list", "ada"], &variables, "");
    assert_eq!(none, "ada is not logged in anywhere\n");
    assert!(refused(1, &["session", "list", "eve"], &variables).contains("no user eve"));
}

/// A command has no sockets to end.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_by_command_ends_the_oldest_session_of_many() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let database = server.database.client().await;
    let put = "insert into sessions (id, user_id, created_at, expires_at)
        select 'filled' || n, $1, now() - interval '1 minute', now() + interval '1 day'
        from generate_series(2, $2::bigint) n";
    database.execute(put, &[&ada.id, &SESSIONS_PER_USER_MAX]).await.unwrap();
    let age =
        "update sessions set created_at = now() - interval '1 hour' where id not like 'filled%'";
    database.batch_execute(age).await.unwrap();
    let url = server.database.url();
    let variables = [("SNUG_DATABASE_URL", url.as_str()), ("SNUG_JWT_SECRET", SECRET)];
    said(&["token", "ada"], &variables, "");
    until("the oldest session is over", || async { ada.get("/auth/me").await.status == 401 }).await;
}
