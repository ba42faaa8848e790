//! Signing up, one's own account, finding people.

use crate::support::{Answer, PASSWORD, Person, Server};
use serde_json::{Value, json};
use snug::limits::{
    EMAIL_CHARS_MAX, PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, SEARCH_CHARS_MAX, SEARCH_ROWS_MAX,
    USERNAME_CHARS_MAX, USERNAME_CHARS_MIN,
};

async fn sign_up(server: &Server, name: &str, password: &str, email: &str) -> Answer {
    let body = json!({"username": name, "password": password, "email": email});
    Person::nobody(server).post("/auth/signup", body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn people_who_sign_up_can_log_in_by_json_and_by_form() {
    let server = Server::start().await;
    let made = sign_up(&server, "Ada.L-1_x", PASSWORD, "Ada@Example.org").await.expect(201);
    assert_eq!(made["message"], "User created");
    let nobody = Person::nobody(&server);
    let form =
        format!("grant_type=password&username=ADA.L-1_X&password={}", PASSWORD.replace(' ', "+"));
    let answer = nobody.put_in("/auth/login", "application/x-www-form-urlencoded", form).await;
    let token = answer.expect(200);
    assert_eq!(token["user_id"], made["user_id"]);
    assert_eq!(token["token_type"], "bearer");
    assert_eq!(token["expires_in"], 7 * 24 * 60 * 60);
    let ada = nobody.log_in("ada.l-1_x", PASSWORD).await;
    let me = ada.get("/auth/me").await.expect(200);
    let created_at = me["created_at"].as_str().unwrap().to_owned();
    assert_eq!(
        me,
        json!({"user_id": ada.id, "username": "Ada.L-1_x", "email": "Ada@Example.org",
            "created_at": created_at, "role": "member", "shows_presence": true})
    );
    // Microseconds and Z: 2024-09-19T10:00:00.000000Z
    assert_eq!((created_at.len(), created_at.ends_with('Z')), (27, true), "{created_at}");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_addresses_are_unique_in_any_case() {
    let server = Server::start().await;
    sign_up(&server, "ada", PASSWORD, "ada@example.org").await.expect(201);
    let taken = sign_up(&server, "ADA", PASSWORD, "other@example.org").await;
    taken.refused(409, "username_taken");
    let taken = sign_up(&server, "bob", PASSWORD, "Ada@EXAMPLE.org").await;
    taken.refused(409, "email_taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn if_many_ask_for_one_name_at_once_exactly_one_gets_it() {
    let server = Server::start().await;
    let asking = (0..12).map(|n| {
        let (name, email) = if n % 2 == 0 { ("Ada", "ada@x.org") } else { ("ada", "ADA@x.org") };
        sign_up(&server, name, PASSWORD, email)
    });
    let answers = futures_util::future::join_all(asking).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.refused(409, "username_taken");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_breaks_a_rule_is_named() {
    let server = Server::start().await;
    let [short, long] = [USERNAME_CHARS_MIN - 1, USERNAME_CHARS_MAX + 1].map(|n| "x".repeat(n));
    for name in [
        "",
        &short,
        &long,
        "a b",
        "adä",
        "ada\n",
        " ada",
        "ada@x",
        "a\u{202e}da",
        "a\u{200b}da",
        "ada\0",
        "deleted-7",
    ] {
        let faults = sign_up(&server, name, PASSWORD, "a@example.org").await.faults();
        assert_eq!(faults, ["username"], "{name:?}");
    }
    let [short, long] = [PASSWORD_CHARS_MIN - 1, PASSWORD_CHARS_MAX + 1].map(|n| "x".repeat(n));
    for password in ["", &short, &long] {
        let faults = sign_up(&server, "ada", password, "a@example.org").await.faults();
        assert_eq!(faults, ["password"], "{password}");
    }
    let long = format!("{}@example.org", "x".repeat(EMAIL_CHARS_MAX - "@example.org".len() + 1));
    for email in [
        "",
        "ada",
        "ada@",
        "@x.org",
        "a b@x.org",
        "a\0@x.org",
        "a@x.org\r\nBcc: b@x.org",
        "<script>alert(1)</script>",
        "Ada <a@x.org>",
        &long,
    ] {
        let faults = sign_up(&server, "ada", PASSWORD, email).await.faults();
        assert_eq!(faults, ["email"], "{email:?}");
    }
    for name in [&*"x".repeat(USERNAME_CHARS_MIN), &"y".repeat(USERNAME_CHARS_MAX), "A.b-9_"] {
        let email = format!("{name}@example.org");
        sign_up(&server, name, &"😀".repeat(PASSWORD_CHARS_MAX), &email).await.expect(201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_neither_trimmed_nor_cut() {
    let server = Server::start().await;
    let password = format!(" {}\0é ", "x".repeat(PASSWORD_CHARS_MAX - 4));
    assert_eq!(password.chars().count(), PASSWORD_CHARS_MAX);
    sign_up(&server, "ada", &password, "ada@example.org").await.expect(201);
    let nobody = Person::nobody(&server);
    nobody.log_in("ada", &password).await;
    let shorter: String = password.chars().take(PASSWORD_CHARS_MAX - 1).collect();
    for other in
        [password.trim(), &shorter, &password.replace('é', "e"), &password.replace('\0', "")]
    {
        let body = json!({"username": "ada", "password": other});
        nobody.post("/auth/login", body).await.refused(401, "bad_credentials");
    }
    let body = json!({"username": "ada", "password": format!("{password}x")});
    assert_eq!(nobody.post("/auth/login", body).await.faults(), ["password"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_an_unknown_user_get_one_answer() {
    let server = Server::start().await;
    server.person("ada").await;
    let nobody = Person::nobody(&server);
    let mut bodies = Vec::new();
    for name in ["ada", "nobody", "", "a\0b", "deleted-1", "x' or '1'='1", &"x".repeat(9_000)] {
        let body = json!({"username": name, "password": "not the password"});
        let answer = nobody.post("/auth/login", body).await;
        answer.refused(401, "bad_credentials");
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        assert!(!answer.headers.contains_key("set-cookie"));
        bodies.push(answer.text);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
}

/// Timing could not reliably tell whether a hash was computed, so hashings are counted instead.
#[tokio::test(flavor = "multi_thread")]
async fn logins_beyond_the_hashing_queue_are_refused_whether_or_not_the_user_exists() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let nobody = Person::nobody(&server);
    // Nobody has these names, so the queue is filled by the hash that unknown users are compared with.
    let asking = (0..200).map(|n| {
        let body = json!({"username": format!("nobody{n}"), "password": "not the password"});
        nobody.post("/auth/login", body)
    });
    let flood = futures_util::future::join_all(asking);
    let message = json!({"content": "still here"});
    let (answers, said) = tokio::join!(flood, ada.post("/chats/1/messages", message));
    said.expect(201);
    let away: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
    assert!(!away.is_empty() && away.len() < 200, "{} sent away", away.len());
    for answer in away {
        answer.refused(503, "busy");
        assert!(answer.headers["retry-after"].to_str().unwrap().parse::<u32>().unwrap() >= 1);
    }
    for answer in answers.iter().filter(|answer| answer.status != 503) {
        answer.refused(401, "bad_credentials");
    }
}

fn names(answer: Value) -> Vec<String> {
    let users = answer["users"].as_array().unwrap();
    for user in users {
        let members: Vec<_> = user.as_object().unwrap().keys().collect();
        assert_eq!(members, ["user_id", "username"]);
    }
    users.iter().map(|user| user["username"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_found_by_prefix_first_and_wildcards_are_literal() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    server
        .database
        .client()
        .await
        .batch_execute(
            "insert into users (username, email, password_hash)
         select name, name || '@example.org', 'none' from unnest(array['Alan', 'alice', 'zalan',
            'a_l', 'axl', 'x.al', 'bob-al', 'ALBERT']) as name",
        )
        .await
        .unwrap();
    let found = async |q: &str| names(ada.get(&format!("/users?q={q}")).await.expect(200));
    assert_eq!(found("al").await, ["ALBERT", "Alan", "alice", "bob-al", "x.al", "zalan"]);
    assert_eq!(found("AL").await.len(), 6);
    assert_eq!(found("a_l").await, ["a_l"]);
    assert_eq!(found("_").await, ["a_l"]);
    assert_eq!(found(".").await, ["x.al"]);
    for nobody in ["%25", "%5C", "al%25", "%5C%5C", "%27", "example", "%22%3B--", "%F0%9F%98%80"] {
        assert!(found(nobody).await.is_empty(), "{nobody}");
    }
    assert_eq!(names(ada.get("/users?q=al&limit=2").await.expect(200)), ["ALBERT", "Alan"]);
    let long = format!("q={}", "x".repeat(SEARCH_CHARS_MAX + 1));
    let many = format!("q=a&limit={}", SEARCH_ROWS_MAX + 1);
    for (query, field) in [
        ("", "q"),
        ("q=", "q"),
        (long.as_str(), "q"),
        ("q=a%00", "q"),
        ("q=a&limit=0", "limit"),
        (many.as_str(), "limit"),
        ("q=a&limit=-1", "limit"),
        ("q=a&limit=x", "limit"),
        ("q=a&limit=", "limit"),
        ("q=a&limit=1e1", "limit"),
    ] {
        assert_eq!(ada.get(&format!("/users?{query}")).await.faults(), [field], "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_with_nul_belongs_to_nobody() {
    let server = Server::start().await;
    let nobody = Person::nobody(&server);
    let body = json!({"username": "a\0da", "password": "correct horse"});
    nobody.post("/auth/login", body).await.refused(401, "bad_credentials");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_the_same_however_its_letters_are_composed() {
    let server = Server::start().await;
    let nobody = Person::nobody(&server);
    let sign_up = async |name: &str, password: &str| {
        let email = format!("{name}@example.org");
        let body = json!({"username": name, "password": password, "email": email});
        nobody.post("/auth/signup", body).await
    };
    let log_in = async |name: &str, password: &str| {
        nobody.post("/auth/login", json!({"username": name, "password": password})).await
    };
    // One letter, or a letter and a mark; in Hangul, up to three.
    let (composed, apart) =
        ("Crème brûlée 한", "Cre\u{300}me bru\u{302}le\u{301}e \u{1112}\u{1161}\u{11ab}");
    sign_up("ada", composed).await.expect(201);
    sign_up("bob", apart).await.expect(201);
    for name in ["ada", "bob"] {
        log_in(name, composed).await.expect(200);
        log_in(name, apart).await.expect(200);
        log_in(name, "Creme brulee 한").await.refused(401, "bad_credentials");
    }
    // They are counted composed.
    let [few, many] = [PASSWORD_CHARS_MIN - 1, PASSWORD_CHARS_MAX].map(|n| "e\u{301}".repeat(n));
    assert_eq!(sign_up("eve", &few).await.faults(), ["password"]);
    sign_up("eve", &many).await.expect(201);
    log_in("eve", &many).await.expect(200);
    // A new password, and the one before it, likewise.
    let ada = nobody.log_in("ada", apart).await;
    let change = json!({"current_password": apart, "new_password": format!("2 {apart}")});
    ada.post("/auth/password", change).await.expect(204);
    log_in("ada", &format!("2 {composed}")).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_of_letters_apart_goes_on_working() {
    use argon2::password_hash::{PasswordHasher, phc::PasswordHash};
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let apart = "Cre\u{300}me bru\u{302}le\u{301}e";
    let params = argon2::Params::new(8, 1, 1, None).unwrap();
    let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let hash: PasswordHash = argon2.hash_password_with_salt(apart.as_bytes(), &[7; 16]).unwrap();
    let set = "update users set password_hash = $2 where id = $1";
    server.database.client().await.execute(set, &[&ada.id, &hash.to_string()]).await.unwrap();
    let ada = ada.log_in("ada", apart).await;
    let change = json!({"current_password": apart, "new_password": apart});
    ada.post("/auth/password", change).await.expect(204);
    ada.log_in("ada", apart).await.log_in("ada", "Crème brûlée").await;
}
