//! How the templates are laid out: indented by their nesting, in lines that fit on a screen.
//!
//! The existing formatters do not know that a space before `{% if %}` in an attribute matters, so the
//! templates are formatted by hand and checked here.

use crate::tidy::files;

const INDENT: usize = 2;
const LINE_CHARS_MAX: usize = 120;
const VOID: [&str; 11] =
    ["br", "circle", "hr", "img", "input", "link", "meta", "path", "source", "track", "wbr"];

#[test]
fn templates_are_indented_by_their_nesting() {
    let faults: Vec<_> = files("assets/templates", ".html")
        .iter()
        .flat_map(|(name, text)| faults(text).into_iter().map(move |it| format!("{name}:{it}")))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn the_form_token_is_written_in_one_place() {
    let templates = files("assets/templates", ".html");
    let writers = templates.iter().filter(|(_, text)| text.contains("form_token"));
    let writers: Vec<_> = writers.map(|(name, _)| name.as_str()).collect();
    assert_eq!(writers, ["assets/templates/parts/forms.html"]);
}

/// Debug builds serve sources in place of the bundles, and would not tell that one is missing.
#[test]
fn each_script_and_style_of_a_page_is_a_bundle_and_each_bundle_of_a_page() {
    let templates = files("assets/templates", ".html");
    let mut named: Vec<_> = templates
        .iter()
        .flat_map(|(_, text)| text.split("bundle('").skip(1))
        .filter_map(|rest| rest.split_once("')"))
        .map(|(name, _)| format!("assets/bundles/{name}"))
        .collect();
    let mut bundles: Vec<_> = files("assets/bundles", "").into_iter().map(|it| it.0).collect();
    named.sort();
    bundles.sort();
    assert_eq!(named, bundles);
}

#[test]
fn a_badly_indented_line_is_reported_by_number() {
    for straight in [
        "<ul>\n  <li>a\n  </li>\n</ul>",
        "<input\n  name=\"a\"\n  {% if b %} hidden{% endif %}\n>\n<p>{{ c }}</p>",
        "{% if a > b %}\n  <br>\n{% else %}\n  <svg><path d=\"\"/></svg>\n{% endif %}",
        "<p\n  class=\"a\n    {%- if b %} c{% endif %}\"\n>d</p>",
        "{% set a = {\n  \"b\": 1\n} %}\n<pre>{\n}</pre>\n<p></p>",
    ] {
        assert_eq!(faults(straight), [""; 0], "{straight}");
    }
    for (crooked, line) in [
        ("<ul>\n<li></li>\n</ul>", "2: "),
        ("<ul>\n  <li></li>\n  </ul>", "3: "),
        ("{% for a in b %}\n  c\n  {% endfor %}", "3: "),
        ("<input\nname=\"a\">", "2: "),
        ("<p>\n  a\n</p>\n  <p></p>", "4: "),
        ("<p></p>\n</p>", "2: "),
        ("<p>", "1: "),
        (&"a".repeat(LINE_CHARS_MAX + 1), "1: "),
    ] {
        let faults = faults(crooked);
        assert!(faults.first().is_some_and(|it| it.starts_with(line)), "{crooked}: {faults:?}");
    }
}

/// Each line that is too long or not indented by its nesting, by number.
fn faults(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut nesting = Nesting::default();
    for (number, line) in (1..).zip(text.lines()) {
        let (chars, content) = (line.chars().count(), line.trim_start());
        if chars > LINE_CHARS_MAX {
            faults.push(format!("{number}: {chars} characters"));
        }
        let (indent, right) = (line.len() - content.len(), nesting.indent_of(content));
        if !content.is_empty() && indent != right {
            faults.push(format!("{number}: indented by {indent} instead of {right}"));
        }
        if !nesting.read(content) {
            faults.push(format!("{number}: closes more than was open"));
            return faults;
        }
    }
    if nesting.open > 0 {
        faults.push(format!("{}: something is still open at the end", text.lines().count()));
    }
    faults
}

/// The state of a reader of a template between two lines.
#[derive(Default)]
struct Nesting {
    /// Elements, tags and blocks that have begun but not ended.
    open: usize,
    /// If the line ends inside a tag: its name, and whether inside a quoted value.
    tag: Option<String>,
    is_quoted: bool,
    /// If the line ends inside a statement, an expression or a comment: how that ends.
    until: Option<&'static str>,
    is_verbatim: bool,
}

impl Nesting {
    fn indent_of(&self, line: &str) -> usize {
        let closes = if self.until.is_some() {
            line.starts_with(['}', '%', '#'])
        } else if self.tag.is_some() {
            line.starts_with(['>', '/'])
        } else {
            let word = line.strip_prefix("{%").map(first_word).unwrap_or_default();
            line.starts_with("</") || word.starts_with("end") || ["else", "elif"].contains(&word)
        };
        let within = usize::from(self.is_quoted) + usize::from(self.until.is_some());
        if self.is_verbatim {
            0
        } else {
            INDENT * (self.open + within).saturating_sub(usize::from(closes))
        }
    }

    /// Reads to the end of the line; false if it closes something that was not open.
    fn read(&mut self, line: &str) -> bool {
        let mut rest = line;
        while !rest.is_empty() {
            let Some(after) = self.step(rest) else { return false };
            rest = after;
        }
        true
    }

    /// Reads one token, and returns what follows it.
    fn step<'a>(&mut self, rest: &'a str) -> Option<&'a str> {
        if let Some(end) = self.until {
            let Some((_, after)) = rest.split_once(end) else { return Some("") };
            self.until = None;
            return Some(after);
        }
        for (begin, end) in [("{#", "#}"), ("{{", "}}"), ("{%", "%}")] {
            let Some(inner) = rest.strip_prefix(begin) else { continue };
            self.until = Some(end);
            if begin == "{%" {
                let word = first_word(inner);
                if ["block", "for", "if", "macro"].contains(&word) {
                    self.open += 1;
                } else if word.starts_with("end") {
                    self.open = self.open.checked_sub(1)?;
                }
            }
            return Some(inner);
        }
        let first = rest.chars().next()?;
        let after = &rest[first.len_utf8()..];
        match (self.tag.take(), first) {
            (Some(tag), '"') => {
                self.is_quoted = !self.is_quoted;
                self.tag = Some(tag);
            }
            (Some(tag), '>') if !self.is_quoted => {
                self.is_verbatim = tag == "pre";
                if VOID.contains(&tag.as_str()) {
                    self.open -= 1;
                }
            }
            (Some(tag), _) => self.tag = Some(tag),
            (None, '<') if after.starts_with('/') => {
                self.open = self.open.checked_sub(1)?;
                self.is_verbatim = false;
            }
            (None, '<') if after.starts_with(|it: char| it.is_ascii_alphabetic()) => {
                let end = after.find([' ', '>', '/']).unwrap_or(after.len());
                self.tag = Some(after[..end].to_owned());
                self.open += 1;
            }
            (None, _) => {}
        }
        Some(after)
    }
}

/// The keyword of a statement whose `{%` has been removed.
fn first_word(statement: &str) -> &str {
    statement.trim_start_matches('-').split_whitespace().next().unwrap_or_default()
}
