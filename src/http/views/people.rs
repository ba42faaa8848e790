//! A user as pages show them: name and avatar.

use serde::Serialize;

/// How many colours avatars have; `components.css` and `avatar.js` use the same number.
const HUES: u32 = 12;

#[derive(Debug, Clone, Serialize)]
pub struct Person {
    pub user_id: i64,
    pub username: String,
    pub avatar: Avatar,
}

impl Person {
    pub fn new(user_id: i64, username: &str) -> Self {
        Self { user_id, username: username.to_owned(), avatar: Avatar::of(username) }
    }
}

/// One or two letters on one of twelve colours, both derived from the name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Avatar {
    pub initials: String,
    pub hue: u32,
}

impl Avatar {
    /// `js/avatar.js` computes the same for people whom only the script shows.
    pub fn of(username: &str) -> Self {
        let words = username.split(['_', '.', '-']).filter(|word| !word.is_empty());
        let initials = words.filter_map(|word| word.chars().next()).take(2);
        let hue = username
            .bytes()
            .map(|byte| u32::from(byte.to_ascii_lowercase()))
            .fold(7_u32, |sum, byte| (sum * 31 + byte) % 65_521)
            % HUES;
        Self { initials: initials.collect::<String>().to_ascii_uppercase(), hue }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_avatar_depends_on_the_name_but_not_its_case() {
        assert_eq!(Avatar::of("ada.lovelace").initials, "AL");
        assert_eq!(Avatar::of("bo").initials, "B");
        assert_eq!(Avatar::of("__").initials, "");
        assert_eq!(Avatar::of("Ada"), Avatar::of("ada"));
    }
}
