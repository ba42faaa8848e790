//! Who may have a socket: everything that is answered in HTTP before a 101, in the protocol's order.

use crate::support::bare::{Bare, handshake};
use crate::support::{Person, SECRET, Server, session_cookie, until};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use snug::http::public_url::Scheme;
use snug::limits::RESUME_PAIRS_MAX;
use std::time::{Duration, Instant};

/// The status, head and body that a handshake with these headers gets.
async fn ask(server: &Server, path: &str, headers: &[(&str, &str)]) -> (u16, String, String) {
    let mut bare = Bare::connect(server).await;
    bare.send(handshake(server, path, headers)).await;
    bare.answer().await
}

async fn status(server: &Server, path: &str, headers: &[(&str, &str)]) -> u16 {
    ask(server, path, headers).await.0
}

fn bearer(person: &Person) -> String {
    format!("Bearer {}", person.token)
}

fn cookie(person: &Person) -> String {
    person.cookie(Scheme::Http)
}

/// What `person` gets for `path`: the status and the body.
async fn knock(server: &Server, person: &Person, path: &str) -> (u16, String) {
    let (status, _, body) = ask(server, path, &[("Authorization", &bearer(person))]).await;
    (status, body)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_endpoint_opens_for_those_who_may_and_is_not_found_for_others() {
    let server = Server::start().await;
    let [ada, bob, cy, dee, eve] =
        ["ada", "bob", "cyd", "dee", "eve"].map(|name| server.person(name));
    let (ada, bob, cy, dee, eve) = tokio::join!(ada, bob, cy, dee, eve);
    let private = ada.private_with(&bob).await;
    let (room, link) = ada.room("Tea").await;
    bob.enter(&ada, room, &link).await;
    let join = format!("/chats/room/{room}/join");
    // Dee is still waiting; Eve was turned down.
    dee.post(&join, json!({"invite_link": link})).await.expect(202);
    eve.post(&join, json!({"invite_link": link})).await.expect(202);
    let deny = format!("/chats/room/{room}/invite/deny");
    ada.post(&deny, json!({"user_id": eve.id})).await.expect(200);

    for person in [&ada, &bob, &cy, &dee, &eve] {
        for path in ["/ws", "/ws/general"] {
            assert_eq!(knock(&server, person, path).await.0, 101, "{path}");
        }
    }
    let (private, room) = (format!("/ws/private/{private}"), format!("/ws/room/{room}"));
    for person in [&ada, &bob] {
        assert_eq!(knock(&server, person, &private).await.0, 101);
        assert_eq!(knock(&server, person, &room).await.0, 101);
    }
    let nowhere = knock(&server, &cy, "/ws/room/99999").await;
    assert_eq!(nowhere.0, 404);
    assert_eq!(knock(&server, &cy, &private).await, nowhere);
    for person in [&cy, &dee, &eve] {
        assert_eq!(knock(&server, person, &room).await, nowhere);
    }
    // A chat of another kind is not found either.
    assert_eq!(knock(&server, &ada, &private.replace("private", "room")).await, nowhere);
    assert_eq!(knock(&server, &ada, &room.replace("room", "private")).await, nowhere);
    assert_eq!(knock(&server, &ada, "/ws/room/1").await, nowhere);

    let leave = format!("/chats{}/members/{}", room.strip_prefix("/ws").unwrap(), bob.id);
    bob.delete(&leave).await.expect(204);
    assert_eq!(knock(&server, &bob, &room).await, nowhere);
}

#[tokio::test(flavor = "multi_thread")]
async fn impossible_ids_are_like_unknown_chats() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    for kind in ["private", "room"] {
        let nowhere = knock(&server, &ada, &format!("/ws/{kind}/4711")).await;
        assert_eq!(nowhere.0, 404);
        for id in ["0", "-1", "1e9", "9223372036854775808", "9007199254740992", "%31", "1/../2"] {
            assert_eq!(knock(&server, &ada, &format!("/ws/{kind}/{id}")).await, nowhere, "{id}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_handshake_is_told_what_is_wrong() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let bearer = bearer(&ada);
    let own = ("Authorization", bearer.as_str());
    let get = async |name, value| ask(&server, "/ws", &[own, (name, value)]).await;

    for version in ["12", "8", "", "13, 8"] {
        let (status, head, _) = get("Sec-WebSocket-Version", version).await;
        assert_eq!(status, 426, "{version}");
        assert!(head.to_lowercase().contains("sec-websocket-version: 13\r\n"), "{head}");
    }
    for key in ["", "x", "dGhlIHNhbXBsZSBub25j", "dGhlIHNhbXBsZSBub25jZQ"] {
        assert_eq!(get("Sec-WebSocket-Key", key).await.0, 400, "{key:?}");
    }
    assert_eq!(get("Upgrade", "").await.0, 426);
    assert_eq!(get("Connection", "keep-alive").await.0, 426);
    assert_eq!(get("Host", "").await.0, 400);

    let proper = handshake(&server, "/ws", &[own]);
    let two_hosts = proper.replacen("\r\n", "\r\nHost: other.example\r\n", 1);
    let post =
        proper.replacen("GET", "POST", 1).replace("\r\n\r\n", "\r\nContent-Length: 0\r\n\r\n");
    let old = proper.replace("HTTP/1.1", "HTTP/1.0");
    for (request, expected) in [(two_hosts, 400), (post, 405), (old, 400), (proper, 101)] {
        let mut bare = Bare::connect(&server).await;
        bare.send(&request).await;
        assert_eq!(bare.answer().await.0, expected, "{request}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_mistake_is_the_one_reported() {
    let server = Server::with(&[("SNUG_MAX_CONNECTIONS_PER_USER", "1")]).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, _) = ada.room("Tea").await;
    let _seat = ada.socket("/ws").await;
    let (own, foreign) = (server.url(""), "http://evil.example");
    let none = format!("{}=x.y.z", session_cookie(Scheme::Http));
    let (ada, bob, none) = (cookie(&ada), cookie(&bob), none.as_str());
    let reached = format!("/ws/room/{room}?after=x");
    let fine = format!("/ws/room/{room}?after=0");
    let bad = "/ws/room/4711?after=x";

    // Each line fixes what the line before was refused for.
    for (method, version, who, origin, path, expected) in [
        ("POST", "12", none, foreign, bad, 405),
        ("GET", "12", none, foreign, bad, 426),
        ("GET", "13", none, foreign, bad, 401),
        ("GET", "13", ada.as_str(), foreign, bad, 403),
        ("GET", "13", ada.as_str(), own.as_str(), bad, 404),
        ("GET", "13", ada.as_str(), own.as_str(), reached.as_str(), 422),
        ("GET", "13", ada.as_str(), own.as_str(), fine.as_str(), 429),
        ("GET", "13", bob.as_str(), own.as_str(), "/ws/general?after=0", 101),
    ] {
        let headers = [("Sec-WebSocket-Version", version), ("Cookie", who), ("Origin", origin)];
        let mut bare = Bare::connect(&server).await;
        bare.send(handshake(&server, path, &headers).replacen("GET", method, 1)).await;
        assert_eq!(bare.answer().await.0, expected, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_position_is_refused_and_named() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let too_many = format!("/ws?after={}", vec!["1:0"; RESUME_PAIRS_MAX + 1].join(","));
    for path in ["/ws/general?after=1:0", "/ws/general?after=-1", "/ws?after=7", &too_many] {
        let (status, body) = knock(&server, &ada, path).await;
        let problem: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("after")), "{path}");
    }
    let many = format!("/ws?after={}", vec!["1:0"; 100].join(","));
    assert_eq!(knock(&server, &ada, &many).await.0, 101);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_cookie_only_our_own_pages_open_a_socket() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let (cookie, bearer) = (cookie(&ada), bearer(&ada));
    let (own, port) = (server.url(""), server.address.port());
    let with_cookie = async |origin: &str| {
        status(&server, "/ws", &[("Cookie", &cookie), ("Origin", origin)]).await
    };
    assert_eq!(with_cookie(&own).await, 101);
    let foreign = [
        "null".to_owned(),
        format!("https://127.0.0.1:{port}"),
        "http://127.0.0.1".to_owned(),
        format!("http://127.0.0.1:{}", port ^ 1),
        format!("http://evil.127.0.0.1:{port}"),
        format!("http://127.0.0.1:{port}.evil.example"),
        format!("http://localhost:{port}"),
        "http://evil.example".to_owned(),
        String::new(),
    ];
    for origin in &foreign {
        assert_eq!(with_cookie(origin).await, 403, "{origin:?}");
    }
    let site = |site| [("Cookie", cookie.as_str()), ("Sec-Fetch-Site", site)];
    assert_eq!(status(&server, "/ws", &site("same-origin")).await, 101);
    assert_eq!(status(&server, "/ws", &site("same-site")).await, 403);
    // A program that sends its token has no origin, or any.
    assert_eq!(status(&server, "/ws", &[("Authorization", &bearer)]).await, 101);
    let by_query = format!("/ws?token={}", ada.token);
    assert_eq!(status(&server, &by_query, &[]).await, 101);
    assert_eq!(status(&server, &by_query, &[("Origin", "http://evil.example")]).await, 101);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_public_url_only_its_origin_is_ours() {
    let server = Server::with(&[("SNUG_PUBLIC_URL", "https://chat.example")]).await;
    let cookie = server.person("ada").await.cookie(Scheme::Https);
    for (origin, expected) in [
        ("https://chat.example", 101),
        ("http://chat.example", 403),
        ("https://chat.example:8443", 403),
        ("https://evil-chat.example", 403),
        ("https://chat.example.evil.example", 403),
    ] {
        let headers = [("Cookie", cookie.as_str()), ("Origin", origin)];
        assert_eq!(status(&server, "/ws", &headers).await, expected, "{origin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_invalid_token_is_refused_in_the_same_way() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let gone = ada.log_in("ada", crate::support::PASSWORD).await;
    gone.push("/auth/logout").await.expect(204);
    let now = jiff::Timestamp::now().as_second();
    let claims = claims(&ada.token);
    let expired = sign(&with(&claims, "exp", json!(now - 60)));
    let stolen = sign(&with(&claims, "sub", json!(bob.id.to_string())));
    let trimmed = ada.token[..ada.token.len() - 2].to_owned();

    let (_, _, body) = ask(&server, "/ws", &[]).await;
    for token in ["x", &trimmed, &expired, &stolen, &gone.token] {
        let bearer = format!("Bearer {token}");
        let by_header = ask(&server, "/ws", &[("Authorization", &bearer)]).await;
        let by_query = ask(&server, &format!("/ws?token={token}"), &[]).await;
        for (status, head, theirs) in [by_header, by_query] {
            assert_eq!((status, &theirs), (401, &body), "{token}");
            assert!(head.to_lowercase().contains("www-authenticate: bearer\r\n"), "{head}");
        }
    }
    assert_eq!(status(&server, "/ws", &[("Authorization", "Basic YTpi")]).await, 401);

    let own = server.url("");
    let (cookie, bearer) = (cookie(&bob), bearer(&ada));
    let both = [("Cookie", cookie.as_str()), ("Authorization", &bearer), ("Origin", &own)];
    assert_eq!(status(&server, "/ws", &both).await, 400);
    let signed = sign(&claims);
    assert_eq!(status(&server, &format!("/ws?token={signed}"), &[]).await, 101);
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

/// A token as the server would sign it.
fn sign(claims: &Value) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"HS256"}"#);
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

#[tokio::test(flavor = "multi_thread")]
async fn compression_is_never_negotiated() {
    let server = Server::start().await;
    let bearer = bearer(&server.person("ada").await);
    let offer = ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits");
    let (status, head, _) = ask(&server, "/ws", &[("Authorization", &bearer), offer]).await;
    assert_eq!(status, 101);
    let head = head.to_lowercase();
    assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"), "{head}");
    assert!(!head.contains("extensions") && !head.contains("protocol:"), "{head}");
}

#[tokio::test(flavor = "multi_thread")]
async fn seats_are_counted_and_given_back() {
    for (setting, expected, others_too) in [
        ("SNUG_MAX_CONNECTIONS_PER_USER", 429, false),
        ("SNUG_MAX_CONNECTIONS_PER_ADDRESS", 429, true),
        ("SNUG_MAX_CONNECTIONS", 503, true),
    ] {
        let server = Server::with(&[(setting, "2")]).await;
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let (own, his) = (bearer(&ada), bearer(&bob));
        let first = ada.socket("/ws").await;
        let _second = ada.socket("/ws/general").await;
        let (status, head, _) = ask(&server, "/ws", &[("Authorization", &own)]).await;
        assert_eq!(status, expected, "{setting}");
        assert!(head.to_lowercase().contains("retry-after: "), "{head}");
        let other = ask(&server, "/ws", &[("Authorization", &his)]).await.0;
        assert_eq!(other, if others_too { expected } else { 101 }, "{setting}");
        drop(first);
        until("the seat of a closed socket is free", || async {
            ask(&server, "/ws", &[("Authorization", &own)]).await.0 == 101
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sockets_of_a_subnet_are_counted_together() {
    let settings =
        [("SNUG_TRUSTED_PROXIES", "127.0.0.1"), ("SNUG_MAX_CONNECTIONS_PER_ADDRESS", "3")];
    let server = Server::with(&settings).await;
    let ada = server.person("ada").await;
    let mut held = Vec::new();
    let mut from = async |address: &str| {
        let mut bare = Bare::connect(&server).await;
        let headers = [("Authorization", bearer(&ada)), ("X-Forwarded-For", address.to_owned())];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        bare.send(handshake(&server, "/ws", &headers)).await;
        let status = bare.answer().await.0;
        held.push(bare);
        status
    };
    for (address, expected) in [
        ("2001:db8::1", 101),
        ("2001:db8::2", 101),
        ("[2001:db8::ffff:ffff:ffff:ffff]:4711", 101),
        ("2001:db8::4", 429),
        ("2001:db8:0:1::1", 101),
        ("192.0.2.1", 101),
        ("::ffff:192.0.2.1", 101),
        ("192.0.2.1:80", 101),
        ("192.0.2.1", 429),
        ("192.0.2.2", 101),
    ] {
        assert_eq!(from(address).await, expected, "{address}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sends_no_request_or_dribbles_is_cut_off_after_ten_seconds() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let text = handshake(&server, "/ws", &[("Authorization", &bearer(&ada))]);
    let (mut silent, mut slow) = (Bare::connect(&server).await, Bare::connect(&server).await);
    let began = Instant::now();
    let silence = async {
        assert!(silent.ends_within(Duration::from_secs(20)).await);
        began.elapsed()
    };
    let dribble = async {
        for byte in text.bytes() {
            let taken = slow.try_send([byte]).await;
            if !taken || slow.ends_within(Duration::from_millis(500)).await {
                return began.elapsed();
            }
        }
        panic!("a handshake was waited for {:?}", began.elapsed());
    };
    let (silence, dribble) = tokio::join!(silence, dribble);
    for took in [silence, dribble] {
        assert!((9.0..15.0).contains(&took.as_secs_f64()), "{took:?}");
    }
}
