//! Accounts in the operator's hand: disabled, renamed, given a new password or a link to set one, while snug
//! serves.

use crate::commands::refused;
use crate::operators::said;
use crate::pages::{Browser, location};
use crate::support::{Answer, PASSWORD, Person, SECRET, Server, until, waiting};
use serde_json::json;
use std::time::{Duration, Instant};

const NEW_PASSWORD: &str = "another correct horse";

/// A command on the server's database, with this standard input.
fn commanded(server: &Server, arguments: &[&str], input: &str) -> String {
    let url = server.database.url();
    let variables = [("SNUG_DATABASE_URL", url.as_str()), ("SNUG_JWT_SECRET", SECRET)];
    said(arguments, &variables, input)
}

fn turned_down(server: &Server, arguments: &[&str]) -> String {
    let url = server.database.url();
    let variables = [("SNUG_DATABASE_URL", url.as_str()), ("SNUG_JWT_SECRET", SECRET)];
    refused(1, arguments, &variables)
}

async fn log_in(server: &Server, name: &str, password: &str) -> Answer {
    let body = json!({"username": name, "password": password});
    Person::nobody(server).post("/auth/login", body).await
}

/// The token in a fresh link to set a new password.
fn reset_token(server: &Server, name: &str) -> String {
    let link = commanded(server, &["user", "reset-link", name], "");
    let token = link.trim_end().strip_prefix("http://127.0.0.1:8000/reset?token=");
    token.unwrap_or_else(|| panic!("{link}")).to_owned()
}

async fn reset(server: &Server, token: &str, password: &str) -> Answer {
    let body = json!({"token": token, "new_password": password});
    Person::nobody(server).post("/auth/reset", body).await
}

