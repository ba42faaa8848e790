//! What the marks in a message make of it: `**bold**`, lists, code and the rest of `docs/formatting.md`.
//!
//! The server's half of one grammar; `js/formatting.js` is the other half, for messages that arrive live.
//! Both are tested against the same cases in `tests/browser/formatting.json`. What is not well-formed is text,
//! as it was typed. Takes linear time, whatever the text. Pure.

use super::spans::{Span, Whose, spans};
use crate::limits::{BLOCKS_DEEP_MAX, SPECIAL_SPANS_MAX};
use serde::Serialize;
use std::collections::HashMap;
use unicode_normalization::char::is_combining_mark;

/// A part of a message as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Part {
    Span(Span),
    Marked(Marked),
}

/// What stood between marks, without them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Marked {
    Bold {
        parts: Vec<Part>,
    },
    Italic {
        parts: Vec<Part>,
    },
    Struck {
        parts: Vec<Part>,
    },
    Code {
        text: String,
    },
    Block {
        text: String,
    },
    Quote {
        parts: Vec<Part>,
    },
    /// `start` is the number of the first item, where items have numbers.
    List {
        start: Option<u32>,
        items: Vec<Vec<Part>>,
    },
}

/// Divides content into parts. Only the first `SPECIAL_SPANS_MAX` links, mentions and marked parts are more than
/// text.
pub fn parts(content: &str, whose: Whose<'_>) -> Vec<Part> {
    let lines: Vec<_> = content.split('\n').collect();
    Formatter { whose, left: SPECIAL_SPANS_MAX }.blocks(&lines, 0)
}

/// The mentions outside code, each as it is written.
pub fn mentions(parts: &[Part]) -> Vec<&str> {
    let mut found = Vec::new();
    gather_mentions(parts, &mut found);
    found
}

fn gather_mentions<'a>(parts: &'a [Part], to: &mut Vec<&'a str>) {
    for part in parts {
        match part {
            Part::Span(Span::Mention(text)) => to.push(text),
            Part::Span(_) | Part::Marked(Marked::Code { .. } | Marked::Block { .. }) => {}
            Part::Marked(
                Marked::Bold { parts }
                | Marked::Italic { parts }
                | Marked::Struck { parts }
                | Marked::Quote { parts },
            ) => gather_mentions(parts, to),
            Part::Marked(Marked::List { items, .. }) => {
                items.iter().for_each(|item| gather_mentions(item, to));
            }
        }
    }
}

/// The text without its marks, each block and each item on lines of its own.
pub fn unmarked(parts: &[Part]) -> String {
    parts.iter().map(one_unmarked).collect()
}

fn one_unmarked(part: &Part) -> String {
    let line = |text: &str| format!("\n{text}\n");
    match part {
        Part::Span(
            Span::Text(text) | Span::Link(text) | Span::Mention(text) | Span::Name(text),
        )
        | Part::Marked(Marked::Code { text }) => text.clone(),
        Part::Marked(
            Marked::Bold { parts } | Marked::Italic { parts } | Marked::Struck { parts },
        ) => unmarked(parts),
        Part::Marked(Marked::Block { text }) => line(text),
        Part::Marked(Marked::Quote { parts }) => line(&unmarked(parts)),
        Part::Marked(Marked::List { items, .. }) => {
            items.iter().map(|item| line(&unmarked(item))).collect()
        }
    }
}

struct Formatter<'a> {
    whose: Whose<'a>,
    /// How many more parts may be other than text.
    left: usize,
}

