//! What a search for messages found, as its page shows it: the part of each message around what was looked
//! for, with that marked.

use super::chats::{ChatLine, href};
use super::messages::moment;
use super::people::Person;
use crate::limits::{EXCERPT_CHARS_BEFORE, EXCERPT_CHARS_MAX};
use crate::model::message::Message;
use crate::model::text::formatting::{parts, unmarked};
use crate::model::text::spans::Whose;
use crate::model::text::{beginning, one_line};
use crate::model::words::Sought;
use serde::Serialize;
use std::ops::Range;

/// `GET /find`, as it was filled in.
#[derive(Debug, Default, Serialize)]
pub struct FindForm {
    pub q: String,
    /// The chat in which alone is searched.
    pub within: Option<i64>,
    pub from: String,
    /// Days, as `2024-09-19`.
    pub since: String,
    pub before: String,
    pub faults: FindFaults,
}

/// One sentence per field at fault.
#[derive(Debug, Default, Serialize)]
pub struct FindFaults {
    pub q: Option<String>,
    pub from: Option<String>,
    pub since: Option<String>,
    pub before: Option<String>,
}

/// A page of messages that were found, newest first.
#[derive(Debug, Serialize)]
pub struct FoundView {
    pub messages: Vec<FoundMessageView>,
    /// The page after this one; `None` at the end.
    pub next: Option<String>,
    pub is_complete: bool,
}

#[derive(Debug, Serialize)]
pub struct FoundMessageView {
    /// Leads into the conversation.
    pub href: String,
    pub chat: ChatLine,
    pub author: Person,
    pub own: bool,
    pub excerpt: Vec<ExcerptPart>,
    /// RFC 3339, for `<time datetime>`.
    pub timestamp: String,
    /// `19 September 2024, 10:00 UTC`
    pub moment: String,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ExcerptPart {
    pub text: String,
    /// Whether it is what was looked for.
    pub marked: bool,
}

impl FoundMessageView {
    pub fn new(message: &Message, chat: ChatLine, own: bool, wanted: &Sought) -> Self {
        Self {
            href: format!("{}?at={}", href(message.chat_type, message.chat_id), message.seq),
            chat,
            author: Person::new(message.sender_id.0, &message.username),
            own,
            excerpt: found(&message.content, wanted),
            timestamp: format!("{:.6}", message.timestamp),
            moment: moment(message.timestamp),
        }
    }
}

/// As the message shows, without marks. Where these divide a word in two they stay, or it would not be found.
fn found(content: &str, wanted: &Sought) -> Vec<ExcerptPart> {
    let shown = unmarked(&parts(content, Whose::Anybody));
    let shown = shown.trim();
    match wanted.find(shown) {
        Some(places) => excerpt(shown, &places),
        None => excerpt(content, &wanted.find(content).unwrap_or_default()),
    }
}

/// The text around the first of these places, on one line.
fn excerpt(content: &str, places: &[Range<usize>]) -> Vec<ExcerptPart> {
    let first = places.first().map_or(0, |place| place.start);
    let before = content[..first].char_indices().rev().nth(EXCERPT_CHARS_BEFORE - 1);
    // From the beginning of a word, if there is one.
    let start = before.map_or(0, |(at, _)| {
        content[at..first].find(char::is_whitespace).map_or(at, |space| at + space)
    });
    let shown = beginning(&content[start..], EXCERPT_CHARS_MAX);
    let end = start + shown.len();
    let mut parts = Vec::new();
    let mut push = |range: Range<usize>, marked| {
        let text = spaced(&content[range]);
        if !text.is_empty() {
            parts.push(ExcerptPart { text, marked });
        }
    };
    let mut at = start;
    for place in places.iter().filter(|place| place.end <= end) {
        push(at..place.start, false);
        push(place.clone(), true);
        at = place.end;
    }
    push(at..end, false);
    if let Some(first) = parts.first_mut().filter(|_| start > 0) {
        first.text.insert(0, '…');
    }
    if let Some(last) = parts.last_mut().filter(|_| end < content.len()) {
        last.text.push('…');
    }
    parts
}

/// On one line, but with a space where it begins or ends with one.
fn spaced(text: &str) -> String {
    let mut line = one_line(text);
    if line.is_empty() {
        return if text.is_empty() { line } else { " ".into() };
    }
    if text.starts_with(char::is_whitespace) {
        line.insert(0, ' ');
    }
    if text.ends_with(char::is_whitespace) {
        line.push(' ');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(content: &str, typed: &str) -> String {
        let wanted = Sought::parse(typed).expect("something to look for");
        let parts = found(content, &wanted);
        let marked = |part: ExcerptPart| match part.marked {
            true => format!("[{}]", part.text),
            false => part.text,
        };
        parts.into_iter().map(marked).collect()
    }

    #[test]
    fn an_excerpt_shows_no_marks() {
        assert_eq!(shown("**The** ~~old~~ _mill_", "old"), "The [old] mill");
        assert_eq!(shown("- `old`\n- _mill_\n\n> yes", "mill"), "old [mill] yes");
        assert_eq!(shown("```js\nlet old = 1;\n```", "old"), "let [old] = 1;");
        // Where a mark divides what was looked for from the rest of a word, or is what was looked for.
        assert_eq!(shown("the mill**stone**", "mill"), "the [mill]stone");
        assert_eq!(shown("mill~~s~~", "\"mill s\""), "[mill~~s]~~");
        assert_eq!(shown("```js\nold\n```", "js"), "```[js] old ```");
    }

    #[test]
    fn an_excerpt_has_what_was_looked_for_and_what_is_around_it() {
        assert_eq!(shown("The old\n mill", "old mi"), "The old mill");
        assert_eq!(shown("The old\n mill", "old mil"), "The [old] [mil]l");
        assert_eq!(shown("mill, \u{1F3E0} mill", "mill"), "[mill], \u{1F3E0} [mill]");
        let long = format!("{}needle{}", "far away ".repeat(100), " and on".repeat(100));
        let short = shown(&long, "needle");
        assert!(
            short.starts_with("… away far away ") || short.starts_with("… far away "),
            "{short}"
        );
        assert!(short.contains("away [needle] and on") && short.ends_with('…'), "{short}");
        assert!(short.chars().count() <= EXCERPT_CHARS_MAX + 4, "{short}");
        // A text without spaces is cut anywhere.
        let run = format!("{}北京{}", "我".repeat(300), "我".repeat(300));
        assert_eq!(shown(&run, "北京").matches('我').count(), EXCERPT_CHARS_MAX - 2);
    }
}
