//! Which parts of a message are links, mentions, or plain text.
//!
//! The server's half of one rule; `js/spans.js` is the other half, for messages that arrive live. Both are
//! tested against the same cases in `tests/browser/spans.json`, and must use the same sets of characters.
//! Takes linear time, whatever the text. Pure.

use crate::limits::{USERNAME_CHARS_MAX, USERNAME_CHARS_MIN};
use serde::Serialize;

/// A piece of a message's content; together, the pieces are the content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "text", rename_all = "lowercase")]
pub enum Span {
    Text(String),
    Link(String),
    /// Of the viewer, or of whomever it may mean.
    Mention(String),
    /// Of somebody else, as far as its form says: whether there is such a user is not asked.
    Name(String),
}

/// Ranges of characters in order, both ends included.
type Ranges = &'static [(char, char)];

/// Characters that always end a link: white space, quotes, angle brackets, blank and direction-changing
/// characters, and, beyond ASCII, brackets and what ends a sentence or a part of one in any script (Unicode's
/// Terminal_Punctuation in the basic plane). A URL contains them only percent-encoded.
const ENDS_A_LINK: Ranges = &[
    ('\u{0}', ' '),
    ('"', '"'),
    ('<', '<'),
    ('>', '>'),
    ('`', '`'),
    ('\u{7F}', '\u{A0}'),
    ('\u{AB}', '\u{AB}'),
    ('\u{AD}', '\u{AD}'),
    ('\u{BB}', '\u{BB}'),
    ('\u{34F}', '\u{34F}'),
    ('\u{37E}', '\u{37E}'),
    ('\u{589}', '\u{589}'),
    ('\u{5C3}', '\u{5C3}'),
    ('\u{60C}', '\u{60C}'),
    ('\u{61B}', '\u{61F}'),
    ('\u{6D4}', '\u{6D4}'),
    ('\u{700}', '\u{70A}'),
    ('\u{70C}', '\u{70C}'),
    ('\u{7F8}', '\u{7F9}'),
    ('\u{830}', '\u{835}'),
    ('\u{837}', '\u{83E}'),
    ('\u{85E}', '\u{85E}'),
    ('\u{964}', '\u{965}'),
    ('\u{E5A}', '\u{E5B}'),
    ('\u{F08}', '\u{F08}'),
    ('\u{F0D}', '\u{F12}'),
    ('\u{F3A}', '\u{F3D}'),
    ('\u{104A}', '\u{104B}'),
    ('\u{115F}', '\u{1160}'),
    ('\u{1361}', '\u{1368}'),
    ('\u{166E}', '\u{166E}'),
    ('\u{1680}', '\u{1680}'),
    ('\u{169B}', '\u{169C}'),
    ('\u{16EB}', '\u{16ED}'),
    ('\u{1735}', '\u{1736}'),
    ('\u{17D4}', '\u{17D6}'),
    ('\u{17DA}', '\u{17DA}'),
    ('\u{1802}', '\u{1805}'),
    ('\u{1808}', '\u{1809}'),
    ('\u{180E}', '\u{180E}'),
    ('\u{1944}', '\u{1945}'),
    ('\u{1AA8}', '\u{1AAB}'),
    ('\u{1B4E}', '\u{1B4F}'),
    ('\u{1B5A}', '\u{1B5B}'),
    ('\u{1B5D}', '\u{1B5F}'),
    ('\u{1B7D}', '\u{1B7F}'),
    ('\u{1C3B}', '\u{1C3F}'),
    ('\u{1C7E}', '\u{1C7F}'),
    ('\u{2000}', '\u{200B}'),
    ('\u{200E}', '\u{200F}'),
    ('\u{201C}', '\u{201F}'),
    ('\u{2028}', '\u{202F}'),
    ('\u{2039}', '\u{203A}'),
    ('\u{2045}', '\u{2046}'),
    ('\u{205F}', '\u{206F}'),
    ('\u{207D}', '\u{207E}'),
    ('\u{208D}', '\u{208E}'),
    ('\u{2308}', '\u{230B}'),
    ('\u{2329}', '\u{232A}'),
    ('\u{2768}', '\u{2775}'),
    ('\u{27C5}', '\u{27C6}'),
    ('\u{27E6}', '\u{27EF}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{2983}', '\u{2998}'),
    ('\u{29D8}', '\u{29DB}'),
    ('\u{29FC}', '\u{29FD}'),
    ('\u{2CF9}', '\u{2CFB}'),
    ('\u{2E02}', '\u{2E05}'),
    ('\u{2E09}', '\u{2E0A}'),
    ('\u{2E0C}', '\u{2E0D}'),
    ('\u{2E1C}', '\u{2E1D}'),
    ('\u{2E20}', '\u{2E29}'),
    ('\u{2E2E}', '\u{2E2E}'),
    ('\u{2E3C}', '\u{2E3C}'),
    ('\u{2E41}', '\u{2E42}'),
    ('\u{2E4C}', '\u{2E4C}'),
    ('\u{2E4E}', '\u{2E4F}'),
    ('\u{2E53}', '\u{2E5C}'),
    ('\u{3000}', '\u{3003}'),
    ('\u{3008}', '\u{3011}'),
    ('\u{3014}', '\u{301F}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{A4FE}', '\u{A4FF}'),
    ('\u{A60D}', '\u{A60F}'),
    ('\u{A6F3}', '\u{A6F7}'),
    ('\u{A876}', '\u{A877}'),
    ('\u{A8CE}', '\u{A8CF}'),
    ('\u{A92F}', '\u{A92F}'),
    ('\u{A9C7}', '\u{A9C9}'),
    ('\u{AA5D}', '\u{AA5F}'),
    ('\u{AADF}', '\u{AADF}'),
    ('\u{AAF0}', '\u{AAF1}'),
    ('\u{ABEB}', '\u{ABEB}'),
    ('\u{FD3E}', '\u{FD3F}'),
    ('\u{FE12}', '\u{FE12}'),
    ('\u{FE15}', '\u{FE18}'),
    ('\u{FE35}', '\u{FE44}'),
    ('\u{FE47}', '\u{FE48}'),
    ('\u{FE50}', '\u{FE52}'),
    ('\u{FE54}', '\u{FE57}'),
    ('\u{FE59}', '\u{FE5E}'),
    ('\u{FEFF}', '\u{FEFF}'),
    ('\u{FF01}', '\u{FF02}'),
    ('\u{FF08}', '\u{FF09}'),
    ('\u{FF0C}', '\u{FF0C}'),
    ('\u{FF0E}', '\u{FF0E}'),
    ('\u{FF1A}', '\u{FF1C}'),
    ('\u{FF1E}', '\u{FF1F}'),
    ('\u{FF3B}', '\u{FF3B}'),
    ('\u{FF3D}', '\u{FF3D}'),
    ('\u{FF5B}', '\u{FF5B}'),
    ('\u{FF5D}', '\u{FF5D}'),
    ('\u{FF5F}', '\u{FF65}'),
    ('\u{FFA0}', '\u{FFA0}'),
];

