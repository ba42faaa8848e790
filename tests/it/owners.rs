//! Roles, and the link by which the first owner comes.

use crate::commands::refused;
use crate::operators::said;
use crate::pages::{Browser, location};
use crate::support::{Database, PASSWORD, Person, Program, SECRET, Server, until};
use serde_json::{Value, json};
use snug::model::ids::UserId;
use snug::model::message::Role;
use snug::model::waits::DatabaseWaits;
use snug::store::{OwnerKept, Store};
use std::io::{BufRead, BufReader};

/// What a command prints that works on the server's database.
fn commanded(server: &Server, arguments: &[&str]) -> String {
    let url = server.database.url();
    let variables = [("SNUG_DATABASE_URL", url.as_str()), ("SNUG_JWT_SECRET", SECRET)];
    said(arguments, &variables, "")
}

fn turned_down(server: &Server, arguments: &[&str]) -> String {
    let url = server.database.url();
    let variables = [("SNUG_DATABASE_URL", url.as_str()), ("SNUG_JWT_SECRET", SECRET)];
    refused(1, arguments, &variables)
}

/// The token in a fresh setup link.
fn setup_token(server: &Server) -> String {
    let link = commanded(server, &["setup-link"]);
    let token = link.trim_end().strip_prefix("http://127.0.0.1:8000/setup?token=");
    token.unwrap_or_else(|| panic!("{link}")).to_owned()
}

fn owner(token: &str) -> Value {
    json!({"token": token, "username": "olga", "password": PASSWORD, "email": "olga@example.org"})
}

