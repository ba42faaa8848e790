//! What never appears in a log, however much is logged.

use crate::support::{Database, Person, Program, SECRET};
use reqwest::Method;
use serde_json::json;

const PASSWORD: &str = "secret-password-5c1";
const NEW_PASSWORD: &str = "secret-password-9e2";
const WRONG_PASSWORD: &str = "secret-password-0d7";
const CONTENT: &str = "secret-content-77b";
const EMAIL: &str = "secret-address-41f@example.org";
const METRICS_TOKEN: &str = "Jq7wVt2mXz9bLc4R";

#[tokio::test(flavor = "multi_thread")]
async fn no_log_at_any_level_contains_a_secret_and_every_event_is_one_line() {
    let database = Database::new().await;
    let settings =
        [("SNUG_LOG", "trace"), ("SNUG_JWT_SECRET", SECRET), ("SNUG_METRICS_TOKEN", METRICS_TOKEN)];
    let program = Program::start(&database, &settings);
    let nobody = Person::at(program.base());
    nobody.get("/readyz").await.expect(200);
    let mut secrets: Vec<String> = [
        PASSWORD,
        NEW_PASSWORD,
        WRONG_PASSWORD,
        CONTENT,
        EMAIL,
        METRICS_TOKEN,
        SECRET,
        "secret-address-41f",
        "secret-query",
        "secret-session",
        "snug_session_",
        "invite?code",
    ]
    .map(str::to_owned)
    .into();

    let signup = json!({"username": "ada", "password": PASSWORD, "email": EMAIL});
    nobody.post("/auth/signup", signup.clone()).await.expect(201);
    nobody.post("/auth/signup", signup).await.refused(409, "username_taken");
    let odd = json!({"username": CONTENT.to_owned() + "\0", "password": WRONG_PASSWORD});
    nobody.post("/auth/login", odd).await.refused(401, "bad_credentials");
    let ada = nobody.log_in("ada", PASSWORD).await;
    secrets.push(ada.token.clone());
    secrets.push(ada.token.rsplit_once('.').unwrap().1.to_owned());
    let form = format!("username=ada&password={WRONG_PASSWORD}&x=secret-query");
    let form =
        nobody.put_in("/auth/login?x=secret-query", "application/x-www-form-urlencoded", form);
    form.await.refused(401, "bad_credentials");
    let renewed = ada.push("/auth/renew").await.expect(200);
    secrets.push(renewed["access_token"].as_str().unwrap().to_owned());
    ada.send(ada.browses(Method::GET, "/auth/me?x=secret-query")).await.expect(200);
    let body = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
    ada.post("/auth/password", body).await.expect(204);
    ada.say(1, CONTENT).await;
    ada.put_in("/chats/1/messages", "application/json", format!("{{{CONTENT}")).await;
    ada.put_in("/chats/1/messages", "text/plain", CONTENT).await;
    ada.get("/users?q=secret-query&limit=x").await;
    ada.get("/users?q=secret-query").await.expect(200);
    ada.get("/chats/general/history?limit=secret-query").await;
    nobody.with_token("secret-session").get("/auth/me").await.refused(401, "unauthenticated");
    let metrics = nobody.with_token(METRICS_TOKEN);
    metrics
        .send(metrics.request(Method::GET, "/metrics").header("forwarded", "for=x"))
        .await
        .expect(200);
    let (room, link) = ada.room("Tea").await;
    secrets.push(link.split_once("code=").unwrap().1.to_owned());
    ada.post(&format!("/chats/room/{room}/join"), json!({"invite_link": link})).await.expect(200);
    nobody.get(link.strip_prefix(&program.base()).unwrap()).await;

    let mut socket = ada.socket("/ws?after=&x=secret-query").await;
    socket.send(json!({"content": CONTENT, "chat_id": 1, "client_id": "a"})).await;
    socket.expect("ack").await;
    socket.send(json!({"content": 7, "text": CONTENT})).await;
    socket.expect("error").await;

    // A failing statement whose error contains values.
    let client = database.client().await;
    let poison = format!(
        "alter table general_messages add constraint poison check (content <> '{CONTENT}!');
         alter table sessions add constraint poison check (revoked_at is null)"
    );
    client.batch_execute(&poison).await.unwrap();
    let body = json!({"content": format!("{CONTENT}!")});
    assert!(ada.post("/chats/1/messages", body).await.status.is_server_error());
    ada.push("/auth/logout").await.refused(500, "internal");

    let forged = nobody.request(Method::GET, "/%0d%0aforged%1b%5b31m%e2%80%a8");
    let forged = forged.header("user-agent", "agent \u{2028} x\t").header("x-request-id", "forged");
    nobody.send(forged.header("x-forwarded-for", "\u{2028}")).await.refused(404, "not_found");

    let log = program.stop();
    assert!(log.iter().any(|line| line.contains("duration_ms")), "{log:#?}");
    assert!(log.iter().any(|line| line.contains("a statement failed")), "{log:#?}");
    for line in &log {
        assert!(line.starts_with("20") && line.contains("Z "), "not the start of a line: {line:?}");
        assert!(!line.contains(['\u{1b}', '\u{2028}', '\r']), "{line:?}");
        for secret in &secrets {
            assert!(!line.contains(secret), "{secret} appears in {line:?}");
        }
    }
}
