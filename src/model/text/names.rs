//! Whom a message may name: what stands behind `@` outside code, as far as its form says. Whether somebody is
//! called so, and can read the chat, the database says when it is stored.

use super::formatting::{mentions, parts};
use super::spans::{Whose, goes_on};
use crate::limits::{NAMES_SOUGHT_MAX, USERNAME_CHARS_MAX, USERNAME_CHARS_MIN};
use rustc_hash::FxHashSet;

/// The names in a text, each once, in order, folded, with spaces in between; `None` if there is none, as in most
/// texts.
pub fn names(content: &str) -> Option<String> {
    if !content.contains(['@', '\u{FF20}']) {
        return None;
    }
    let folded = content.to_ascii_lowercase();
    let parts = parts(&folded, Whose::Anybody);
    let mut found = FxHashSet::default();
    let mut names = String::new();
    let runs = mentions(&parts).into_iter().map(|run| run.trim_start_matches(['@', '\u{FF20}']));
    for name in runs.flat_map(those_meant) {
        if found.len() < NAMES_SOUGHT_MAX && found.insert(name) {
            let space = if names.is_empty() { "" } else { " " };
            names.extend([space, name]);
        }
    }
    (!names.is_empty()).then_some(names)
}

/// The names that a run of the characters of names may mean: `ada` and `ada.` in "@ada.", because a name may end
/// in a dot, and a sentence, too.
fn those_meant(run: &str) -> impl Iterator<Item = &str> {
    let lengths = USERNAME_CHARS_MIN..=USERNAME_CHARS_MAX.min(run.len());
    lengths.filter(|length| !goes_on(&run[*length..])).map(|length| &run[..length])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{CONTENT_CHARS_MAX, SPECIAL_SPANS_MAX};

    #[test]
    fn names_are_found_outside_code_each_once() {
        let longest = "x".repeat(USERNAME_CHARS_MAX);
        for (content, expected) in [
            ("nobody", ""),
            ("@ada", "ada"),
            ("hi @Ada, @bob and @ADA!", "ada bob"),
            ("\u{FF20}ada", "ada"),
            ("**@ada** _@bob_ ~~@cyd~~", "ada cyd"),
            ("> @ada\n- @bob\n1. @cyd", "ada bob cyd"),
            ("`@ada` ``@bob`` @cyd", "cyd"),
            ("```\n@ada\n```\n@bob", "bob"),
            ("ada@example.org a.@ada /@ada @@ada", ""),
            ("https://example.org/@ada", ""),
            ("@ad @a", ""),
            ("@ada's @ada9", "ada ada9"),
            ("@ada\u{E4}", "ada"),
            // A name may end in a dot, and a sentence, too.
            ("@ada.", "ada ada."),
            ("@ada.-", "ada ada. ada.-"),
            ("@ada.b", "ada.b"),
            ("@ada..b", "ada ada..b"),
            ("@all", "all"),
            (&format!("@{longest} @{longest}y"), &longest),
        ] {
            assert_eq!(names(content).as_deref().unwrap_or(""), expected, "{content}");
        }
    }

    /// Whoever sees themselves marked is among them.
    #[test]
    fn the_names_are_those_that_pages_mark() {
        let cases: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/browser/spans.json")).unwrap();
        for case in cases.as_array().unwrap() {
            let (content, name) = (case["content"].as_str(), case["name"].as_str());
            let (content, name) = (content.unwrap(), name.unwrap());
            let is_marked = !mentions(&parts(content, Whose::Viewer(name))).is_empty();
            let found = names(content).unwrap_or_default();
            assert_eq!(found.split(' ').any(|one| one == name), is_marked, "{content}: {found}");
        }
    }

    #[test]
    fn a_text_has_so_many_names_and_no_more() {
        let count = |content: &str| names(content).map_or(0, |names| names.split(' ').count());
        let many: String = (100..1_000).map(|n| format!("@{n} ")).collect();
        assert_eq!(count(&many[..CONTENT_CHARS_MAX]), SPECIAL_SPANS_MAX);
        let dots = ".".repeat(USERNAME_CHARS_MAX);
        let many: String = (100..200).map(|n| format!("@{n}{dots} ")).collect();
        assert_eq!(count(&many), NAMES_SOUGHT_MAX);
    }
}
