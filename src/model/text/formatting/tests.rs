//! The shared cases, CommonMark beside them, the limits and the time it takes.

use super::*;
use crate::limits::CONTENT_CHARS_MAX;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use serde::Deserialize;
use std::time::Instant;

const SCRIPT: &str = include_str!("../../../../assets/js/formatting.js");
const CASES_MIN: usize = 150;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    content: String,
    shows: String,
    /// Whether CommonMark, with GitHub's struck text, shows the same.
    commonmark: bool,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("../../../../tests/browser/formatting.json")).unwrap()
}

#[test]
fn the_shared_cases_pass() {
    let cases = cases();
    assert!(cases.len() >= CASES_MIN, "{}", cases.len());
    for case in cases {
        assert_eq!(
            shown(&parts(&case.content, Whose::Viewer("ada"))),
            case.shows,
            "{:?}",
            case.content
        );
    }
}

#[test]
fn the_cases_say_where_commonmark_agrees() {
    let wrong: Vec<_> = cases()
        .into_iter()
        .filter(|case| (commonmark(&case.content) == case.shows) != case.commonmark)
        .map(|case| (case.content.clone(), case.shows, commonmark(&case.content)))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_script_has_the_same_limits() {
    for bound in [
        format!("const SPECIALS_MAX = {SPECIAL_SPANS_MAX};"),
        format!("const BLOCKS_DEEP_MAX = {BLOCKS_DEEP_MAX};"),
    ] {
        assert!(SCRIPT.contains(&bound), "{bound}");
    }
}

#[test]
fn plain_text_stays_as_it_is() {
    for text in ["a word, and (another) one.", " a\n\n\tb \r\nc", "\n\na", "x > y - z 1. w"] {
        assert_eq!(parts(text, Whose::Viewer("ada")), [Part::Span(Span::Text(text.to_owned()))]);
    }
}

#[test]
fn beyond_the_limit_everything_is_text() {
    for piece in
        ["**a** ", "`a` ", "@ada ", "- a\n", "> a\n\n", "```\na\n```\n", "- _a_ @ada `a`\n"]
    {
        let content = piece.repeat(CONTENT_CHARS_MAX / piece.len());
        let found = shown(&parts(&content, Whose::Viewer("ada")));
        // A list begins and ends beside its items.
        let elements = found.matches("</").count() - found.matches("</ul>").count();
        assert!(elements <= SPECIAL_SPANS_MAX, "{piece}: {elements}");
        assert!(
            elements >= SPECIAL_SPANS_MAX.min(content.len() / piece.len()),
            "{piece}: {elements}"
        );
        assert!(content.len() / piece.len() > SPECIAL_SPANS_MAX || piece.contains("```"));
    }
}

#[test]
fn names_in_code_name_nobody() {
    for (content, names) in [
        ("@ada", true),
        ("**_@x_ @ada_**", false),
        ("- > **@ada**", true),
        ("`@ada`", false),
        ("```\n@ada\n```", false),
        ("`@ada` @ada", true),
    ] {
        assert_eq!(!mentions(&parts(content, Whose::Viewer("ada"))).is_empty(), names, "{content}");
    }
}

/// As `dividing_takes_linear_time` in `spans`.
#[test]
fn formatting_takes_linear_time() {
    let quickest = |content: &str| {
        let run = |_| {
            let began = Instant::now();
            std::hint::black_box(parts(std::hint::black_box(content), Whose::Viewer("ada")));
            began.elapsed()
        };
        (0..3).map(run).min().unwrap()
    };
    let usual = ["a word ", "**a** ", "a\n\n"];
    let usual = usual.map(|piece| quickest(&piece.repeat(CONTENT_CHARS_MAX / piece.len())));
    let bound = usual.into_iter().max().unwrap() * 20;
    for piece in [
        "*",
        "**",
        "** ",
        " **",
        "**a",
        "**a ",
        "**a**",
        "_",
        "_a",
        "_a ",
        "_a_ ",
        " _",
        "~~",
        "~~a",
        "~~a~~",
        "**_",
        "**_~~",
        "**_~~a",
        "_**",
        "a_**",
        "`",
        "``",
        "`a",
        "`a``",
        "`a``b```c",
        "` ",
        "\\`",
        "\\**",
        "```\n",
        "```x\n",
        "````\n```\n",
        "```\n````\n",
        " ```\n",
        "> ",
        ">",
        ">\n",
        "> \n",
        "> a\n",
        "> > ",
        "> > > a\n",
        "- ",
        "-",
        "- a\n",
        "- - ",
        "- a\n  ",
        "  - a\n",
        "-\n",
        "1. a\n",
        "1. ",
        "1. 1. 1. a\n",
        "9",
        "0. ",
        "  \n",
        "\r\n",
        "\r",
        "\n",
        " ",
        "\t",
        "é**",
        "👩**",
        "@ada ",
        "`@ada` ",
        "http://a ",
        "_http://a_ ",
        "a\n\n",
        "**a\n\n",
        "[",
        "&",
        "<b>",
    ] {
        for begin in ["", "**_~~", "> ", "- ", "```\n", "```", "`"] {
            let times = (CONTENT_CHARS_MAX - begin.len()) / piece.chars().count();
            let took = quickest(&format!("{begin}{}", piece.repeat(times)));
            assert!(took <= bound, "{begin}, {piece:?} repeated: {took:?}, not {bound:?}");
        }
    }
    let fences: String = (3..85).rev().map(|length| "`".repeat(length) + "x\n").collect();
    let took = quickest(&fences);
    assert!(took <= bound, "fences that are not closed: {took:?}, not {bound:?}");
}

/// The parts as the cases have them.
fn shown(parts: &[Part]) -> String {
    let tagged = |tag: &str, inside: String| format!("<{tag}>{inside}</{tag}>");
    let one = |part: &Part| match part {
        Part::Span(Span::Text(text)) => escaped(text),
        Part::Span(Span::Link(text)) => tagged("a", escaped(text)),
        Part::Span(Span::Mention(text)) => tagged("mark", escaped(text)),
        Part::Span(Span::Name(text)) => tagged("span", escaped(text)),
        Part::Marked(Marked::Code { text }) => tagged("code", escaped(text)),
        Part::Marked(Marked::Block { text }) => tagged("pre", escaped(text)),
        Part::Marked(Marked::Bold { parts }) => tagged("strong", shown(parts)),
        Part::Marked(Marked::Italic { parts }) => tagged("em", shown(parts)),
        Part::Marked(Marked::Struck { parts }) => tagged("del", shown(parts)),
        Part::Marked(Marked::Quote { parts }) => tagged("blockquote", shown(parts)),
        Part::Marked(Marked::List { start, items }) => {
            let items: String = items.iter().map(|item| tagged("li", shown(item))).collect();
            match start {
                Some(start) => format!("<ol start=\"{start}\">{items}</ol>"),
                None => tagged("ul", items),
            }
        }
    };
    parts.iter().map(one).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// The same markup of what CommonMark makes of a text. Paragraphs are divided by a blank line.
fn commonmark(content: &str) -> String {
    let mut shown = String::new();
    let mut ends_paragraph = false;
    for event in Parser::new_ext(content, Options::ENABLE_STRIKETHROUGH) {
        let after_paragraph = std::mem::take(&mut ends_paragraph);
        match event {
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => {
                shown += &escaped(&text);
            }
            Event::Code(text) => shown += &format!("<code>{}</code>", escaped(&text)),
            Event::SoftBreak | Event::HardBreak => shown.push('\n'),
            Event::Start(Tag::Paragraph) if after_paragraph => shown += "\n\n",
            Event::Start(Tag::Paragraph) => {}
            Event::End(TagEnd::Paragraph) => ends_paragraph = true,
            Event::Start(Tag::Strong) => shown += "<strong>",
            Event::End(TagEnd::Strong) => shown += "</strong>",
            Event::Start(Tag::Emphasis) => shown += "<em>",
            Event::End(TagEnd::Emphasis) => shown += "</em>",
            Event::Start(Tag::Strikethrough) => shown += "<del>",
            Event::End(TagEnd::Strikethrough) => shown += "</del>",
            Event::Start(Tag::BlockQuote(_)) => shown += "<blockquote>",
            Event::End(TagEnd::BlockQuote(_)) => shown += "</blockquote>",
            Event::Start(Tag::CodeBlock(_)) => shown += "<pre>",
            Event::End(TagEnd::CodeBlock) => {
                shown.truncate(shown.trim_end_matches('\n').len());
                shown += "</pre>";
            }
            Event::Start(Tag::List(None)) => shown += "<ul>",
            Event::Start(Tag::List(Some(start))) => shown += &format!("<ol start=\"{start}\">"),
            Event::End(TagEnd::List(is_ordered)) => {
                shown += if is_ordered { "</ol>" } else { "</ul>" }
            }
            Event::Start(Tag::Item) => shown += "<li>",
            Event::End(TagEnd::Item) => shown += "</li>",
            other => shown += &format!("{other:?}"),
        }
    }
    shown
}
