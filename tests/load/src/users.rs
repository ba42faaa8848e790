//! The accounts and rooms that a run needs, created over the API like anybody's.

use crate::server::Server;
use crate::stop::{Result, Stop};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Each sign-up and login costs the server a password hash; more at once would only queue there.
const AT_ONCE: usize = 4;
/// The server's limit for one creator.
pub const ROOMS_PER_CREATOR_MAX: usize = 200;
/// How long to keep asking a busy server.
const PATIENCE: Duration = Duration::from_secs(60);
const RETRY_AFTER_DEFAULT: Duration = Duration::from_millis(250);

#[derive(Clone)]
pub struct User {
    pub token: Rc<str>,
}

#[derive(Deserialize)]
struct Login {
    access_token: String,
}

#[derive(Deserialize)]
struct Room {
    room_id: u64,
}

/// Where a chat stands.
#[derive(Deserialize)]
pub struct Stands {
    pub last_seq: u64,
    pub last_change: u64,
}

/// The environment's proxy settings are ignored, since the server is on this machine.
pub fn client() -> Result<Client> {
    Ok(Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?)
}

/// Signs up and logs in `count` new users with random passwords.
pub async fn sign_up(server: &Server, run: u64, count: usize) -> Result<Vec<User>> {
    let client = client()?;
    let mut users = Vec::with_capacity(count);
    let mut next = 0..count;
    let mut pending = JoinSet::new();
    loop {
        while pending.len() < AT_ONCE {
            let Some(place) = next.next() else { break };
            let (signup, login) = (server.url("/auth/signup"), server.url("/auth/login"));
            pending.spawn_local(join(
                client.clone(),
                signup,
                login,
                format!("load-{run:x}-{place}"),
            ));
        }
        let Some(joined) = pending.join_next().await else { return Ok(users) };
        users.push(joined.map_err(|error| Stop::new(error.to_string()))??);
        if users.len() % 500 == 0 {
            eprintln!("{:>12} users signed up", users.len());
        }
    }
}

async fn join(client: Client, signup: String, login: String, username: String) -> Result<User> {
    let password = password()?;
    let email = format!("{username}@load.invalid");
    let new = json!({"username": username, "password": password, "email": email});
    ask::<serde_json::Value>(client.post(signup).json(&new)).await?;
    let credentials = json!({"username": username, "password": password});
    let login: Login = ask(client.post(login).json(&credentials)).await?;
    Ok(User { token: login.access_token.into() })
}

/// The users whose tokens are in a file, one per line.
pub fn from_file(path: &std::path::Path) -> Result<Vec<User>> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Stop::new(format!("{}: {error}", path.display())))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let users: Vec<_> = lines.map(|token| User { token: token.into() }).collect();
    match users.is_empty() {
        true => Err(Stop::new(format!("{}: there is no token in it", path.display()))),
        false => Ok(users),
    }
}

/// Creates this many rooms, shared out among the users; returns each with its creator.
pub async fn make_rooms(
    server: &Server,
    users: &[User],
    count: usize,
    run: u64,
) -> Result<Vec<(u64, User)>> {
    let client = client()?;
    let mut rooms = Vec::with_capacity(count);
    let mut next = users.iter().cycle().take(count).enumerate();
    let mut pending = JoinSet::new();
    loop {
        while pending.len() < AT_ONCE {
            let Some((place, user)) = next.next() else { break };
            let (user, name) = (user.clone(), json!({"name": format!("load {run:x}-{place}")}));
            let request = client.post(server.url("/chats/room")).bearer_auth(&user.token);
            pending.spawn_local(async move {
                Ok::<_, Stop>((ask::<Room>(request.json(&name)).await?.room_id, user))
            });
        }
        let Some(made) = pending.join_next().await else { return Ok(rooms) };
        rooms.push(made.map_err(|error| Stop::new(error.to_string()))??);
        if rooms.len() % 2_000 == 0 {
            eprintln!("{:>12} rooms made", rooms.len());
        }
    }
}

/// How many messages the general chat holds, and how many changes it has counted.
pub async fn general_stands(client: &Client, server: &Server, user: &User) -> Result<Stands> {
    let url = server.url("/chats/general/history?limit=1");
    ask(client.get(url).bearer_auth(&user.token)).await
}

/// The same of a room.
pub async fn stands(client: &Client, server: &Server, user: &User, room: u64) -> Result<Stands> {
    let url = server.url(&format!("/chats/room/{room}/history?limit=1"));
    ask(client.get(url).bearer_auth(&user.token)).await
}

/// Asks again while the server is too busy.
async fn ask<T: DeserializeOwned>(request: RequestBuilder) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let again = request.try_clone().ok_or_else(|| Stop::new("a body that cannot be resent"))?;
        let answer = again.send().await?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer.json().await?);
        }
        let busy = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
        if !busy.contains(&status) || Instant::now() > deadline {
            let path = answer.url().path().to_owned();
            let body = answer.text().await.unwrap_or_default();
            return Err(Stop::new(format!("{path} answered {status}: {body}")));
        }
        let told = answer.headers().get("retry-after").and_then(|v| v.to_str().ok()?.parse().ok());
        tokio::time::sleep(told.map_or(RETRY_AFTER_DEFAULT, Duration::from_secs)).await;
    }
}

fn password() -> Result<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| Stop::new(error.to_string()))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}
