//! Who may sign up: everybody, those with an invite, those whom somebody lets in, or nobody.

use crate::commands::refused;
use crate::operators::said;
use crate::pages::{Browser, location};
use crate::support::{Answer, PASSWORD, Person, Raw, SECRET, Server, until};
use reqwest::Method;
use serde_json::{Value, json};
use snug::model::waits::DatabaseWaits;
use snug::store::Store;

fn commanded(server: &Server, arguments: &[&str]) -> String {
    let url = server.database.url();
    let variables = [("SNUG_DATABASE_URL", url.as_str()), ("SNUG_JWT_SECRET", SECRET)];
    said(arguments, &variables, "")
}

/// A server on which those who sign up wait, and its owner.
async fn with_approval() -> (Server, Person) {
    let server = Server::with(&[("SNUG_SIGNUPS", "approval")]).await;
    let olga = server.person("olga").await;
    commanded(&server, &["user", "role", "olga", "owner"]);
    until("she is the owner", || async {
        olga.get("/auth/me").await.expect(200)["role"] == "owner"
    })
    .await;
    (server, olga)
}

async fn sign_up(server: &Server, name: &str, invite: Option<&str>) -> Answer {
    let email = format!("{name}@example.org");
    let mut body = json!({"username": name, "password": PASSWORD, "email": email});
    if let Some(invite) = invite {
        body["invite"] = json!(invite);
    }
    Person::nobody(server).post("/auth/signup", body).await
}

async fn log_in(server: &Server, name: &str, password: &str) -> Answer {
    let body = json!({"username": name, "password": password});
    Person::nobody(server).post("/auth/login", body).await
}

/// The id of somebody who has signed up and waits.
async fn waiting(server: &Server, name: &str) -> i64 {
    let made = sign_up(server, name, None).await.expect(201);
    assert_eq!(
        (&made["message"], &made["status"]),
        (&json!("User created"), &json!("pending_approval"))
    );
    made["user_id"].as_i64().unwrap()
}

