//! People who talk and listen at once, whatever breaks in the meantime, and remember what they were
//! told.

use super::check::{self, Acked, History, Said};
use super::{Database, Person, Socket};
use crate::support::socket::End;
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::time::Duration;

/// Whether the talkers should go on.
#[derive(Default)]
pub struct Signals {
    pub stop: AtomicBool,
    /// Drafts acknowledged so far.
    pub acked: AtomicI64,
}

/// The contents of a message frame, or of a message on a page.
pub fn of(message: &Value) -> Acked {
    let client_id = message["client_id"].as_str().unwrap_or_default().to_owned();
    let id = message["id"].as_i64().unwrap();
    Acked { seq: message["seq"].as_i64().unwrap(), said: Said { id, client_id } }
}

/// A socket, however long it takes until there is a server to open it with.
pub async fn connect(person: &Person, path: &str) -> Socket {
    loop {
        if let Some(mut socket) = person.try_socket(path).await
            && let Ok(welcome) = socket.receive().await
        {
            assert_eq!(welcome["type"], "welcome");
            return socket;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whom all that is said by sockets names, if there is such a user.
pub const NAMED: &str = "bob";

/// Sends drafts on a socket, a few under way at once, and each again until it is acknowledged.
pub async fn talk(person: &Person, chat_id: i64, name: &str, signals: &Signals) -> Vec<Acked> {
    let mut acked = Vec::new();
    let (mut open, mut next): (Vec<String>, usize) = (Vec::new(), 0);
    let draft = |client_id: &str| {
        let content = format!("{client_id} @{NAMED}");
        json!({"type": "message", "chat_id": chat_id, "content": content, "client_id": client_id})
    };
    'connected: loop {
        let mut socket = connect(person, "/ws").await;
        for client_id in &open {
            if !socket.try_send(draft(client_id)).await {
                continue 'connected;
            }
        }
        loop {
            while open.len() < 4 && !signals.stop.load(Relaxed) {
                open.push(format!("{name}-{next}"));
                next += 1;
                if !socket.try_send(draft(open.last().unwrap())).await {
                    continue 'connected;
                }
            }
            if open.is_empty() {
                return acked;
            }
            let Ok(frame) = socket.receive().await else { continue 'connected };
            let client_id = frame["client_id"].as_str().unwrap_or_default().to_owned();
            match frame["type"].as_str().unwrap() {
                "ack" => {
                    open.retain(|other| *other != client_id);
                    acked.push(of(&frame));
                    signals.acked.fetch_add(1, Relaxed);
                }
                "error" => {
                    assert_eq!(frame["code"], "unavailable", "{frame}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    if !socket.try_send(draft(&client_id)).await {
                        continue 'connected;
                    }
                }
                _ => {}
            }
        }
    }
}

/// Posts drafts by HTTP one after the other, and each again until the answer is a message.
pub async fn post(person: &Person, chat_id: i64, name: &str, signals: &Signals) -> Vec<Acked> {
    let mut acked = Vec::new();
    while !signals.stop.load(Relaxed) {
        let client_id = format!("{name}-{}", acked.len());
        let draft = json!({"content": client_id, "client_id": client_id});
        loop {
            let answer = person.try_post(&format!("/chats/{chat_id}/messages"), &draft).await;
            match answer {
                Some((200 | 201, message)) => {
                    acked.push(of(&message));
                    signals.acked.fetch_add(1, Relaxed);
                    break;
                }
                Some((503, _)) | None => tokio::time::sleep(Duration::from_millis(20)).await,
                Some((status, problem)) => panic!("{status} {problem}"),
            }
        }
    }
    acked
}

/// Edits a message of this person again and again, so that it names each of these in turn, and each time until the
/// answer is yes; returns the number of each change.
pub async fn alter(
    person: &Person,
    chat_id: i64,
    seq: i64,
    named: [&Person; 2],
    signals: &Signals,
) -> Vec<i64> {
    let path = format!("/chats/{chat_id}/messages/{seq}");
    let mut changes = Vec::new();
    while !signals.stop.load(Relaxed) {
        let named = named[changes.len() % 2];
        let content = format!("edit {} @{}", changes.len(), named.name);
        loop {
            let answer = person.try_patch(&path, &json!({"content": content})).await;
            match answer {
                Some((200, message)) => {
                    assert_eq!(message["content"], content.as_str());
                    assert_eq!(message["mentions"], json!([named.id]));
                    changes.push(message["change"].as_i64().unwrap());
                    signals.acked.fetch_add(1, Relaxed);
                    break;
                }
                Some((503, _)) | None => tokio::time::sleep(Duration::from_millis(20)).await,
                Some((status, problem)) => panic!("{status} {problem}"),
            }
        }
    }
    changes
}

/// Pins a message and unpins it again and again, and each time until the answer is yes; returns how often.
pub async fn pin(person: &Person, chat_id: i64, seq: i64, signals: &Signals) -> i64 {
    let path = format!("/chats/{chat_id}/messages/{seq}/pin");
    let mut count = 0;
    while !signals.stop.load(Relaxed) {
        let method = if count % 2 == 0 { Method::PUT } else { Method::DELETE };
        match person.try_request(method, &path).await {
            Some(204) => {
                count += 1;
                signals.acked.fetch_add(1, Relaxed);
            }
            Some(503) | None => tokio::time::sleep(Duration::from_millis(20)).await,
            Some(status) => panic!("{status}"),
        }
    }
    count
}

/// Listens to one chat until its message `until` is set and seen. Comes back with `after` whenever the
/// socket ends, or (with `hops`) after that many messages.
pub async fn listen(
    person: &Person,
    path: &str,
    chat_id: i64,
    until: &AtomicI64,
    hops: Option<usize>,
) -> Vec<Acked> {
    let mut seen: Vec<Acked> = Vec::new();
    let is_all = path == "/ws";
    loop {
        let at = seen.last().map_or(0, |message| message.seq);
        let after = if is_all { format!("{chat_id}:{at}") } else { at.to_string() };
        let mut socket = connect(person, &format!("{path}?after={after}")).await;
        let mut count = 0;
        loop {
            let (at, end) = (seen.last().map_or(0, |m| m.seq), until.load(Relaxed));
            if end > 0 && at >= end {
                return seen;
            }
            let next = tokio::time::timeout(Duration::from_millis(200), socket.receive()).await;
            match next {
                Err(_late) => {}
                Ok(Ok(frame)) => {
                    assert_ne!(frame["type"], "reset", "{frame}");
                    if frame["type"] == "message" && frame["chat_id"] == chat_id {
                        seen.push(of(&frame));
                        count += 1;
                    }
                    if hops == Some(count) {
                        break;
                    }
                }
                Ok(Err(End::Closed(code))) => {
                    assert!([1001, 1012, 4408].contains(&code), "closed with {code}");
                    break;
                }
                Ok(Err(End::Broken(_))) => break,
            }
        }
    }
}

/// Everything stored in a chat, and its last number.
pub async fn stored(database: &Database, chat_id: i64) -> (History, i64) {
    stored_in(&database.client().await, chat_id).await
}

pub async fn stored_in(client: &tokio_postgres::Client, chat_id: i64) -> (History, i64) {
    let query = "select seq, id, substr(draft_key, 2) from messages where chat_id = $1";
    let rows = client.query(query, &[&chat_id]).await.unwrap();
    let history = rows
        .iter()
        .map(|row| (row.get(0), Said { id: row.get(1), client_id: row.get(2) }))
        .collect::<Vec<_>>();
    let count = history.len();
    let history: History = history.into_iter().collect();
    assert_eq!(history.len(), count, "a number was given twice");
    let last = "select last_seq from chats where id = $1";
    (history, client.query_one(last, &[&chat_id]).await.unwrap().get(0))
}

/// Waits for this many more acknowledgements, then ends the talking and tells the listeners how far to
/// listen.
pub async fn wait_for(signals: &Signals, more: i64) {
    let enough = signals.acked.load(Relaxed) + more;
    super::until("enough is acknowledged", || async { signals.acked.load(Relaxed) >= enough })
        .await;
}

/// The whole promise: what is stored, what was acknowledged, what each reader saw.
pub fn check(history: &History, last_seq: i64, acked: &[Vec<Acked>], seen: &[Vec<Acked>]) {
    check::history(history, last_seq).unwrap();
    for acked in acked {
        check::acknowledged(history, acked).unwrap();
    }
    for seen in seen {
        check::seen(history, seen, 1).unwrap();
    }
}
