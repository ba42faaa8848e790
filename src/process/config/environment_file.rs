//! Environment files as systemd reads them (`systemd.exec(5)`, EnvironmentFile=).
//!
//! Called by `service`. Pure.

/// What of an assignment comes next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
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
    let mut within = Within::Name;
    let normal = text.replace("\r\n", "\n");
    let mut chars = normal.chars().chain(['\n']);
    while let Some(c) = chars.next() {
        match (within, c) {
            (Within::Comment | Within::Name, '\n') => {
                name.clear();
                within = Within::Name;
            }
            (Within::Comment, _) => {}
            (Within::Name, '#' | ';') if name.trim().is_empty() => within = Within::Comment,
            (Within::Name, '=') => within = Within::Between,
            (Within::Name, _) => name.push(c),
            (Within::Between | Within::Plain, '\n') => {
                if within == Within::Plain {
                    value.truncate(value.trim_end().len());
                }
                found.push((name.trim().to_owned(), std::mem::take(&mut value)));
                name.clear();
                within = Within::Name;
            }
            (Within::Between, '"' | '\'') => within = Within::Quoted(c),
            (Within::Between, _) if c.is_whitespace() => {}
            (Within::Between | Within::Plain, '\\') => {
                value.extend(chars.next().filter(|next| *next != '\n'));
                within = Within::Plain;
            }
            (Within::Between | Within::Plain, _) => {
                value.push(c);
                within = Within::Plain;
            }
            (Within::Quoted(quote), _) if c == quote => within = Within::Between,
            (Within::Quoted('"'), '\\') => match chars.next() {
                Some(next @ ('"' | '\\' | '`' | '$')) => value.push(next),
                Some('\n') | None => {}
                Some(next) => value.extend(['\\', next]),
            },
            (Within::Quoted(_), _) => value.push(c),
        }
    }
    if matches!(within, Within::Quoted(_)) {
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
