//! What a message has that answers another one, names somebody or has changed, and how the database tells it. Pure.

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
    /// Those whom it names one by one, as it names them.
    pub mentions: Vec<UserId>,
    /// Whether it names all of its room.
    pub mentions_all: bool,
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

    /// What the database tells of those whom a new message names.
    pub fn naming(json: &str) -> Result<Self, serde_json::Error> {
        let named = serde_json::from_str(json)?;
        let mut more = Self::default();
        more.put_named(named);
        Ok(more)
    }

    /// Whether it names this user.
    pub fn names(&self, user_id: UserId) -> bool {
        self.mentions_all || self.mentions.contains(&user_id)
    }

    fn put_named(&mut self, mut named: Vec<UserId>) {
        let count = named.len();
        named.retain(|user_id| *user_id != ALL);
        self.mentions_all = named.len() < count;
        self.mentions = named;
    }
}

/// The beginning of an answered message, on one line.
pub fn excerpt(text: &str) -> String {
    text::one_line(text).chars().take(EXCERPT_CHARS_MAX).collect()
}

/// What stands for all of a room where users are named.
const ALL: UserId = UserId(0);

#[derive(Deserialize)]
struct MoreRow {
    change: Option<Change>,
    mentions: Option<Vec<UserId>>,
    edited_at: Option<String>,
    is_deleted: bool,
    is_pinned: bool,
    reactions: Option<Vec<Reaction>>,
}

impl From<MoreRow> for More {
    fn from(row: MoreRow) -> Self {
        let MoreRow { change, mentions, edited_at, is_deleted, is_pinned, reactions } = row;
        let edited_at = edited_at.and_then(|at| at.parse().ok());
        let reactions = reactions.unwrap_or_default();
        let mut more =
            Self { edited_at, is_deleted, reactions, is_pinned, change, ..Self::default() };
        more.put_named(mentions.unwrap_or_default());
        more
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
