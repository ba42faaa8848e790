//! What a frame from the server means to the load client. Pure; `crowd` calls it.
//!
//! Finds a message's members by searching, because at full speed parsing JSON would cost the client
//! more than the server spends on sending. Everything else, and a message that is not written as
//! expected, goes through serde.

use memchr::memmem;
use serde::Deserialize;

#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    Welcome {
        positions: Vec<Position>,
    },
    /// `sent_nanos` is set if this run wrote the message.
    Message {
        chat_id: u64,
        seq: u64,
        sent_nanos: Option<u64>,
    },
    Changed {
        chat_id: u64,
        seq: u64,
        change: u64,
    },
    /// Of a message, or of a change, which has a number.
    Ack {
        client_id: String,
        chat_id: u64,
        seq: u64,
        change: Option<u64>,
    },
    CaughtUp {
        change: u64,
    },
    Refused {
        code: String,
        client_id: Option<String>,
    },
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Parsed {
    Welcome {
        chats: Vec<Position>,
    },
    Message {
        chat_id: u64,
        seq: u64,
        content: String,
    },
    MessageChanged {
        chat_id: u64,
        seq: u64,
        change: u64,
    },
    Ack {
        client_id: String,
        chat_id: u64,
        seq: u64,
        change: Option<u64>,
    },
    CaughtUp {
        #[serde(default)]
        change: u64,
    },
    Error {
        code: String,
        client_id: Option<String>,
    },
    #[serde(other)]
    Other,
}

/// Where a chat stands. The floor knows no changes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Position {
    pub chat_id: u64,
    pub last_seq: u64,
    #[serde(default)]
    pub last_change: u64,
}

