//! What somebody looks for: how it is asked of the index, and whether a text has it.
//!
//! The index answers with every message that may have it; `find` decides. So the index may leave out what
//! it has no room for: the ends of long words, which of two neighbours comes first, and single letters.

use super::{Word, WordKind, author_lexeme, indexed, pair, suffixes, words};
use crate::limits::{MESSAGE_SEARCH_CHARS_MAX, WORD_BEGINNING_CHARS_MIN};
use crate::model::ids::UserId;
use std::collections::BTreeSet;
use std::ops::Range;

/// At least one thing to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought(Vec<Term>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Term {
    Word(String),
    /// Of a word.
    Beginning(String),
    /// Of a run of a script without spaces.
    Part(String),
    /// At least two, in this order and nothing between them.
    Phrase(Vec<(WordKind, String)>),
}

/// As phones write them, too.
const QUOTES: [char; 5] = ['"', '\u{201C}', '\u{201D}', '\u{201E}', '\u{FF02}'];

impl Sought {
    pub fn parse(typed: &str) -> Result<Self, String> {
        if typed.is_empty() || typed.chars().nth(MESSAGE_SEARCH_CHARS_MAX).is_some() {
            return Err(format!("Look for 1 to {MESSAGE_SEARCH_CHARS_MAX} characters."));
        }
        let mut terms: Vec<Term> = Vec::new();
        let pieces: Vec<&str> = typed.split(QUOTES).collect();
        for (at, piece) in pieces.iter().enumerate() {
            // Between two quotes; what follows one that is open is not.
            let is_quoted = at % 2 == 1 && at + 1 < pieces.len();
            let found = if is_quoted {
                Vec::from_iter(phrase(words(piece)))
            } else {
                let is_last = pieces[at + 1..].iter().all(|piece| words(piece).is_empty());
                each(words(piece), is_last)
            };
            for term in found {
                if !terms.contains(&term) {
                    terms.push(term);
                }
            }
        }
        if terms.is_empty() {
            return Err("Look for a word of at least two letters, or for a number.".into());
        }
        Ok(Self(terms))
    }

    /// As PostgreSQL reads a `tsquery`: what everything that is wanted has, and perhaps more.
    pub fn index_query(&self, author: Option<UserId>) -> String {
        let mut lexemes: BTreeSet<String> = author.map(author_lexeme).into_iter().collect();
        for term in &self.0 {
            match term {
                Term::Word(word) => {
                    lexemes.insert(whole(word));
                }
                Term::Beginning(word) => {
                    lexemes.insert(any_with(indexed(word)));
                }
                Term::Part(part) => add_part(part, &mut lexemes),
                Term::Phrase(words) => words.iter().for_each(|(kind, word)| match kind {
                    WordKind::Whole if is_indexed(word) => {
                        lexemes.insert(whole(word));
                    }
                    WordKind::Whole => {}
                    WordKind::Run => add_part(word, &mut lexemes),
                }),
            }
        }
        Vec::from_iter(lexemes).join(" & ")
    }

    /// Where the text has what is wanted, in order and without overlaps; `None` if it lacks something.
    pub fn find(&self, text: &str) -> Option<Vec<Range<usize>>> {
        let words = words(text);
        let mut places = Vec::new();
        for term in &self.0 {
            let before = places.len();
            term.find(&words, &mut places);
            if places.len() == before {
                return None;
            }
        }
        places.sort_by_key(|place| place.start);
        let mut apart: Vec<Range<usize>> = Vec::with_capacity(places.len());
        for place in places {
            match apart.last_mut() {
                Some(last) if place.start < last.end => last.end = last.end.max(place.end),
                Some(_) | None => apart.push(place),
            }
        }
        Some(apart)
    }
}

