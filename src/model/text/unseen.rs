//! What nobody sees: characters without anything to show, and where they are part of something all the same.

use super::joiners;

/// Characters that nobody sees, white space and controls aside: Unicode's Default_Ignorable_Code_Point, the
/// empty Braille pattern and the marks of annotations. By them, and by the direction that some of them turn,
/// one name is made to look like another.
pub fn is_unseen(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
        | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{E0FFF}')
}

/// Whether there is anything to see.
pub fn is_visible(text: &str) -> bool {
    text.chars().any(|c| !c.is_whitespace() && !c.is_control() && !is_unseen(c))
}

/// Whether something in a name cannot be seen where it stands. Within an emoji it belongs to what is seen, and
/// in some scripts between letters (`joiners`).
pub fn hides_something(name: &str) -> bool {
    let name = FLAGS.iter().fold(name.to_owned(), |name, flag| name.replace(flag, "\u{1F3F4}"));
    let chars: Vec<char> = name.chars().collect();
    let mut places = chars.iter().enumerate();
    places.any(|(at, c)| {
        let (before, after) = (&chars[..at], &chars[at + 1..]);
        is_unseen(*c) && !is_in_emoji(before, *c, after) && !joiners::shape(before, *c, after)
    })
}

/// The flags of England, Scotland and Wales: a black flag and letters that are not seen (UTS #51, annex C).
const FLAGS: [&str; 3] = [
    "\u{1F3F4}\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
    "\u{1F3F4}\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}",
    "\u{1F3F4}\u{E0067}\u{E0062}\u{E0077}\u{E006C}\u{E0073}\u{E007F}",
];

/// Whether this makes an emoji of a symbol or of a keycap, or one emoji of two.
fn is_in_emoji(before: &[char], c: char, after: &[char]) -> bool {
    match (before, c, after) {
        ([.., '0'..='9' | '#' | '*'], '\u{FE0F}', ['\u{20E3}', ..]) => true,
        ([.., base], '\u{FE0F}', _) => may_be_emoji(*base),
        ([.., base, '\u{FE0F}'] | [.., base], '\u{200D}', [next, ..]) => {
            may_be_emoji(*base) && may_be_emoji(*next)
        }
        _ => false,
    }
}

/// Symbols, all emoji but the digits among them.
fn may_be_emoji(c: char) -> bool {
    matches!(c, '©' | '®' | '‼' | '⁉' | '™' | 'ℹ' | 'Ⓜ' | '〰' | '〽' | '㊗' | '㊙'
        | '\u{2190}'..='\u{21FF}' | '\u{2300}'..='\u{23FF}' | '\u{25A0}'..='\u{27BF}'
        | '\u{2900}'..='\u{2BFF}' | '\u{1F000}'..='\u{1FAFF}')
}
