//! Which texts are one emoji: those of Unicode's RGI set, and, for emoji that are newer than our list of
//! them, those that have the shape of one. Pure.

use crate::limits::EMOJI_BYTES_MAX;
use std::cmp::Ordering;

/// Asks for the form of an emoji that is in colour (U+FE0F).
const IN_COLOUR: char = '\u{FE0F}';
const JOINER: &str = "\u{200D}";

/// Lines of an emoji and its name, without skin tones, in Unicode's order.
const NAMED: &str = include_str!(concat!(env!("OUT_DIR"), "/emoji_names.txt"));
/// All of them, with skin tones, a line each, in the order of their characters other than `IN_COLOUR`.
const LISTED: &str = include_str!(concat!(env!("OUT_DIR"), "/emoji.txt"));

/// The emoji in its fully qualified form, by which all its forms are one.
pub fn emoji(raw: &str) -> Result<String, String> {
    let one = || {
        let bare: String = bare(raw).collect();
        listed(&bare).map(str::to_owned).or_else(|| newer(&bare))
    };
    let one = if raw.len() <= EMOJI_BYTES_MAX { one() } else { None };
    // In its full form it can be longer.
    let one = one.filter(|emoji| emoji.len() <= EMOJI_BYTES_MAX);
    one.ok_or_else(|| "React with one emoji.".to_owned())
}

/// Every emoji that we know, in Unicode's order and without skin tones, with its name in English.
pub fn all_emoji() -> impl Iterator<Item = (&'static str, &'static str)> {
    NAMED.lines().filter_map(|line| line.split_once('\t'))
}

fn bare(emoji: &str) -> impl Iterator<Item = char> {
    emoji.chars().filter(|c| *c != IN_COLOUR)
}

/// The one in the list that is this without `IN_COLOUR`, in its full form.
fn listed(wanted: &str) -> Option<&'static str> {
    let mut rest = LISTED;
    while !rest.is_empty() {
        // The line in the middle.
        let from = rest.as_bytes()[..rest.len() / 2].iter().rposition(|b| *b == b'\n');
        let (before, after) = rest.split_at(from.map_or(0, |at| at + 1));
        let (line, after) = after.split_once('\n').unwrap_or((after, ""));
        match bare(line).cmp(wanted.chars()) {
            Ordering::Equal => return Some(line),
            Ordering::Less => rest = after,
            Ordering::Greater => rest = before,
        }
    }
    None
}

/// One that is not listed: a pair of letters that make a flag, or known and new emoji that are joined, each in
/// its full form.
fn newer(bare: &str) -> Option<String> {
    if bare.chars().count() == 2 && bare.chars().all(is_flag_letter) {
        return Some(bare.to_owned());
    }
    let parts: Option<Vec<String>> = bare.split(JOINER).map(part).collect();
    Some(parts?.join(JOINER))
}

/// An emoji of one character, or with a skin tone, which is in colour by itself.
fn part(part: &str) -> Option<String> {
    let mut chars = part.chars();
    let full = full_form(chars.next()?)?;
    match (chars.next(), chars.next()) {
        (None, _) => Some(full),
        (Some(tone), None) if is_tone(tone) => Some(part.to_owned()),
        _ => None,
    }
}

/// Of an emoji that is known, or in the blocks in which new ones have come since Unicode 13.
fn full_form(c: char) -> Option<String> {
    if is_tone(c) {
        return None;
    }
    let known = listed(c.encode_utf8(&mut [0; 4])).map(str::to_owned);
    let is_new = matches!(c, '\u{1F6D0}'..='\u{1F6FF}' | '\u{1F7E0}'..='\u{1F7FF}' | '\u{1FA70}'..='\u{1FAFF}');
    known.or_else(|| is_new.then(|| c.to_string()))
}

fn is_tone(c: char) -> bool {
    matches!(c, '\u{1F3FB}'..='\u{1F3FF}')
}

fn is_flag_letter(c: char) -> bool {
    matches!(c, '\u{1F1E6}'..='\u{1F1FF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_emoji_is_kept_in_its_full_form() {
        for (raw, kept) in [
            ("👍", "👍"),
            ("👍🏽", "👍🏽"),
            ("❤", "❤\u{FE0F}"),
            ("❤\u{FE0F}", "❤\u{FE0F}"),
            ("👍\u{FE0F}", "👍"),
            ("1\u{20E3}", "1\u{FE0F}\u{20E3}"),
            ("🇩🇪", "🇩🇪"),
            ("👩‍🚀", "👩‍🚀"),
            ("🏳\u{200D}🌈", "🏳\u{FE0F}\u{200D}🌈"),
            ("👩‍❤‍💋‍👨", "👩‍❤️‍💋‍👨"),
            (
                "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
                "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
            ),
        ] {
            assert_eq!(emoji(raw).as_deref(), Ok(kept), "{raw}");
        }
        let toned = emojis::iter().filter_map(|known| known.skin_tones()).flatten();
        for known in emojis::iter().chain(toned) {
            assert_eq!(listed(&bare(known.as_str()).collect::<String>()), Some(known.as_str()));
            assert_eq!(emoji(known.as_str()).as_deref(), Ok(known.as_str()));
        }
        let named = emojis::iter().map(|known| (known.as_str(), known.name()));
        assert!(all_emoji().eq(named));
    }

    #[test]
    fn what_is_newer_than_the_list_is_known_by_its_shape() {
        let newer = [
            "\u{1FAFF}",
            "\u{1FAFF}\u{1F3FD}",
            "👩\u{200D}\u{1FAFE}",
            "⛰\u{FE0F}\u{200D}🦊",
            "🦊\u{200D}❤\u{FE0F}",
            "🕵🏽\u{200D}🦊",
            "🇨🇽",
            "🇽🇽",
        ];
        for new in newer {
            let forms = [new.replace(IN_COLOUR, ""), new.to_owned(), format!("{new}{IN_COLOUR}")];
            for form in forms {
                assert_eq!(emoji(&form).as_deref(), Ok(new), "{form:?}");
            }
        }
    }

    #[test]
    fn nothing_else_is_an_emoji() {
        let long = ["👩"; 10].join("\u{200D}");
        for bad in [
            "",
            " ",
            "a",
            "1",
            "#",
            ":)",
            ":tada:",
            "👍👍",
            "👍 ",
            "👍a",
            "🏽",
            "\u{200D}",
            "\u{FE0F}",
            "🇩",
            "🇩🇪🇫",
            "🇩🇪🇫🇷",
            "👩\u{200D}",
            "\u{200D}👩",
            "👩\u{200D}\u{200D}👩",
            "é",
            "漢",
            "\u{20E3}",
            "\0",
            "👍🏽🏽",
            &long,
        ] {
            assert!(emoji(bad).is_err(), "{bad:?}");
        }
    }
}