/// Words outside quotes. The last one may be the beginning of a word.
fn each(words: Vec<Word>, is_last: bool) -> Vec<Term> {
    let last = words.len().saturating_sub(1);
    let counts = words.into_iter().enumerate().filter(|(_, word)| !word.is_single_letter());
    counts
        .map(|(at, Word { kind, text, .. })| match kind {
            WordKind::Run => Term::Part(text),
            WordKind::Whole if is_last && at == last && is_long(&text) => Term::Beginning(text),
            WordKind::Whole => Term::Word(text),
        })
        .collect()
}

fn is_long(word: &str) -> bool {
    word.chars().count() >= WORD_BEGINNING_CHARS_MIN
}

/// What stands between quotes; nothing if it has only single letters.
fn phrase(words: Vec<Word>) -> Option<Term> {
    if words.len() < 2 {
        return each(words, false).pop();
    }
    let says_something = words.iter().any(|word| !word.is_single_letter());
    says_something
        .then(|| Term::Phrase(words.into_iter().map(|word| (word.kind, word.text)).collect()))
}

fn is_indexed(word: &str) -> bool {
    let mut chars = word.chars();
    chars.next().is_some_and(char::is_numeric) || chars.next().is_some()
}

fn whole(word: &str) -> String {
    format!("'{}'", indexed(word))
}

fn any_with(beginning: &str) -> String {
    format!("'{beginning}':*")
}

fn add_part(part: &str, lexemes: &mut BTreeSet<String>) {
    let is_pair = |part: &&str| part.chars().nth(1).is_some();
    if is_pair(&part) {
        lexemes.extend(suffixes(part).map(pair).filter(is_pair).map(whole));
    } else {
        lexemes.insert(any_with(part));
    }
}

impl Term {
    fn find(&self, words: &[Word], places: &mut Vec<Range<usize>>) {
        match self {
            Self::Word(wanted) => {
                let found = words.iter().filter(|word| is_word(word, wanted));
                places.extend(found.map(Word::place));
            }
            Self::Beginning(wanted) => {
                let begins =
                    |word: &&Word| word.kind == WordKind::Whole && word.text.starts_with(wanted);
                let chars = wanted.chars().count();
                places.extend(words.iter().filter(begins).map(|word| word.places_of(0..chars)));
            }
            Self::Part(wanted) => {
                let runs = words.iter().filter(|word| word.kind == WordKind::Run);
                runs.for_each(|run| places.extend(parts(run, wanted)));
            }
            Self::Phrase(wanted) => {
                let windows = words.windows(wanted.len());
                places.extend(windows.filter_map(|window| passage(window, wanted)));
            }
        }
    }
}

fn is_word(word: &Word, wanted: &str) -> bool {
    word.kind == WordKind::Whole && word.text == wanted
}

/// Where a run has this part, each time.
fn parts(run: &Word, wanted: &str) -> Vec<Range<usize>> {
    let chars = wanted.chars().count();
    let (mut at, mut before) = (0, 0);
    let mut found = Vec::new();
    for (start, _) in run.text.match_indices(wanted) {
        at += run.text[before..start].chars().count();
        before = start;
        found.push(run.places_of(at..at + chars));
    }
    found
}

/// These words from the first to the last, if they are the ones that are wanted. A run may begin before
/// what is wanted of it, if that comes first, and go on after it, if it comes last.
fn passage(words: &[Word], wanted: &[(WordKind, String)]) -> Option<Range<usize>> {
    let last = words.len() - 1;
    let mut places = Vec::with_capacity(words.len());
    for (at, (word, (kind, text))) in words.iter().zip(wanted).enumerate() {
        let (all, part) = (word.places.len(), text.chars().count());
        let place = match (word.kind == *kind, kind) {
            (false, _) => return None,
            (true, WordKind::Run) if at == 0 && word.text.ends_with(text.as_str()) => {
                word.places_of(all - part..all)
            }
            (true, WordKind::Run) if at == last && word.text.starts_with(text.as_str()) => {
                word.places_of(0..part)
            }
            (true, _) if word.text == *text => word.place(),
            (true, _) => return None,
        };
        places.push(place);
    }
    Some(places.first()?.start..places.last()?.end)
}
