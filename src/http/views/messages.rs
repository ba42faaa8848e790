//! Messages as pages show them: formatted, grouped by author, separated by days.
//!
//! Days and times are in UTC here, because the server does not know the reader's time zone; the page's
//! script rewrites them in local time.

use super::people::Person;
use crate::limits::{EXCERPT_CHARS_MAX, MESSAGE_LINES_SHOWN};
use crate::model::ids::{Seq, UserId};
use crate::model::message;
use crate::model::more::{Answered, Reaction};
use crate::model::text;
use crate::model::text::formatting::{Part, parts};
use crate::model::text::spans::Whose;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// Messages of one author share a head for this long, counted from its own; `arrange.js` has the same value.
const GROUP_WINDOW: SignedDuration = SignedDuration::from_mins(5);

/// The messages of one page, oldest first.
#[derive(Debug, Default, Serialize)]
pub struct HistoryView {
    pub messages: Vec<MessageView>,
    /// The page before this one; `None` at the beginning of the chat.
    pub older: Option<String>,
    /// The page after this one; `None` at the end of the chat.
    pub newer: Option<String>,
    /// The last page.
    pub latest: String,
    pub last_seq: i64,
    pub read_seq: i64,
    /// The message that the address leads to, or 0.
    pub at: i64,
}

/// One message.
#[derive(Debug, Serialize)]
pub struct MessageView {
    pub seq: i64,
    pub author: Person,
    pub own: bool,
    pub mentions: bool,
    pub parts: Vec<Part>,
    pub deleted: bool,
    /// When the text was last changed, as `moment`.
    pub edited: Option<String>,
    /// The message that it answers.
    pub reply: Option<ReplyView>,
    pub reactions: Vec<ReactionView>,
    pub pinned: bool,
    /// Whether it has so many lines that only the first are shown.
    pub tall: bool,
    /// RFC 3339, for `<time datetime>`.
    pub timestamp: String,
    /// `10:00`
    pub clock: String,
    /// `19 September 2024, 10:00 UTC`
    pub moment: String,
    /// `Thursday, 19 September 2024`, if a day begins with this message.
    pub day: Option<String>,
    /// Whether it shares the head of the message above it.
    pub continues: bool,
    /// Whether it is the first that the viewer has not read.
    pub first_unread: bool,
}

/// What is quoted of the message that another one answers.
#[derive(Debug, Serialize)]
pub struct ReplyView {
    pub seq: i64,
    pub username: String,
    pub excerpt: String,
    pub deleted: bool,
}

/// An emoji, how many have put it, and whether the viewer is one of them.
#[derive(Debug, Serialize)]
pub struct ReactionView {
    pub emoji: String,
    pub users: String,
    pub count: usize,
    pub own: bool,
}

/// The views of consecutive messages; `read_seq` is how far the viewer had read.
pub fn messages(
    stored: &[message::Message],
    viewer: &message::Viewer,
    read_seq: Seq,
) -> Vec<MessageView> {
    let mut above: Option<&message::Message> = None;
    let mut head = above;
    let mut views = Vec::with_capacity(stored.len());
    for this in stored {
        let view = view(this, above, head, viewer, read_seq);
        above = Some(this);
        if !view.continues {
            head = above;
        }
        views.push(view);
    }
    views
}

/// What is shown of a pinned message below the title of its chat, and in the list.
#[derive(Debug, Serialize)]
pub struct PinView {
    pub seq: i64,
    pub username: String,
    pub excerpt: String,
}

impl PinView {
    /// Nobody can pin a deleted message.
    pub fn new(pinned: &message::Message) -> Self {
        let words = text::one_line(&pinned.content);
        Self {
            seq: pinned.seq.0,
            username: pinned.username.to_string(),
            excerpt: text::beginning(&words, EXCERPT_CHARS_MAX).to_owned(),
        }
    }
}

/// The view of a message that is shown by itself.
pub fn lone_message(stored: &message::Message, viewer: &message::Viewer) -> MessageView {
    view(stored, None, None, viewer, stored.seq)
}

fn view(
    this: &message::Message,
    above: Option<&message::Message>,
    head: Option<&message::Message>,
    viewer: &message::Viewer,
    read_seq: Seq,
) -> MessageView {
    let begins_day = above.is_none_or(|above| day(above) != day(this));
    let first_unread = this.seq == read_seq.next();
    let continues = !begins_day
        && !first_unread
        && head.is_some_and(|head| {
            head.sender_id == this.sender_id
                && this.timestamp.duration_since(head.timestamp) < GROUP_WINDOW
        });
    let parts = parts(&this.content, Whose::Viewer(&viewer.username));
    let more = this.more.as_deref();
    MessageView {
        seq: this.seq.0,
        author: Person::new(this.sender_id.0, &this.username),
        own: this.sender_id == viewer.user_id,
        mentions: this.sender_id != viewer.user_id
            && more.is_some_and(|more| more.names(viewer.user_id)),
        parts,
        deleted: this.is_deleted(),
        edited: more.and_then(|more| more.edited_at).map(moment),
        reply: more.and_then(|more| more.reply_to.as_ref()).map(reply),
        reactions: more
            .map(|more| more.reactions.iter().map(|one| reaction(one, viewer.user_id)).collect())
            .unwrap_or_default(),
        pinned: more.is_some_and(|more| more.is_pinned),
        tall: this.content.matches('\n').count() >= MESSAGE_LINES_SHOWN,
        timestamp: format!("{:.6}", this.timestamp),
        clock: this.timestamp.strftime("%H:%M").to_string(),
        moment: moment(this.timestamp),
        day: begins_day.then(|| this.timestamp.strftime("%A, %-d %B %Y").to_string()),
        continues,
        first_unread,
    }
}

fn reply(answered: &Answered) -> ReplyView {
    ReplyView {
        seq: answered.seq.0,
        username: answered.username.to_string(),
        excerpt: answered.excerpt.clone(),
        deleted: answered.is_deleted,
    }
}

fn reaction(reaction: &Reaction, viewer: UserId) -> ReactionView {
    let users: Vec<_> = reaction.user_ids.iter().map(UserId::to_string).collect();
    ReactionView {
        emoji: reaction.emoji.clone(),
        users: users.join(" "),
        count: users.len(),
        own: reaction.user_ids.contains(&viewer),
    }
}

fn day(message: &message::Message) -> String {
    message.timestamp.strftime("%F").to_string()
}

/// A time in full, for those whose scripts do not say it in their own time zone.
pub fn moment(time: Timestamp) -> String {
    time.strftime("%-d %B %Y, %H:%M UTC").to_string()
}
