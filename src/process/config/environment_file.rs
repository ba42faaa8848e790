//! Environment files as systemd reads them (`systemd.exec(5)`, EnvironmentFile=).
//!
//! Called by `service`. Pure.

/// What of an assignment comes next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Comment,
    Name,
    /// Before a value, or behind a quoted part of it.
    Between,
    Plain,
    Quoted(char),
}

/// What a file assigns, from its beginning to its end. Lines without `=` are passed over. A backslash at the end
/// of a line continues it, and a value may consist of quoted parts, which may have several lines.
pub fn assignments(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let (mut name, mut value) = (String::new(), String::new());
    let mut part = Part::Name;
    let normal = text.replace("\r\n", "\n");
    let mut chars = normal.chars().chain(['\n']);
    while let Some(c) = chars.next() {
        match (part, c) {
            (Part::Comment | Part::Name, '\n') => {
                name.clear();
                part = Part::Name;
            }
            (Part::Comment, _) => {}
            (Part::Name, '#' | ';') if name.trim().is_empty() => part = Part::Comment,
            (Part::Name, '=') => part = Part::Between,
            (Part::Name, _) => name.push(c),
            (Part::Between | Part::Plain, '\n') => {
                if part == Part::Plain {
                    value.truncate(value.trim_end().len());
                }
                found.push((name.trim().to_owned(), std::mem::take(&mut value)));
                name.clear();
                part = Part::Name;
            }
            (Part::Between, '"' | '\'') => part = Part::Quoted(c),
            (Part::Between, _) if c.is_whitespace() => {}
            (Part::Between | Part::Plain, '\\') => {
                value.extend(chars.next().filter(|next| *next != '\n'));
                part = Part::Plain;
            }
            (Part::Between | Part::Plain, _) => {
                value.push(c);
                part = Part::Plain;
            }
            (Part::Quoted(quote), _) if c == quote => part = Part::Between,
            (Part::Quoted('"'), '\\') => match chars.next() {
                Some(next @ ('"' | '\\' | '`' | '$')) => value.push(next),
                Some('\n') | None => {}
                Some(next) => value.extend(['\\', next]),
            },
            (Part::Quoted(_), _) => value.push(c),
        }
    }
    if matches!(part, Part::Quoted(_)) {
        // Our own line break.
        let value = value.strip_suffix('\n').unwrap_or(&value);
        found.push((name.trim().to_owned(), value.to_owned()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_to_us_what_it_says_to_systemd() {
        for (text, expected) in [
            ("A=b", "b"),
            (" A = b c \r\n", "b c"),
            ("A=b\\\nc", "bc"),
            ("A=\\\n  b", "  b"),
            ("A=b\\ \\$c", "b $c"),
            ("A=\"b \\\"c\\\" \\$d \\n\"", "b \"c\" $d \\n"),
            ("A='b\\'", "b\\"),
            ("A='b'\"c\" d", "bcd"),
            ("A='b\nc'", "b\nc"),
            ("A=b'c'", "b'c'"),
            ("A=b # c", "b # c"),
            ("A=", ""),
            ("A='b", "b"),
            ("A=\"b\\", "b"),
            ("#A=x\n;A=x\nnonsense\nA=b=c\n#A=x", "b=c"),
        ] {
            assert_eq!(assignments(text), [("A".to_owned(), expected.to_owned())], "{text:?}");
        }
    }

    #[test]
    fn what_is_no_assignment_is_none() {
        for text in ["", "\n\n", "# A=b\\", "A"] {
            assert_eq!(assignments(text), [], "{text:?}");
        }
    }
}