async fn role(person: &Person) -> String {
    person.get("/auth/me").await.expect(200)["role"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_setup_link_makes_the_first_owner_once() {
    let server = Server::start().await;
    server.person("ada").await;
    let nobody = Person::nobody(&server);
    let token = setup_token(&server);
    // What is refused does not use it up.
    let with = |name: &str, value: &str| {
        let mut body = owner(&token);
        body[name] = json!(value);
        body
    };
    nobody.post("/setup", with("token", "x")).await.refused(404, "not_found");
    assert_eq!(nobody.post("/setup", with("password", "short")).await.faults(), ["password"]);
    nobody.post("/setup", with("username", "ADA")).await.refused(409, "username_taken");
    nobody.post("/setup", with("email", "ADA@example.org")).await.refused(409, "email_taken");
    let made = nobody.post("/setup", owner(&token)).await.expect(201);
    let olga = nobody.log_in("olga", PASSWORD).await;
    assert_eq!(made, json!({"message": "User created", "user_id": olga.id}));
    assert_eq!(role(&olga).await, "owner");
    // With another name, so that only the link can be at fault.
    let mut again = with("username", "odin");
    again["email"] = json!("odin@example.org");
    nobody.post("/setup", again).await.refused(404, "not_found");
    assert!(turned_down(&server, &["setup-link"]).contains("has an owner already"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_use_the_setup_link_at_once_one_becomes_the_owner() {
    let server = Server::start().await;
    let token = setup_token(&server);
    let nobody = Person::nobody(&server);
    let asking = (0..6).map(|n| {
        let mut body = owner(&token);
        body["username"] = json!(format!("olga{n}"));
        body["email"] = json!(format!("olga{n}@example.org"));
        nobody.post("/setup", body)
    });
    let answers = futures_util::future::join_all(asking).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.refused(404, "not_found");
    }
    let count = "select count(*) from users";
    let database = server.database.client().await;
    assert_eq!(database.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_link_works_for_a_day_and_only_the_latest_one_and_while_nobody_owns_the_server() {
    let server = Server::start().await;
    let nobody = Person::nobody(&server);
    let first = setup_token(&server);
    let second = setup_token(&server);
    let is_open =
        async |token: &str| nobody.get(&format!("/setup?token={token}")).await.status == 200;
    assert!(!is_open(&first).await && is_open(&second).await);
    nobody.post("/setup", owner(&first)).await.refused(404, "not_found");
    let database = server.database.client().await;
    let kept = database
        .query_one("select hash, expires_at - now() <= interval '24 hours' from links", &[]);
    let kept = kept.await.unwrap();
    assert!(kept.get::<_, bool>(1));
    assert!(!kept.get::<_, Vec<u8>>(0).windows(8).any(|part| second.as_bytes().starts_with(part)));
    let age = |hours: i32| {
        let set = format!("update links set expires_at = now() + interval '{hours} hours'");
        let database = &database;
        async move { database.batch_execute(&set).await.unwrap() }
    };
    age(-1).await;
    assert!(!is_open(&second).await);
    nobody.post("/setup", owner(&second)).await.refused(404, "not_found");
    age(1).await;
    server.person("ada").await;
    commanded(&server, &["user", "role", "ada", "owner"]);
    assert!(!is_open(&second).await);
    nobody.post("/setup", owner(&second)).await.refused(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_setup_page_makes_the_owner_and_signs_in() {
    let server = Server::start().await;
    let token = setup_token(&server);
    let page = format!("/setup?token={token}");
    let mut browser = Browser::new(&server);
    assert_eq!(browser.get("/setup?token=x").await.status, 404);
    assert_eq!(browser.get("/setup").await.status, 404);
    let fields = |password| {
        [
            ("token", &*token),
            ("username", "olga"),
            ("email", "olga@example.org"),
            ("password", password),
        ]
    };
    let answer = browser.submit(&page, "/setup/account", &fields("short")).await;
    assert_eq!(answer.status, 422);
    assert!(
        answer.text.contains("id=\"password-fault\"") && answer.text.contains("value=\"olga\"")
    );
    for answer in browser.submit_twice(&page, "/setup/account", &fields(PASSWORD)).await {
        assert_eq!(location(&answer), "/general?welcome");
        assert!(answer.headers.contains_key("set-cookie"));
    }
    assert_eq!(browser.get(&page).await.status, 404);
    let olga = Person::nobody(&server).log_in("olga", PASSWORD).await;
    assert_eq!(role(&olga).await, "owner");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_given_by_command_and_counts_within_a_second() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    assert_eq!(role(&ada).await, "member");
    let given = commanded(&server, &["user", "role", "ADA", "owner"]);
    assert_eq!(given, "ada has the role owner from now on\n");
    commanded(&server, &["user", "role", "bob", "moderator"]);
    until("the roles count", || async {
        role(&ada).await == "owner" && role(&bob).await == "moderator"
    })
    .await;
    let list = commanded(&server, &["user", "list"]);
    let roles: Vec<&str> = list.lines().map(|line| line.split('\t').nth(4).unwrap()).collect();
    assert_eq!(roles, ["owner", "moderator"]);
    assert!(turned_down(&server, &["user", "role", "eve", "owner"]).contains("no user eve"));
    // No body and no frame says what somebody is.
    let body = json!({"username": "eve", "password": PASSWORD, "email": "eve@example.org", "role": "owner"});
    let nobody = Person::nobody(&server);
    nobody.post("/auth/signup", body).await.expect(201);
    assert_eq!(role(&nobody.log_in("eve", PASSWORD).await).await, "member");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_owner_stays_one() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let give = |name: &str, role: &str| commanded(&server, &["user", "role", name, role]);
    give("ada", "owner");
    for lower in ["member", "moderator"] {
        let line = turned_down(&server, &["user", "role", "ada", lower]);
        assert!(line.contains("Nobody else owns this server"), "{line}");
    }
    give("ada", "owner");
    give("bob", "owner");
    give("ada", "member");
    assert!(turned_down(&server, &["user", "role", "bob", "member"]).contains("Nobody else"));
    give("ada", "owner");
    // Both at once: one of them comes second.
    let url = server.database.url();
    let lowering = [ada.id, bob.id].map(|id| {
        let store = Store::external(&url, DatabaseWaits::default()).unwrap();
        async move { store.set_role(UserId(id), Role::Member).await.unwrap() }
    });
    let [one, other] = lowering;
    let mut outcomes = <[_; 2]>::from(tokio::join!(one, other));
    outcomes.sort_by_key(|outcome| *outcome == OwnerKept::LastOwner);
    assert_eq!(outcomes, [OwnerKept::Changed, OwnerKept::LastOwner]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_tells_how_to_become_the_owner_and_no_log_contains_the_link() {
    let database = Database::new().await;
    let told = "snug setup-link prints a link";
    let program = Program::start(&database, &[("SNUG_LOG", "trace")]);
    program.line(told);
    let said = program.stop();
    assert!(!said.iter().any(|line| line.contains("token=")), "{said:#?}");

    let settings = [("SNUG_LOG", "trace"), ("SNUG_PUBLIC_URL", "https://chat.example")];
    let (program, terminal) = Program::at_terminal(&database, &settings);
    let mut line = String::new();
    BufReader::new(terminal).read_line(&mut line).unwrap();
    let (_, link) = line.trim_end().split_once("within a day: ").unwrap();
    let token = link.strip_prefix("https://chat.example/setup?token=").unwrap().to_owned();
    let nobody = Person::at(program.base());
    nobody.post("/setup", owner(&token)).await.expect(201);
    let said = program.stop();
    for secret in [&*token, told] {
        assert!(!said.iter().any(|line| line.contains(secret)), "{secret} in {said:#?}");
    }
    // From then on nobody is told anything.
    let program = Program::start(&database, &[]);
    program.base();
    Person::at(program.base()).get("/readyz").await.expect(200);
    assert!(!program.stop().iter().any(|line| line.contains(told)));
}