/// The frame that sends a message of `size` characters. It carries the time, so that every reader
/// can tell how long it took. A socket of all chats has to name the chat.
pub fn draft(
    run: u64,
    client_id: &str,
    sent_nanos: u64,
    size: usize,
    chat_id: Option<u64>,
) -> String {
    let (chat, content) = (chat_member(chat_id), content(run, sent_nanos, size));
    format!(r#"{{"type":"message",{chat}"content":"{content}","client_id":"{client_id}"}}"#)
}

/// The frame that changes the text of a message.
pub fn edit(
    run: u64,
    client_id: &str,
    sent_nanos: u64,
    size: usize,
    chat_id: Option<u64>,
    seq: u64,
) -> String {
    let (chat, content) = (chat_member(chat_id), content(run, sent_nanos, size));
    format!(
        r#"{{"type":"edit",{chat}"seq":{seq},"content":"{content}","client_id":"{client_id}"}}"#
    )
}

/// The frame that puts a reaction on a message.
pub fn reaction(client_id: &str, chat_id: Option<u64>, seq: u64) -> String {
    let chat = chat_member(chat_id);
    format!(
        r#"{{"type":"react",{chat}"seq":{seq},"emoji":"👍","on":true,"client_id":"{client_id}"}}"#
    )
}

fn content(run: u64, sent_nanos: u64, size: usize) -> String {
    let mut content = format!("@{run}.{sent_nanos}@");
    let padding = size.saturating_sub(content.len());
    content.extend(std::iter::repeat_n('x', padding));
    content
}

fn chat_member(chat_id: Option<u64>) -> String {
    chat_id.map(|id| format!(r#""chat_id":{id},"#)).unwrap_or_default()
}

/// One of the longest possible messages: four bytes per character. It carries no time.
pub fn wide_draft(client_id: &str, characters: usize) -> String {
    let content = "\u{1f4ac}".repeat(characters);
    format!(r#"{{"type":"message","content":"{content}","client_id":"{client_id}"}}"#)
}

/// Reads a text frame; `None` if it is not one that the server may send.
pub fn read(run: u64, payload: &[u8]) -> Option<Frame> {
    if let Some(message) = scan(run, payload) {
        return Some(message);
    }
    let frame = match serde_json::from_slice(payload).ok()? {
        Parsed::Welcome { chats } => Frame::Welcome { positions: chats },
        Parsed::Message { chat_id, seq, content } => {
            Frame::Message { chat_id, seq, sent_nanos: marker(run, content.as_bytes()) }
        }
        Parsed::MessageChanged { chat_id, seq, change } => Frame::Changed { chat_id, seq, change },
        Parsed::Ack { client_id, chat_id, seq, change } => {
            Frame::Ack { client_id, chat_id, seq, change }
        }
        Parsed::CaughtUp { change } => Frame::CaughtUp { change },
        Parsed::Error { code, client_id } => Frame::Refused { code, client_id },
        Parsed::Other => Frame::Other,
    };
    Some(frame)
}

/// The fast path. A quote inside a text is always escaped, so content can never look like a member of
/// the object around it.
fn scan(run: u64, payload: &[u8]) -> Option<Frame> {
    let (seq, chat_id) = in_order(payload).or_else(|| anywhere(payload))?;
    let content = after(payload, br#""content":""#)?;
    Some(Frame::Message { chat_id, seq, sent_nanos: marker(run, content) })
}

/// `seq` and `chat_id` where the server puts them: flat out, every nanosecond here slows the client.
fn in_order(payload: &[u8]) -> Option<(u64, u64)> {
    let (_, rest) = digits(payload.strip_prefix(br#"{"type":"message","id":"#)?);
    let (seq, rest) = digits(rest.strip_prefix(br#","seq":"#)?);
    let (chat_id, _) = digits(rest.strip_prefix(br#","chat_id":"#)?);
    Some((seq?, chat_id?))
}

fn anywhere(payload: &[u8]) -> Option<(u64, u64)> {
    memmem::find(payload, br#""type":"message""#)?;
    let chat_id = number(after(payload, br#""chat_id":"#)?)?;
    let seq = number(after(payload, br#""seq":"#)?)?;
    Some((seq, chat_id))
}

/// The number of the last change of a message that had changed before it was told. Not for the fast path.
pub fn change(payload: &[u8]) -> Option<u64> {
    number(after(payload, br#""change":"#)?)
}

fn marker(run: u64, content: &[u8]) -> Option<u64> {
    let content = content.strip_prefix(b"@")?;
    let dot = memchr::memchr(b'.', content)?;
    (number(content)? == run).then(|| number(&content[dot + 1..]))?
}

fn after<'a>(payload: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    memmem::find(payload, name).map(|at| &payload[at + name.len()..])
}

/// The decimal number at the start.
fn number(text: &[u8]) -> Option<u64> {
    digits(text).0
}

/// The same, and what follows it.
fn digits(text: &[u8]) -> (Option<u64>, &[u8]) {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(count);
    let add = |sum: u64, digit: &u8| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
    ((count > 0).then(|| digits.iter().try_fold(0, add)).flatten(), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_this_run_tells_when_it_was_sent() {
        let compact = br#"{"type":"message","id":9,"seq":4,"chat_id":1,"content":"@7.123@xx"}"#;
        let spaced = br#"{"type": "message", "seq": 4, "chat_id": 1, "content": "@7.123@xx"}"#;
        let ordered = br#"{"type":"message","id":9,"seq":4,"chat_id":1,"x":{"content":"@7.123@"}}"#;
        let message = Frame::Message { chat_id: 1, seq: 4, sent_nanos: Some(123) };
        assert_eq!(read(7, ordered).as_ref(), Some(&message));
        assert_eq!(read(7, compact).as_ref(), Some(&message));
        assert_eq!(read(7, spaced).as_ref(), Some(&message));
    }

    #[test]
    fn a_message_from_another_run_counts_but_has_no_time() {
        let other = br#"{"type":"message","seq":4,"chat_id":1,"content":"\"seq\":99 hello"}"#;
        let foreign = br#"{"type":"message","seq":4,"chat_id":1,"content":"@8.123@"}"#;
        let message = Frame::Message { chat_id: 1, seq: 4, sent_nanos: None };
        assert_eq!(read(7, other).as_ref(), Some(&message));
        assert_eq!(read(7, foreign).as_ref(), Some(&message));
    }

    #[test]
    fn a_bad_number_is_not_a_message() {
        assert_eq!(read(7, br#"{"type":"message","id":1,"seq":,"chat_id":1,"content":""}"#), None);
        assert_eq!(digits(b"99999999999999999999x"), (None, &b"x"[..]));
    }

    #[test]
    fn the_other_kinds_of_frame_are_recognised() {
        let welcome = br#"{"type":"welcome","chats":[{"chat_id":1,"last_seq":8,"read_seq":8}]}"#;
        let positions = vec![Position { chat_id: 1, last_seq: 8, last_change: 0 }];
        assert_eq!(read(7, welcome), Some(Frame::Welcome { positions }));
        let ack = br#"{"type":"ack","client_id":"a","chat_id":1,"id":5,"seq":2}"#;
        let client_id = "a".to_owned();
        let expected = Frame::Ack { client_id, chat_id: 1, seq: 2, change: None };
        assert_eq!(read(7, ack), Some(expected));
        let ack = br#"{"type":"ack","client_id":"a","chat_id":1,"seq":2,"change":3}"#;
        let client_id = "a".to_owned();
        let expected = Frame::Ack { client_id, chat_id: 1, seq: 2, change: Some(3) };
        assert_eq!(read(7, ack), Some(expected));
        let changed = br#"{"type":"message_changed","id":9,"seq":4,"chat_id":1,"content":"\"change\":8","change":5}"#;
        assert_eq!(read(7, changed), Some(Frame::Changed { chat_id: 1, seq: 4, change: 5 }));
        assert_eq!(change(changed), Some(5));
        let caught_up = br#"{"type":"caught_up","chat_id":1,"seq":4,"change":5}"#;
        assert_eq!(read(7, caught_up), Some(Frame::CaughtUp { change: 5 }));
        let error = br#"{"type":"error","code":"rate_limited","detail":""}"#;
        let code = "rate_limited".to_owned();
        assert_eq!(read(7, error), Some(Frame::Refused { code, client_id: None }));
        assert_eq!(read(7, br#"{"type":"pong"}"#), Some(Frame::Other));
        assert_eq!(read(7, b"not JSON"), None);
    }

    #[test]
    fn a_draft_has_the_requested_size_and_can_be_read_back() {
        let draft = draft(7, "c", 123, 40, Some(1));
        let value: serde_json::Value = serde_json::from_str(&draft).unwrap();
        let content = value["content"].as_str().unwrap();
        assert_eq!(content.len(), 40);
        assert_eq!(marker(7, content.as_bytes()), Some(123));
        let edit: serde_json::Value =
            serde_json::from_str(&edit(7, "c", 123, 40, Some(1), 9)).unwrap();
        assert_eq!((&edit["content"], &edit["seq"]), (&value["content"], &serde_json::json!(9)));
        let reaction: serde_json::Value = serde_json::from_str(&reaction("c", None, 9)).unwrap();
        assert_eq!((&reaction["emoji"], &reaction["on"]), (&"👍".into(), &true.into()));
    }
}