/// Characters that belong to the surrounding sentence, or are not seen, if they come at the end of a link.
const TRAILS_A_LINK: Ranges = &[
    ('!', '!'),
    ('\'', '\''),
    ('*', '*'),
    (',', ','),
    ('.', '.'),
    (':', ';'),
    ('?', '?'),
    ('_', '_'),
    ('~', '~'),
    ('\u{B7}', '\u{B7}'),
    ('\u{387}', '\u{387}'),
    ('\u{180B}', '\u{180D}'),
    ('\u{180F}', '\u{180F}'),
    ('\u{200C}', '\u{200D}'),
    ('\u{2010}', '\u{201B}'),
    ('\u{2022}', '\u{2027}'),
    ('\u{203C}', '\u{203D}'),
    ('\u{2047}', '\u{2049}'),
    ('\u{FE00}', '\u{FE0F}'),
    ('\u{FF07}', '\u{FF07}'),
];

/// Pairs of brackets: a closing bracket at the end of a link belongs to it only if it was opened inside.
const BRACKETS: [(char, char); 3] = [('(', ')'), ('[', ']'), ('{', '}')];

/// Both schemes, in lower case.
const SCHEMES: [&str; 2] = ["https://", "http://"];

/// Whose mentions are marked.
#[derive(Debug, Clone, Copy)]
pub enum Whose<'a> {
    /// The viewer's, by their name.
    Viewer(&'a str),
    /// Everybody's: `@` and all the characters after it that names consist of. Which names that may be, `names`
    /// says.
    Anybody,
}

