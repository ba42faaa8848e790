//! What goes over the wire: the frames of a socket, and the JSON that both edges share.
//!
//! Pure: encodes values as bytes. Shapes and names follow the protocol. A frame is encoded once, header
//! included, however many readers it has.

mod runs;

pub use runs::{MessageFrames, Run, RunKind};

use crate::model::error::{Fault, FrameCode, FrameRefusal};
use crate::model::ids::{Change, ChatId, MessageId, Position, Seq, UserId};
use crate::model::message::{ChatType, Message, Standing};
use crate::model::more::{Answered, More};
use bytes::Bytes;
use jiff::Timestamp;
use serde::ser::{Serialize, SerializeStruct, Serializer};
use tokio_tungstenite::tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};

/// The version of the socket protocol, sent in `welcome`.
pub const PROTOCOL: u32 = 1;

/// Every text frame from the server. `assets/protocol.json` says what each means and when it is sent.
#[derive(Debug, serde::Serialize, strum::VariantNames)]
#[serde(tag = "type", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ServerFrame<'a> {
    Welcome {
        protocol: u32,
        user_id: UserId,
        username: &'a str,
        epoch: &'a str,
        chats: &'a [StandingJson],
    },
    Message(MessageMembers<'a>),
    MessageChanged(MessageMembers<'a>),
    /// `id` and `timestamp` for a message that was sent, `change` for one that was to be changed.
    Ack {
        client_id: &'a str,
        chat_id: ChatId,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<MessageId>,
        seq: Seq,
        #[serde(skip_serializing_if = "Option::is_none")]
        timestamp: Option<Micros>,
        #[serde(skip_serializing_if = "Option::is_none")]
        change: Option<Change>,
    },
    Error {
        code: FrameCode,
        detail: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        client_id: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        chat_id: Option<ChatId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
    CaughtUp {
        chat_id: ChatId,
        seq: Seq,
        change: Change,
    },
    Reset {
        chat_id: ChatId,
        last_seq: Seq,
        last_change: Change,
    },
    Read {
        chat_id: ChatId,
        seq: Seq,
    },
    JoinRequest {
        room_id: ChatId,
        user: UserJson<'a>,
    },
    ChatAdded {
        chat: &'a ChatJson,
    },
    JoinDenied {
        room_id: ChatId,
    },
    SignupRequest {
        user: UserJson<'a>,
    },
    ChatRemoved {
        chat_id: ChatId,
    },
    Typing {
        chat_id: ChatId,
        user: UserJson<'a>,
    },
    Presence {
        users: &'a [OnlineJson],
    },
    Seen {
        chat_id: ChatId,
        user_id: UserId,
        seq: Seq,
    },
    Members {
        room_id: ChatId,
        user: UserJson<'a>,
        event: MembersEvent,
    },
    Pong,
}

/// What happened to the members of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, strum::EnumIter)]
#[serde(rename_all = "snake_case")]
pub enum MembersEvent {
    Joined,
    Left,
    Removed,
}

/// A user as others see them.
#[derive(Debug, Clone, serde::Serialize)]
pub struct UserJson<'a> {
    pub user_id: UserId,
    pub username: &'a str,
}

/// Whether a user is online.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct OnlineJson {
    pub user_id: UserId,
    pub online: bool,
}

/// The other user of a private chat.
#[derive(Debug, Clone, serde::Serialize)]
pub struct OtherJson {
    pub user_id: UserId,
    pub online: bool,
    /// How far they have read; unknown if one of the two does not show it.
    pub seen_seq: Option<Seq>,
}

/// A chat in `welcome`.
#[derive(Debug, Clone, serde::Serialize)]
pub struct StandingJson {
    pub chat_id: ChatId,
    pub chat_type: ChatType,
    pub last_seq: Seq,
    pub last_change: Change,
    pub read_seq: Seq,
    pub mentioned: i64,
}

/// A chat in `GET /chats` and in `chat_added`.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ChatJson {
    #[serde(flatten)]
    pub standing: StandingJson,
    pub unread: i64,
    #[serde(flatten)]
    pub other: Option<OtherJson>,
    pub name: String,
    pub last_message: Option<MessageJson>,
}

impl From<Standing> for StandingJson {
    fn from(standing: Standing) -> Self {
        let Standing { chat_id, chat_type, last, read_seq, mentioned } = standing;
        let Position { seq: last_seq, change: last_change } = last;
        Self { chat_id, chat_type, last_seq, last_change, read_seq, mentioned }
    }
}

/// RFC 3339 in UTC with `Z` and six decimals.
#[derive(Debug, Clone, Copy)]
pub struct Micros(pub Timestamp);

