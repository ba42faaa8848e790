//! The limits that pages, their scripts and the description of the API show, by the names of their
//! constants.
//!
//! A template says `limits.CONTENT_CHARS_MAX`, the description `{CONTENT_CHARS_MAX}`: the number
//! itself is only in `limits` (or `ids`). Called by `render` and, once at start, for the description.

use crate::limits::*;
use crate::model::ids::ID_MAX;
use crate::model::text;

macro_rules! named {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), $name as i64)),*] };
}

/// Every limit that is named outside Rust.
pub const BOUNDS: &[(&str, i64)] = named![
    BODY_BYTES_MAX,
    CLIENT_ID_CHARS_MAX,
    CONTENT_CHARS_MAX,
    CONTENT_CHARS_NEAR,
    EMAIL_CHARS_MAX,
    EXCERPT_CHARS_MAX,
    ID_MAX,
    INVITE_LINK_CHARS_MAX,
    MENTIONED_COUNTED_MAX,
    MESSAGE_LINES_SHOWN,
    MESSAGE_SEARCH_CHARS_MAX,
    NAMED_MAX,
    PAGE_ROWS_DEFAULT,
    PAGE_ROWS_MAX,
    PASSWORD_CHARS_MAX,
    PASSWORD_CHARS_MIN,
    PEOPLE_SUGGESTED,
    PINS_MAX,
    PRIVATE_CHATS_FROM_OTHERS_MAX,
    PRIVATE_CHATS_PER_USER_MAX,
    REACTIONS_MAX,
    REACTION_EMOJI_MAX,
    REQUESTS_PER_ROOM_MAX,
    RESUME_PAIRS_MAX,
    ROOMS_PER_CREATOR_MAX,
    ROOMS_PER_USER_MAX,
    ROOM_DESCRIPTION_CHARS_MAX,
    ROOM_NAME_CHARS_MAX,
    SEARCH_CHARS_MAX,
    SEARCH_ROWS_DEFAULT,
    SEARCH_ROWS_MAX,
    SEARCH_TIMEOUT_SECS,
    UNREAD_CONTEXT_ROWS,
    USERNAME_CHARS_MAX,
    USERNAME_CHARS_MIN,
    WORD_BEGINNING_CHARS_MIN,
];

/// Replaces the names in braces by the limits: by the bare number if the name is a whole JSON string,
/// and otherwise by the number as people write it.
pub fn fill(text: &str) -> String {
    BOUNDS.iter().fold(text.to_owned(), |text, (name, bound)| {
        let number = bound.to_string();
        let words =
            if name.contains("_BYTES_") { text::kib(*bound) } else { text::grouped(*bound) };
        text.replace(&format!("\"{{{name}}}\""), &number).replace(&format!("{{{name}}}"), &words)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_a_number_or_words() {
        let filled =
            fill(r#"{"maximum": "{ID_MAX}", "detail": "At most {BODY_BYTES_MAX}, {chat_id}."}"#);
        let expected = format!(
            r#"{{"maximum": {ID_MAX}, "detail": "At most {}, {{chat_id}}."}}"#,
            text::kib(BODY_BYTES_MAX as i64)
        );
        assert_eq!(filled, expected);
    }
}
