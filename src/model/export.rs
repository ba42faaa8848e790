//! The lines of an export of one's own data: JSON, one object a line. Pure.

use crate::model::ids::{ChatId, Seq, SessionNumber, UserId};
use crate::model::message::{ChatType, Role};
use crate::model::wire::{MessageMembers, Micros};
use std::net::IpAddr;

#[derive(Debug, serde::Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ExportLine<'a> {
    Account {
        user_id: UserId,
        username: &'a str,
        email: &'a str,
        created_at: Micros,
        role: Role,
        shows_presence: bool,
    },
    Session {
        id: SessionNumber,
        created_at: Micros,
        last_used_at: Micros,
        address: Option<IpAddr>,
        user_agent: Option<&'a str>,
    },
    Chat {
        chat_id: ChatId,
        chat_type: ChatType,
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        user_id: Option<UserId>,
        last_seq: Seq,
        read_seq: Seq,
    },
    Message(MessageMembers<'a>),
}

/// Adds a line.
pub fn put_line(line: &ExportLine<'_>, bytes: &mut Vec<u8>) {
    serde_json::to_writer(&mut *bytes, line).expect("our own lines have string keys only");
    bytes.push(b'\n');
}
