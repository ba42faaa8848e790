//! Asks for a password: typed twice without echo, or one line of standard input.
//!
//! Called by the commands that create accounts. It checks only that both entries are the same; the rules
//! for passwords are in `text`.

use crate::limits::PASSWORD_CHARS_MAX;
use crate::model::error::Fatal;
use nix::sys::termios::{self, LocalFlags, SetArg, Termios};
use std::io::{self, BufRead, IsTerminal, Read, Write};

/// The longest password as a line: four bytes per character, and the line ending.
const LINE_BYTES_MAX: u64 = PASSWORD_CHARS_MAX as u64 * 4 + 2;

pub fn password() -> Result<String, Fatal> {
    let input = io::stdin();
    if !input.is_terminal() {
        return line(&mut input.lock());
    }
    let silence = Silence::over(&input)
        .map_err(|error| Fatal::new(format!("cannot turn off the terminal's echo: {error}")))?;
    let first = asked("Password: ", &mut input.lock())?;
    let second = asked("Again: ", &mut input.lock())?;
    drop(silence);
    if first != second {
        return Err(Fatal::new("the two passwords differ; try again"));
    }
    Ok(first)
}

fn asked(question: &str, input: &mut impl BufRead) -> Result<String, Fatal> {
    let mut terminal = io::stderr();
    // A person who cannot see the question can still answer it.
    let _ = write!(terminal, "{question}").and_then(|()| terminal.flush());
    let answer = line(input);
    // The Enter that ended the answer was not echoed.
    let _ = writeln!(terminal);
    answer
}

fn line(input: &mut impl BufRead) -> Result<String, Fatal> {
    let mut line = String::new();
    input
        .take(LINE_BYTES_MAX)
        .read_line(&mut line)
        .map_err(|error| Fatal::new(format!("cannot read the password: {error}")))?;
    let password = line
        .strip_suffix('\n')
        .map_or(line.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if password.is_empty() {
        return Err(Fatal::new("no password was given; type one, or pass it on standard input"));
    }
    if line.len() as u64 == LINE_BYTES_MAX && !line.ends_with('\n') {
        return Err(Fatal::new(format!(
            "the password is too long; at most {PASSWORD_CHARS_MAX} characters are allowed"
        )));
    }
    Ok(password.to_owned())
}

/// Turns off a terminal's echo until dropped.
struct Silence<'a> {
    terminal: &'a io::Stdin,
    before: Termios,
}

impl<'a> Silence<'a> {
    fn over(terminal: &'a io::Stdin) -> nix::Result<Self> {
        let before = termios::tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        termios::tcsetattr(terminal, SetArg::TCSAFLUSH, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        // A terminal that has gone away needs no echo.
        let _ = termios::tcsetattr(self.terminal, SetArg::TCSANOW, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_one_line_exactly_as_typed() {
        let read = |text: &str| line(&mut text.as_bytes());
        assert_eq!(read(" correct horse \nrest").unwrap(), " correct horse ");
        assert_eq!(read("battery\r\n").unwrap(), "battery");
        assert_eq!(read("no end").unwrap(), "no end");
        assert_eq!(read(&"ü".repeat(PASSWORD_CHARS_MAX)).unwrap().chars().count(), 128);
        for bad in ["", "\n", &"x".repeat(100_000)] {
            assert!(read(bad).is_err());
        }
        assert!(line(&mut &b"\xff\xfe\n"[..]).is_err());
    }
}
