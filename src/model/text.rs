//! The rules for what people write: names, passwords, addresses, messages, room names.
//!
//! Pure. Each kind of text is a type whose only constructor is `parse`: the edges call it once for each
//! value, and the rules in `chat` demand the type. A rule that is broken is one sentence that says how to
//! write the value instead.

mod emoji;
pub mod formatting;
mod invites;
mod joiners;
mod names;
pub mod spans;
mod unseen;

pub use emoji::all_emoji;
pub use invites::{beginning_code, invite, invite_code, invite_path};
pub use names::names;

use crate::limits::{
    CLIENT_ID_CHARS_MAX, CONTENT_CHARS_MAX, EMAIL_CHARS_MAX, NFC_CHARS_MAX, PASSWORD_CHARS_MAX,
    PASSWORD_CHARS_MIN, ROOM_DESCRIPTION_CHARS_MAX, ROOM_NAME_CHARS_MAX, SEARCH_CHARS_MAX,
    USERNAME_CHARS_MAX, USERNAME_CHARS_MIN,
};
use crate::model::error::FrameCode;
use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};
use unicode_segmentation::UnicodeSegmentation;
pub(super) use unseen::is_unseen;
use unseen::{hides_something, is_visible};

/// Texts that keep their rule, shared by those who hold them.
macro_rules! texts {
    ($($(#[$attribute:meta])* $name:ident: $rule:path, $fault:ty;)*) => {$(
        $(#[$attribute])*
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn parse(raw: &str) -> Result<Self, $fault> {
                $rule(raw).map(|text| Self(text.into()))
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }
    )*};
}

texts! {
    /// What a message says.
    #[derive(Debug)]
    #[cfg_attr(test, derive(Default))]
    Content: content, ContentFault;
    /// What somebody reacts with.
    #[derive(Debug)]
    Emoji: emoji::emoji, String;
    /// The sender's own name for a draft.
    #[derive(Debug)]
    ClientId: client_id, String;
    /// The name of a new account.
    #[derive(Debug)]
    Username: username, String;
    #[derive(Debug)]
    Email: email, String;
    /// A new password.
    Password: password, String;
    /// A password that somebody says is theirs.
    GivenPassword: given_password, String;
    #[derive(Debug)]
    RoomName: room_name, String;
    #[derive(Debug)]
    RoomDescription: room_description, String;
    /// A part of the names that somebody looks for.
    #[derive(Debug)]
    SearchWord: search, String;
}

impl Content {
    /// The same text, not copied.
    pub fn share(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl ClientId {
    pub fn share(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// As `parse`, without a copy.
    pub fn of(text: Arc<str>) -> Result<Self, String> {
        client_id(&text)?;
        Ok(Self(text))
    }
}

/// Why a message's content is refused; the names are the contract's error codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentFault {
    Empty,
    TooLong,
    Invalid,
}

impl ContentFault {
    pub fn code(self) -> FrameCode {
        match self {
            Self::Empty => FrameCode::ContentEmpty,
            Self::TooLong => FrameCode::ContentTooLong,
            Self::Invalid => FrameCode::ContentInvalid,
        }
    }

    pub fn detail(self) -> String {
        match self {
            Self::Empty => {
                "Write something: a message needs at least one character that can be seen.".into()
            }
            Self::TooLong => {
                format!("A message has at most {} characters.", grouped(CONTENT_CHARS_MAX))
            }
            Self::Invalid => "A message cannot contain the NUL character.".into(),
        }
    }
}

/// The content without trailing white space; neither empty nor too long, and without NUL.
fn content(raw: &str) -> Result<&str, ContentFault> {
    let text = raw.trim_end();
    if text.contains('\0') {
        Err(ContentFault::Invalid)
    } else if !is_visible(text) {
        Err(ContentFault::Empty)
    } else if longer_than(text, CONTENT_CHARS_MAX) {
        Err(ContentFault::TooLong)
    } else {
        Ok(text)
    }
}

/// Characters of `!`–`~`, at least one and not too many.
fn client_id(text: &str) -> Result<&str, String> {
    let fits = (1..=CLIENT_ID_CHARS_MAX).contains(&text.len());
    match fits && text.bytes().all(|b| b.is_ascii_graphic()) {
        true => Ok(text),
        false => Err(format!("A client_id has 1 to {CLIENT_ID_CHARS_MAX} characters from ! to ~.")),
    }
}

/// A name, part of one, or an e-mail address in the form in which it is compared: ASCII letters are small.
/// There is no other folding, neither here nor in the database, where `lower()` would make a k of the
/// Kelvin sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded(String);

impl Folded {
    /// `None` if no name can contain or be this.
    pub fn name(text: &str) -> Option<Self> {
        let fits = (1..=USERNAME_CHARS_MAX).contains(&text.len());
        (fits && text.bytes().all(is_name_byte)).then(|| Self(text.to_ascii_lowercase()))
    }

    /// `None` if it cannot be an address.
    pub fn email(text: &str) -> Option<Self> {
        let fits = text.contains('@') && text.len() <= EMAIL_CHARS_MAX && !text.contains('\0');
        fits.then(|| Self(text.to_ascii_lowercase()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a person logs in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    Name(Folded),
    Email(Folded),
    /// Neither can be an account's.
    Nobody,
}

impl Login {
    /// White space around it, and what cannot be seen, is ignored: it comes with what phones and clipboards
    /// complete.
    pub fn of(typed: &str) -> Self {
        let typed = typed.trim_matches(|c: char| c.is_whitespace() || is_unseen(c));
        let name = Folded::name(typed).map(Self::Name);
        name.or_else(|| Folded::email(typed).map(Self::Email)).unwrap_or(Self::Nobody)
    }
}

/// What names all members of a room, and so nobody can be called.
pub const ALL: &str = "all";

fn is_name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-')
}

fn username(text: &str) -> Result<&str, String> {
    if !(USERNAME_CHARS_MIN..=USERNAME_CHARS_MAX).contains(&text.len())
        || !text.bytes().all(is_name_byte)
    {
        return Err(format!(
            "Use {USERNAME_CHARS_MIN} to {USERNAME_CHARS_MAX} of the characters A–Z, a–z, 0–9, _ . and -."
        ));
    }
    if is_reserved(text) {
        return Err("Names like deleted-7 stand for deleted accounts; choose another.".into());
    }
    if text.eq_ignore_ascii_case(ALL) {
        return Err("@all means everybody in a room; choose another name.".into());
    }
    Ok(text)
}

/// `deleted-<id>` is what a deleted user's messages are shown under; nobody may pose as one.
fn is_reserved(name: &str) -> bool {
    name.get(..8).is_some_and(|head| head.eq_ignore_ascii_case("deleted-"))
        && name.len() > 8
        && name[8..].bytes().all(|b| b.is_ascii_digit())
}

/// Any characters; neither trimmed nor cut, and counted as NFC.
fn password(text: &str) -> Result<&str, String> {
    let chars = password_chars(text);
    if (PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX).contains(&chars) {
        Ok(text)
    } else {
        Err(format!("Use {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters."))
    }
}

/// A password that a person enters to log in: one that is too long fits no account and would only waste
/// a hashing.
fn given_password(text: &str) -> Result<&str, String> {
    if password_chars(text) > PASSWORD_CHARS_MAX {
        return Err(format!("A password has at most {PASSWORD_CHARS_MAX} characters."));
    }
    Ok(text)
}

/// The characters of its NFC form, as far as they are of interest.
fn password_chars(text: &str) -> usize {
    match longer_than(text, NFC_CHARS_MAX * PASSWORD_CHARS_MAX) {
        true => usize::MAX,
        false => text.nfc().count(),
    }
}

/// The composed form (NFC, UAX #15) of a text: the same letters, however a keyboard puts them together.
pub fn composed(text: &str) -> Cow<'_, str> {
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => text.into(),
        IsNormalized::No | IsNormalized::Maybe => text.nfc().collect::<String>().into(),
    }
}

fn email(text: &str) -> Result<&str, String> {
    let fits = text.len() <= EMAIL_CHARS_MAX && !text.chars().any(char::is_control);
    let options = email_address::Options::default().without_display_text();
    if fits && email_address::EmailAddress::parse_with_options(text, options).is_ok() {
        Ok(text)
    } else {
        Err("Write an e-mail address like ada@example.org.".into())
    }
}

/// A room's name: visible characters in one line, in their composed form (NFC) and with single spaces, so that
/// names that look alike are the same one.
fn room_name(raw: &str) -> Result<String, String> {
    let text = raw.trim();
    let has_length = |name: &str| !name.is_empty() && !longer_than(name, ROOM_NAME_CHARS_MAX);
    let is_near = !longer_than(text, NFC_CHARS_MAX * ROOM_NAME_CHARS_MAX);
    let text = if is_near { joiners::needed(text) } else { String::new() };
    let name = one_line(&composed(&text));
    if !has_length(&name) {
        Err(format!("A room's name has 1 to {ROOM_NAME_CHARS_MAX} characters."))
    } else if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
        || hides_something(&text)
    {
        Err("A room's name cannot contain control, invisible or direction-changing characters."
            .into())
    } else {
        Ok(name)
    }
}

fn room_description(raw: &str) -> Result<&str, String> {
    let text = raw.trim();
    if longer_than(text, ROOM_DESCRIPTION_CHARS_MAX) {
        Err(format!(
            "A description has at most {} characters.",
            grouped(ROOM_DESCRIPTION_CHARS_MAX)
        ))
    } else if text.contains('\0') {
        Err("A description cannot contain the NUL character.".into())
    } else {
        Ok(text)
    }
}

fn search(text: &str) -> Result<&str, String> {
    if text.is_empty() || longer_than(text, SEARCH_CHARS_MAX) || text.contains('\0') {
        Err(format!("Search for 1 to {SEARCH_CHARS_MAX} characters."))
    } else {
        Ok(text)
    }
}

/// The text with each run of white space replaced by one space, and trimmed.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The beginning of a text, at most `chars_max` characters long, cut only between user-perceived
/// characters (grapheme clusters, UAX #29). A cluster that is longer than the limit is cut inside.
pub fn beginning(text: &str, chars_max: usize) -> &str {
    let Some((bound, _)) = text.char_indices().nth(chars_max) else { return text };
    let ends = text.grapheme_indices(true).map(|(begin, _)| begin);
    let end = ends.take_while(|begin| *begin <= bound).last().filter(|end| *end > 0);
    &text[..end.unwrap_or(bound)]
}

/// How deeply this JSON text nests arrays and objects; strings are skipped.
pub fn json_depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0, false, false);
    for &b in json {
        match b {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// A number as people read it: `4,000`.
pub fn grouped(number: impl std::fmt::Display) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A duration as the log shows it: milliseconds with one decimal.
pub fn millis(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}

/// A size as people read it: `64 KiB`.
pub fn kib(bytes: i64) -> String {
    format!("{} KiB", bytes / 1024)
}

fn longer_than(text: &str, chars_max: usize) -> bool {
    text.len() > chars_max && text.chars().nth(chars_max).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_trimmed_at_its_end_and_bounded_in_characters() {
        assert_eq!(content("  hi \n\t"), Ok("  hi"));
        for nothing in
            [" \n", "\u{3164}", "\u{200B}\u{FEFF}", "\u{2800} \u{AD}", "\u{E0041}", "\u{FE0F}"]
        {
            assert_eq!(content(nothing), Err(ContentFault::Empty), "{nothing:?}");
        }
        for seen in ["\u{3164}x", "👩\u{200D}👧", "\u{301}", "."] {
            assert_eq!(content(seen), Ok(seen));
        }
        let longest = "𝄞".repeat(CONTENT_CHARS_MAX);
        assert_eq!(content(&longest), Ok(longest.as_str()));
        assert_eq!(content(&"x".repeat(CONTENT_CHARS_MAX + 1)), Err(ContentFault::TooLong));
        assert_eq!(content("a\0b"), Err(ContentFault::Invalid));
    }

    #[test]
    fn control_characters_and_annotation_marks_are_nothing_to_see() {
        for nothing in ["\u{1}", "\u{7F}\u{80}", "\u{1B}\u{200B}", "\u{FFF9}\u{FFFA}\u{FFFB}"] {
            assert_eq!(content(nothing), Err(ContentFault::Empty), "{nothing:?}");
            assert!(room_name(nothing).is_err(), "{nothing:?}");
        }
        assert_eq!(content("\u{1B}[1m"), Ok("\u{1B}[1m"));
        assert!(room_name("Tea\u{FFF9}").is_err());
    }

    #[test]
    fn names_are_ascii_and_never_those_of_deleted_users() {
        for good in ["ada", "A.b-c_9", "deleted-", "deleted-x", "all.", "allan"] {
            assert!(username(good).is_ok(), "{good}");
        }
        let [short, long] = [USERNAME_CHARS_MIN - 1, USERNAME_CHARS_MAX + 1].map(|n| "x".repeat(n));
        for bad in
            ["a b c", "adä", "ada\u{202E}", "deleted-7", "Deleted-12", "all", "ALL", &short, &long]
        {
            assert!(username(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn passwords_are_counted_in_characters() {
        let of = |chars| password(&"ä".repeat(chars)).is_ok();
        assert!(of(PASSWORD_CHARS_MIN) && of(PASSWORD_CHARS_MAX));
        assert!(!of(PASSWORD_CHARS_MIN - 1) && !of(PASSWORD_CHARS_MAX + 1));
    }

    #[test]
    fn addresses_are_checked_for_syntax() {
        for good in ["ada@example.org", "a+b@x.co"] {
            assert!(email(good).is_ok(), "{good}");
        }
        for bad in ["", "ada", "ada@", "@x.org", "a b@x.org", "Ada <ada@example.org>"] {
            assert!(email(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn room_names_contain_nothing_invisible_or_misleading() {
        assert_eq!(room_name("  Tea & cake "), Ok("Tea & cake".into()));
        assert!(room_name("\u{200B}").is_err());
        assert!(room_name("a\nb").is_err());
        for hidden in [
            "\u{3164}",
            "\u{2800}",
            "Tea\u{3164}",
            "Te\u{AD}a",
            "Tea\u{FE0F}",
            "Te\u{200D}a",
            "Tea\u{E0020}",
            "\u{115F}Tea",
            "1\u{200C}2",
            "a\u{2028}b",
            "👍\u{200D}\u{200D}👍",
        ] {
            assert!(room_name(hidden).is_err(), "{hidden:?}");
        }
        for seen in [
            "❤\u{FE0F} hearts",
            "👩\u{200D}🚀",
            "👩\u{200D}❤\u{FE0F}\u{200D}👩",
            "Té e\u{301}",
            "चाय",
        ] {
            assert!(room_name(seen).is_ok(), "{seen:?}");
        }
    }

    #[test]
    fn only_emoji_have_parts_that_are_not_seen_by_themselves() {
        for hidden in [
            "Tea!\u{200D}",
            "Tea-\u{FE0F}",
            "«Tea»\u{200D}",
            "q\u{301}\u{FE0F}",
            "🎉\u{200D}",
            "🎉\u{200D} Tea",
            "1\u{FE0F} Tea",
            "🎉\u{E0067}\u{E007F}",
            "🏴\u{E0067}\u{E0062}",
        ] {
            assert!(room_name(hidden).is_err(), "{hidden:?}");
        }
        for seen in [
            "1\u{FE0F}\u{20E3} Tea",
            "#\u{FE0F}\u{20E3}",
            "ℹ\u{FE0F} Tea",
            "🅰\u{FE0F}",
            "🏳\u{FE0F}\u{200D}🌈",
            "👩🏽\u{200D}🚀",
            "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F} football",
        ] {
            assert!(room_name(seen).is_ok(), "{seen:?}");
        }
    }

    #[test]
    fn names_that_look_alike_are_the_same_one() {
        for (one, other) in [
            ("Tea \u{A0} and\u{2009}cake", "Tea and cake"),
            ("Cafe\u{301}", "Caf\u{E9}"),
            ("\u{1112}\u{1161}\u{11AB}", "\u{D55C}"),
            ("\u{212B}", "\u{C5}"),
        ] {
            let name = |raw: &str| room_name(raw).map(|name| name.to_string());
            assert_eq!(name(one), Ok(other.to_owned()));
        }
        assert!(room_name(&"e\u{301}".repeat(ROOM_NAME_CHARS_MAX)).is_ok(), "counted as NFC");
        assert!(room_name(&"e\u{301}".repeat(ROOM_NAME_CHARS_MAX + 1)).is_err());
    }

    #[test]
    fn depth_ignores_strings() {
        assert_eq!(json_depth(br#"{"a":[1,"]]}}[[",{"b":2}]}"#), 3);
        assert_eq!(json_depth(br#""\"[[[""#), 0);
    }

    #[test]
    fn a_beginning_ends_between_what_one_sees_as_characters() {
        assert_eq!(one_line(" a\n\n b\u{a0}c "), "a b c");
        assert_eq!(beginning("abc", 3), "abc");
        assert_eq!(beginning("abc", 2), "ab");
        let family = "👩\u{200D}👩\u{200D}👧";
        assert_eq!(beginning(&format!("ab{family}"), 4), "ab");
        assert_eq!(beginning(&format!("ab{family}c"), 7), format!("ab{family}"));
        assert_eq!(beginning("🇩🇪🇫🇷", 3), "🇩🇪");
        assert_eq!(beginning("e\u{301}e\u{301}", 3), "e\u{301}");
        let tower = format!("e{}", "\u{301}".repeat(4_000));
        assert_eq!(beginning(&tower, 5).chars().count(), 5, "one that is longer than the bound");
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let written = [7, 100, 4_000, 65_536, 1_000_000].map(grouped);
        assert_eq!(written, ["7", "100", "4,000", "65,536", "1,000,000"]);
    }

    #[test]
    fn only_what_can_be_a_name_or_an_address_is_looked_for() {
        let login = |typed: &str| match Login::of(typed) {
            Login::Name(name) => format!("name {}", name.as_str()),
            Login::Email(email) => format!("email {}", email.as_str()),
            Login::Nobody => "nobody".into(),
        };
        assert_eq!(login(" Kiki.\u{a0}\n"), "name kiki.");
        assert_eq!(login("\tKiki@Example.org "), "email kiki@example.org");
        // What is copied from a message or from a dialog.
        assert_eq!(login("\u{202A}kiki\u{202C}\u{200B}"), "name kiki");
        assert_eq!(login("\u{FEFF} kiki@example.org\u{2060} "), "email kiki@example.org");
        let long = format!("{}@x", "x".repeat(EMAIL_CHARS_MAX));
        for nobody in ["", " ", "\u{212a}iki", "k\u{130}ki", "ki ki", "kiki\0", "a\0@b", &long] {
            assert_eq!(login(nobody), "nobody", "{nobody}");
        }
    }

    #[test]
    fn passwords_are_composed_and_counted_so() {
        assert_eq!(composed("e\u{301}\u{1112}\u{1161}\u{11ab}"), "\u{e9}\u{d55c}");
        assert!(matches!(composed("caf\u{e9}"), Cow::Borrowed(_)));
        let apart = |chars| "\u{3b1}\u{313}\u{300}\u{345}".repeat(chars);
        assert!(password(&apart(PASSWORD_CHARS_MAX)).is_ok());
        assert!(password(&apart(PASSWORD_CHARS_MAX + 1)).is_err());
        assert!(password(&apart(PASSWORD_CHARS_MIN - 1)).is_err());
    }
}