/// The token in a fresh invite.
fn invite(server: &Server, arguments: &[&str]) -> String {
    let link = commanded(server, &[&["invite"], arguments].concat());
    let token = link.trim_end().strip_prefix("http://127.0.0.1:8000/signup?invite=");
    token.unwrap_or_else(|| panic!("{link}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_sign_up_is_a_setting_that_a_command_changes_at_once() {
    let server = Server::with(&[("SNUG_SIGNUPS", "closed")]).await;
    sign_up(&server, "ada", None).await.refused(403, "signup_closed");
    assert_eq!(commanded(&server, &["signups", "open"]), "open\n");
    sign_up(&server, "ada", None).await.expect(201);
    assert_eq!(commanded(&server, &["signups"]), "open\n");
    commanded(&server, &["signups", "invite"]);
    sign_up(&server, "bob", None).await.refused(403, "invite_needed");
    // Back to what the setting says, which the command itself does not know here.
    commanded(&server, &["signups", "default"]);
    sign_up(&server, "bob", None).await.refused(403, "signup_closed");
    // The operator is not bound by it.
    let url = server.database.url();
    let variables = [("SNUG_DATABASE_URL", url.as_str()), ("SNUG_JWT_SECRET", SECRET)];
    said(&["user", "add", "bob", "bob@example.org"], &variables, &format!("{PASSWORD}\n"));
    log_in(&server, "bob", PASSWORD).await.expect(200);
    let line = refused(2, &["serve"], &[("SNUG_SIGNUPS", "shut")]);
    assert!(
        line.contains("SNUG_SIGNUPS: \"shut\" is not open, invite, approval or closed"),
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_is_good_for_so_many_accounts_and_so_long() {
    let server = Server::with(&[("SNUG_SIGNUPS", "invite")]).await;
    server.person("ada").await;
    let two = invite(&server, &["--uses", "2"]);
    sign_up(&server, "bob", Some("x")).await.refused(403, "invite_needed");
    // What is refused does not use it up.
    let mut taken = sign_up(&server, "ADA", Some(&two)).await;
    taken.refused(409, "username_taken");
    for name in ["bob", "cyd"] {
        taken = sign_up(&server, name, Some(&two)).await;
        assert_eq!(taken.expect(201).get("status"), None);
        log_in(&server, name, PASSWORD).await.expect(200);
        taken = sign_up(&server, name, Some(&two)).await;
    }
    taken.refused(403, "invite_needed");
    let one = invite(&server, &["--expires", "1h"]);
    let database = server.database.client().await;
    let row = "select uses_left, expires_at - now() <= interval '1 hour', hash from invites where uses_left > 0";
    let row = database.query_one(row, &[]).await.unwrap();
    assert_eq!((row.get::<_, i32>(0), row.get::<_, bool>(1)), (1, true));
    database.batch_execute("update invites set expires_at = now() - interval '1 s'").await.unwrap();
    sign_up(&server, "dan", Some(&one)).await.refused(403, "invite_needed");
    let store = Store::external(&server.database.url(), DatabaseWaits::default()).unwrap();
    store.purge_signups().await.unwrap();
    let left = "select count(*) from invites";
    assert_eq!(database.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_use_one_invite_at_once_as_many_come_in_as_it_is_good_for() {
    let server = Server::with(&[("SNUG_SIGNUPS", "invite")]).await;
    let token = invite(&server, &["--uses", "3"]);
    let names: Vec<String> = (0..8).map(|n| format!("guest{n}")).collect();
    let asking = names.iter().map(|name| sign_up(&server, name, Some(&token)));
    let answers = futures_util::future::join_all(asking).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 3);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.refused(403, "invite_needed");
    }
    let count = "select count(*) from users";
    let database = server.database.client().await;
    assert_eq!(database.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_up_for_approval_waits_until_somebody_lets_them_in() {
    let (server, olga) = with_approval().await;
    let mut socket = olga.socket("/ws").await;
    let mia = server.person("mia").await;
    let mut others = mia.socket("/ws").await;
    let id = waiting(&server, "nel").await;
    let told = json!({"type": "signup_request", "user": {"user_id": id, "username": "nel"}});
    assert_eq!(socket.expect("signup_request").await, told);
    assert!(others.expect_silence("signup_request").await);
    log_in(&server, "nel", PASSWORD).await.refused(403, "pending_approval");
    log_in(&server, "nel", "not the password").await.refused(401, "bad_credentials");
    sign_up(&server, "NEL", None).await.refused(409, "username_taken");
    // Nobody else sees them or can reach them yet.
    assert_eq!(mia.get("/users?q=nel").await.expect(200)["users"], json!([]));
    mia.post("/chats/private", json!({"receiver_id": id})).await.refused(404, "user_not_found");
    let listed = olga.get("/admin/signups").await.expect(200);
    let pending = &listed["signups"][0];
    assert_eq!(
        (&pending["user_id"], &pending["username"], &pending["email"]),
        (&json!(id), &json!("nel"), &json!("nel@example.org"))
    );
    assert_eq!(pending["requested_at"].as_str().unwrap().len(), 27);
    assert_eq!((listed["signups"].as_array().unwrap().len(), &listed["next"]), (1, &Value::Null));
    mia.say(1, "before she came").await;
    for _ in 0..2 {
        olga.push(&format!("/admin/signups/{id}/approve")).await.expect(204);
    }
    let nel = Person::nobody(&server).log_in("nel", PASSWORD).await;
    assert_eq!(nel.id, id);
    assert_eq!(
        nel.get("/chats").await.expect(200)["chats"][0]["unread"],
        0,
        "she begins where it is now"
    );
    assert_eq!(olga.get("/admin/signups").await.expect(200)["signups"], json!([]));
    mia.post("/chats/private", json!({"receiver_id": id})).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_denial_the_name_and_the_address_are_free_and_the_id_is_not_used_again() {
    let (server, olga) = with_approval().await;
    let id = waiting(&server, "nel").await;
    for _ in 0..2 {
        olga.push(&format!("/admin/signups/{id}/deny")).await.expect(204);
    }
    log_in(&server, "nel", PASSWORD).await.refused(401, "bad_credentials");
    olga.push(&format!("/admin/signups/{id}/approve")).await.refused(404, "not_found");
    let again = waiting(&server, "nel").await;
    assert!(again > id);
    olga.push(&format!("/admin/signups/{again}/approve")).await.expect(204);
    // Whoever is in stays in, and nobody else was ever asked about.
    for path in [
        format!("/admin/signups/{again}/deny"),
        "/admin/signups/999999/approve".into(),
        "/admin/signups/x/deny".into(),
    ] {
        olga.push(&path).await.refused(404, "not_found");
    }
    log_in(&server, "nel", PASSWORD).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_those_who_look_after_the_server_decide() {
    let (server, olga) = with_approval().await;
    let (mia, bob) = (server.person("mia").await, server.person("bob").await);
    commanded(&server, &["user", "role", "mia", "moderator"]);
    let ids = [waiting(&server, "nel").await, waiting(&server, "ola").await];
    until("she is a moderator", || async { mia.get("/admin/signups").await.status == 200 }).await;
    let calls = [
        (Method::GET, "/admin/signups".to_owned()),
        (Method::POST, format!("/admin/signups/{}/approve", ids[0])),
        (Method::POST, format!("/admin/signups/{}/deny", ids[1])),
    ];
    for (method, path) in &calls {
        let nobody = Person::nobody(&server);
        nobody.send(nobody.request(method.clone(), path)).await.refused(401, "unauthenticated");
        bob.send(bob.request(method.clone(), path)).await.refused(403, "not_moderator");
        if *method == Method::POST {
            let foreign =
                mia.browses(method.clone(), path).header("origin", "https://evil.example");
            mia.send(foreign).await.refused(403, "foreign_origin");
        }
    }
    for (method, path) in &calls {
        let answer = mia.send(mia.request(method.clone(), path)).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text);
    }
    log_in(&server, "nel", PASSWORD).await.expect(200);
    // Who is lowered decides nothing from then on.
    commanded(&server, &["user", "role", "mia", "member"]);
    until("she is a member", || async { mia.get("/admin/signups").await.status == 403 }).await;
    olga.get("/admin/signups").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_those_who_wait_comes_in_pages() {
    let (server, olga) = with_approval().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(waiting(&server, &format!("guest{n}")).await);
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = olga.get(&format!("/admin/signups?limit=2{after}")).await.expect(200);
        seen.extend(
            page["signups"].as_array().unwrap().iter().map(|one| one["user_id"].as_i64().unwrap()),
        );
        let Some(next) = page["next"].as_i64() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(seen, ids);
    assert_eq!(olga.get("/admin/signups?limit=0").await.faults(), ["limit"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_say_who_may_sign_up_and_let_people_in() {
    let (server, _) = with_approval().await;
    let mut visitor = Browser::new(&server);
    assert!(visitor.get("/signup").await.text.contains("let you in after you have signed up"));
    let fields = [("username", "nel"), ("email", "nel@example.org"), ("password", PASSWORD)];
    for answer in visitor.submit_twice("/signup", "/signup", &fields).await {
        assert_eq!(location(&answer), "/login?waiting");
        assert!(
            !answer
                .headers
                .get_all("set-cookie")
                .iter()
                .any(|it| it.to_str().unwrap().contains("session"))
        );
    }
    assert!(visitor.get("/login?waiting").await.text.contains("Your account waits"));
    let answer = visitor.log_in("nel", "/").await;
    assert_eq!(answer.status, 403);
    assert!(answer.text.contains("Your account waits"), "{}", answer.text);

    let mut hers = Browser::signed_in(&server, "olga").await;
    let page = hers.get("/general").await.text;
    assert!(page.contains("nel</bdi> asks for an account"), "{page}");
    let Some((_, rest)) = page.split_once("data-signup data-user=\"") else { panic!("{page}") };
    let id = rest.split('"').next().unwrap().to_owned();
    server.person("bob").await;
    let mut his = Browser::signed_in(&server, "bob").await;
    assert!(!his.get("/general").await.text.contains("data-signup data-user=\"2"));
    let fields = [("user_id", &*id), ("next", "/general")];
    assert_eq!(his.submit("/general", "/signups/approve", &fields).await.status, 403);
    assert_eq!(location(&hers.submit("/general", "/signups/approve", &fields).await), "/general");
    assert_eq!(visitor.log_in("nel", "/").await.status, 303);
    assert!(!hers.get("/general").await.text.contains("nel</bdi> asks for an account"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_leads_to_the_sign_up_page_which_is_closed_without_one() {
    let server = Server::with(&[("SNUG_SIGNUPS", "invite")]).await;
    let mut visitor = Browser::new(&server);
    let page = visitor.get("/signup").await.text;
    assert!(
        page.contains("you need an invitation") && !page.contains("name=\"password\""),
        "{page}"
    );
    let token = invite(&server, &[]);
    let page = format!("/signup?invite={token}");
    let fields = [
        ("username", "nel"),
        ("email", "nel@example.org"),
        ("password", PASSWORD),
        ("invite", token.as_str()),
    ];
    assert!(visitor.get(&page).await.text.contains(&format!("value=\"{token}\"")));
    assert_eq!(location(&visitor.submit(&page, "/signup", &fields).await), "/general?welcome");
    let late = Browser::new(&server).submit(&page, "/signup", &fields).await;
    assert_eq!(late.status, 403);
    assert!(late.text.contains("an invitation that is still good"), "{}", late.text);
    commanded(&server, &["signups", "closed"]);
    let page = Browser::new(&server).get("/signup").await.text;
    assert!(page.contains("Nobody can sign up") && !page.contains("name=\"password\""), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_setup_link_makes_an_owner_whatever_the_policy() {
    for policy in ["closed", "invite", "approval"] {
        let server = Server::with(&[("SNUG_SIGNUPS", policy)]).await;
        let link = commanded(&server, &["setup-link"]);
        let token = link.trim_end().split_once("token=").unwrap().1;
        let body = json!({"token": token, "username": "olga", "password": PASSWORD, "email": "o@example.org"});
        let made = Person::nobody(&server).post("/setup", body).await.expect(201);
        assert_eq!(made.get("status"), None);
        log_in(&server, "olga", PASSWORD).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_up_and_does_not_wait_for_the_answer_is_announced_all_the_same() {
    let (server, olga) = with_approval().await;
    let mut socket = olga.socket("/ws").await;
    let holder = server.database.client().await;
    holder.batch_execute("begin; lock table read_positions in share mode").await.unwrap();
    let body = json!({"username": "nel", "password": PASSWORD, "email": "nel@example.org"});
    let body = body.to_string();
    let mut raw = Raw::open(&server).await;
    raw.send(format!(
        "POST /auth/signup HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    ))
    .await;
    let watcher = server.database.client().await;
    until("the account waits", || async { crate::support::waiting(&watcher).await > 0 }).await;
    drop(raw);
    olga.get("/auth/me").await.expect(200);
    holder.batch_execute("rollback").await.unwrap();
    assert_eq!(socket.expect("signup_request").await["user"]["username"], "nel");
}
