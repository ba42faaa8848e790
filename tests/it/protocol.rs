//! Compares `assets/protocol.json` with what is sent: it lists all frames, members, error codes and
//! close codes, and nothing else. `docs/protocol.md` and `/docs` show it.

use crate::support::Server;
use crate::support::protocol::{PROTOCOL, check, follow};
use crate::tidy::files;
use serde_json::{Value, json};
use snug::live::close::Close;
use snug::model::error::FrameCode;
use snug::model::ids::{Change, ChatId, MessageId, Seq, UserId};
use snug::model::message::{ChatType, Message};
use snug::model::more::{Answered, More, Reaction};
use snug::model::wire::{
    ChatJson, MembersEvent, MessageJson, MessageMembers, Micros, OnlineJson, OtherJson,
    ServerFrame, StandingJson, UserJson,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use strum::{IntoEnumIterator, VariantNames};

fn rows(list: &str) -> &'static [Value] {
    PROTOCOL[list].as_array().unwrap()
}

/// The values in one column of a list, all different.
fn column(list: &str, name: &str) -> BTreeSet<String> {
    let of = |row: &Value| row[name].to_string().trim_matches('"').to_owned();
    let values: BTreeSet<String> = rows(list).iter().map(of).collect();
    assert_eq!(values.len(), rows(list).len(), "{list} has a duplicate");
    values
}

fn message(chat_type: ChatType) -> Message {
    Message {
        id: MessageId(1),
        seq: Seq(1),
        chat_id: ChatId(7),
        chat_type,
        sender_id: UserId(1),
        receiver_id: (chat_type == ChatType::Private).then_some(UserId(2)),
        username: "ada".into(),
        content: "Hi".into(),
        timestamp: "2024-09-19T10:00:00Z".parse().unwrap(),
        client_id: Some("c0ffee".into()),
        more: Some(Box::new(More {
            reply_to: Some(Answered {
                seq: Seq(1),
                user_id: UserId(1),
                username: "ada".into(),
                excerpt: "Hi".into(),
                is_deleted: false,
            }),
            mentions: vec![UserId(2)],
            mentions_all: true,
            edited_at: "2024-09-19T10:00:01Z".parse().ok(),
            is_deleted: true,
            reactions: vec![Reaction { emoji: "👍".into(), user_ids: vec![UserId(1)] }],
            is_pinned: true,
            change: Some(Change(1)),
        })),
    }
}

