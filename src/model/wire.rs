//! What goes over the wire: the frames of a socket, and the JSON that both edges share.
//!
//! Pure: encodes values as bytes. Shapes and names follow the protocol. A frame is encoded once, header
//! included, however many readers it has.

use crate::model::error::{Fault, FrameCode, FrameRefusal};
use crate::model::ids::{ChatId, MessageId, Seq, UserId};
use crate::model::message::{ChatType, Message, Standing};
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
    Ack {
        client_id: &'a str,
        chat_id: ChatId,
        id: MessageId,
        seq: Seq,
        timestamp: Micros,
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
    },
    Reset {
        chat_id: ChatId,
        last_seq: Seq,
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
    ChatRemoved {
        chat_id: ChatId,
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

/// A chat in `welcome`.
#[derive(Debug, Clone, serde::Serialize)]
pub struct StandingJson {
    pub chat_id: ChatId,
    pub chat_type: ChatType,
    pub last_seq: Seq,
    pub read_seq: Seq,
}

/// A chat in `GET /chats` and in `chat_added`.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ChatJson {
    #[serde(flatten)]
    pub standing: StandingJson,
    pub unread: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    pub name: String,
    pub last_message: Option<MessageJson>,
}

impl From<Standing> for StandingJson {
    fn from(standing: Standing) -> Self {
        let Standing { chat_id, chat_type, last_seq, read_seq } = standing;
        Self { chat_id, chat_type, last_seq, read_seq }
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
        let mut json = serializer.serialize_struct("Message", 10)?;
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
        json.end()
    }
}

/// Messages of one chat with consecutive numbers, encoded as one frame after another.
#[derive(Debug, Clone)]
pub struct Run {
    pub chat_id: ChatId,
    pub first: Seq,
    /// Where each frame ends in `bytes`: one entry per message, at least one.
    pub ends: Box<[u32]>,
    pub bytes: Bytes,
}

impl Run {
    /// `messages` must be of one chat, with consecutive numbers, and not empty.
    pub fn of(messages: &[Message]) -> Option<Self> {
        let first = messages.first()?;
        let (bytes, ends) = encoded(usize::MAX, messages);
        Some(Self {
            chat_id: first.chat_id,
            first: first.seq,
            ends: ends.into(),
            bytes: bytes.into(),
        })
    }

    pub fn last(&self) -> Seq {
        Seq(self.first.0 + self.ends.len() as i64 - 1)
    }

    /// Like `after`, but with a limit in bytes (at least one frame); also returns the last message's
    /// number.
    pub fn part(&self, seq: Seq, bytes_max: usize) -> (Bytes, Seq) {
        let rest = self.after(seq);
        if rest.len() <= bytes_max {
            return (rest, self.last());
        }
        let begin = self.bytes.len() - rest.len();
        let fits = |end: &u32| *end as usize - begin <= bytes_max;
        let passed = self.ends.partition_point(|end| *end as usize <= begin);
        let count = self.ends[passed..].partition_point(fits).max(1);
        let end = self.ends[passed + count - 1] as usize;
        (rest.slice(..end - begin), Seq(self.first.0 + (passed + count) as i64 - 1))
    }

    /// The frames of the messages after `seq`, which is at least `first` − 1; empty if there are none.
    pub fn after(&self, seq: Seq) -> Bytes {
        let passed = seq.0 + 1 - self.first.0;
        match usize::try_from(passed) {
            Ok(0) | Err(_) => self.bytes.clone(),
            Ok(n) if n <= self.ends.len() => self.bytes.slice(self.ends[n - 1] as usize..),
            Ok(_) => Bytes::new(),
        }
    }
}

/// Messages of one chat in order, perhaps with some missing, encoded as one frame after another.
#[derive(Debug)]
pub struct MessageFrames {
    pub bytes: Bytes,
    pub count: usize,
}

impl MessageFrames {
    /// As many of the first messages as fit into so many bytes, but at least one.
    pub fn within(bytes_max: usize, messages: &[Message]) -> Self {
        let (bytes, ends) = encoded(bytes_max, messages);
        Self { bytes: bytes.into(), count: ends.len() }
    }
}

/// The frames of the first messages that fit, at least of one, and where each ends.
fn encoded(bytes_max: usize, messages: &[Message]) -> (Vec<u8>, Vec<u32>) {
    let contents: usize = messages.iter().map(|message| message.content.len()).sum();
    let all = contents + messages.len() * MEMBERS_BYTES;
    let mut bytes = Vec::with_capacity(all.min(bytes_max));
    let mut ends = Vec::with_capacity(messages.len());
    for message in messages {
        let before = bytes.len();
        put_text_frame(&ServerFrame::Message(MessageMembers(message)), &mut bytes);
        if bytes.len() > bytes_max && before > 0 {
            bytes.truncate(before);
            break;
        }
        ends.push(bytes.len() as u32);
    }
    // They may have to wait for their readers.
    bytes.shrink_to_fit();
    (bytes, ends)
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
    use crate::limits::{CONTENT_CHARS_MAX, REPLAY_PAGE_BYTES_MAX};
    use std::sync::Arc;

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
    fn a_run_gives_the_frames_after_a_position() {
        let messages: Vec<_> = (5..8).map(|seq| message(seq, ChatType::General)).collect();
        let run = Run::of(&messages).expect("messages");
        assert_eq!(run.last(), Seq(7));
        assert_eq!(run.after(Seq(4)), run.bytes);
        let tail = run.after(Seq(6));
        assert_eq!((tail[0], tail[1]), (0x81, 126));
        assert_eq!(json(&tail[4..])["seq"], 7);
        assert!(run.after(Seq(7)).is_empty());
        let one = run.ends[0] as usize;
        assert_eq!(run.part(Seq(4), one * 2), (run.bytes.slice(..one * 2), Seq(6)));
        assert_eq!(run.part(Seq(5), 1), (run.bytes.slice(one..one * 2), Seq(6)));
        assert_eq!(run.part(Seq(5), usize::MAX), (run.bytes.slice(one..), Seq(7)));
    }

    #[test]
    fn a_page_is_limited_by_its_bytes_on_the_wire() {
        // Each character is six bytes in JSON.
        let content: Arc<str> = "\u{1}".repeat(CONTENT_CHARS_MAX).into();
        let message = |seq| Message { content: content.clone(), ..message(seq, ChatType::General) };
        let messages: Vec<_> = (1..=100).map(message).collect();
        let (mut rest, mut pages) = (&messages[..], 0);
        while !rest.is_empty() {
            let page = MessageFrames::within(REPLAY_PAGE_BYTES_MAX, rest);
            assert!(page.bytes.len() <= REPLAY_PAGE_BYTES_MAX, "{} bytes", page.bytes.len());
            let length = page.bytes.len();
            assert_eq!(bytes::BytesMut::from(page.bytes).capacity(), length, "nothing is wasted");
            rest = &rest[page.count..];
            pages += 1;
        }
        let frame = Run::of(&messages[..1]).expect("a message").bytes.len();
        assert_eq!(pages, messages.len().div_ceil(REPLAY_PAGE_BYTES_MAX / frame));
        let one = MessageFrames::within(1, &messages);
        assert_eq!((one.count, one.bytes.len()), (1, frame));
        assert_eq!(MessageFrames::within(1, &[]).count, 0);
    }

    #[test]
    fn frames_are_tagged() {
        let pong = text_frame(&ServerFrame::Pong);
        assert_eq!(json(&pong[2..]), serde_json::json!({"type": "pong"}));
        let close = close_frame(4501, "");
        assert_eq!(&close[..], &[0x88, 2, 0x11, 0x95]);
    }
}
