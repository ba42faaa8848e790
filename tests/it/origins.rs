//! Another site's page in a user's browser can change nothing (cross-site request forgery).

use crate::support::{PASSWORD, Person, Server};
use reqwest::Method;
use serde_json::json;
use snug::http::public_url::Scheme;

#[tokio::test(flavor = "multi_thread")]
async fn with_the_cookie_a_change_must_come_from_our_own_pages() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let own = server.url("");
    let port = server.address.port();
    let says = |headers: &[(&str, &str)]| {
        let mut request =
            ada.browses(Method::POST, "/chats/1/messages").json(&json!({"content": "x"}));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        ada.send(request)
    };
    says(&[("origin", &own)]).await.expect(201);
    says(&[("sec-fetch-site", "same-origin")]).await.expect(201);
    let foreign = [
        "https://evil.example".to_owned(),
        "null".to_owned(),
        String::new(),
        "http://127.0.0.1".to_owned(),
        format!("http://127.0.0.1:{}", port.wrapping_add(1)),
        format!("https://127.0.0.1:{port}"),
        format!("http://evil.example/http://127.0.0.1:{port}"),
        format!("http://127.0.0.1:{port}.evil.example"),
        format!("http://evil127.0.0.1:{port}"),
        format!("http://127.0.0.1:{port}/"),
    ];
    for origin in &foreign {
        says(&[("origin", origin)]).await.refused(403, "foreign_origin");
    }
    says(&[]).await.refused(403, "foreign_origin");
    for site in ["cross-site", "same-site", "none", "same-origin, same-origin"] {
        says(&[("sec-fetch-site", site)]).await.refused(403, "foreign_origin");
    }
    // Requests that change nothing may come from anywhere: the other site cannot read the answer.
    let read = ada.browses(Method::GET, "/chats").header("origin", "https://evil.example");
    ada.send(read).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_refused_to_another_sites_page() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let (room, _) = ada.room("Tea").await;
    let room_path = |rest: &str| format!("/chats/room/{room}/{rest}");
    for (method, path) in [
        (Method::POST, "/auth/logout".to_owned()),
        (Method::POST, "/auth/renew".to_owned()),
        (Method::POST, "/auth/password".to_owned()),
        (Method::POST, "/chats/1/messages".to_owned()),
        (Method::POST, "/chats/1/read".to_owned()),
        (Method::POST, "/chats/private".to_owned()),
        (Method::POST, "/chats/room".to_owned()),
        (Method::POST, room_path("invite/rotate")),
        (Method::POST, room_path("join")),
        (Method::POST, room_path("invite/approve")),
        (Method::POST, room_path("invite/deny")),
        (Method::DELETE, room_path(&format!("members/{}", ada.id))),
    ] {
        let request = ada.browses(method, &path).header("origin", "https://evil.example");
        ada.send(request.json(&json!({}))).await.refused(403, "foreign_origin");
    }
    ada.get("/auth/me").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_a_header_does_not_come_from_a_browser() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let request = ada.request(Method::POST, "/chats/1/messages").header("origin", "app://desktop");
    ada.send(request.json(&json!({"content": "x"}))).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_page_can_neither_log_anybody_in_nor_sign_them_up() {
    let server = Server::start().await;
    server.person("ada").await;
    let nobody = Person::nobody(&server);
    for (path, body) in [
        ("/auth/login", json!({"username": "ada", "password": PASSWORD})),
        ("/auth/signup", json!({"username": "bob", "password": PASSWORD, "email": "b@x.org"})),
    ] {
        for (name, value) in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
        ] {
            let request = nobody.request(Method::POST, path).header(name, value).json(&body);
            let answer = nobody.send(request).await;
            answer.refused(403, "foreign_origin");
            assert!(!answer.headers.contains_key("set-cookie"));
        }
        let own = nobody.request(Method::POST, path).header("origin", server.url("")).json(&body);
        assert!(nobody.send(own).await.status.is_success());
        // A plain HTML form can send the password form, too: only its origin gives it away.
        let form = nobody.request(Method::POST, path).header("origin", "https://evil.example");
        let form = form.header("content-type", "application/x-www-form-urlencoded");
        nobody.send(form.body("username=ada&password=x")).await.refused(403, "foreign_origin");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_form_is_415_and_a_change_by_get_is_405() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    for media_type in ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"] {
        let form = ada.browses(Method::POST, "/chats/1/messages").header("origin", server.url(""));
        let form = form.header("content-type", media_type).body("content=x");
        ada.send(form).await.refused(415, "unsupported_media_type");
    }
    for path in ["/auth/logout", "/chats/1/messages?content=x", "/chats/room/1/invite/approve"] {
        let answer = ada.send(ada.browses(Method::GET, path)).await;
        answer.refused(405, "method_not_allowed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_origin_is_that_of_the_public_url_if_there_is_one() {
    let server = Server::with(&[("SNUG_PUBLIC_URL", "https://chat.example")]).await;
    let ada = server.person("ada").await;
    let says = |origin: &str| {
        let request = Person::nobody(&server).request(Method::POST, "/chats/1/read");
        let request = request.header("cookie", ada.cookie(Scheme::Https)).header("origin", origin);
        ada.send(request.json(&json!({"seq": 0})))
    };
    says("https://chat.example").await.expect(204);
    for foreign in [
        &server.url(""),
        "http://chat.example",
        "https://chat.example:8443",
        "https://x.chat.example",
        "https://chat.example.evil.org",
    ] {
        says(foreign).await.refused(403, "foreign_origin");
    }
}
