//! The words of a text, in the form in which they are compared: what a search finds messages by.
//!
//! A word is a run of letters and digits, without regard to case, width, and the marks of Latin, Greek,
//! Cyrillic, Hebrew and Arabic. Scripts that are written without spaces have runs instead, of which any part
//! can be looked for. Takes linear time, whatever the text. What somebody looks for is in `sought`. Pure.

mod sought;
#[cfg(test)]
mod tests;

pub use sought::Sought;

use crate::limits::{MARKS_PER_LETTER_MAX, WORD_CHARS_INDEXED};
use crate::model::ids::UserId;
use crate::model::text::is_unseen;
use std::ops::Range;
use unicode_normalization::char::{
    canonical_combining_class, compose, decompose_compatible, is_combining_mark,
};
use unicode_script::{Script, UnicodeScript};

/// A word, or a run of a script without spaces.
#[derive(Debug, PartialEq, Eq)]
pub struct Word {
    pub kind: WordKind,
    /// Folded.
    pub text: String,
    /// For each character of `text`, the bytes that it was made of.
    places: Vec<Range<usize>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WordKind {
    /// Found as a whole, or by its beginning.
    Whole,
    /// Found by any part of it.
    Run,
}

impl Word {
    /// Where it is in the text that it is from.
    fn place(&self) -> Range<usize> {
        self.places_of(0..self.places.len())
    }

    /// Marks that were put into order may stand the other way round in the text.
    fn places_of(&self, chars: Range<usize>) -> Range<usize> {
        let places = self.places[chars].iter();
        places.cloned().reduce(|a, b| a.start.min(b.start)..a.end.max(b.end)).unwrap_or_default()
    }

    /// A letter by itself, which says next to nothing.
    fn is_single_letter(&self) -> bool {
        let mut chars = self.text.chars();
        let (first, second) = (chars.next(), chars.next());
        self.kind == WordKind::Whole && second.is_none() && first.is_none_or(|c| !c.is_numeric())
    }
}

/// The words of a text, in their order.
pub fn words(text: &str) -> Vec<Word> {
    let mut reader = WordReader::default();
    for (at, c) in text.char_indices() {
        let place = at..at + c.len_utf8();
        if c.is_ascii() {
            reader.take_ascii(c, place);
        } else if !is_passed_over(c) && !c.is_alphanumeric() && !is_combining_mark(c) {
            reader.end_word();
        } else {
            decompose_compatible(c, |part| reader.take(part, place.clone()));
        }
    }
    reader.end_word();
    reader.words
}

/// What a message is found by, as PostgreSQL reads a `tsvector`: its words, the pairs of neighbours of its
/// runs, and its author.
pub fn index_entry(content: &str, author: UserId) -> String {
    let mut entry = author_lexeme(author);
    for word in words(content) {
        match word.kind {
            WordKind::Whole if word.is_single_letter() => {}
            WordKind::Whole => push_lexeme(&mut entry, indexed(&word.text)),
            // The last character begins no pair; by itself it is looked for all the same.
            WordKind::Run => suffixes(&word.text).for_each(|rest| {
                push_lexeme(&mut entry, pair(rest));
            }),
        }
    }
    entry
}

/// No word contains this sign.
fn author_lexeme(author: UserId) -> String {
    format!("'@{author}'")
}

/// Letters, digits and marks need no escape between the quotes.
fn push_lexeme(entry: &mut String, lexeme: &str) {
    entry.push_str(" '");
    entry.push_str(lexeme);
    entry.push('\'');
}

/// As much of a word as the index keeps.
fn indexed(word: &str) -> &str {
    beginning(word, WORD_CHARS_INDEXED)
}

/// The first two characters, or the only one.
fn pair(rest: &str) -> &str {
    beginning(rest, 2)
}

fn beginning(text: &str, chars: usize) -> &str {
    text.char_indices().nth(chars).map_or(text, |(end, _)| &text[..end])
}

fn suffixes(run: &str) -> impl Iterator<Item = &str> {
    run.char_indices().map(|(at, _)| &run[at..])
}

/// Puts words together from folded characters.
#[derive(Default)]
struct WordReader {
    words: Vec<Word>,
    letters: Vec<Letter>,
    /// Of the word that is being read.
    kind: Option<WordKind>,
    /// Whether marks on the last letter count.
    has_marks: bool,
    /// How many have counted.
    marks: usize,
}

struct Letter {
    char: char,
    /// The canonical combining class.
    class: u8,
    place: Range<usize>,
}

impl WordReader {
    fn take_ascii(&mut self, c: char, place: Range<usize>) {
        if !c.is_ascii_alphanumeric() {
            return self.end_word();
        }
        self.begin(WordKind::Whole);
        (self.has_marks, self.marks) = (false, 0);
        self.push(c.to_ascii_lowercase(), 0, place);
    }

