//! What in a message is a link, a mention of the viewer, or plain text.
//!
//! The server's half of one rule; `js/spans.js` is the other, for messages that arrive live, and both
//! are held against the same cases in `tests/browser/spans.json`.

use serde::Serialize;

/// A piece of a message's content; joined, the pieces are the content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "text", rename_all = "lowercase")]
pub enum Span {
    Text(String),
    Link(String),
    Mention(String),
}

/// Cuts content into spans; `name` is the viewer's, whose mentions are marked.
pub(super) fn spans(content: &str, name: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut plain_from = 0;
    let mut at = 0;
    while let Some(step) = content[at..].find(['h', 'H', '@']) {
        at += step;
        let before = content[..at].chars().next_back();
        let (length, special) = if content[at..].starts_with('@') {
            (mention_length(&content[at..], before, name), Span::Mention as fn(String) -> Span)
        } else {
            (link_length(&content[at..], before), Span::Link as fn(String) -> Span)
        };
        if length == 0 {
            at += 1;
            continue;
        }
        if plain_from < at {
            spans.push(Span::Text(content[plain_from..at].to_owned()));
        }
        spans.push(special(content[at..at + length].to_owned()));
        at += length;
        plain_from = at;
    }
    if plain_from < content.len() {
        spans.push(Span::Text(content[plain_from..].to_owned()));
    }
    spans
}

pub(super) fn mentions(spans: &[Span]) -> bool {
    spans.iter().any(|span| matches!(span, Span::Mention(_)))
}

/// How many bytes of a link `text` begins with; 0 where it begins with none.
fn link_length(text: &str, before: Option<char>) -> usize {
    if before.is_some_and(char::is_alphanumeric) {
        return 0;
    }
    let Some(scheme) = ["https://", "http://"].into_iter().find(|scheme| starts_with(text, scheme))
    else {
        return 0;
    };
    let end = text.find(ends_a_link).unwrap_or(text.len());
    let trimmed = without_trailing_punctuation(&text[..end]);
    if trimmed.len() > scheme.len() { trimmed.len() } else { 0 }
}

/// White space, quotes, angle brackets, and the characters that turn the direction of what follows.
fn ends_a_link(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '<' | '>' | '"' | '`' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2066}'..='\u{2069}')
}

/// "(see https://a.example/b_(c))." links up to the bracket that belongs to it.
fn without_trailing_punctuation(link: &str) -> &str {
    let mut link = link;
    while let Some(last) = link.chars().next_back() {
        let opening = match last {
            '.' | ',' | ':' | ';' | '!' | '?' | '\'' | '*' | '_' | '~' => None,
            ')' => Some('('),
            ']' => Some('['),
            _ => break,
        };
        if opening.is_some_and(|open| link.matches(open).count() >= link.matches(last).count()) {
            break;
        }
        link = &link[..link.len() - last.len_utf8()];
    }
    link
}

/// The bytes of `@name` at the start of `text`, where it is this name and not a longer one.
fn mention_length(text: &str, before: Option<char>, name: &str) -> usize {
    let after_a_word =
        before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '@' | '/'));
    if after_a_word || name.is_empty() || !starts_with(&text[1..], name) {
        return 0;
    }
    let length = 1 + name.len();
    let mut rest = text[length..].chars();
    let longer = match rest.next() {
        Some('.' | '-') => rest.next().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_'),
        Some(c) => c.is_alphanumeric() || c == '_',
        None => false,
    };
    if longer { 0 } else { length }
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shared_cases_hold() {
        let cases: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/browser/spans.json")).unwrap();
        for case in cases.as_array().unwrap() {
            let content = case["content"].as_str().unwrap();
            let name = case["name"].as_str().unwrap();
            let found = serde_json::to_value(spans(content, name)).unwrap();
            assert_eq!(found, case["spans"], "{content}");
        }
    }
}
