//! Tokens and their sessions: ended, renewed, expired, forged.

use crate::support::{
    PASSWORD, Person, Raw, SECRET, Server, refusal, session_cookie, until, waiting,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Sha256, Sha512};
use snug::http::public_url::Scheme;
use snug::limits::{HEADERS_MAX, SESSIONS_PER_USER_MAX};
use snug::model::waits::DatabaseWaits;
use snug::store::Store;
use std::time::{SystemTime, UNIX_EPOCH};

async fn is_dead(person: &Person) -> bool {
    person.get("/auth/me").await.status == 401
}

#[tokio::test(flavor = "multi_thread")]
async fn logout_ends_this_session_at_once_and_only_this_one() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let elsewhere = ada.log_in(&ada.name, PASSWORD).await;
    let mut socket = ada.socket("/ws").await;
    let mut other = elsewhere.socket("/ws/general").await;
    let answer = ada.push("/auth/logout").await;
    let cookie = answer.headers["set-cookie"].to_str().unwrap().to_owned();
    assert!(
        cookie.starts_with(&format!("{}=; ", session_cookie(Scheme::Http)))
            && cookie.contains("Max-Age=0"),
        "{cookie}"
    );
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
    ada.get("/auth/me").await.refused(401, "unauthenticated");
    ada.push("/auth/logout").await.refused(401, "unauthenticated");
    ada.push("/auth/renew").await.refused(401, "unauthenticated");
    assert_eq!(socket.closed().await, 4501);
    elsewhere.get("/auth/me").await.expect(200);
    assert!(other.is_silent().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ended_by_another_process_is_dead_within_a_second() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    ada.get("/auth/me").await.expect(200);
    let database = server.database.client().await;
    database.batch_execute("update sessions set revoked_at = now()").await.unwrap();
    let began = std::time::Instant::now();
    until("the session is dead", || is_dead(&ada)).await;
    assert!(began.elapsed().as_secs() < 4, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn renewing_gives_a_new_token_for_the_same_session_with_the_full_lifetime() {
    let server = Server::with(&[("SNUG_TOKEN_LIFETIME", "1h")]).await;
    let ada = server.person("ada").await;
    let session = claims(&ada.token)["sid"].as_str().unwrap().to_owned();
    let (issued, ends) = (now() - 1_800, now() + 1_800);
    let old =
        signed(&json!({"sub": ada.id.to_string(), "sid": session, "iat": issued, "exp": ends}));
    let ada = ada.with_token(&old);
    let answer = ada.push("/auth/renew").await;
    assert!(answer.headers["set-cookie"].to_str().unwrap().contains("Max-Age=3600"));
    let token = answer.expect(200);
    assert_eq!((&token["user_id"], &token["expires_in"]), (&json!(ada.id), &json!(3_600)));
    let renewed = claims(token["access_token"].as_str().unwrap());
    assert_eq!(renewed["sid"], session);
    assert!(renewed["exp"].as_i64().unwrap() > ends);
    let renewed = ada.with_token(token["access_token"].as_str().unwrap());
    renewed.push("/auth/logout").await.expect(204);
    assert!(is_dead(&ada).await, "both tokens belong to one session");
}

#[tokio::test(flavor = "multi_thread")]
async fn renewing_never_shortens_a_session() {
    let server = Server::with(&[("SNUG_TOKEN_LIFETIME", "1h")]).await;
    let ada = server.person("ada").await;
    // As with a token created by command for longer than the setting says.
    let database = server.database.client().await;
    let extend = "update sessions set expires_at = now() + interval '90 days'";
    database.batch_execute(extend).await.unwrap();
    ada.push("/auth/renew").await.expect(200);
    let left = "select expires_at > now() + interval '89 days' from sessions";
    assert!(database.query_one(left, &[]).await.unwrap().get::<_, bool>(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_one_session_and_one_second_differ() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut tokens = vec![ada.token.clone()];
    // Several at once, so that some are created within the same second.
    for _ in 0..3 {
        let token = ada.push("/auth/renew").await.expect(200);
        tokens.push(token["access_token"].as_str().unwrap().to_owned());
    }
    let distinct: std::collections::HashSet<_> = tokens.iter().collect();
    assert_eq!(distinct.len(), tokens.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_all_other_sessions() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let elsewhere = ada.log_in(&ada.name, PASSWORD).await;
    let mut socket = ada.socket("/ws").await;
    let mut other = elsewhere.socket("/ws").await;
    let wrong = json!({"current_password": "not this one", "new_password": "a new password"});
    assert_eq!(ada.post("/auth/password", wrong).await.faults(), ["current_password"]);
    let short = json!({"current_password": PASSWORD, "new_password": "short"});
    assert_eq!(ada.post("/auth/password", short).await.faults(), ["new_password"]);
    elsewhere.get("/auth/me").await.expect(200);
    let body = json!({"current_password": PASSWORD, "new_password": "a new password"});
    ada.post("/auth/password", body).await.expect(204);
    assert!(is_dead(&elsewhere).await);
    assert_eq!(other.closed().await, 4501);
    ada.get("/auth/me").await.expect(200);
    assert!(socket.is_silent().await);
    let old = json!({"username": "ada", "password": PASSWORD});
    ada.post("/auth/login", old).await.refused(401, "bad_credentials");
    ada.log_in("ada", "a new password").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_concurrent_password_changes_only_one_is_made() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let elsewhere = ada.log_in(&ada.name, PASSWORD).await;
    let change = async |person: &Person, new: &str| {
        let body = json!({"current_password": PASSWORD, "new_password": new});
        person.post("/auth/password", body).await.status.as_u16()
    };
    let (first, second) = ("the first password", "the second password");
    let statuses = tokio::join!(change(&ada, first), change(&elsewhere, second));
    let (made, other) = match statuses {
        (204, _) => (first, second),
        (_, 204) => (second, first),
        _ => panic!("{statuses:?}"),
    };
    // The other came too late: its password, or its own session, was no longer valid.
    let late = if made == first { statuses.1 } else { statuses.0 };
    assert!(matches!(late, 401 | 409 | 422), "{late}");
    ada.log_in(&ada.name, made).await;
    let body = json!({"username": "ada", "password": other});
    ada.post("/auth/login", body).await.refused(401, "bad_credentials");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_browsers_cookie_signs_in_and_is_hidden_from_scripts() {
    for (url, is_secure) in [("http://chat.example", false), ("https://chat.example", true)] {
        let server = Server::with(&[("SNUG_PUBLIC_URL", url)]).await;
        let ada = server.person("ada").await;
        let body = json!({"username": "ada", "password": PASSWORD});
        let answer = ada.post("/auth/login", body).await;
        let cookie = answer.headers["set-cookie"].to_str().unwrap().to_owned();
        let mut parts = cookie.split("; ");
        let (name, token) = parts.next().unwrap().split_once('=').unwrap();
        let mut attributes: Vec<_> = parts.collect();
        attributes.sort_unstable();
        let mut expected = vec!["HttpOnly", "Max-Age=604800", "Path=/", "SameSite=Lax"];
        expected.extend(is_secure.then_some("Secure"));
        let scheme = if is_secure { Scheme::Https } else { Scheme::Http };
        assert_eq!((name, attributes), (session_cookie(scheme).as_str(), expected));
        let request = Person::nobody(&server).request(reqwest::Method::GET, "/auth/me");
        let me = ada.send(request.header("cookie", format!("{name}={token}"))).await.expect(200);
        assert_eq!(me["username"], "ada");
    }
}

/// Another program on this host can set one by the same name for a longer path, which comes first.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_cookie_by_the_same_name_does_not_hide_the_good_one() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let (nobody, good) = (Person::nobody(&server), ada.cookie(Scheme::Http));
    let name = session_cookie(Scheme::Http);
    let asks = |cookies: String| {
        nobody.send(nobody.request(reqwest::Method::GET, "/auth/me").header("cookie", cookies))
    };
    for cookies in [
        format!("{name}=planted; {good}"),
        format!("{good}; {name}=planted"),
        format!("{name}=; {name}=a.b.c; {good}"),
    ] {
        assert_eq!(asks(cookies).await.expect(200)["username"], "ada");
    }
    asks(format!("{name}=planted; {name}=a.b.c")).await.refused(401, "unauthenticated");
    // Not as many as anybody likes.
    let many = format!("{name}=planted; ").repeat(50);
    asks(format!("{many}{good}")).await.refused(401, "unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_and_a_token_of_different_users_are_400() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let asks = |token: &str| ada.browses(reqwest::Method::GET, "/auth/me").bearer_auth(token);
    ada.send(asks(&bob.token)).await.refused(400, "two_users");
    let elsewhere = ada.log_in(&ada.name, PASSWORD).await;
    ada.send(asks(&elsewhere.token)).await.expect(200);
    // Whatever is not ours is meant for somebody else.
    ada.send(asks("nonsense")).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_not_valid_longer_than_it_says() {
    let server = Server::with(&[("SNUG_TOKEN_LIFETIME", "2s")]).await;
    let ada = Person::nobody(&server).joined_by("ada").await;
    let mut socket = ada.socket("/ws/general").await;
    until("the token has expired", || is_dead(&ada)).await;
    ada.push("/auth/renew").await.refused(401, "unauthenticated");
    assert_eq!(socket.closed().await, 4501);
}

#[tokio::test(flavor = "multi_thread")]
async fn anything_but_a_valid_token_is_401_with_the_same_body() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let good = claims(&ada.token);
    let nobody = Person::nobody(&server).get("/auth/me").await;
    nobody.refused(401, "unauthenticated");
    // The forger itself works: this token is accepted.
    ada.with_token(&signed(&good)).get("/auth/me").await.expect(200);

    let mut forged = vec![
        "x".to_owned(),
        "..".to_owned(),
        ada.token[..ada.token.len() - 1].to_owned(),
        ada.token[..ada.token.rfind('.').unwrap() + 1].to_owned(),
        format!("{}A", ada.token),
        mixed(&ada.token, &bob.token),
        keyed(&header("HS256"), &good, b"another key, as long as it has to be"),
    ];
    for (member, value) in [
        ("exp", json!((now() + 60).to_string())),
        ("exp", json!(now() as f64 + 60.5)),
        ("exp", json!(-1)),
        ("exp", json!(null)),
        ("exp", json!(now() - 6)),
        ("exp", json!("1e300")),
        ("sub", json!(ada.id)),
        ("sub", json!(bob.id.to_string())),
        ("sub", json!("999999")),
        ("sub", json!("0")),
        ("sub", json!("")),
        ("sub", json!(["1"])),
        ("sid", json!("AAAAAAAAAAAAAAAAAAAAAA")),
        ("sid", json!("")),
        ("sid", json!("' or 1=1 --")),
    ] {
        let mut claims = good.clone();
        claims[member] = value;
        forged.push(signed(&claims));
    }
    for member in ["exp", "sub", "sid"] {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(member);
        forged.push(signed(&claims));
    }
    for algorithm in ["none", "None", "HS384", "HS512", "RS256", "ES256", "EdDSA", "hs256", ""] {
        forged.push(keyed(&header(algorithm), &good, SECRET.as_bytes()));
    }
    let unsigned = signed(&good).rsplit_once('.').unwrap().0.split_once('.').unwrap().1.to_owned();
    forged.push(format!("{}.{unsigned}.", BASE64.encode(r#"{"alg":"none"}"#)));
    let text = format!("{}.{unsigned}", BASE64.encode(r#"{"alg":"HS512"}"#));
    let mut mac = Hmac::<Sha512>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    forged.push(format!("{text}.{}", BASE64.encode(mac.finalize().into_bytes())));

    for token in forged {
        let answer = ada.with_token(&token).get("/auth/me").await;
        answer.refused(401, "unauthenticated");
        assert_eq!(answer.text, nobody.text, "{token}");
    }
    for value in ["", "Bearer", "Bearer ", "Basic YWRhOnB3", &ada.token] {
        let request = Person::nobody(&server).request(reqwest::Method::GET, "/auth/me");
        let answer = ada.send(request.header("authorization", value)).await;
        assert_eq!((answer.status.as_u16(), &answer.text), (401, &nobody.text), "{value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_inside_a_token_is_not_used() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let theirs = b"a key that the sender brought along";
    let jwk = json!({"kty": "oct", "k": BASE64.encode(theirs)});
    for trick in [
        json!({"alg": "HS256", "jwk": jwk}),
        json!({"alg": "HS256", "jku": "http://127.0.0.1:1/jwks.json"}),
        json!({"alg": "HS256", "kid": "../../../../dev/null"}),
        json!({"alg": "HS256", "x5u": "http://127.0.0.1:1/", "crit": ["exp"]}),
    ] {
        let token = keyed(&trick, &claims(&ada.token), theirs);
        ada.with_token(&token).get("/auth/me").await.refused(401, "unauthenticated");
        let token = keyed(&trick, &claims(&ada.token), b"");
        ada.with_token(&token).get("/auth/me").await.refused(401, "unauthenticated");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_names_its_user_its_session_and_its_expiry() {
    let server = Server::with(&[("SNUG_TOKEN_LIFETIME", "90m")]).await;
    let ada = Person::nobody(&server).joined_by("ada").await;
    let header = BASE64.decode(ada.token.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    assert_eq!(header["alg"], "HS256");
    let claims = claims(&ada.token);
    let (issued, ends) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    assert!((now() - issued).abs() <= 10, "{claims}");
    assert_eq!((&claims["sub"], ends - issued), (&json!(ada.id.to_string()), 5_400));
    let database = server.database.client().await;
    let session = claims["sid"].as_str().unwrap();
    let row = database.query_one("select user_id from sessions where id = $1", &[&session]).await;
    assert_eq!(row.unwrap().get::<_, i64>(0), ada.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_the_query_works_only_for_sockets() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let nobody = Person::nobody(&server);
    nobody.get(&format!("/auth/me?token={}", ada.token)).await.refused(401, "unauthenticated");
    let url = |query: &str| format!("ws://{}/ws{query}", server.address);
    for query in ["", "?token=", "?token=x"] {
        assert_eq!(refusal(url(query)).await, (401, "unauthenticated".to_owned()), "{query}");
    }
    ada.socket("/ws").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_and_client_ids_survive_a_restart() {
    let mut server = Server::start().await;
    let ada = server.person("ada").await;
    let gone = ada.log_in(&ada.name, PASSWORD).await;
    gone.push("/auth/logout").await.expect(204);
    let draft = json!({"content": "once", "client_id": "a"});
    let first = ada.post("/chats/1/messages", draft.clone()).await.expect(201);
    server.restart().await;
    assert_eq!(ada.post("/chats/1/messages", draft).await.expect(200), first);
    assert!(is_dead(&gone).await);
    let epoch = ada.get("/chats").await.expect(200)["epoch"].clone();
    server.restart().await;
    assert_eq!(ada.get("/chats").await.expect(200)["epoch"], epoch);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_sessions_that_ended_long_ago_are_deleted() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let database = server.database.client().await;
    let put = "insert into sessions (id, user_id, created_at, expires_at, revoked_at, subnet)
        select 'expired-' || n, $1::bigint, now(), now() - interval '2 days', null::timestamptz, null::bigint
        from generate_series(1, 2500) n
        union all
        values ('revoked', $1::bigint, now(), now() + interval '9 days', now() - interval '2 days', null),
            ('lately', $1, now(), now() - interval '1 hour', null, null),
            ('familiar', $1, now() - interval '29 days', now() - interval '22 days', null, 7),
            ('forgotten', $1, now() - interval '31 days', now() - interval '24 days', null, 7)";
    database.execute(put, &[&ada.id]).await.unwrap();
    let store = Store::external(&server.database.url(), DatabaseWaits::default()).unwrap();
    assert_eq!(store.purge_sessions().await.unwrap(), 2_502);
    let rows = database.query("select id from sessions order by id", &[]).await.unwrap();
    let left: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(left.len(), 3, "including the one that is alive: {left:?}");
    assert!(left.contains(&"lately") && left.contains(&"familiar"), "{left:?}");
    ada.get("/auth/me").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_are_too_large_are_431() {
    let server = Server::start().await;
    let huge = "x".repeat(3_000_000);
    let mut raw = Raw::open(&server).await;
    // The server may close before it has read all of it.
    let request =
        format!("GET /auth/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {huge}\r\n\r\n");
    raw.try_send(request).await;
    assert!(raw.rest().await.starts_with("HTTP/1.1 431 "));
    let many = "X-A: b\r\n".repeat(HEADERS_MAX + 1);
    let request = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{many}\r\n");
    assert_eq!(Raw::statuses(&server, request).await, [431]);
    let long = "x".repeat(70_000);
    let request = format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let statuses = Raw::statuses(&server, request).await;
    assert!(statuses == [414] || statuses == [431], "{statuses:?}");
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

/// The claims of a token.
fn claims(token: &str) -> Value {
    let middle = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64.decode(middle).unwrap()).unwrap()
}

fn header(algorithm: &str) -> Value {
    json!({"alg": algorithm, "typ": "JWT"})
}

/// A token with these claims, signed like ours.
fn signed(claims: &Value) -> String {
    keyed(&header("HS256"), claims, SECRET.as_bytes())
}

fn keyed(header: &Value, claims: &Value, key: &[u8]) -> String {
    let encoded = |json: &Value| BASE64.encode(json.to_string());
    let text = format!("{}.{}", encoded(header), encoded(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    format!("{text}.{}", BASE64.encode(mac.finalize().into_bytes()))
}

/// The claims of one token with the signature of another.
fn mixed(claims: &str, signature: &str) -> String {
    let (text, _) = claims.rsplit_once('.').unwrap();
    format!("{text}.{}", signature.rsplit_once('.').unwrap().1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_under_way_does_not_outlive_a_change_of_password() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let database = server.database.client().await;
    // Locks the user's row, as a change of password does, until the login waits for it.
    database.batch_execute("begin").await.unwrap();
    let change = "update users set password_hash = password_hash || 'x' where id = $1";
    database.execute(change, &[&ada.id]).await.unwrap();
    let body = serde_json::json!({"username": "ada", "password": PASSWORD});
    let login = tokio::spawn(async move { ada.post("/auth/login", body).await });
    let watcher = server.database.client().await;
    until("the login waits", || async { waiting(&watcher).await > 0 }).await;
    database.batch_execute("commit").await.unwrap();
    login.await.unwrap().refused(401, "bad_credentials");
}

/// Moves the sign-in of this person's session into the past.
async fn age(server: &Server, person: &Person, interval: &str) {
    let database = server.database.client().await;
    let age = "update sessions set created_at = created_at - $2::text::interval,
        expires_at = now() + interval '1 hour' where user_id = $1";
    database.execute(age, &[&person.id, &interval]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_400_days_after_its_sign_in_however_often_it_is_renewed() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    age(&server, &ada, "396 days").await;
    let renewed = ada.push("/auth/renew").await.expect(200);
    let days = renewed["expires_in"].as_f64().unwrap() / 86_400.0;
    assert!((3.9..4.01).contains(&days), "{days}");
    let settings = [("SNUG_SESSION_LIFETIME", "1d"), ("SNUG_TOKEN_LIFETIME", "7d")];
    let short = Server::with(&settings).await;
    let bob = short.person("bob").await;
    let login = bob.post("/auth/login", json!({"username": "bob", "password": PASSWORD})).await;
    assert_eq!(login.expect(200)["expires_in"], 86_400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shorter_lifetime_holds_for_sessions_that_were_begun_before() {
    let mut server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    age(&server, &ada, "25 hours").await;
    age(&server, &bob, "23 hours").await;
    server.stop().await;
    let _shorter = Server::on(server.database.clone(), &[("SNUG_SESSION_LIFETIME", "1d")]).await;
    let ends = "select user_id from sessions where expires_at > now()";
    let database = server.database.client().await;
    until("the older one has ended", || async {
        let left = database.query(ends, &[]).await.unwrap();
        let left: Vec<i64> = left.iter().map(|row| row.get(0)).collect();
        left == [bob.id]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_so_many_sessions_and_the_oldest_ends_with_its_sockets() {
    let server = Server::start().await;
    let first = server.person("ada").await;
    let mut socket = first.socket("/ws").await;
    age(&server, &first, "1 hour").await;
    let database = server.database.client().await;
    let put = "insert into sessions (id, user_id, created_at, expires_at)
        select 'filled' || n, $1, now() - interval '1 minute', now() + interval '1 day'
        from generate_series(2, $2::bigint) n";
    database.execute(put, &[&first.id, &SESSIONS_PER_USER_MAX]).await.unwrap();
    first.get("/auth/me").await.expect(200);
    let last = first.log_in("ada", PASSWORD).await;
    assert_eq!(socket.closed().await, 4501);
    first.get("/auth/me").await.refused(401, "unauthenticated");
    last.get("/auth/me").await.expect(200);
    let alive = "select count(*) from sessions where user_id = $1 and revoked_at is null";
    let alive: i64 = database.query_one(alive, &[&first.id]).await.unwrap().get(0);
    assert_eq!(alive, SESSIONS_PER_USER_MAX);
}
