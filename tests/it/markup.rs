//! What people write is only text, wherever it appears again.

use crate::support::{PASSWORD, Person, Server};
use serde_json::json;
use snug::limits::ROOM_DESCRIPTION_CHARS_MAX;

const HOSTILE: [&str; 9] = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "javascript:alert(1)",
    "{{7*7}} {% raw %} ${7*7}",
    "\"><b>&amp;'`",
    "a\u{202e}b\u{200b}c\u{feff}",
    "a\u{2028}b\r\nSet-Cookie: x=y",
    "o\u{300}\u{301}\u{302}😀\u{1f1e9}\u{1f1ea}",
];

#[tokio::test(flavor = "multi_thread")]
async fn content_and_descriptions_come_back_as_they_were_sent() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let many_marks = format!("z{}", "\u{300}".repeat(1_000));
    for text in HOSTILE.into_iter().chain([many_marks.as_str()]) {
        let posted = ada.post("/chats/1/messages", json!({"content": text})).await;
        assert_eq!(posted.headers["content-type"], "application/json");
        assert_eq!(posted.headers["x-content-type-options"], "nosniff");
        assert_eq!(posted.expect(201)["content"], text);
        let page = ada.get("/chats/general/history?limit=1").await.expect(200);
        assert_eq!(page["messages"][0]["content"], text);
        let chats = ada.get("/chats").await.expect(200);
        assert_eq!(chats["chats"][0]["last_message"]["content"], text);
        if text.chars().count() <= ROOM_DESCRIPTION_CHARS_MAX {
            let body = json!({"name": "Tea", "description": text});
            let room = ada.post("/chats/room", body).await.expect(201)["room_id"].clone();
            let room = ada.get(&format!("/chats/room/{room}")).await.expect(200);
            assert_eq!(room["description"], text.trim());
        }
    }
    for name in &HOSTILE[..6] {
        let made = ada.post("/chats/room", json!({"name": name})).await.expect(201);
        let room = ada.get(&format!("/chats/room/{}", made["room_id"])).await.expect(200);
        assert_eq!(room["name"], *name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_never_repeats_what_was_sent() {
    let server = Server::start().await;
    let nobody = Person::nobody(&server);
    let mark = "<script>mark</script>";
    let quoted = "%3Cscript%3Emark%3C/script%3E";
    let ada = server.person("ada").await;
    for answer in [
        nobody
            .post("/auth/signup", json!({"username": mark, "password": mark, "email": mark}))
            .await,
        nobody.post("/auth/login", json!({"username": mark, "password": PASSWORD})).await,
        nobody.put_in("/auth/login", mark, mark).await,
        nobody.put_in("/auth/login", "application/json", mark).await,
        nobody.get(&format!("/{quoted}")).await,
        ada.get(&format!("/users?q=a&limit={quoted}")).await,
        ada.get(&format!("/chats/general/history?after={quoted}")).await,
        ada.get(&format!("/chats/room/{quoted}")).await,
        ada.post("/chats/1/messages", json!({"content": "x", "client_id": format!("{mark} x")}))
            .await,
        ada.post("/chats/room/1/join", json!({"invite_link": mark})).await,
        ada.with_token("%3Cscript%3Emark").get("/auth/me").await,
    ] {
        assert!(answer.status.is_client_error(), "{}", answer.text);
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert!(!answer.text.contains("mark"), "{}", answer.text);
    }
}
