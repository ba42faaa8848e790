//! A model of a chat whose messages change: some hundred operations by several people, made up from a seed,
//! against the server and against the model here; then the history, what was seen live, and what is seen on
//! coming back are compared. A failure prints its seed: put it into `SEED` to see it again.

use crate::support::{Person, Server, Socket};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Set it to the seed of a failure.
const SEED: Option<u64> = None;
const OPERATIONS: usize = 150;
const EMOJI: [&str; 3] = ["👍", "🎉", "❤\u{FE0F}"];

/// Xorshift64*: enough to make things up, and the same everywhere.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
    }
}

/// A message as the model has it.
#[derive(Clone, Default)]
struct Modelled {
    author: usize,
    content: String,
    edited: bool,
    deleted: bool,
    pinned: bool,
    reply_to: Option<usize>,
    /// In the order of putting: who, and which emoji.
    reactions: Vec<(usize, usize)>,
    change: i64,
}

#[derive(Default)]
struct Model {
    messages: Vec<Modelled>,
    last_change: i64,
}

impl Model {
    /// Counts a change of a message, if it is one.
    fn changed(&mut self, at: usize, is_change: bool) {
        if is_change {
            self.last_change += 1;
            self.messages[at].change = self.last_change;
        }
    }

    /// What of a message can be foretold: ids and times cannot.
    fn shown(&self, at: usize, people: &[Person]) -> Value {
        let message = &self.messages[at];
        let author = |who: usize| (people[who].id, people[who].name.clone());
        let (user_id, username) = author(message.author);
        let mut shown = Map::from_iter([
            ("seq".to_owned(), json!(at + 1)),
            ("user_id".to_owned(), json!(user_id)),
            ("username".to_owned(), json!(username)),
            ("content".to_owned(), json!(message.content)),
        ]);
        let mut put = |name: &str, value: Value| drop(shown.insert(name.to_owned(), value));
        if let Some(to) = message.reply_to {
            let answered = &self.messages[to];
            let (user_id, username) = author(answered.author);
            put(
                "reply_to",
                json!({"seq": to + 1, "user_id": user_id, "username": username,
                "excerpt": answered.content, "deleted": answered.deleted}),
            );
        }
        if message.edited {
            put("edited", json!(true));
        }
        if message.deleted {
            put("deleted", json!(true));
        }
        let mut kinds: Vec<(usize, Vec<i64>)> = Vec::new();
        for (who, emoji) in &message.reactions {
            match kinds.iter_mut().find(|(kind, _)| kind == emoji) {
                Some((_, ids)) => ids.push(people[*who].id),
                None => kinds.push((*emoji, vec![people[*who].id])),
            }
        }
        if !kinds.is_empty() {
            let of =
                |(emoji, ids): &(usize, Vec<i64>)| json!({"emoji": EMOJI[*emoji], "user_ids": ids});
            put("reactions", kinds.iter().map(of).collect());
        }
        if message.pinned {
            put("pinned", json!(true));
        }
        if message.change > 0 {
            put("change", json!(message.change));
        }
        Value::Object(shown)
    }

    fn all(&self, people: &[Person]) -> Vec<Value> {
        (0..self.messages.len()).map(|at| self.shown(at, people)).collect()
    }
}

/// A message without what cannot be foretold.
fn foretold(message: &Value) -> Value {
    let mut message = message.as_object().unwrap().clone();
    for name in ["type", "id", "chat_id", "room_id", "chat_type", "timestamp", "client_id"] {
        message.remove(name);
    }
    if message.remove("edited_at").is_some() {
        message.insert("edited".into(), json!(true));
    }
    Value::Object(message)
}

/// What a client shows that follows the rules: the later state of each message, and excerpts of its own copies.
#[derive(Default, Clone)]
struct Shown {
    messages: BTreeMap<i64, Value>,
    seq: i64,
    change: i64,
}

impl Shown {
    fn take(&mut self, frame: &Value) {
        let number = |name: &str| frame[name].as_i64().unwrap_or(0);
        let (seq, change) = (number("seq"), number("change"));
        match frame["type"].as_str().unwrap() {
            "message" => {
                assert_eq!(seq, self.seq + 1, "{frame}");
                self.seq = seq;
                self.messages.insert(seq, foretold(frame));
            }
            "message_changed" => {
                assert!(change > self.change, "{frame} after {}", self.change);
                self.change = change;
                let known = self.messages.get(&seq).expect("its message came first");
                if known["change"].as_i64().unwrap_or(0) < change {
                    self.messages.insert(seq, foretold(frame));
                }
            }
            "caught_up" => self.change = self.change.max(change),
            other => panic!("{other}: {frame}"),
        }
    }

    /// Refreshes the excerpts, as clients do.
    fn all(&self) -> Vec<Value> {
        let mut all: Vec<Value> = self.messages.values().cloned().collect();
        for message in &mut all {
            if let Some(answered) = message.get_mut("reply_to") {
                let own = &self.messages[&answered["seq"].as_i64().unwrap()];
                answered["excerpt"] = own["content"].clone();
                answered["deleted"] = json!(own["deleted"] == true);
            }
        }
        all
    }

