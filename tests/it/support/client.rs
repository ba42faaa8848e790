//! A person with an account and a token, who talks JSON over HTTP.

use super::{Server, Socket, session_cookie};
use argon2::password_hash::{PasswordHasher, phc::PasswordHash};
use argon2::{Argon2, Params, Version};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use snug::http::public_url::Scheme;
use snug::model::message::{AccountState, Role, SessionId};
use snug::model::subnet::Subnet;
use snug::model::waits::DatabaseWaits;
use snug::os::random;
use snug::store::{NewSession, NewUser, Store};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;
use std::time::Duration;

pub const PASSWORD: &str = "correct horse battery staple";

/// How long the session lasts that a person begins with.
const SESSION: Duration = Duration::from_secs(7 * 24 * 60 * 60);

#[derive(Clone)]
pub struct Person {
    pub name: String,
    pub id: i64,
    pub token: String,
    base: String,
    client: reqwest::Client,
}

/// A complete answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    async fn of(answer: reqwest::Response) -> Self {
        let (status, headers) = (answer.status(), answer.headers().clone());
        Self { status, headers, text: answer.text().await.unwrap() }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// The answer's body; asserts this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json()
    }

    /// Asserts a problem with this status and code.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        let problem = self.json();
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(
            (problem["status"].as_u64(), &problem["code"]),
            (Some(status.into()), &json!(code))
        );
        problem
    }

    /// The fields that a 422 names.
    #[track_caller]
    pub fn faults(&self) -> Vec<String> {
        let problem = self.refused(422, "invalid");
        let errors = problem["errors"].as_array().unwrap();
        errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
    }
}

impl Person {
    /// Somebody with an account and a session, as they are after a sign-up and a login. Put into the
    /// database directly: hashing two passwords a person would be most of what many tests do.
    pub async fn with_account(server: &Server, name: &str) -> Self {
        let store = Store::external(&server.database.url(), DatabaseWaits::default()).unwrap();
        let email = format!("{name}@example.org");
        let (password_hash, role, state) = (hash_of_password(), Role::Member, AccountState::Active);
        let user = NewUser { username: name, email: &email, password_hash, role, state, act: None };
        let user_id = store.insert_user(user).await.unwrap().expect("a name that is not taken");
        let now = Timestamp::now();
        let (id, expires_at) = (SessionId(random::bits().unwrap()), now + SESSION);
        let address = IpAddr::from(Ipv4Addr::LOCALHOST);
        let session = NewSession {
            id,
            user_id,
            expires_at,
            user_agent: None,
            address: Some(address),
            subnet: Some(Subnet::from(address).number()),
            shown: None,
        };
        assert!(store.insert_session(session).await.unwrap());
        let claims = json!({
            "sub": user_id.to_string(),
            "sid": id.text(),
            "iat": now.as_second(),
            "exp": expires_at.as_second(),
            "jti": "1",
        });
        let key = EncodingKey::from_secret(server.secret().as_bytes());
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap();
        Self { name: name.to_owned(), id: user_id.0, token, ..Self::nobody(server) }
    }

    /// Another person who signs up on the same server and logs in.
    pub async fn joined_by(&self, name: &str) -> Self {
        let email = format!("{name}@example.org");
        let body = json!({"username": name, "password": PASSWORD, "email": email});
        self.post("/auth/signup", body).await.expect(201);
        self.log_in(name, PASSWORD).await
    }

    /// What this server counts.
    pub async fn metric(&self, name: &str) -> u64 {
        let text = self.get("/metrics").await.text;
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
    }

    /// A visitor without a token.
    pub fn nobody(server: &Server) -> Self {
        Self::at(server.url(""))
    }

    /// A visitor without a token, who knows the server's address.
    pub fn at(base: String) -> Self {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        Self {
            name: String::new(),
            id: 0,
            token: String::new(),
            base,
            client: client.build().unwrap(),
        }
    }

