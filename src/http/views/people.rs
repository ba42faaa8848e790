//! A user as pages show them: name and avatar.

use serde::Serialize;

/// How many colours avatars have; `components.css` and `avatar.js` use the same number.
const HUES: i64 = 12;
/// How far apart the colours of two neighbours are; it has no divisor in common with their number.
const HUES_APART: i64 = 5;

#[derive(Debug, Clone, Serialize)]
pub struct Person {
    pub user_id: i64,
    pub username: String,
    pub avatar: Avatar,
}

impl Person {
    pub fn new(user_id: i64, username: &str) -> Self {
        Self { user_id, username: username.to_owned(), avatar: Avatar::of(user_id, username) }
    }
}

/// One or two letters of the name, on one of twelve colours. People who signed up one after the other have
/// different ones, so that the few who know each other can be told apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Avatar {
    pub initials: String,
    pub hue: i64,
}

impl Avatar {
    /// `js/avatar.js` computes the same for people whom only the script shows.
    pub fn of(user_id: i64, username: &str) -> Self {
        let words = username.split(['_', '.', '-']).filter(|word| !word.is_empty());
        let initials = words.filter_map(|word| word.chars().next()).take(2);
        let hue = user_id % HUES * HUES_APART % HUES;
        Self { initials: initials.collect::<String>().to_ascii_uppercase(), hue }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_avatar_has_the_initials_of_a_name() {
        let initials = |name| Avatar::of(1, name).initials;
        assert_eq!(initials("ada.lovelace"), "AL");
        assert_eq!(initials("bo"), "B");
        assert_eq!(initials("__"), "");
        assert_eq!(Avatar::of(1, "Ada"), Avatar::of(1, "ada"));
    }

    #[test]
    fn a_dozen_people_in_a_row_have_a_dozen_colours() {
        let hues = |from: i64| (from..from + HUES).map(|id| Avatar::of(id, "x").hue);
        for from in [1, 7, 9_007_199_254_740_900] {
            let mut found: Vec<_> = hues(from).collect();
            found.sort_unstable();
            assert_eq!(found, (0..HUES).collect::<Vec<_>>());
        }
    }
}