/// Divides content into spans. Only the first `most` links and mentions are marked; the rest is text.
pub(super) fn spans(content: &str, whose: Whose<'_>, most: usize) -> Vec<Span> {
    let mut spans = Vec::new();
    let (mut plain_from, mut at, mut specials) = (0, 0, 0);
    while specials < most
        && let Some(step) = content[at..].find(['h', 'H', '@', '\u{FF20}'])
    {
        at += step;
        let before = content[..at].chars().next_back();
        let first = content[at..].chars().next().map_or(1, char::len_utf8);
        let (length, special) = if matches!(content.as_bytes()[at], b'h' | b'H') {
            (link_length(&content[at..], before), Span::Link as fn(String) -> Span)
        } else {
            let text = &content[at..];
            match whose {
                Whose::Viewer(name) => match mention_length(text, first, before, name) {
                    0 => (name_length(text, first, before), Span::Name as _),
                    length => (length, Span::Mention as _),
                },
                Whose::Anybody => (run_length(text, first, before), Span::Mention as _),
            }
        };
        if length == 0 {
            at += first;
            continue;
        }
        if plain_from < at {
            spans.push(Span::Text(content[plain_from..at].to_owned()));
        }
        spans.push(special(content[at..at + length].to_owned()));
        at += length;
        plain_from = at;
        specials += 1;
    }
    if plain_from < content.len() {
        spans.push(Span::Text(content[plain_from..].to_owned()));
    }
    spans
}

fn is_in(ranges: Ranges, c: char) -> bool {
    let at = ranges.partition_point(|(_, last)| *last < c);
    ranges.get(at).is_some_and(|(first, _)| *first <= c)
}

/// The length in bytes of the link at the start of `text`, or 0 if there is none. Only a letter or digit
/// before it, which could belong to the scheme, prevents a link.
fn link_length(text: &str, before: Option<char>) -> usize {
    if before.is_some_and(|c| c.is_ascii_alphanumeric()) {
        return 0;
    }
    let Some(scheme) = SCHEMES.into_iter().find(|scheme| starts_with(text, scheme)) else {
        return 0;
    };
    let end = text.find(|c| is_in(ENDS_A_LINK, c)).unwrap_or(text.len());
    let length = without_what_trails(&text[..end]).len();
    if length > scheme.len() { length } else { 0 }
}

/// In "(see https://a.example/b_(c))." the link ends with its own bracket. The brackets are counted only
/// once, so this takes linear time.
fn without_what_trails(link: &str) -> &str {
    let mut surplus = BRACKETS.map(|(open, close)| {
        let count = |bracket| link.matches(bracket).count() as isize;
        count(close) - count(open)
    });
    let mut link = link;
    while let Some(last) = link.chars().next_back() {
        if let Some(kind) = BRACKETS.iter().position(|(_, close)| *close == last) {
            if surplus[kind] <= 0 {
                break;
            }
            surplus[kind] -= 1;
        } else if !is_in(TRAILS_A_LINK, last) {
            break;
        }
        link = &link[..link.len() - last.len_utf8()];
    }
    link
}

/// The length in bytes of `@name` at the start of `text`, or 0 if it is not this name or is a longer one;
/// `sign` is the length of the `@`. Only a character before it that could belong to a name or an e-mail
/// address prevents a mention.
fn mention_length(text: &str, sign: usize, before: Option<char>, name: &str) -> usize {
    if is_hidden(before) || name.is_empty() || !starts_with(&text[sign..], name) {
        return 0;
    }
    let length = sign + name.len();
    if goes_on(&text[length..]) { 0 } else { length }
}

fn is_hidden(before: Option<char>) -> bool {
    before.is_some_and(|c| is_name_char(c) || "@/\u{FF20}".contains(c))
}

/// Whether a name that ends here would only be the beginning of one. A dot or a dash may end a sentence.
pub(super) fn goes_on(rest: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = rest.chars();
    match rest.next() {
        Some('.' | '-') => rest.next().is_some_and(is_letter),
        Some(c) => is_letter(c),
        None => false,
    }
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_.-".contains(c)
}

/// The length in bytes of `@` and what names consist of at the start of `text`, or 0.
fn run_length(text: &str, sign: usize, before: Option<char>) -> usize {
    let rest = &text[sign..];
    match rest.find(|c| !is_name_char(c)).unwrap_or(rest.len()) {
        0 => 0,
        _ if is_hidden(before) => 0,
        run => sign + run,
    }
}