    async fn read_until(&mut self, socket: &mut Socket, seq: i64, change: i64) {
        while (self.seq, self.change) != (seq, change) {
            self.take(&socket.next().await);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_does_what_the_model_does() {
    let seed = SEED.unwrap_or_else(new_seed);
    println!("the seed is {seed}");
    let mut chance = Chance(seed);
    let server = Server::start().await;
    let mut people = Vec::new();
    for name in ["ada", "bob", "cyd"] {
        people.push(server.person(name).await);
    }
    let (room, link) = people[0].room("Tea").await;
    for person in &people[1..] {
        person.enter(&people[0], room, &link).await;
    }
    let mut model = Model::default();
    let mut live = Shown::default();
    let mut socket = people[1].socket(&format!("/ws/room/{room}")).await;
    let mut left: Vec<Shown> = Vec::new();
    for n in 0..OPERATIONS {
        operate(&mut chance, &mut model, &people, room, n).await;
        if chance.below(10) == 0 {
            live.read_until(&mut socket, model.messages.len() as i64, model.last_change).await;
            left.push(live.clone());
        }
    }
    let end = (model.messages.len() as i64, model.last_change);
    live.read_until(&mut socket, end.0, end.1).await;
    let expected = model.all(&people);
    assert_eq!(live.all(), expected, "what was seen live; the seed is {seed}");

    let history = format!("/chats/room/{room}/history?limit=200");
    let page = people[2].get(&history).await.expect(200);
    let stored: Vec<Value> = page["messages"].as_array().unwrap().iter().map(foretold).collect();
    assert_eq!(stored, expected, "the history; the seed is {seed}");
    assert_eq!(
        (page["last_seq"].as_i64(), page["last_change"].as_i64()),
        (Some(end.0), Some(end.1))
    );

    left.push(Shown::default());
    for mut shown in left {
        let path = format!("/ws?after={room}:{}:{}", shown.seq, shown.change);
        let mut socket = people[1].socket(&path).await;
        loop {
            let frame = socket.next().await;
            shown.take(&frame);
            if frame["type"] == "caught_up" {
                break;
            }
        }
        assert_eq!((shown.seq, shown.change), end, "the seed is {seed}");
        assert_eq!(shown.all(), expected, "what is seen on coming back; the seed is {seed}");
    }
}

fn new_seed() -> u64 {
    let bits: [u8; 16] = snug::os::random::bits().unwrap();
    u64::from_le_bytes(bits[..8].try_into().unwrap()) | 1
}

/// One operation by somebody; the answers must be those that the model foretells.
async fn operate(chance: &mut Chance, model: &mut Model, people: &[Person], room: i64, n: usize) {
    let who = chance.below(people.len());
    let person = &people[who];
    if model.messages.is_empty() || chance.below(3) == 0 {
        let count = model.messages.len();
        let reply_to = (count > 0 && chance.below(2) == 0).then(|| chance.below(count));
        let content = format!("message {n}");
        let draft = json!({"content": content, "reply_to": reply_to.map(|at| at + 1)});
        person.post(&format!("/chats/{room}/messages"), draft).await.expect(201);
        model.messages.push(Modelled { author: who, content, reply_to, ..Modelled::default() });
        return;
    }
    let at = chance.below(model.messages.len());
    let path = format!("/chats/{room}/messages/{}", at + 1);
    let message = model.messages[at].clone();
    let is_creator = who == 0;
    match chance.below(6) {
        0 | 1 => {
            let content =
                if chance.below(4) == 0 { message.content.clone() } else { format!("edit {n}") };
            let answer = person.patch(&path, json!({"content": content})).await;
            if message.author != who {
                answer.refused(403, "not_author");
            } else if content.is_empty() {
                answer.refused(422, "content_empty");
            } else if message.deleted {
                answer.refused(409, "deleted");
            } else {
                let is_change = content != message.content;
                model.messages[at].edited |= is_change;
                model.messages[at].content = content;
                model.changed(at, is_change);
                assert_eq!(foretold(&answer.expect(200)), model.shown(at, people));
            }
        }
        2 => {
            let emoji = chance.below(EMOJI.len());
            let put = chance.below(3) > 0;
            let place = format!("{path}/reactions/{}", EMOJI[emoji]);
            let answer = if put { person.put(&place).await } else { person.delete(&place).await };
            if message.deleted {
                answer.refused(409, "deleted");
                return;
            }
            assert_eq!(answer.status.as_u16(), 204);
            let is_there = message.reactions.contains(&(who, emoji));
            if put && !is_there {
                model.messages[at].reactions.push((who, emoji));
            } else {
                model.messages[at].reactions.retain(|one| put || *one != (who, emoji));
            }
            model.changed(at, put != is_there);
        }
        3 => {
            let on = chance.below(2) == 0;
            let place = format!("{path}/pin");
            let answer = if on { person.put(&place).await } else { person.delete(&place).await };
            if !is_creator {
                answer.refused(403, "not_creator");
            } else if on && message.deleted {
                answer.refused(409, "deleted");
            } else {
                assert_eq!(answer.status.as_u16(), 204);
                model.messages[at].pinned = on;
                model.changed(at, on != message.pinned);
            }
        }
        4 if chance.below(3) > 0 => {
            // By a socket, and twice: the second is no change.
            let mut socket = person.socket("/ws").await;
            let emoji = chance.below(EMOJI.len());
            for name in ["first", "second"] {
                let frame = json!({"type": "react", "chat_id": room, "seq": at + 1, "emoji": EMOJI[emoji],
                    "on": true, "client_id": name});
                socket.send(frame).await;
                if message.deleted {
                    assert_eq!(socket.expect("error").await["code"], "deleted");
                    continue;
                }
                let is_there = model.messages[at].reactions.contains(&(who, emoji));
                if !is_there {
                    model.messages[at].reactions.push((who, emoji));
                }
                model.changed(at, !is_there);
                assert_eq!(socket.expect("ack").await["change"], model.messages[at].change);
            }
        }
        _ => {
            let answer = person.delete(&path).await;
            if message.author != who && !is_creator {
                answer.refused(403, "not_author");
                return;
            }
            assert_eq!(answer.status.as_u16(), 204);
            let Modelled { author, change, .. } = message;
            model.messages[at] = Modelled { author, change, deleted: true, ..Modelled::default() };
            model.changed(at, !message.deleted);
        }
    }
}