    /// A character that is decomposed.
    fn take(&mut self, c: char, place: Range<usize>) {
        if is_passed_over(c) {
            return self.extend(place);
        }
        if is_combining_mark(c) {
            return self.take_mark(c, place);
        }
        if !c.is_alphanumeric() {
            return self.end_word();
        }
        let script = c.script();
        self.begin(kind(c, script));
        self.has_marks = keeps_marks(script);
        self.marks = 0;
        for small in c.to_lowercase() {
            match folded(small) {
                Some(other) => other.chars().for_each(|c| self.push(c, 0, place.clone())),
                None => self.push(small, 0, place.clone()),
            }
        }
    }

    /// One that is a vowel or a tone, as in Thai and in Indic scripts, counts; an accent does not.
    fn take_mark(&mut self, c: char, place: Range<usize>) {
        let script = c.script();
        let counts = match script {
            Script::Inherited | Script::Common => self.has_marks && !self.letters.is_empty(),
            other => keeps_marks(other),
        };
        if !counts || self.marks >= MARKS_PER_LETTER_MAX {
            return self.extend(place);
        }
        if !matches!(script, Script::Inherited | Script::Common) {
            self.begin(kind(c, script));
        }
        self.marks += 1;
        let class = canonical_combining_class(c);
        self.push(c, class, place);
        // Canonical order: those of one class as they came.
        let mut at = self.letters.len() - 1;
        while class > 0 && at > 0 && self.letters[at - 1].class > class {
            self.letters.swap(at - 1, at);
            at -= 1;
        }
    }

    fn push(&mut self, char: char, class: u8, place: Range<usize>) {
        self.letters.push(Letter { char, class, place });
    }

    /// What does not count belongs to the letter before it, if only for the eye.
    fn extend(&mut self, place: Range<usize>) {
        if let Some(last) = self.letters.last_mut() {
            last.place.end = place.end;
        }
    }

    fn begin(&mut self, kind: WordKind) {
        if self.kind != Some(kind) {
            self.end_word();
            self.kind = Some(kind);
        }
    }

    fn end_word(&mut self) {
        if let (Some(kind), false) = (self.kind.take(), self.letters.is_empty()) {
            compose_all(&mut self.letters);
            let text = self.letters.iter().map(|letter| letter.char).collect();
            let places = self.letters.drain(..).map(|letter| letter.place).collect();
            self.words.push(Word { kind, text, places });
        }
        (self.has_marks, self.marks) = (false, 0);
    }
}

/// The canonical composition of letters in canonical order (UAX #15): a syllable of Hangul is one character
/// however it was typed, and so is a Kana with its voice.
fn compose_all(letters: &mut Vec<Letter>) {
    let (mut kept, mut base) = (0, None::<usize>);
    for at in 0..letters.len() {
        let (char, class, end) = (letters[at].char, letters[at].class, letters[at].place.end);
        if let Some(base) = base {
            let is_blocked = kept > base + 1 && letters[kept - 1].class >= class;
            if let (false, Some(whole)) = (is_blocked, compose(letters[base].char, char)) {
                letters[base].char = whole;
                letters[base].place.end = end.max(letters[base].place.end);
                continue;
            }
        }
        if class == 0 {
            base = Some(kept);
        }
        letters.swap(kept, at);
        kept += 1;
    }
    letters.truncate(kept);
}

fn kind(c: char, script: Script) -> WordKind {
    match script {
        Script::Han
        | Script::Hiragana
        | Script::Katakana
        | Script::Bopomofo
        | Script::Hangul
        | Script::Thai
        | Script::Lao
        | Script::Khmer
        | Script::Myanmar => WordKind::Run,
        // The sign for a long vowel, and signs that repeat.
        Script::Common if matches!(c, '\u{3000}'..='\u{30FF}') => WordKind::Run,
        _ => WordKind::Whole,
    }
}

fn keeps_marks(script: Script) -> bool {
    !matches!(
        script,
        Script::Latin
            | Script::Greek
            | Script::Cyrillic
            | Script::Hebrew
            | Script::Arabic
            | Script::Common
            | Script::Inherited
    )
}

/// Neither part of a word nor its end: what cannot be seen, and the line that draws an Arabic word out.
fn is_passed_over(c: char) -> bool {
    c == '\u{640}' || is_unseen(c) && !matches!(c, '\u{200B}' | '\u{2800}')
}

/// Small letters that are the same as others when compared: that is what Unicode folds beyond lower case, the
/// small letter whose capital is I, and strokes, which are marks that Unicode does not take off.
fn folded(small: char) -> Option<&'static str> {
    Some(match small {
        'ß' => "ss",
        'ς' => "σ",
        'ı' => "i",
        'ł' => "l",
        'ø' => "o",
        'đ' => "d",
        'ħ' => "h",
        'ŧ' => "t",
        _ => return None,
    })
}