impl Serialize for Micros {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.6}", self.0))
    }
}

/// The approximate size of a message without its content.
pub const MEMBERS_BYTES: usize = 224;

/// A message in the protocol's shape, which depends on the type of its chat.
#[derive(Debug, Clone)]
pub struct MessageJson(pub Message);

impl Serialize for MessageJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        MessageMembers(&self.0).serialize(serializer)
    }
}

/// The same, borrowed; in a frame they come after `type`.
#[derive(Debug)]
pub struct MessageMembers<'a>(pub &'a Message);

impl Serialize for MessageMembers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(message) = self;
        let mut json = serializer.serialize_struct("Message", 19)?;
        json.serialize_field("id", &message.id)?;
        json.serialize_field("seq", &message.seq)?;
        json.serialize_field("chat_id", &message.chat_id)?;
        json.serialize_field("chat_type", &message.chat_type)?;
        match message.chat_type {
            ChatType::General => json.serialize_field("user_id", &message.sender_id)?,
            ChatType::Private => {
                json.serialize_field("sender_id", &message.sender_id)?;
                json.serialize_field("receiver_id", &message.receiver_id)?;
            }
            ChatType::Room => {
                json.serialize_field("room_id", &message.chat_id)?;
                json.serialize_field("user_id", &message.sender_id)?;
            }
        }
        json.serialize_field("username", &*message.username)?;
        json.serialize_field("content", &*message.content)?;
        json.serialize_field("timestamp", &Micros(message.timestamp))?;
        json.serialize_field("client_id", &message.client_id.as_deref())?;
        if let Some(more) = &message.more {
            put_more(more, &mut json)?;
        }
        json.end()
    }
}

/// Members that are absent where there is nothing to say.
fn put_more<S: SerializeStruct>(more: &More, json: &mut S) -> Result<(), S::Error> {
    if let Some(answered) = &more.reply_to {
        json.serialize_field("reply_to", &AnsweredJson::from(answered))?;
    }
    if !more.mentions.is_empty() {
        json.serialize_field("mentions", &more.mentions)?;
    }
    if more.mentions_all {
        json.serialize_field("mentions_all", &true)?;
    }
    if let Some(edited_at) = more.edited_at {
        json.serialize_field("edited_at", &Micros(edited_at))?;
    }
    if more.is_deleted {
        json.serialize_field("deleted", &true)?;
    }
    if !more.reactions.is_empty() {
        json.serialize_field("reactions", &more.reactions)?;
    }
    if more.is_pinned {
        json.serialize_field("pinned", &true)?;
    }
    if let Some(change) = more.change {
        json.serialize_field("change", &change)?;
    }
    Ok(())
}

/// The message that another one answers.
#[derive(serde::Serialize)]
struct AnsweredJson<'a> {
    seq: Seq,
    user_id: UserId,
    username: &'a str,
    excerpt: &'a str,
    deleted: bool,
}

impl<'a> From<&'a Answered> for AnsweredJson<'a> {
    fn from(answered: &'a Answered) -> Self {
        let Answered { seq, user_id, username, excerpt, is_deleted } = answered;
        let (seq, user_id, deleted) = (*seq, *user_id, *is_deleted);
        Self { seq, user_id, username, excerpt, deleted }
    }
}

/// One frame, header included.
pub fn text_frame(frame: &ServerFrame<'_>) -> Bytes {
    let mut bytes = Vec::with_capacity(192);
    put_text_frame(frame, &mut bytes);
    bytes.into()
}

pub fn ping_frame() -> Bytes {
    Bytes::from_static(&[0x89, 0])
}

/// The answer to a ping carries the same payload: at most 125 bytes.
pub fn pong_frame(payload: &[u8]) -> Bytes {
    control_frame(Control::Pong, payload)
}

pub fn close_frame(code: u16, reason: &str) -> Bytes {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(reason.as_bytes());
    control_frame(Control::Close, &payload)
}

fn control_frame(opcode: Control, payload: &[u8]) -> Bytes {
    let mut bytes = Vec::with_capacity(payload.len() + 2);
    put_header(OpCode::Control(opcode), payload.len(), &mut bytes);
    bytes.extend_from_slice(payload);
    bytes.into()
}

/// Serialises the frame in its final place, then inserts the header, whose length depends on the frame's.
fn put_text_frame(frame: &ServerFrame<'_>, bytes: &mut Vec<u8>) {
    let begin = bytes.len();
    serde_json::to_writer(&mut *bytes, frame).expect("our own frames have string keys only");
    let mut header = Vec::with_capacity(HEADER_BYTES_MAX);
    put_header(OpCode::Data(Data::Text), bytes.len() - begin, &mut header);
    bytes.splice(begin..begin, header);
}