impl<'a> Formatter<'a> {
    fn blocks(&mut self, lines: &[&'a str], depth: usize) -> Vec<Part> {
        let closers = closers_after(lines);
        let mut parts = Vec::new();
        let (mut at, mut text_from) = (0, 0);
        while at < lines.len() && self.left > 0 {
            let mut block = Vec::new();
            let end = match fence(lines[at]) {
                Some(length) if length <= closers[at] => self.fenced(lines, at, length, &mut block),
                _ if depth == BLOCKS_DEEP_MAX => at + 1,
                _ if unquoted(lines[at]).is_some() => self.quote(lines, at, depth, &mut block),
                _ => match item(lines[at]) {
                    Some(first) => self.list(lines, at, &first, depth, &mut block),
                    None => at + 1,
                },
            };
            if !block.is_empty() {
                self.text(&lines[text_from..at], text_from > 0, true, &mut parts);
                parts.append(&mut block);
                text_from = end;
            }
            at = end;
        }
        self.text(&lines[text_from..], text_from > 0, false, &mut parts);
        parts
    }

    /// These return where the block ends, and push nothing where it is none after all.
    fn fenced(&mut self, lines: &[&str], at: usize, length: usize, to: &mut Vec<Part>) -> usize {
        let inside = lines[at + 1..].iter().take_while(|line| closer(line) < length).count();
        let text = lines[at + 1..=at + inside].join("\n");
        self.left -= 1;
        to.push(Part::Marked(Marked::Block { text }));
        at + inside + 2
    }

    fn quote(&mut self, lines: &[&'a str], at: usize, depth: usize, to: &mut Vec<Part>) -> usize {
        let inside: Vec<_> = lines[at..].iter().map_while(|line| unquoted(line)).collect();
        if !inside.iter().all(|line| is_blank(line)) {
            self.left -= 1;
            let parts = self.blocks(&inside, depth + 1);
            to.push(Part::Marked(Marked::Quote { parts }));
        }
        at + inside.len()
    }

    fn list(
        &mut self,
        lines: &[&'a str],
        mut at: usize,
        first: &Item<'a>,
        depth: usize,
        to: &mut Vec<Part>,
    ) -> usize {
        let start = first.number;
        let mut number = start;
        let mut items = Vec::new();
        while self.left > 0
            && let Some(one) = lines.get(at).and_then(|line| item(line))
            && one.number == number
        {
            let mut inside = vec![one.text];
            inside.extend(lines[at + 1..].iter().map_while(|line| outdented(line, one.indent)));
            at += inside.len();
            self.left -= 1;
            items.push(self.blocks(&inside, depth + 1));
            number = number.map(|number| number + 1);
        }
        to.push(Part::Marked(Marked::List { start, items }));
        at
    }

    /// Lines that are in no block. Marks do not reach over blank lines. The blank lines beside a block are
    /// its margins.
    fn text(
        &mut self,
        mut lines: &[&str],
        after_block: bool,
        before_block: bool,
        to: &mut Vec<Part>,
    ) {
        while after_block && lines.first().is_some_and(|line| is_blank(line)) {
            lines = &lines[1..];
        }
        while before_block && lines.last().is_some_and(|line| is_blank(line)) {
            lines = &lines[..lines.len() - 1];
        }
        for (n, paragraph) in lines.chunk_by(|a, b| is_blank(a) == is_blank(b)).enumerate() {
            if n > 0 {
                push_text(to, "\n");
            }
            let written = paragraph.join("\n");
            if is_blank(paragraph[0]) {
                push_text(to, &written);
            } else {
                self.inline(&written, to);
            }
        }
    }

    fn inline(&mut self, text: &str, to: &mut Vec<Part>) {
        let mut tokens = Vec::new();
        let mut at = 0;
        for (start, end, length) in codes(text) {
            if self.left == 0 {
                break;
            }
            self.plain(text, at, start, &mut tokens);
            if self.left == 0 {
                at = start;
                break;
            }
            self.left -= 1;
            let code = stripped(&text[start + length..end - length]).to_owned();
            tokens.push(Lexeme::Part(Part::Marked(Marked::Code { text: code })));
            at = end;
        }
        self.plain(text, at, text.len(), &mut tokens);
        self.pair(&mut tokens);
        nest(tokens, to);
    }

    /// What lies between two code spans: links and mentions, and runs of marks in the text between these.
    fn plain(&mut self, text: &str, from: usize, to: usize, tokens: &mut Vec<Lexeme>) {
        let mut at = from;
        for span in spans(&text[from..to], self.whose, self.left) {
            let (Span::Text(inside)
            | Span::Link(inside)
            | Span::Mention(inside)
            | Span::Name(inside)) = &span;
            let end = at + inside.len();
            if matches!(span, Span::Text(_)) {
                runs(text, at, end, tokens);
            } else {
                self.left -= 1;
                tokens.push(Lexeme::Part(Part::Span(span)));
            }
            at = end;
        }
    }

    /// A closing run belongs to the last opening one of its kind. What was opened between the two and not
    /// closed there stays text.
    fn pair(&mut self, tokens: &mut [Lexeme]) {
        let mut opened: [Option<usize>; MARKS.len()] = [None; MARKS.len()];
        for at in 0..tokens.len() {
            let Lexeme::Run { mark, opens, closes, .. } = tokens[at] else { continue };
            match opened[mark] {
                Some(opener) if closes && self.left > 0 => {
                    self.left -= 1;
                    tokens[opener].become_side(Side::Open);
                    tokens[at].become_side(Side::Close);
                    for other in &mut opened {
                        *other = other.filter(|other| *other < opener);
                    }
                }
                _ if opens => opened[mark] = Some(at),
                _ => {}
            }
        }
    }
}

/// The runs of characters that are marks, each of exactly this length.
const MARKS: [&str; 3] = ["**", "_", "~~"];

#[derive(Debug)]
enum Lexeme {
    Part(Part),
    Text(String),
    /// `mark` is its place in `MARKS`.
    Run {
        mark: usize,
        opens: bool,
        closes: bool,
        side: Option<Side>,
    },
}

#[derive(Debug, Clone, Copy)]
enum Side {
    Open,
    Close,
}

impl Lexeme {
    fn become_side(&mut self, is: Side) {
        if let Self::Run { side, .. } = self {
            *side = Some(is);
        }
    }
}

fn nest(tokens: Vec<Lexeme>, to: &mut Vec<Part>) {
    let mut open = vec![std::mem::take(to)];
    for token in tokens {
        let inner = open.last_mut().expect("the outermost is never closed");
        match token {
            Lexeme::Part(part) => inner.push(part),
            Lexeme::Text(text) => push_text(inner, &text),
            Lexeme::Run { side: Some(Side::Open), .. } => open.push(Vec::new()),
            Lexeme::Run { side: Some(Side::Close), mark, .. } => {
                let parts = open.pop().expect("what is closed was opened");
                let marked = match mark {
                    0 => Marked::Bold { parts },
                    1 => Marked::Italic { parts },
                    _ => Marked::Struck { parts },
                };
                let outer = open.last_mut().expect("the outermost is never closed");
                outer.push(Part::Marked(marked));
            }
            Lexeme::Run { side: None, mark, .. } => push_text(inner, MARKS[mark]),
        }
    }
    *to = open.pop().expect("the outermost is never closed");
}

fn push_text(to: &mut Vec<Part>, more: &str) {
    match to.last_mut() {
        Some(Part::Span(Span::Text(text))) => text.push_str(more),
        _ if more.is_empty() => {}
        _ => to.push(Part::Span(Span::Text(more.to_owned()))),
    }
}

/// Divides a piece of text into runs of marks and what is between them.
fn runs(text: &str, from: usize, to: usize, tokens: &mut Vec<Lexeme>) {
    let (mut at, mut plain_from) = (from, from);
    while let Some(step) = text[at..to].find(['*', '_', '~']) {
        let start = at + step;
        let sign = &text[start..=start];
        let end = to - text[start..to].trim_start_matches(sign).len();
        at = end;
        let run = &text[start..end];
        let Some(mark) = MARKS.iter().position(|mark| *mark == run) else { continue };
        let before = text[..start].chars().next_back().unwrap_or(' ');
        let after = text[end..].chars().next().unwrap_or(' ');
        let (opens, closes) = flanks(run == "_", before, after);
        if before == '\\' || !(opens || closes) {
            continue;
        }
        if plain_from < start {
            tokens.push(Lexeme::Text(text[plain_from..start].to_owned()));
        }
        tokens.push(Lexeme::Run { mark, opens, closes, side: None });
        plain_from = end;
    }
    if plain_from < to {
        tokens.push(Lexeme::Text(text[plain_from..to].to_owned()));
    }
}

/// Whether a run opens and whether it closes: CommonMark's left-flanking and right-flanking runs. Those of
/// `_` do neither inside a word.
fn flanks(at_borders_only: bool, before: char, after: char) -> (bool, bool) {
    let (space_before, space_after) = (before.is_whitespace(), after.is_whitespace());
    let (mark_before, mark_after) = (is_punctuation(before), is_punctuation(after));
    let left = !space_after && (!mark_after || space_before || mark_before);
    let right = !space_before && (!mark_before || space_after || mark_after);
    if at_borders_only {
        (left && (!right || mark_before), right && (!left || mark_after))
    } else {
        (left, right)
    }
}

fn is_punctuation(c: char) -> bool {
    !(c.is_whitespace() || c.is_alphanumeric() || is_combining_mark(c))
}

/// The code spans of a text: where each begins and ends, and how long its marks are. A run of backticks is
/// closed by the next of the same length.
fn codes(text: &str) -> Vec<(usize, usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (at, _) in text.match_indices('`') {
        match runs.last_mut() {
            Some((start, length)) if *start + *length == at => *length += 1,
            _ => runs.push((at, 1)),
        }
    }
    let mut next = vec![None; runs.len()];
    let mut nearest = HashMap::new();
    for (n, (_, length)) in runs.iter().enumerate().rev() {
        next[n] = nearest.insert(*length, n);
    }
    let mut codes = Vec::new();
    let mut n = 0;
    while n < runs.len() {
        let (start, length) = runs[n];
        match next[n] {
            Some(closing) if !text[..start].ends_with('\\') => {
                codes.push((start, runs[closing].0 + length, length));
                n = closing + 1;
            }
            _ => n += 1,
        }
    }
    codes
}

/// One space at either end separates backticks in the code from those around it.
fn stripped(code: &str) -> &str {
    let inside = code.strip_prefix(' ').and_then(|code| code.strip_suffix(' '));
    inside.filter(|inside| inside.contains(|c| c != ' ')).unwrap_or(code)
}

fn is_blank(line: &str) -> bool {
    line.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
}

/// The number of backticks at the beginning of a line, and the rest.
fn backticks(line: &str) -> (usize, &str) {
    let rest = line.trim_start_matches('`');
    (line.len() - rest.len(), rest)
}

/// How long the fence is that a line opens: three backticks or more, then at most one word, the language.
fn fence(line: &str) -> Option<usize> {
    let (length, language) = backticks(line);
    let language = language.trim_end_matches([' ', '\t', '\r']);
    (length >= 3 && !language.contains(['`', ' ', '\t', '\r'])).then_some(length)
}

/// How long a fence a line can close, or 0.
fn closer(line: &str) -> usize {
    let (length, rest) = backticks(line);
    if length >= 3 && is_blank(rest) { length } else { 0 }
}

/// For each line how long a fence can be closed after it.
fn closers_after(lines: &[&str]) -> Vec<usize> {
    let mut longest = 0;
    let mut closers = Vec::with_capacity(lines.len());
    for line in lines.iter().rev() {
        closers.push(longest);
        longest = longest.max(closer(line));
    }
    closers.reverse();
    closers
}

fn unquoted(line: &str) -> Option<&str> {
    let rest = line.strip_prefix('>')?;
    rest.strip_prefix(' ').or_else(|| is_blank(rest).then_some(""))
}

struct Item<'a> {
    number: Option<u32>,
    text: &'a str,
    /// How far lines are indented that go on with it.
    indent: usize,
}

/// An item has a text; a number has at most nine digits, the first of several is no zero.
fn item(line: &str) -> Option<Item<'_>> {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = match digits {
        0 => (None, line.strip_prefix("- ")?),
        1..=9 if digits == 1 || !line.starts_with('0') => {
            (Some(line[..digits].parse().ok()?), line[digits..].strip_prefix(". ")?)
        }
        _ => return None,
    };
    let indent = line.len() - rest.len();
    (!is_blank(rest)).then(|| Item { number, text: rest.trim_start_matches(' '), indent })
}

/// A line that goes on with an item: indented by two spaces, or as far as its text.
fn outdented(line: &str, indent: usize) -> Option<&str> {
    let spaces = line.len() - line.trim_start_matches(' ').len();
    (spaces >= 2 && !is_blank(line)).then(|| &line[spaces.min(indent)..])
}

#[cfg(test)]
mod tests;
