//! Who may do what: every API call, made by each kind of person, from a fresh scene.

use crate::support::{Person, Server};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// In the order of the columns below.
const WHO: [&str; 8] = [
    "anonymous",
    "stranger",
    "pending",
    "denied",
    "removed",
    "member",
    "creator",
    "another creator",
];

/// A row for everybody who is signed in.
const fn users(status: u16) -> [u16; 8] {
    [401, status, status, status, status, status, status, status]
}

/// A row that is the same for everybody.
const fn all(status: u16) -> [u16; 8] {
    [status; 8]
}

/// A row for the members of the room, or of the private chat between the member and the creator.
const fn inside(member: u16, creator: u16) -> [u16; 8] {
    [401, 404, 404, 404, 404, member, creator, 404]
}

/// The call, its body, and the statuses. Names in braces stand for things in the scene.
const ROWS: &[(&str, &str, [u16; 8])] = &[
    ("POST /auth/signup", "{}", all(422)),
    ("POST /setup", "{}", all(422)),
    (
        "POST /setup",
        r#"{"token":"x","username":"new","password":"12345678","email":"new@example.org"}"#,
        all(404),
    ),
    ("POST /auth/login", "{}", all(422)),
    ("POST /auth/renew", "", users(200)),
    ("POST /auth/password", "{}", users(422)),
    ("GET /auth/me", "", users(200)),
    ("GET /admin/signups", "", users(403)),
    ("POST /admin/signups/{bystander}/approve", "", users(403)),
    ("POST /admin/signups/{bystander}/deny", "", users(403)),
    ("PATCH /auth/me", "{}", users(200)),
    ("PATCH /auth/me", r#"{"email":"x@example.org"}"#, users(422)),
    ("DELETE /auth/me", "{}", users(422)),
    ("GET /auth/me/export", "", users(200)),
    ("POST /auth/forgot", r#"{"email":"x@example.org"}"#, all(404)),
    ("POST /auth/reset", "{}", all(422)),
    ("POST /auth/reset", r#"{"token":"x","new_password":"12345678"}"#, all(404)),
    ("GET /auth/sessions", "", users(200)),
    ("DELETE /auth/sessions/{absent}", "", users(404)),
    ("GET /users?q=a", "", users(200)),
    ("GET /search?q=tea", "", users(200)),
    ("GET /search?q=tea&chat_id={general}", "", users(200)),
    ("GET /search?q=tea&chat_id={private}", "", inside(200, 200)),
    ("GET /search?q=tea&chat_id={room}", "", inside(200, 200)),
    ("GET /search?q=tea&chat_id={absent}", "", users(404)),
    ("GET /chats", "", users(200)),
    ("GET /chats/general/history", "", users(200)),
    ("POST /chats/{general}/messages", r#"{"content":"x"}"#, users(201)),
    ("POST /chats/{private}/messages", r#"{"content":"x"}"#, inside(201, 201)),
    ("POST /chats/{room}/messages", r#"{"content":"x"}"#, inside(201, 201)),
    ("POST /chats/{absent}/messages", r#"{"content":"x"}"#, users(404)),
    ("POST /chats/{general}/read", r#"{"seq":1}"#, users(204)),
    ("POST /chats/{private}/read", r#"{"seq":1}"#, inside(204, 204)),
    ("POST /chats/{room}/read", r#"{"seq":1}"#, inside(204, 204)),
    ("POST /chats/{absent}/read", r#"{"seq":1}"#, users(404)),
    ("GET /chats/{general}/messages/{first}", "", users(200)),
    ("GET /chats/{private}/messages/{first}", "", inside(200, 200)),
    ("GET /chats/{room}/messages/{first}", "", inside(200, 200)),
    ("GET /chats/{room}/messages/{absent}", "", users(404)),
    ("GET /chats/{absent}/messages/{first}", "", users(404)),
    ("PATCH /chats/{room}/messages/{first}", r#"{"content":"y"}"#, inside(200, 403)),
    ("PATCH /chats/{room}/messages/{absent}", r#"{"content":"y"}"#, users(404)),
    ("DELETE /chats/{room}/messages/{first}", "", inside(204, 204)),
    ("GET /chats/{general}/messages/{first}/reactions", "", users(200)),
    ("GET /chats/{private}/messages/{first}/reactions", "", inside(200, 200)),
    ("GET /chats/{room}/messages/{first}/reactions", "", inside(200, 200)),
    ("GET /chats/{room}/messages/{absent}/reactions", "", users(404)),
    ("GET /chats/{absent}/messages/{first}/reactions", "", users(404)),
    ("PUT /chats/{room}/messages/{first}/reactions/{thumb}", "", inside(204, 204)),
    ("DELETE /chats/{room}/messages/{first}/reactions/{thumb}", "", inside(204, 204)),
    ("PUT /chats/{room}/messages/{first}/pin", "", inside(403, 204)),
    ("DELETE /chats/{room}/messages/{first}/pin", "", inside(403, 204)),
    ("PUT /chats/{private}/messages/{first}/pin", "", inside(204, 204)),
    ("PUT /chats/{general}/messages/{first}/pin", "", users(403)),
    ("GET /chats/{general}/mentions", "", users(200)),
    ("GET /chats/{private}/mentions", "", inside(200, 200)),
    ("GET /chats/{room}/mentions", "", inside(200, 200)),
    ("GET /chats/{absent}/mentions", "", users(404)),
    ("GET /chats/{general}/pins", "", users(200)),
    ("GET /chats/{private}/pins", "", inside(200, 200)),
    ("GET /chats/{room}/pins", "", inside(200, 200)),
    ("GET /chats/{absent}/pins", "", users(404)),
    ("DELETE /chats/{private}/messages/{first}", "", inside(204, 403)),
    ("POST /chats/private", r#"{"receiver_id":{bystander}}"#, users(201)),
    ("GET /chats/private/{private}/history", "", inside(200, 200)),
    ("GET /chats/private/{absent}/history", "", users(404)),
    ("POST /chats/room", r#"{"name":"x"}"#, users(201)),
    ("GET /chats/room/{room}", "", inside(200, 200)),
    ("GET /chats/room/{absent}", "", users(404)),
    ("GET /chats/room/{room}/members", "", inside(200, 200)),
    ("GET /chats/room/{room}/history", "", inside(200, 200)),
    ("DELETE /chats/room/{room}/members/{member}", "", inside(204, 204)),
    ("DELETE /chats/room/{room}/members/{creator}", "", inside(403, 409)),
    ("DELETE /chats/room/{room}/members/{pending}", "", inside(403, 404)),
    ("POST /chats/room/{room}/invite/rotate", "", inside(403, 200)),
    ("GET /chats/room/{room}/invite/pending", "", inside(403, 200)),
    ("GET /chats/room/{room}/invite/pending?state=denied", "", inside(403, 200)),
    ("POST /chats/room/{room}/invite/approve", r#"{"user_id":{pending}}"#, inside(403, 200)),
    ("POST /chats/room/{room}/invite/approve", r#"{"user_id":{bystander}}"#, inside(403, 404)),
    ("POST /chats/room/{room}/invite/deny", r#"{"user_id":{pending}}"#, inside(403, 200)),
    ("POST /chats/room/{room}/invite/deny", r#"{"user_id":{member}}"#, inside(403, 409)),
    ("GET /chats/room/{room}/join", "", [401, 404, 200, 200, 404, 200, 200, 404]),
    (
        "POST /chats/room/{room}/join",
        r#"{"invite_link":"{link}"}"#,
        [401, 202, 202, 403, 202, 200, 200, 202],
    ),
    ("POST /chats/room/{room}/join", r#"{"invite_link":"{link}x"}"#, users(404)),
    ("GET /ws", "", users(101)),
    ("GET /ws/general", "", users(101)),
    ("GET /ws/private/{private}", "", inside(101, 101)),
    ("GET /ws/private/{room}", "", users(404)),
    ("GET /ws/room/{room}", "", inside(101, 101)),
    ("GET /ws/room/{private}", "", users(404)),
    ("GET /ws/room/{general}", "", users(404)),
    ("GET /healthz", "", all(200)),
    ("OPTIONS /healthz", "", all(200)),
    ("OPTIONS /readyz", "", all(200)),
    ("OPTIONS /", "", all(200)),
    ("GET /readyz", "", all(200)),
    ("GET /metrics", "", all(200)),
    ("GET /openapi.json", "", all(200)),
    ("GET /docs", "", all(200)),
    // It ends the caller's session.
    ("POST /auth/logout", "", users(204)),
];

/// Answers with files, which are for everybody.
const ASSETS: &str = "GET /assets/{}";

struct Scene {
    /// In the order of `WHO`.
    people: Vec<Person>,
    bystander: i64,
    private: i64,
    room: i64,
    link: String,
}

impl Scene {
    async fn new(server: &Server) -> Self {
        let mut people = vec![Person::nobody(server)];
        for name in WHO.iter().skip(1) {
            people.push(server.person(&name.replace(' ', "-")).await);
        }
        let private = people[5].private_with(&people[6]).await;
        for chat_id in [1, private] {
            people[5].say(chat_id, "x").await;
        }
        people[7].room("Another").await;
        let bystander = server.person("bystander").await.id;
        Self { people, bystander, private, room: 0, link: String::new() }
    }

    /// A new room in which everybody has the role that they are named after.
    async fn furnish(&mut self) {
        let [_, _, pending, denied, removed, member, creator, _] = self.people.as_slice() else {
            panic!("eight people")
        };
        let (room, link) = creator.room("Tea").await;
        for person in [pending, denied, removed, member] {
            let ask = format!("/chats/room/{room}/join");
            person.post(&ask, json!({"invite_link": link})).await.expect(202);
        }
        for person in [removed, member] {
            let approve = format!("/chats/room/{room}/invite/approve");
            creator.post(&approve, json!({"user_id": person.id})).await.expect(200);
        }
        let deny = format!("/chats/room/{room}/invite/deny");
        creator.post(&deny, json!({"user_id": denied.id})).await.expect(200);
        let remove = format!("/chats/room/{room}/members/{}", removed.id);
        creator.delete(&remove).await.expect(204);
        member.say(room, "x").await;
        (self.room, self.link) = (room, link);
    }

    fn filled(&self, text: &str) -> String {
        let mut text = text.replace("{link}", &self.link).replace("{thumb}", "%F0%9F%91%8D");
        for (name, id) in [
            ("{general}", 1),
            ("{first}", 1),
            ("{absent}", 999_999),
            ("{private}", self.private),
            ("{room}", self.room),
            ("{bystander}", self.bystander),
            ("{pending}", self.people[2].id),
            ("{member}", self.people[5].id),
            ("{creator}", self.people[6].id),
        ] {
            text = text.replace(name, &id.to_string());
        }
        text
    }

    async fn ask(&self, who: usize, call: &str, body: &str) -> (u16, String) {
        let call = self.filled(call);
        let (method, path) = call.split_once(' ').unwrap();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.people[who].request(method, path);
        if !body.is_empty() {
            request = request.header("content-type", "application/json").body(self.filled(body));
        }
        if path.starts_with("/ws") {
            request = request
                .header("connection", "upgrade")
                .header("upgrade", "websocket")
                .header("sec-websocket-version", "13")
                .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        // After a 101 there is no body to wait for.
        let text = if status == 101 { String::new() } else { answer.text().await.unwrap() };
        (status, text)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_gets_what_they_may_see_and_nothing_else() {
    let server = Server::start().await;
    let mut scene = Scene::new(&server).await;
    let absent = scene.people[1].get("/nothing").await.text;
    for (call, body, expected) in ROWS {
        for (who, name) in WHO.iter().enumerate() {
            let changes = !call.starts_with("GET");
            if scene.room == 0 || (changes && (call.contains("{room}") || body.contains("{link}")))
            {
                scene.furnish().await;
            }
            let (status, text) = scene.ask(who, call, body).await;
            assert_eq!(status, expected[who], "{call} {body} by {name}: {text}");
            if status == 404 {
                assert_eq!(text, absent, "{call} {body} by {name}");
            }
        }
    }
}

/// With all path parameters alike, and without the query.
fn shape(call: &str) -> String {
    let path = call.split('?').next().unwrap();
    let mut shape = String::new();
    for (n, part) in path.split('{').enumerate() {
        let rest = if n == 0 { part } else { part.split_once('}').unwrap().1 };
        shape.push_str(if n == 0 { "" } else { "{}" });
        shape.push_str(rest);
    }
    shape
}

/// Except those that answer with pages, which the tests of pages cover.
#[test]
fn every_route_has_a_row() {
    let rows: BTreeSet<_> = ROWS.iter().map(|(call, _, _)| shape(call)).collect();
    for call in snug::http::calls() {
        let shape = shape(&call);
        assert!(rows.contains(&shape) || shape == ASSETS, "{call} has no row");
    }
}

#[test]
fn every_answer_of_a_row_is_described() {
    let document: Value = serde_json::from_str(include_str!("../../assets/openapi.json")).unwrap();
    let mut described = BTreeMap::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let call = shape(&format!("{} {path}", method.to_uppercase()));
            described.insert(call, operation["responses"].as_object().unwrap());
        }
    }
    let is_hidden = |call: &str| call.starts_with("GET /ws") || call == "OPTIONS /";
    for (call, _, answers) in ROWS.iter().filter(|(call, _, _)| !is_hidden(call)) {
        let responses = described.get(&shape(call));
        let responses = responses.unwrap_or_else(|| panic!("{call} has a row and no description"));
        for status in answers {
            assert!(
                responses.contains_key(&status.to_string()),
                "{call}: {status} is not described"
            );
        }
    }
}
