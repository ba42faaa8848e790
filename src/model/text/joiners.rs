//! The two characters that are not seen themselves, but change the letters around them: the zero width joiner and
//! the non-joiner. Persian, the languages of India and others cannot be written without them.
//!
//! Called for names, where nothing may stand that nobody sees. Follows RFC 5892, appendix A, and UAX #31, 2.3.

use unicode_normalization::char::canonical_combining_class;

const NON_JOINER: char = '\u{200C}';
const JOINER: char = '\u{200D}';

/// The canonical combining class of the signs that take a consonant's vowel away.
const VIRAMA: u8 = 9;

/// The text without those non-joiners between Arabic letters that change nothing, because the letter before
/// them is never joined to the next one: keyboards put them there, and whoever reads cannot tell.
pub fn needed(text: &str) -> String {
    if !text.contains(NON_JOINER) {
        return text.to_owned();
    }
    let chars: Vec<char> = text.chars().collect();
    let is_idle = |at: usize| {
        let (before, after) = (&chars[..at], &chars[at + 1..]);
        let is_between = last_letter(before).is_some_and(is_arabic)
            && first_letter(after).is_some_and(is_arabic);
        chars[at] == NON_JOINER && is_between && !shape(before, NON_JOINER, after)
    };
    let places = chars.iter().enumerate();
    places.filter(|(at, _)| !is_idle(*at)).map(|(_, c)| *c).collect()
}

/// Whether this changes how the letters before and after it are written.
pub fn shape(before: &[char], c: char, after: &[char]) -> bool {
    let follows_virama = before.last().is_some_and(|c| canonical_combining_class(*c) == VIRAMA);
    match c {
        JOINER => follows_virama || matches!((before, after), ([.., 'র'], ['\u{9CD}', ..])),
        NON_JOINER if follows_virama => after.first().is_some_and(|c| c.is_alphabetic()),
        NON_JOINER => {
            last_letter(before).is_some_and(joins_next)
                && first_letter(after).is_some_and(joins_last)
        }
        _ => false,
    }
}

/// Marks are written above or below; they do not part letters.
fn last_letter(before: &[char]) -> Option<char> {
    before.iter().rev().find(|c| canonical_combining_class(**c) == 0).copied()
}

fn first_letter(after: &[char]) -> Option<char> {
    after.iter().find(|c| canonical_combining_class(**c) == 0).copied()
}

fn is_arabic(c: char) -> bool {
    matches!(c, '\u{620}'..='\u{64A}' | '\u{66E}'..='\u{6D5}' | '\u{6EE}'..='\u{6EF}'
        | '\u{6FA}'..='\u{6FF}' | '\u{750}'..='\u{77F}' | '\u{8A0}'..='\u{8C8}')
}

/// Arabic letters that are joined to the next one (Joining_Type=Dual_Joining).
fn joins_next(c: char) -> bool {
    matches!(c, '\u{620}' | '\u{626}' | '\u{628}' | '\u{62A}'..='\u{62E}' | '\u{633}'..='\u{63F}'
        | '\u{641}'..='\u{647}' | '\u{649}'..='\u{64A}' | '\u{66E}'..='\u{66F}'
        | '\u{678}'..='\u{687}' | '\u{69A}'..='\u{6BF}' | '\u{6C1}'..='\u{6C2}' | '\u{6CC}'
        | '\u{6CE}' | '\u{6D0}'..='\u{6D1}' | '\u{6FA}'..='\u{6FC}' | '\u{6FF}'
        | '\u{750}'..='\u{758}' | '\u{75C}'..='\u{76A}' | '\u{76D}'..='\u{770}' | '\u{772}'
        | '\u{775}'..='\u{777}' | '\u{77A}'..='\u{77F}' | '\u{8A0}'..='\u{8A9}'
        | '\u{8AF}'..='\u{8B0}' | '\u{8B3}'..='\u{8B8}' | '\u{8BA}'..='\u{8C8}')
}

/// Arabic letters that the one before is joined to: those, and the ones that are joined on that side alone
/// (Right_Joining).
fn joins_last(c: char) -> bool {
    let stands_alone =
        matches!(c, '\u{621}' | '\u{674}' | '\u{6D4}' | '\u{6FD}'..='\u{6FE}' | '\u{8AD}');
    is_arabic(c) && !stands_alone
}

#[cfg(test)]
mod tests {
    use super::super::RoomName;

    fn name(raw: &str) -> Option<String> {
        RoomName::parse(raw).ok().map(|name| name.to_string())
    }

    #[test]
    fn what_a_script_needs_between_its_letters_is_kept() {
        for needed in [
            "می\u{200C}روم",
            "کتاب\u{200C}ها",
            "نِ\u{200C}می",
            "क\u{94D}\u{200C}ष",
            "क\u{94D}\u{200D}ष",
            "ශ\u{DCA}\u{200D}රී",
            "അവന\u{D4D}\u{200D}",
            "র\u{200D}\u{9CD}যাব",
        ] {
            assert_eq!(name(needed).as_deref(), Some(needed));
        }
    }

    #[test]
    fn what_changes_nothing_is_left_out_or_refused() {
        assert_eq!(name("کار\u{200C}ها").as_deref(), Some("کارها"));
        for hidden in [
            "می\u{200C}",
            "\u{200C}می",
            "می\u{200C} روم",
            "می\u{200C}\u{200C}روم",
            "می\u{200C}x",
            "می\u{200D}روم",
            "T\u{200C}ea",
            "क\u{200C}ष",
            "क\u{94D}\u{200C}",
            "क\u{94D}\u{200D}\u{200D}ष",
            "র\u{200D}যাব",
        ] {
            assert_eq!(name(hidden), None, "{hidden:?}");
        }
    }
}