    pub async fn log_in(&self, name: &str, password: &str) -> Self {
        let body = json!({"username": name, "password": password});
        let answer = self.post("/auth/login", body).await.expect(200);
        Self {
            name: name.to_owned(),
            id: answer["user_id"].as_i64().unwrap(),
            token: answer["access_token"].as_str().unwrap().to_owned(),
            ..self.clone()
        }
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        if self.token.is_empty() { request } else { request.bearer_auth(&self.token) }
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        Answer::of(request.send().await.unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body)).await
    }

    /// A POST without a body.
    pub async fn push(&self, path: &str) -> Answer {
        self.send(self.request(Method::POST, path)).await
    }

    /// Sends a body of this media type as it is.
    pub async fn put_in(&self, path: &str, media_type: &str, body: impl Into<Vec<u8>>) -> Answer {
        let request = self.request(Method::POST, path).header("content-type", media_type);
        self.send(request.body(body.into())).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(&body)).await
    }

    /// A PUT without a body.
    pub async fn put(&self, path: &str) -> Answer {
        self.send(self.request(Method::PUT, path)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// The same user at another server of the same database.
    pub fn at_server(&self, server: &Server) -> Self {
        Self { base: server.url(""), ..self.clone() }
    }

    /// The same user with this token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// A request as sent by a browser that has this user's cookie.
    pub fn browses(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        request.header("cookie", self.cookie(Scheme::Http))
    }

    /// What a browser presents that reaches the server by this scheme.
    pub fn cookie(&self, scheme: Scheme) -> String {
        format!("{}={}", session_cookie(scheme), self.token)
    }

    /// A socket that has received its `welcome`.
    pub async fn socket(&self, path: &str) -> Socket {
        let mut socket = self.raw_socket(path).await;
        let welcome = socket.expect("welcome").await;
        assert_eq!(welcome["user_id"], self.id);
        socket
    }

    /// A socket that has received its `welcome`, and whom it names as online.
    pub async fn watching(&self, path: &str) -> (Socket, Vec<i64>) {
        let mut socket = self.raw_socket(path).await.with_presence();
        socket.expect("welcome").await;
        let presence = socket.expect("presence").await;
        let users = presence["users"].as_array().unwrap();
        assert!(users.iter().all(|one| one["online"] == true), "{presence}");
        (socket, users.iter().map(|one| one["user_id"].as_i64().unwrap()).collect())
    }

    /// A socket before its `welcome`.
    pub async fn raw_socket(&self, path: &str) -> Socket {
        Socket::open(&self.socket_url(path)).await
    }

    /// A socket before its `welcome`, if there is a server to open it with.
    pub async fn try_socket(&self, path: &str) -> Option<Socket> {
        Socket::try_open(&self.socket_url(path)).await
    }

    fn socket_url(&self, path: &str) -> String {
        let sign = if path.contains('?') { '&' } else { '?' };
        format!("{}{path}{sign}token={}", self.base.replace("http", "ws"), self.token)
    }

    /// The status and body of the answer to a POST, if there is one.
    pub async fn try_post(&self, path: &str, body: &Value) -> Option<(u16, Value)> {
        let answer = self.request(Method::POST, path).json(body).send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, serde_json::from_str(&answer.text().await.ok()?).unwrap_or_default()))
    }

    /// The same of a PATCH.
    pub async fn try_patch(&self, path: &str, body: &Value) -> Option<(u16, Value)> {
        let answer = self.request(Method::PATCH, path).json(body).send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, serde_json::from_str(&answer.text().await.ok()?).unwrap_or_default()))
    }

    /// The status of the answer to a request without a body.
    pub async fn try_request(&self, method: Method, path: &str) -> Option<u16> {
        Some(self.request(method, path).send().await.ok()?.status().as_u16())
    }

    /// Posts a message by HTTP; returns its `seq`.
    pub async fn say(&self, chat_id: i64, content: &str) -> i64 {
        let path = format!("/chats/{chat_id}/messages");
        let message = self.post(&path, json!({"content": content})).await.expect(201);
        message["seq"].as_i64().unwrap()
    }

    /// The private chat with somebody.
    pub async fn private_with(&self, other: &Self) -> i64 {
        let answer = self.post("/chats/private", json!({"receiver_id": other.id})).await;
        answer.json()["chat_id"].as_i64().unwrap()
    }

    /// A new room; returns its id and invite link.
    pub async fn room(&self, name: &str) -> (i64, String) {
        let room = self.post("/chats/room", json!({"name": name})).await.expect(201);
        (room["room_id"].as_i64().unwrap(), room["invite_link"].as_str().unwrap().to_owned())
    }

    /// Asks to join and is approved by the creator.
    pub async fn enter(&self, creator: &Self, room_id: i64, invite_link: &str) {
        let ask = format!("/chats/room/{room_id}/join");
        self.post(&ask, json!({"invite_link": invite_link})).await.expect(202);
        let approve = format!("/chats/room/{room_id}/invite/approve");
        creator.post(&approve, json!({"user_id": self.id})).await.expect(200);
    }
}

/// What the database keeps of [`PASSWORD`]. Comparing with it takes as little as can be; a hash that
/// somebody has signed up with takes what it should.
fn hash_of_password() -> &'static str {
    static HASH: LazyLock<String> = LazyLock::new(|| {
        let params = Params::new(Params::MIN_M_COST, 1, 1, None).unwrap();
        let argon2 = Argon2::new(argon2::Algorithm::Argon2id, Version::V0x13, params);
        let hash: PasswordHash =
            argon2.hash_password_with_salt(PASSWORD.as_bytes(), &[7; 16]).unwrap();
        hash.to_string()
    });
    &HASH
}
