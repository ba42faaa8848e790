//! What all calls have in common: paths and methods, bodies, errors, headers, ids.

use crate::support::{Person, Raw, Server};
use reqwest::Method;
use serde_json::json;
use snug::limits::{BODY_BYTES_MAX, JSON_DEPTH_MAX};
use snug::model::ids::ID_MAX;

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_path_is_404_and_a_wrong_method_is_405_with_allow() {
    let server = Server::start().await;
    let nobody = Person::nobody(&server);
    for path in ["/nothing", "/chats/", "/chats/room/1/nothing", "/CHATS", "/auth", "/auth/me/"] {
        nobody.get(path).await.refused(404, "not_found");
    }
    for (method, path, allow) in [
        (Method::GET, "/auth/login", "POST"),
        (Method::PUT, "/chats", "GET, HEAD"),
        (Method::PATCH, "/chats/room/1/join", "GET, HEAD, POST"),
        (Method::DELETE, "/chats/1/messages", "POST"),
        (Method::POST, "/chats/room/1/members/1", "DELETE"),
        (Method::OPTIONS, "/users", "GET, HEAD"),
        (Method::from_bytes(b"BREW").unwrap(), "/healthz", "GET, HEAD, OPTIONS"),
        (Method::POST, "/ws/general", "GET"),
    ] {
        let answer = nobody.send(nobody.request(method, path)).await;
        answer.refused(405, "method_not_allowed");
        assert_eq!(answer.headers["allow"], allow, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_answered_like_get_without_the_body() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let bob = server.person("bob").await;
    let (room, _) = ada.room("Tea").await;
    let private = ada.private_with(&bob).await;
    for path in [
        "/auth/me".to_owned(),
        "/users?q=a".to_owned(),
        "/search?q=tea".to_owned(),
        "/chats".to_owned(),
        "/chats/general/history".to_owned(),
        format!("/chats/private/{private}/history"),
        format!("/chats/room/{room}"),
        format!("/chats/room/{room}/members"),
        format!("/chats/room/{room}/history"),
        format!("/chats/room/{room}/join"),
        format!("/chats/room/{room}/invite/pending"),
        "/healthz".to_owned(),
        "/readyz".to_owned(),
        "/openapi.json".to_owned(),
        "/docs".to_owned(),
        "/nothing".to_owned(),
        "/auth/login".to_owned(),
    ] {
        let get = ada.get(&path).await;
        let head = ada.send(ada.request(Method::HEAD, &path)).await;
        assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{path}");
        for name in ["content-type", "content-length", "cache-control", "allow"] {
            assert_eq!(head.headers.get(name), get.headers.get(name), "{path} {name}");
        }
    }
}

/// Every call that takes a body, with one that is well-formed.
const BODIES: [(&str, &str); 11] = [
    ("/auth/signup", r#"{"username":"cyd","password":"12345678","email":"cyd@example.org"}"#),
    ("/setup", r#"{"token":"x","username":"cyd","password":"12345678","email":"cyd@example.org"}"#),
    ("/auth/login", r#"{"username":"ada","password":"12345678"}"#),
    ("/auth/reset", r#"{"token":"x","new_password":"12345678"}"#),
    ("/auth/password", r#"{"current_password":"12345678","new_password":"12345678"}"#),
    ("/chats/1/messages", r#"{"content":"x"}"#),
    ("/chats/1/read", r#"{"seq":1}"#),
    ("/chats/private", r#"{"receiver_id":1}"#),
    ("/chats/room", r#"{"name":"x"}"#),
    ("/chats/room/9/join", r#"{"invite_link":"x"}"#),
    ("/chats/room/9/invite/deny", r#"{"user_id":1}"#),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_json_of_the_right_type_and_size() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    for (path, body) in BODIES {
        for media_type in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "text/json",
            "application/json; charset=latin1",
            "multipart/form-data; boundary=x",
        ] {
            if path == "/auth/login" && media_type.ends_with("urlencoded") {
                continue;
            }
            let answer = ada.put_in(path, media_type, body).await;
            answer.refused(415, "unsupported_media_type");
        }
        let bare = ada.request(Method::POST, path).body(body);
        ada.send(bare).await.refused(415, "unsupported_media_type");
        let [open, close] = ["[", "]"].map(|bracket| bracket.repeat(BODY_BYTES_MAX / 4));
        let deep = open + &close;
        for bad in [
            "",
            "{",
            r#"{"a":1,}"#,
            "\u{FEFF}{}",
            r#"{"content":"\ud800"}"#,
            "NaN",
            "{} {}",
            &format!(
                "{}1{}",
                r#"{"a":"#.repeat(JSON_DEPTH_MAX + 1),
                "}".repeat(JSON_DEPTH_MAX + 1)
            ),
            &deep,
        ] {
            let answer = ada.put_in(path, "application/json", bad).await;
            answer.refused(400, "bad_json");
        }
        ada.put_in(path, "application/json", [b'"', 0xff, b'"']).await.refused(400, "bad_json");
        for odd in ["[]", "7", "null", "\"x\""] {
            let faults = ada.put_in(path, "application/json", odd).await.faults();
            assert_eq!(faults, ["body"], "{path} {odd}");
        }
        assert!(!ada.put_in(path, "application/json", "{}").await.faults().is_empty(), "{path}");
        let long = format!(r#"{{"x":"{}"}}"#, "x".repeat(BODY_BYTES_MAX));
        let answer = ada.put_in(path, "application/json", long).await;
        answer.refused(413, "too_large");
        assert_eq!(answer.headers["connection"], "close");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn expect_100_continue_is_answered_with_100_or_a_refusal() {
    let server = Server::start().await;
    let head = |length: usize| {
        format!(
            "POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Expect: 100-continue\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let mut raw = Raw::open(&server).await;
    raw.send(head(BODY_BYTES_MAX + 1)).await;
    assert!(raw.rest().await.starts_with("HTTP/1.1 413 "));
    let mut raw = Raw::open(&server).await;
    raw.send(head(2)).await;
    raw.until("HTTP/1.1 100 Continue\r\n\r\n").await;
    raw.send("{}").await;
    assert!(raw.rest().await.starts_with("HTTP/1.1 422 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_members_are_ignored_and_wrong_types_are_named() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let room = json!({"name": "Tea", "colour": {"deep": [1]}, "description": null});
    ada.post("/chats/room", room).await.expect(201);
    let odd = json!({"username": 7, "password": ["x"], "email": null});
    let faults = Person::nobody(&server).post("/auth/signup", odd).await.faults();
    assert_eq!(faults, ["username", "password", "email"]);
    for seq in [json!("1"), json!(1.5), json!(-1), json!(ID_MAX + 1), json!(null)] {
        let faults = ada.post("/chats/1/read", json!({"seq": seq})).await.faults();
        assert_eq!(faults, ["seq"], "{seq}");
    }
    let huge = r#"{"seq":100000000000000000000000000000000}"#;
    assert_eq!(ada.put_in("/chats/1/read", "application/json", huge).await.faults(), ["seq"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_a_problem_with_title_status_code_and_detail() {
    let server = Server::start().await;
    let nobody = Person::nobody(&server);
    let answer = nobody.get("/auth/me").await;
    let problem = answer.refused(401, "unauthenticated");
    assert_eq!(answer.headers["www-authenticate"], "Bearer");
    assert_eq!(problem["type"], "about:blank");
    assert_eq!(problem["title"], "Unauthorized");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.ends_with('.')));
    assert!(problem.get("errors").is_none());
    let problem = nobody.post("/auth/login", json!({})).await.refused(422, "invalid");
    assert!(problem["errors"][0]["detail"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_the_security_headers() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    for path in
        ["/auth/me", "/chats", "/nothing", "/auth/login", "/healthz", "/docs", "/openapi.json"]
    {
        let answer = ada.send(ada.request(Method::GET, path).header("origin", "https://evil.org"));
        let headers = answer.await.headers;
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["referrer-policy"], "no-referrer", "{path}");
        assert_eq!(headers["cache-control"], "no-store", "{path}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        for part in
            ["default-src 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"]
        {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        let media_type = headers["content-type"].to_str().unwrap();
        assert!(media_type.contains("json") || media_type.ends_with("; charset=utf-8"), "{path}");
        assert!(headers.contains_key("x-request-id"), "{path}");
        assert!(!headers.contains_key("strict-transport-security"), "{path}");
        assert!(!headers.keys().any(|name| name.as_str().starts_with("access-control-")), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_https_hsts_is_sent() {
    let server = Server::with(&[("SNUG_PUBLIC_URL", "https://chat.example")]).await;
    let headers = Person::nobody(&server).get("/healthz").await.headers;
    assert_eq!(headers["strict-transport-security"], "max-age=31536000");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impossible_id_is_like_an_unknown_one() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let absent = ada.get("/chats/room/999999/history").await;
    absent.refused(404, "not_found");
    for id in [
        "0",
        "-1",
        "+1",
        "01",
        "1e9",
        "1.0",
        "9007199254740992",
        "9223372036854775807",
        "9223372036854775808",
        "99999999999999999999999999",
        "x",
        "%31",
        "%00",
        "1%2f..%2f1",
        "１",
        "general",
    ] {
        for answer in [
            ada.get(&format!("/chats/room/{id}/history")).await,
            ada.get(&format!("/chats/private/{id}/history")).await,
            ada.get(&format!("/chats/room/{id}")).await,
            ada.get(&format!("/chats/room/{id}/members")).await,
            ada.get(&format!("/chats/room/{id}/join")).await,
            ada.get(&format!("/chats/room/{id}/invite/pending")).await,
            ada.push(&format!("/chats/room/{id}/invite/rotate")).await,
            ada.post(&format!("/chats/room/{id}/invite/approve"), json!({"user_id": 1})).await,
            ada.post(&format!("/chats/{id}/messages"), json!({"content": "x"})).await,
            ada.post(&format!("/chats/{id}/read"), json!({"seq": 1})).await,
            ada.delete(&format!("/chats/room/{id}/members/1")).await,
        ] {
            assert_eq!((answer.status.as_u16(), &answer.text), (404, &absent.text), "{id}");
        }
    }
}
