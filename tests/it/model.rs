//! A model of a chat whose messages change: some hundred operations by several people, made up from a seed,
//! against the server and against the model here; then the history, the pins, what names each of them, what was
//! seen live, and what is seen on coming back are compared. A failure prints its seed: put it into `SEED` to see
//! it again.

use crate::support::{Person, Server, Socket};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Set it to the seed of a failure.
const SEED: Option<u64> = None;
const OPERATIONS: usize = 150;
const EMOJI: [&str; 3] = ["👍", "🎉", "❤\u{FE0F}"];
const NAMES: [&str; 3] = ["ada", "bob", "cyd"];
/// Whoever makes the room is the first.
const CREATOR: usize = 0;

/// The end of a text, whom it names, in order, and whether it names all if the room's creator says it.
const NAMING: [(&str, &[usize], bool); 7] = [
    ("", &[], false),
    ("@bob", &[1], false),
    ("@cyd and **@ADA**, @cyd!", &[2, 0], false),
    ("`@bob` @nobody @bobby", &[], false),
    ("@all", &[], true),
    ("`@all`", &[], false),
    ("(@ada, @all; @bob)", &[0, 1], true),
];

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
    /// Which of `NAMING`.
    naming: usize,
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
    /// Which are pinned, the last one last.
    pins: Vec<usize>,
    /// How far each has read.
    read: [i64; NAMES.len()],
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
        let (_, named, all) = NAMING[message.naming];
        if !named.is_empty() {
            put("mentions", named.iter().map(|who| people[*who].id).collect());
        }
        if all && message.author == CREATOR {
            put("mentions_all", json!(true));
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

    /// What others have said since somebody has read, and names them.
    fn unread_naming(&self, who: usize) -> Vec<i64> {
        let numbered = self.messages.iter().zip(1..);
        let names = |message: &Modelled| {
            let (_, named, all) = NAMING[message.naming];
            named.contains(&who) || (all && message.author == CREATOR)
        };
        numbered
            .filter(|(message, seq)| {
                *seq > self.read[who] && message.author != who && names(message)
            })
            .map(|(_, seq)| seq)
            .collect()
    }
}

/// A text that names somebody, or nobody.
fn text(chance: &mut Chance, beginning: &str) -> (String, usize) {
    let naming = chance.below(NAMING.len());
    (format!("{beginning} {}", NAMING[naming].0).trim_end().to_owned(), naming)
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
            // By a call of one's own.
            "read" => {}
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
    for name in NAMES {
        people.push(server.person(name).await);
    }
    let (room, link) = people[CREATOR].room("Tea").await;
    for person in &people[1..] {
        person.enter(&people[CREATOR], room, &link).await;
    }
    let mut model = Model::default();
    let mut live = Shown::default();
    let mut socket = people[1].socket(&format!("/ws/room/{room}")).await;
    let mut left: Vec<Shown> = Vec::new();
    for n in 0..OPERATIONS {
        operate(&mut chance, &mut model, &people, room, n).await;
        if chance.below(10) == 0 {
            check_what_is_kept_beside(&model, &people, room, seed).await;
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

    check_what_is_kept_beside(&model, &people, room, seed).await;

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

/// The pins, and what is unread and names each of them.
async fn check_what_is_kept_beside(model: &Model, people: &[Person], room: i64, seed: u64) {
    let pins = people[1].get(&format!("/chats/{room}/pins")).await.expect(200);
    let pins: Vec<Value> = pins["messages"].as_array().unwrap().iter().map(foretold).collect();
    let expected: Vec<Value> = model.pins.iter().rev().map(|at| model.shown(*at, people)).collect();
    assert_eq!(pins, expected, "the pins; the seed is {seed}");
    for (who, person) in people.iter().enumerate() {
        let naming = model.unread_naming(who);
        let unread = person.get(&format!("/chats/{room}/mentions?limit=200")).await.expect(200);
        assert_eq!(unread["seqs"], json!(naming), "{}; the seed is {seed}", person.name);
        let chats = person.get("/chats").await.expect(200);
        let chats = chats["chats"].as_array().unwrap();
        let chat = chats.iter().find(|chat| chat["chat_id"] == room).unwrap();
        let stands = (chat["mentioned"].as_u64(), chat["read_seq"].as_i64());
        let expected = (Some(naming.len() as u64), Some(model.read[who]));
        assert_eq!(stands, expected, "{}; the seed is {seed}", person.name);
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
        let (content, naming) = text(chance, &format!("message {n}"));
        let draft = json!({"content": content, "reply_to": reply_to.map(|at| at + 1)});
        person.post(&format!("/chats/{room}/messages"), draft).await.expect(201);
        let message = Modelled { author: who, content, naming, reply_to, ..Modelled::default() };
        model.messages.push(message);
        model.read[who] = model.messages.len() as i64;
        return;
    }
    if chance.below(10) == 0 {
        let seq = 1 + chance.below(model.messages.len()) as i64;
        person.post(&format!("/chats/{room}/read"), json!({"seq": seq})).await.expect(204);
        model.read[who] = model.read[who].max(seq);
        return;
    }
    let at = chance.below(model.messages.len());
    let path = format!("/chats/{room}/messages/{}", at + 1);
    let message = model.messages[at].clone();
    let is_creator = who == CREATOR;
    match chance.below(6) {
        0 | 1 => {
            let (content, naming) = match chance.below(4) {
                0 => (message.content.clone(), message.naming),
                _ => text(chance, &format!("edit {n}")),
            };
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
                model.messages[at].naming = naming;
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
                if on != message.pinned {
                    model.pins.retain(|other| *other != at);
                    model.pins.extend(on.then_some(at));
                }
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
            model.pins.retain(|other| *other != at);
            model.changed(at, !message.deleted);
        }
    }
}