/// That all her sessions and sockets have ended, in time.
async fn assert_out(ada: &Person, socket: &mut crate::support::Socket, began: Instant) {
    assert_eq!(socket.closed().await, 4501);
    until("her token is dead", || async { ada.get("/auth/me").await.status == 401 }).await;
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_account_is_out_at_once_and_stays_out_until_it_is_enabled() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut socket = ada.socket("/ws").await;
    ada.say(1, "still here").await;
    let token = reset_token(&server, "ada");
    let done = commanded(&server, &["user", "disable", "ADA"], "");
    let began = Instant::now();
    assert_eq!(done, "ada cannot log in any more, and is logged in nowhere\n");
    assert_out(&ada, &mut socket, began).await;
    log_in(&server, "ada", PASSWORD).await.refused(403, "disabled");
    log_in(&server, "ada@example.org", PASSWORD).await.refused(403, "disabled");
    log_in(&server, "ada", "not the password").await.refused(401, "bad_credentials");
    let page = Browser::new(&server).log_in("ada", "/").await;
    assert_eq!(page.status, 403);
    assert!(page.text.contains("This account is disabled"), "{}", page.text);
    reset(&server, &token, NEW_PASSWORD).await.refused(404, "not_found");
    assert!(turned_down(&server, &["user", "reset-link", "ada"]).contains("disabled"));
    assert!(turned_down(&server, &["token", "ada"]).contains("disabled"));
    let history = bob.get("/chats/general/history").await.expect(200);
    assert_eq!(history["messages"][0]["username"], "ada", "what she said stays");
    bob.get("/auth/me").await.expect(200);
    assert!(commanded(&server, &["user", "list"], "").contains("\tdisabled\n"));

    assert_eq!(commanded(&server, &["user", "enable", "ada"], ""), "ada can log in\n");
    log_in(&server, "ada", PASSWORD).await.expect(200);
    ada.get("/auth/me").await.refused(401, "unauthenticated");
    reset(&server, &token, NEW_PASSWORD).await.refused(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_under_way_does_not_outlive_the_account() {
    let server = Server::start().await;
    server.person("ada").await;
    let database = server.database.client().await;
    // Locks the user's row, as disabling does, until the login waits for it.
    let begin = "begin; update users set state = 'disabled'";
    database.batch_execute(begin).await.unwrap();
    let body = json!({"username": "ada", "password": PASSWORD});
    let nobody = Person::nobody(&server);
    let login = tokio::spawn(async move { nobody.post("/auth/login", body).await });
    let watcher = server.database.client().await;
    until("the login waits", || async { waiting(&watcher).await > 0 }).await;
    database.batch_execute("commit").await.unwrap();
    login.await.unwrap().refused(401, "bad_credentials");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_owner_who_can_log_in_cannot_be_disabled() {
    let server = Server::start().await;
    for name in ["ada", "bob"] {
        server.person(name).await;
        commanded(&server, &["user", "role", name, "owner"], "");
    }
    commanded(&server, &["user", "disable", "bob"], "");
    for command in [&["user", "disable", "ada"][..], &["user", "role", "ada", "member"]] {
        let line = turned_down(&server, command);
        assert!(line.contains("Nobody else owns this server"), "{line}");
    }
    // The other one can be lowered, since he does not count.
    commanded(&server, &["user", "role", "bob", "member"], "");
    log_in(&server, "ada", PASSWORD).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_sets_a_new_password_once_and_ends_all_sessions() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut socket = ada.socket("/ws").await;
    let token = reset_token(&server, "ada");
    assert_eq!(reset(&server, &token, "short").await.faults(), ["new_password"]);
    reset(&server, "x", NEW_PASSWORD).await.refused(404, "not_found");
    ada.get("/auth/me").await.expect(200);
    let answer = reset(&server, &token, NEW_PASSWORD).await;
    assert!(!answer.headers.contains_key("set-cookie"));
    answer.expect(204);
    assert_eq!(socket.closed().await, 4501);
    ada.get("/auth/me").await.refused(401, "unauthenticated");
    log_in(&server, "ada", PASSWORD).await.refused(401, "bad_credentials");
    log_in(&server, "ada", NEW_PASSWORD).await.expect(200);
    reset(&server, &token, PASSWORD).await.refused(404, "not_found");
    log_in(&server, "ada", NEW_PASSWORD).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_use_one_link_at_once_one_sets_the_password() {
    let server = Server::start().await;
    server.person("ada").await;
    let token = reset_token(&server, "ada");
    let passwords: Vec<String> = (0..6).map(|n| format!("{NEW_PASSWORD} {n}")).collect();
    let asking = passwords.iter().map(|password| reset(&server, &token, password));
    let answers = futures_util::future::join_all(asking).await;
    let made: Vec<usize> = (0..6).filter(|n| answers[*n].status == 204).collect();
    assert_eq!(made.len(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 204) {
        answer.refused(404, "not_found");
    }
    log_in(&server, "ada", &passwords[made[0]]).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_works_for_a_day_only_the_latest_one_and_only_its_hash_is_stored() {
    let server = Server::start().await;
    server.person("ada").await;
    server.person("bob").await;
    let of_bob = reset_token(&server, "bob");
    let first = reset_token(&server, "ada");
    let second = reset_token(&server, "ada");
    reset(&server, &first, NEW_PASSWORD).await.refused(404, "not_found");
    let database = server.database.client().await;
    let rows = "select l::text from links l where expires_at - now() <= interval '24 hours'";
    let rows = database.query(rows, &[]).await.unwrap();
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert!(
            !row.get::<_, &str>(0).contains(&second) && !row.get::<_, &str>(0).contains(&of_bob)
        );
    }
    database.batch_execute("update links set expires_at = now() - interval '1 s'").await.unwrap();
    reset(&server, &second, NEW_PASSWORD).await.refused(404, "not_found");
    let mut browser = Browser::new(&server);
    assert_eq!(browser.get(&format!("/reset?token={second}")).await.status, 404);
    // A new password by another way makes a link worthless.
    let last = reset_token(&server, "ada");
    commanded(&server, &["user", "password", "ada"], &format!("{NEW_PASSWORD}\n"));
    reset(&server, &last, PASSWORD).await.refused(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_behind_the_link_sets_the_password() {
    let server = Server::start().await;
    server.person("ada").await;
    let token = reset_token(&server, "ada");
    let page = format!("/reset?token={token}");
    let mut browser = Browser::new(&server);
    let fields = |password| [("token", token.as_str()), ("new_password", password)];
    let answer = browser.submit(&page, "/reset", &fields("short")).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("id=\"new_password-fault\""), "{}", answer.text);
    for answer in browser.submit_twice(&page, "/reset", &fields(NEW_PASSWORD)).await {
        assert_eq!(location(&answer), "/login?reset");
    }
    assert!(browser.get("/login?reset").await.text.contains("Your new password is set"));
    assert_eq!(browser.get(&page).await.status, 404);
    log_in(&server, "ada", NEW_PASSWORD).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sets_a_password_and_all_sessions_end() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut socket = ada.socket("/ws").await;
    let input = format!("{NEW_PASSWORD}\n");
    let done = commanded(&server, &["user", "password", "ada"], &input);
    let began = Instant::now();
    assert_eq!(done, "ada has a new password, and has to log in again everywhere\n");
    assert_out(&ada, &mut socket, began).await;
    log_in(&server, "ada", NEW_PASSWORD).await.expect(200);
    assert!(turned_down(&server, &["user", "password", "ada"]).contains("no password was given"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_name_is_on_what_was_said_and_on_what_is_said_next() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut hers = ada.socket("/ws").await;
    let mut his = bob.socket("/ws").await;
    ada.say(1, "as ada").await;
    for taken in ["bob", "BOB"] {
        let line = turned_down(&server, &["user", "rename", "ada", taken]);
        assert!(line.contains("This name is taken"), "{line}");
    }
    let done = commanded(&server, &["user", "rename", "ada", "Adele"], "");
    let began = Instant::now();
    assert_eq!(done, "ada is called Adele from now on, and has to log in again everywhere\n");
    assert_out(&ada, &mut hers, began).await;
    let adele = Person::nobody(&server).log_in("adele", PASSWORD).await;
    assert_eq!(
        (adele.id, adele.get("/auth/me").await.json()["username"].clone()),
        (ada.id, json!("Adele"))
    );
    adele.say(1, "as adele").await;
    his.expect("message").await;
    assert_eq!(his.expect("message").await["username"], "Adele");
    until("the history has the name", || async {
        let history = bob.get("/chats/general/history").await.expect(200);
        history["messages"].as_array().unwrap().iter().all(|said| said["username"] == "Adele")
    })
    .await;
    // Her own name in other letters is hers; the one before is free again.
    commanded(&server, &["user", "rename", "adele", "ADELE"], "");
    let body = json!({"username": "ada", "password": PASSWORD, "email": "another@example.org"});
    Person::nobody(&server).post("/auth/signup", body).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_changes_an_address_and_shows_an_account() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    server.person("bob").await;
    let line = turned_down(&server, &["user", "email", "ada", "BOB@example.org"]);
    assert!(line.contains("an account with this address"), "{line}");
    let done = commanded(&server, &["user", "email", "ada", "new@example.org"], "");
    assert_eq!(done, "ada has the address new@example.org from now on\n");
    log_in(&server, "new@example.org", PASSWORD).await.expect(200);
    ada.get("/auth/me").await.expect(200);
    let shown = commanded(&server, &["user", "show", "ADA"], "");
    for line in [
        "name           ada",
        "e-mail address new@example.org",
        "state          active",
        "shows presence yes",
        "sessions       2",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line} in {shown}");
    }
    let url = server.database.url();
    let variables = [("SNUG_DATABASE_URL", url.as_str()), ("SNUG_JWT_SECRET", SECRET)];
    for wrong in [&["user", "email", "ada", "nowhere"][..], &["user", "rename", "ada", "a b"]] {
        refused(2, wrong, &variables);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_about_nobody_say_so() {
    let server = Server::start().await;
    for command in ["show", "reset-link", "disable", "enable"] {
        let line = turned_down(&server, &["user", command, "eve"]);
        assert!(line.contains("no user eve"), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_login_page_says_whom_to_ask_for_a_new_password() {
    for (settings, said) in [
        (&[("SNUG_CONTACT", "Ada <ada@example.org>")][..], "Ada &lt;ada@example.org&gt;"),
        (&[], "Ask the people who run this server"),
    ] {
        let server = Server::with(settings).await;
        let page = Browser::new(&server).get("/login").await.text;
        assert!(page.contains(said), "{said} in {page}");
    }
}

/// Whoever could read the mail or the message in which it came must not set another one with it.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_changes_their_password_needs_no_link_any_more() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let token = reset_token(&server, "ada");
    let body = json!({"current_password": "not this one", "new_password": NEW_PASSWORD});
    assert_eq!(ada.post("/auth/password", body).await.faults(), ["current_password"]);
    let page = Person::nobody(&server).get(&format!("/reset?token={token}")).await;
    assert_eq!(page.status, 200);
    let body = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
    ada.post("/auth/password", body).await.expect(204);
    reset(&server, &token, "a third correct horse").await.refused(404, "not_found");
    log_in(&server, "ada", NEW_PASSWORD).await.expect(200);
}

/// The operator locks the account first and its links then; so does the link.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_used_while_the_account_is_disabled_sets_nothing() {
    let server = Server::start().await;
    server.person("ada").await;
    let token = reset_token(&server, "ada");
    let database = server.database.client().await;
    let begin = "begin; select from users where username = 'ada' for no key update";
    database.batch_execute(begin).await.unwrap();
    let body = json!({"token": token, "new_password": NEW_PASSWORD});
    let nobody = Person::nobody(&server);
    let resetting = tokio::spawn(async move { nobody.post("/auth/reset", body).await });
    let watcher = server.database.client().await;
    until("the link waits", || async { waiting(&watcher).await > 0 }).await;
    let disable =
        "update users set state = 'disabled' where username = 'ada'; delete from links; commit";
    database.batch_execute(disable).await.unwrap();
    resetting.await.unwrap().refused(404, "not_found");
    commanded(&server, &["user", "enable", "ada"], "");
    log_in(&server, "ada", PASSWORD).await.expect(200);
}
