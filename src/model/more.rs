//! What a message has that answers another one or has changed, and how the database tells it. Pure.

use crate::limits::EXCERPT_CHARS_MAX;
use crate::model::ids::{Change, Seq, UserId};
use crate::model::message::Message;
use crate::model::text;
use jiff::Timestamp;
use serde::Deserialize;
use std::sync::Arc;

/// All that most messages lack.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct More {
    pub reply_to: Option<Answered>,
    pub edited_at: Option<Timestamp>,
    pub is_deleted: bool,
    /// In the order of the oldest that stands.
    pub reactions: Vec<Reaction>,
    pub is_pinned: bool,
    /// The number of its last change.
    pub change: Option<Change>,
}

/// The message that another one answers, as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    pub seq: Seq,
    pub user_id: UserId,
    pub username: Arc<str>,
    pub excerpt: String,
    pub is_deleted: bool,
}

/// An emoji, and who put it, in that order.
#[derive(Debug, Clone, PartialEq, serde::Serialize, Deserialize)]
pub struct Reaction {
    pub emoji: String,
    pub user_ids: Vec<UserId>,
}

impl More {
    /// What the view `current_messages` tells of changes.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str::<MoreRow>(json).map(Self::from)
    }
}

/// The beginning of an answered message, on one line.
pub fn excerpt(text: &str) -> String {
    text::one_line(text).chars().take(EXCERPT_CHARS_MAX).collect()
}

#[derive(Deserialize)]
struct MoreRow {
    change: Option<Change>,
    edited_at: Option<String>,
    is_deleted: bool,
    is_pinned: bool,
    reactions: Option<Vec<Reaction>>,
}

impl From<MoreRow> for More {
    fn from(row: MoreRow) -> Self {
        let MoreRow { change, edited_at, is_deleted, is_pinned, reactions } = row;
        let edited_at = edited_at.and_then(|at| at.parse().ok());
        let reactions = reactions.unwrap_or_default();
        Self { reply_to: None, edited_at, is_deleted, reactions, is_pinned, change }
    }
}

impl Answered {
    pub fn of(message: &Message) -> Self {
        Self {
            seq: message.seq,
            user_id: message.sender_id,
            username: Arc::clone(&message.username),
            excerpt: excerpt(&message.content),
            is_deleted: message.is_deleted(),
        }
    }
}