/// The length in bytes of `@` and any user's name at the start of `text`, or 0. A name may end in a dot or a
/// dash, but here they belong to the sentence; what goes on with another `@` is an address.
fn name_length(text: &str, sign: usize, before: Option<char>) -> usize {
    if is_hidden(before) {
        return 0;
    }
    let rest = &text[sign..];
    let run = rest.chars().take(USERNAME_CHARS_MAX + 1).take_while(|c| is_name_char(*c)).count();
    let goes_on = rest[run..].starts_with(['@', '\u{FF20}']);
    let length = rest[..run].trim_end_matches(['.', '-']).len();
    if goes_on || run > USERNAME_CHARS_MAX || length < USERNAME_CHARS_MIN {
        return 0;
    }
    sign + length
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{CONTENT_CHARS_MAX, SPECIAL_SPANS_MAX};
    use std::time::Instant;

    const SCRIPT: &str = include_str!("../../../assets/js/spans.js");

    #[test]
    fn the_shared_cases_pass() {
        let cases: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/browser/spans.json")).unwrap();
        for case in cases.as_array().unwrap() {
            let content = case["content"].as_str().unwrap();
            let name = case["name"].as_str().unwrap();
            let found =
                serde_json::to_value(spans(content, Whose::Viewer(name), SPECIAL_SPANS_MAX))
                    .unwrap();
            assert_eq!(found, case["spans"], "{content}");
        }
    }

    /// The ranges as the script writes them: `\u{0}-\u{20}\u{22}…`.
    fn class(ranges: Ranges) -> String {
        let written = ranges.iter().map(|&(first, last)| {
            let code = |c: char| format!("\\u{{{:X}}}", u32::from(c));
            if first == last { code(first) } else { format!("{}-{}", code(first), code(last)) }
        });
        format!("[{}]", written.collect::<String>())
    }

    #[test]
    fn the_script_has_the_same_characters_and_the_same_limit() {
        assert!(SCRIPT.contains(&class(ENDS_A_LINK)), "{}", class(ENDS_A_LINK));
        assert!(SCRIPT.contains(&class(TRAILS_A_LINK)), "{}", class(TRAILS_A_LINK));
        for bound in [
            format!("const SPECIALS_MAX = {SPECIAL_SPANS_MAX};"),
            format!("const [NAME_MIN, NAME_MAX] = [{USERNAME_CHARS_MIN}, {USERNAME_CHARS_MAX}];"),
        ] {
            assert!(SCRIPT.contains(&bound), "{bound}");
        }
    }

    #[test]
    fn beyond_the_limit_everything_is_text() {
        let content = "@ada ".repeat(SPECIAL_SPANS_MAX + 5);
        let found = spans(&content, Whose::Viewer("ada"), SPECIAL_SPANS_MAX);
        let marked = found.iter().filter(|span| matches!(span, Span::Mention(_))).count();
        assert_eq!(marked, SPECIAL_SPANS_MAX);
        assert_eq!(found.last(), Some(&Span::Text(" @ada".repeat(5) + " ")));
    }

    /// Compares each kind of repetition with plain text, taking the quickest of some runs: quadratic time would
    /// be hundreds of times as long.
    #[test]
    fn dividing_takes_linear_time() {
        let quickest = |content: &str| {
            let run = |_| {
                let (began, content) = (Instant::now(), std::hint::black_box(content));
                for whose in [Whose::Viewer("ada"), Whose::Anybody] {
                    std::hint::black_box(spans(content, whose, SPECIAL_SPANS_MAX));
                }
                began.elapsed()
            };
            (0..3).map(run).min().unwrap()
        };
        let plain = quickest(&"a word ".repeat(CONTENT_CHARS_MAX / 7));
        let link = quickest(&format!("http://{}", "a".repeat(CONTENT_CHARS_MAX - 7)));
        let bound = plain.max(link) * 20;
        for piece in [
            ")",
            "]",
            "}",
            "(",
            "[](",
            "()",
            ".",
            "'",
            "\u{2019}",
            "h",
            "H",
            "http",
            "http://",
            "http://.",
            "https://)",
            "http://a)",
            "@",
            "@@",
            "@a",
            "@ad",
            "@ada",
            "@ada.",
            "@ada-",
            "\u{FF20}ada",
            "\u{301}",
            "\u{3164}",
            "\u{200D}",
            " ",
            "\n",
            "\"",
            "。",
            "é",
            "𠀀",
            "👩\u{200D}👩\u{200D}👧",
        ] {
            for begin in ["", "http://"] {
                let times = (CONTENT_CHARS_MAX - begin.chars().count()) / piece.chars().count();
                let content = format!("{begin}{}", piece.repeat(times));
                // Again on a machine that was busy with something else.
                let is_quick = (0..20).any(|_| quickest(&content) <= bound);
                assert!(is_quick, "{begin}, {piece:?} repeated: never within {bound:?}");
            }
        }
    }
}
