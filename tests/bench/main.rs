//! Micro-benchmarks of what runs for every message: `make bench`, or `make bench FILTER=frames`.
//!
//! They show whether a change made one part slower; `tests/load` shows how the whole performs.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

mod frames;
mod history;
mod publish;

use snug::ids::{ChatId, MessageId, Seq, UserId};
use snug::message::{ChatType, Message};

fn main() {
    divan::main();
}

/// A typical message.
fn message(seq: i64) -> Message {
    Message {
        id: MessageId(seq),
        seq: Seq(seq),
        chat_id: ChatId(1),
        chat_type: ChatType::General,
        sender_id: UserId(7),
        receiver_id: None,
        username: "ada".into(),
        content: "The kettle is on; who else takes milk? ".repeat(3).into(),
        timestamp: "2026-01-02T03:04:05.678901Z".parse().unwrap(),
        client_id: Some("c0ffee-1".into()),
    }
}