/// Of a frame without a mask (RFC 6455, 5.2).
const HEADER_BYTES_MAX: usize = 10;

fn put_header(opcode: OpCode, length: usize, bytes: &mut Vec<u8>) {
    let header = FrameHeader { opcode, ..FrameHeader::default() };
    header.format(length as u64, bytes).expect("a vector takes all bytes");
}

/// A refusal as the body of an HTTP response (RFC 9457).
#[derive(serde::Serialize)]
pub struct Problem<'a> {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub title: &'a str,
    pub status: u16,
    pub code: &'a str,
    pub detail: &'a str,
    #[serde(skip_serializing_if = "<[Fault]>::is_empty")]
    pub errors: &'a [Fault],
}

/// A refusal as an error frame.
pub fn error_frame(
    refusal: &FrameRefusal,
    client_id: Option<&str>,
    chat_id: Option<ChatId>,
) -> Bytes {
    text_frame(&ServerFrame::Error {
        code: refusal.code,
        detail: &refusal.detail,
        client_id,
        chat_id,
        retry_after_ms: refusal.retry_after.map(|wait| wait.as_millis() as u64),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::more::Reaction;

    fn message(seq: i64, chat_type: ChatType) -> Message {
        Message {
            id: MessageId(40 + seq),
            seq: Seq(seq),
            chat_id: ChatId(7),
            chat_type,
            sender_id: UserId(1),
            receiver_id: (chat_type == ChatType::Private).then_some(UserId(2)),
            username: "ada".into(),
            content: "Hi \"<&>\"".into(),
            timestamp: "2024-09-19T10:00:00.5Z".parse().expect("a timestamp"),
            client_id: None,
            more: None,
        }
    }

    fn json(bytes: &[u8]) -> serde_json::Value {
        serde_json::from_slice(bytes).expect("JSON")
    }

    #[test]
    fn a_message_has_its_chats_shape() {
        let general =
            serde_json::to_value(MessageJson(message(1, ChatType::General))).expect("JSON");
        assert_eq!(
            general,
            serde_json::json!({"id": 41, "seq": 1, "chat_id": 7, "chat_type": "general",
                "user_id": 1, "username": "ada", "content": "Hi \"<&>\"",
                "timestamp": "2024-09-19T10:00:00.500000Z", "client_id": null})
        );
        let private =
            serde_json::to_value(MessageJson(message(1, ChatType::Private))).expect("JSON");
        assert_eq!((&private["sender_id"], &private["receiver_id"]), (&1.into(), &2.into()));
        assert!(private.get("user_id").is_none());
        let room = serde_json::to_value(MessageJson(message(1, ChatType::Room))).expect("JSON");
        assert_eq!((&room["room_id"], &room["user_id"]), (&7.into(), &1.into()));
    }

    #[test]
    fn what_has_changed_says_so_by_members_that_others_lack() {
        let more = More {
            reply_to: Some(Answered {
                seq: Seq(12),
                user_id: UserId(2),
                username: "bob".into(),
                excerpt: "Tea?".into(),
                is_deleted: false,
            }),
            mentions: vec![UserId(3), UserId(9)],
            mentions_all: true,
            edited_at: "2024-09-19T10:00:01Z".parse().ok(),
            is_deleted: true,
            reactions: vec![Reaction {
                emoji: "👍".into(), user_ids: vec![UserId(2), UserId(3)]
            }],
            is_pinned: true,
            change: Some(Change(31)),
        };
        let with = |more| Message { more: Some(Box::new(more)), ..message(1, ChatType::General) };
        let members = |more| {
            let json = serde_json::to_value(MessageJson(with(more))).expect("JSON");
            json.as_object().expect("an object").clone().into_iter().skip(9).collect::<Vec<_>>()
        };
        let json = serde_json::Value::from_iter(members(more));
        assert_eq!(
            json,
            serde_json::json!({"reply_to": {"seq": 12, "user_id": 2, "username": "bob",
                "excerpt": "Tea?", "deleted": false}, "mentions": [3, 9], "mentions_all": true,
                "edited_at": "2024-09-19T10:00:01.000000Z",
                "deleted": true, "reactions": [{"emoji": "👍", "user_ids": [2, 3]}], "pinned": true,
                "change": 31})
        );
        assert_eq!(members(More::default()), []);
    }

    #[test]
    fn frames_are_tagged() {
        let pong = text_frame(&ServerFrame::Pong);
        assert_eq!(json(&pong[2..]), serde_json::json!({"type": "pong"}));
        let close = close_frame(4501, "");
        assert_eq!(&close[..], &[0x88, 2, 0x11, 0x95]);
    }
}
