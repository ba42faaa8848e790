//! Chats as pages show them: a line in the list, and a room's panel.

use super::people::{Avatar, Person};
use crate::limits::{LAST_LINE_CHARS_MAX, LAST_LINE_CHARS_READ};
use crate::model::ids::{ChatId, Seq, UserId};
use crate::model::message::{ChatType, Standing};
use crate::model::text;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// A chat in the list on the left, and the head of the chat in the middle.
#[derive(Debug, Clone, Serialize)]
pub struct ChatLine {
    pub chat_id: i64,
    pub chat_type: ChatType,
    /// Empty for the general chat, whose name is in the template.
    pub name: String,
    /// Which of several rooms of this name it is, in the order in which they were made.
    pub which: Option<usize>,
    pub href: String,
    /// The other user of a private chat, and how far they have read, if that is shown.
    pub user_id: Option<i64>,
    pub seen_seq: Option<i64>,
    pub avatar: Option<Avatar>,
    pub last_seq: i64,
    pub last_change: i64,
    pub read_seq: i64,
    pub unread: i64,
    /// Of these, how many name the viewer.
    pub mentioned: i64,
    pub last: Option<LastLine>,
}

/// The start of a chat's last message, on one line.
#[derive(Debug, Clone, Serialize)]
pub struct LastLine {
    pub username: String,
    pub own: bool,
    pub text: String,
    /// RFC 3339, for `<time datetime>`.
    pub timestamp: String,
    /// `19 Sep`: the page's script shows the time instead if that is today.
    pub day: String,
}

impl ChatLine {
    /// `name` is the other user's in a private chat, the room's own in a room, and empty in general.
    pub fn new(
        standing: Standing,
        name: &str,
        other: Option<(UserId, Option<Seq>)>,
        last: Option<LastLine>,
    ) -> Self {
        let Standing { chat_id, chat_type, last: reach, read_seq, mentioned } = standing;
        Self {
            chat_id: chat_id.0,
            chat_type,
            name: name.to_owned(),
            href: href(chat_type, chat_id),
            which: None,
            user_id: other.map(|(user_id, _)| user_id.0),
            seen_seq: other.and_then(|(_, seen)| seen).map(|seq| seq.0),
            avatar: other.map(|(user_id, _)| Avatar::of(user_id.0, name)),
            last_seq: reach.seq.0,
            last_change: reach.change.0,
            read_seq: read_seq.0,
            unread: reach.seq.0 - read_seq.0,
            mentioned,
            last,
        }
    }
}

/// Numbers rooms that have the same name; `chat-list.js` does the same with what comes later.
pub fn tell_apart(rooms: &mut [ChatLine]) {
    let mut places: BTreeMap<String, Vec<(i64, usize)>> = BTreeMap::new();
    for (place, room) in rooms.iter().enumerate() {
        places.entry(room.name.clone()).or_default().push((room.chat_id, place));
    }
    for mut same in places.into_values().filter(|same| same.len() > 1) {
        same.sort_unstable();
        for (number, (_, place)) in same.into_iter().enumerate() {
            rooms[place].which = Some(number + 1);
        }
    }
}

/// The page of a chat.
pub fn href(chat_type: ChatType, chat_id: ChatId) -> String {
    match chat_type {
        ChatType::General => String::from("/general"),
        ChatType::Private => format!("/private/{chat_id}"),
        ChatType::Room => format!("/room/{chat_id}"),
    }
}

impl LastLine {
    pub fn new(username: &str, own: bool, content: &str, at: Timestamp) -> Self {
        // The last of what was read may be a part of what one sees as a character.
        let whole = text::beginning(content, LAST_LINE_CHARS_READ as usize - 1);
        let words = text::one_line(whole);
        let text = text::beginning(&words, LAST_LINE_CHARS_MAX).to_owned();
        let (timestamp, day) = (format!("{at:.0}"), at.strftime("%-d %b").to_string());
        Self { username: username.to_owned(), own, text, timestamp, day }
    }
}

/// What is shown beside a room's messages.
#[derive(Debug, Serialize)]
pub struct RoomPanel {
    pub room_id: i64,
    pub description: String,
    /// Whether the viewer created the room; only then are there requests, removals and a link.
    pub is_creator: bool,
    pub members: Vec<PanelMember>,
    /// The full number, in case not all are listed.
    pub members_count: i64,
    /// The users whom the creator denied and may still approve.
    pub denied: Vec<Person>,
    pub invite_link: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct PanelMember {
    pub user: Person,
    pub is_creator: bool,
    pub is_viewer: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_not_shown_cut_inside_a_character() {
        let family = "👩\u{200D}👩\u{200D}👧";
        let read = LAST_LINE_CHARS_READ as usize;
        let shown =
            |content: &str| LastLine::new("ada", false, content, Timestamp::UNIX_EPOCH).text;
        for inside in 1..5 {
            let content = format!("a{}{family} b", " ".repeat(read - 1 - inside));
            let read: String = content.chars().take(read).collect();
            assert_eq!(shown(&read), "a");
        }
        let content = format!("a{}{family}", " ".repeat(read - 7));
        assert_eq!(shown(&content), format!("a {family}"));
    }
}