/// Every frame of the server, with every member that it can have.
fn full_frames(look: impl FnOnce(&[ServerFrame<'_>])) {
    let (chat_id, room_id, user_id, seq, last_seq) =
        (ChatId(7), ChatId(9), UserId(1), Seq(1), Seq(1));
    let timestamp = Micros("2024-09-19T10:00:00Z".parse().unwrap());
    let (change, last_change) = (Change(1), Change(1));
    let chat_type = ChatType::Private;
    let (read_seq, mentioned) = (seq, 0);
    let standing = StandingJson { chat_id, chat_type, last_seq, last_change, read_seq, mentioned };
    let said = [ChatType::General, ChatType::Private, ChatType::Room].map(message);
    let chat = ChatJson {
        standing: standing.clone(),
        unread: 0,
        other: Some(OtherJson { user_id, online: true, seen_seq: Some(seq) }),
        name: "bob".into(),
        last_message: Some(MessageJson(message(ChatType::Private))),
    };
    look(&[
        ServerFrame::Welcome {
            protocol: 1,
            user_id,
            username: "ada",
            epoch: "e",
            chats: &[standing],
        },
        ServerFrame::Message(MessageMembers(&said[0])),
        ServerFrame::Message(MessageMembers(&said[1])),
        ServerFrame::Message(MessageMembers(&said[2])),
        ServerFrame::MessageChanged(MessageMembers(&said[0])),
        ServerFrame::MessageChanged(MessageMembers(&said[1])),
        ServerFrame::MessageChanged(MessageMembers(&said[2])),
        ServerFrame::Ack {
            client_id: "c0ffee",
            chat_id,
            id: Some(MessageId(1)),
            seq,
            timestamp: Some(timestamp),
            change: Some(change),
        },
        ServerFrame::Error {
            code: FrameCode::RateLimited,
            detail: "Slow down.",
            client_id: Some("c0ffee"),
            chat_id: Some(chat_id),
            retry_after_ms: Some(100),
        },
        ServerFrame::CaughtUp { chat_id, seq, change },
        ServerFrame::Reset { chat_id, last_seq, last_change },
        ServerFrame::Read { chat_id, seq },
        ServerFrame::JoinRequest { room_id, user: UserJson { user_id, username: "cyd" } },
        ServerFrame::ChatAdded { chat: &chat },
        ServerFrame::JoinDenied { room_id },
        ServerFrame::SignupRequest { user: UserJson { user_id, username: "cyd" } },
        ServerFrame::ChatRemoved { chat_id },
        ServerFrame::Members {
            room_id,
            user: UserJson { user_id, username: "cyd" },
            event: MembersEvent::Joined,
        },
        ServerFrame::Typing { chat_id, user: UserJson { user_id, username: "bob" } },
        ServerFrame::Presence { users: &[OnlineJson { user_id, online: true }] },
        ServerFrame::Seen { chat_id, user_id, seq },
        ServerFrame::Pong,
    ]);
}

#[test]
fn every_frame_and_member_of_the_server_is_listed_and_nothing_else() {
    full_frames(|frames| {
        let mut sent: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for frame in frames {
            let is_message =
                matches!(frame, ServerFrame::Message(_) | ServerFrame::MessageChanged(_));
            let is_full = is_message || !format!("{frame:?}").contains("None");
            assert!(is_full, "give it every member that it can have: {frame:?}");
            let json = serde_json::to_value(frame).unwrap();
            check(&json).unwrap_or_else(|why| panic!("assets/protocol.json: {why} in {json}"));
            let name = json["type"].as_str().unwrap().to_owned();
            let members = json.as_object().unwrap().keys().filter(|name| *name != "type").cloned();
            sent.entry(name).or_default().extend(members);
        }
        let names: Vec<&str> = sent.keys().map(String::as_str).collect();
        let mut variants = ServerFrame::VARIANTS.to_vec();
        variants.sort_unstable();
        assert_eq!(names, variants, "give each frame a full example here");
        assert_eq!(column("server", "type"), sent.keys().cloned().collect());
        let events: Vec<Value> = MembersEvent::iter().map(|event| json!(event)).collect();
        let members = rows("server").iter().find(|row| row["type"] == "members").unwrap();
        assert_eq!(members["members"]["event"]["enum"], json!(events));
        for row in rows("server") {
            let listed: BTreeSet<String> =
                row["members"].as_object().unwrap().keys().cloned().collect();
            assert_eq!(sent[row["type"].as_str().unwrap()], listed, "members of {}", row["type"]);
        }
    });
}

#[test]
fn every_code_is_listed_and_nothing_else() {
    let codes = FrameCode::iter().map(|code| code.name().to_owned()).collect();
    assert_eq!(column("errors", "code"), codes);
    let is_ours = |close: &Close| !matches!(close, Close::Answered(_));
    let codes = Close::iter().filter(is_ours).map(|close| close.code().to_string()).collect();
    assert_eq!(column("closes", "code"), codes);
}

/// Where each of them is created, not counting matches on its own type.
#[test]
fn every_frame_and_code_is_used() {
    let sources = files("src", ".rs");
    let uses = |word: &str| {
        let is_whole = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric());
        sources.iter().any(|(name, text)| {
            let code = text.split("mod tests {").next().unwrap_or_default();
            !name.ends_with("tests.rs") && code.split(word).skip(1).any(is_whole)
        })
    };
    let camel = |snake: &str| -> String {
        let word = |word: &str| word[..1].to_uppercase() + &word[1..];
        snake.split('_').map(word).collect()
    };
    for name in ServerFrame::VARIANTS {
        assert!(uses(&format!("ServerFrame::{}", camel(name))), "{name} is never sent");
    }
    for code in FrameCode::iter() {
        assert!(uses(&format!("FrameCode::{code:?}")), "{code:?} is never used");
    }
    for close in Close::iter().filter(|close| !matches!(close, Close::Answered(_))) {
        assert!(uses(&format!("Close::{close:?}")), "{close:?} is never used");
    }
}

#[test]
fn a_frame_that_is_not_listed_is_found() {
    for (frame, why) in [
        (json!({"type": "dance"}), "no such type"),
        (json!({"type": "pong", "since": 1}), "no since"),
        (json!({"type": "caught_up", "chat_id": 7, "change": 0}), "seq is not called optional"),
        (json!({"type": "caught_up", "chat_id": 7, "seq": "1"}), "seq: \"1\" is not"),
        (json!({"type": "error", "code": "odd", "detail": "x"}), "no such code"),
        (
            json!({"type": "join_request", "room_id": 9, "user": {"user_id": 3}}),
            "username is missing",
        ),
    ] {
        assert!(check(&frame).unwrap_err().contains(why), "{frame}");
    }
}

#[test]
fn examples_agree_with_the_list() {
    for row in rows("server") {
        for example in row["examples"].as_array().unwrap() {
            assert_eq!(example["type"], row["type"]);
            check(example).unwrap_or_else(|why| panic!("{why} in {example}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_every_frame_member_and_code() {
    let page = Server::start().await.person("ada").await.get("/docs").await.text;
    for list in ["client", "server"] {
        for row in rows(list) {
            let id = format!("id=\"{list}-{}\"", row["type"].as_str().unwrap());
            let (_, article) = page.split_once(&id).unwrap_or_else(|| panic!("{id}"));
            let article = article.split_once("</article>").unwrap().0;
            for name in row["members"].as_object().unwrap().keys() {
                assert!(article.contains(&format!("<code>{name}</code>")), "{id}: {name}");
            }
        }
    }
    for code in column("errors", "code").iter().chain(&column("closes", "code")) {
        assert!(page.contains(&format!(">{code}</")), "{code}");
    }
}

/// The text between the markers in `docs/protocol.md`.
fn generated(list: &str) -> String {
    let mut text = String::new();
    let cell = |value: &Value| value.as_str().unwrap().replace('|', "\\|");
    match list {
        "client" | "server" => {
            for row in rows(list) {
                let name = row["type"].as_str().unwrap();
                let when = row["when"].as_str().unwrap();
                write!(text, "### `{name}`, from the {list}\n\n{when}\n\n```json\n").unwrap();
                for example in row["examples"].as_array().unwrap() {
                    writeln!(text, "{example}").unwrap();
                }
                text.push_str("```\n\n");
                let members = row["members"].as_object().unwrap();
                if !members.is_empty() {
                    text.push_str("| member | type | meaning |\n| --- | --- | --- |\n");
                }
                for (name, member) in members {
                    let is_optional = row["optional"].as_array().unwrap().iter().any(|n| n == name);
                    let optional = if is_optional { ", optional" } else { "" };
                    let (kind, meaning) = (kind(member), cell(&member["description"]));
                    writeln!(text, "| `{name}` | {kind}{optional} | {meaning} |").unwrap();
                }
                if !members.is_empty() {
                    text.push('\n');
                }
            }
        }
        "errors" => {
            text.push_str("| code | meaning |\n| --- | --- |\n");
            for row in rows(list) {
                writeln!(text, "| `{}` | {} |", cell(&row["code"]), cell(&row["meaning"])).unwrap();
            }
        }
        "closes" => {
            text.push_str("| code | what to do | meaning |\n| --- | --- | --- |\n");
            for row in rows(list) {
                let (then, meaning) = (cell(&row["then"]), cell(&row["meaning"]));
                writeln!(text, "| {} | {then} | {meaning} |", row["code"]).unwrap();
            }
        }
        other => panic!("there is no list of {other}"),
    }
    text.trim_end().to_owned()
}

/// A type in a word or two; a type that `/openapi.json` names goes by that name.
fn kind(schema: &Value) -> String {
    let target = follow(schema);
    let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    if let Some(name) = name.filter(|_| target["type"] == "object") {
        return format!("`{name}`");
    }
    let word = |name: &Value| match name.as_str().unwrap() {
        "string" => "text".to_owned(),
        "array" => "list".to_owned(),
        other => other.to_owned(),
    };
    match &target["type"] {
        Value::Array(names) => names.iter().map(word).collect::<Vec<_>>().join(" or "),
        name => word(name),
    }
}

#[test]
fn the_document_shows_the_list() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/protocol.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut fresh = text.clone();
    for list in ["client", "server", "errors", "closes"] {
        let (begin, end) = (format!("<!-- {list}: of assets/protocol.json -->\n"), "<!-- end -->");
        let (before, rest) = fresh.split_once(&begin).unwrap_or_else(|| panic!("{begin}"));
        let after = rest.split_once(end).unwrap().1;
        fresh = format!("{before}{begin}\n{}\n\n{end}{after}", generated(list));
    }
    if fresh != text {
        let at = Path::new(env!("CARGO_TARGET_TMPDIR")).join("protocol.md");
        std::fs::write(&at, fresh).unwrap();
        panic!("docs/protocol.md is not as assets/protocol.json; cp {} docs/", at.display());
    }
}
