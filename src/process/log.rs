//! Where log lines go: to standard error, one line per event, without ever waiting.
//!
//! `main` calls `start` once. What an event says is up to the code that emits it. This module makes sure
//! that a value with a line break or an escape sequence cannot forge a line, and that a blocked sink
//! cannot block us. Records of the `log` crate are deliberately left out: libraries that use it log SQL
//! parameters and frames.

use crate::limits::LOG_LINES_MAX;
use crate::model::error::Fatal;
use std::io::{self, IsTerminal, Write};
use tracing::{Level, Metadata};
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Starts logging. What is still queued is written when the guard is dropped.
pub fn start(filter: &str) -> Result<WorkerGuard, Fatal> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| Fatal::new(format!("SNUG_LOG: {filter:?} is not a filter: {error}")))?
        .add_directive(crate::store::LOG_QUIET.parse().expect("a constant filter"));
    let (sink, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(LOG_LINES_MAX)
        .thread_name("snug-log")
        // Lines that are queued together are written together: the thread flushes when its queue is
        // empty.
        .finish(io::BufWriter::new(io::stderr()));
    let is_set = |variable| std::env::var_os(variable).is_some_and(|value| !value.is_empty());
    let colour = io::stderr().is_terminal() && !is_set("NO_COLOR");
    let lines = Lines { sink, colour, journal: is_set("JOURNAL_STREAM") };
    let journal = lines.journal;
    let format =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines).with_ansi(colour);
    // The journal adds its own timestamps.
    let started = if journal {
        tracing::subscriber::set_global_default(format.without_time().finish())
    } else {
        tracing::subscriber::set_global_default(format.finish())
    };
    started.map_err(|error| Fatal::new(format!("logging cannot start: {error}")))?;
    std::panic::set_hook(Box::new(|panic| {
        // A message formatted at run time may contain what somebody wrote; a constant one cannot.
        let message = panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("panic");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "{message}");
    }));
    Ok(guard)
}

/// `text` on one line: line breaks and control characters as escapes.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if is_harmful(c) { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line
}

/// Includes characters that only look like a line break, or that reverse the reading direction.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether it certainly contains nothing harmful, as almost every line.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// The only escape sequences that we send to a terminal. The formatter writes no others itself, but some
/// values reach it with theirs intact.
fn is_colour(text: &str) -> bool {
    text.strip_prefix("\u{1b}[").is_some_and(|rest| {
        rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m')
    })
}

struct Lines {
    sink: NonBlocking,
    colour: bool,
    /// Standard error is the journal, which reads the level from the start of each line.
    journal: bool,
}

struct LogLine {
    sink: NonBlocking,
    colour: bool,
    prefix: &'static str,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = LogLine;

    fn make_writer(&'a self) -> LogLine {
        LogLine { sink: self.sink.clone(), colour: self.colour, prefix: "" }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> LogLine {
        let prefix = match (self.journal, *event.level()) {
            (false, _) => "",
            (true, Level::ERROR) => "<3>",
            (true, Level::WARN) => "<4>",
            (true, Level::INFO) => "<6>",
            (true, _) => "<7>",
        };
        LogLine { prefix, ..self.make_writer() }
    }
}

/// The formatter passes on each event as a whole, with one line break at its end.
impl Write for LogLine {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let mut line = String::with_capacity(self.prefix.len() + text.len() + 1);
        line.push_str(self.prefix);
        if is_plain(text) {
            line.push_str(text);
        } else {
            for (at, c) in text.char_indices() {
                if is_harmful(c) && !(self.colour && is_colour(&text[at..])) {
                    line.extend(c.escape_default());
                } else {
                    line.push(c);
                }
            }
        }
        line.push('\n');
        self.sink.write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use std::sync::Arc;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(colour: bool, journal: bool, write: impl FnOnce()) -> String {
        let heard = Sink::default();
        let (sink, guard) = NonBlockingBuilder::default().finish(heard.clone());
        let format = tracing_subscriber::fmt()
            .with_writer(Lines { sink, colour, journal })
            .with_ansi(colour)
            .finish();
        tracing::subscriber::with_default(format, write);
        drop(guard);
        let bytes = heard.0.lock().clone();
        String::from_utf8(bytes).unwrap()
    }

    const HOSTILE: &str = "ada\n2026 ERROR forged\r\u{1b}[2J\u{2028}x\u{202e}y\u{85}z";

    #[test]
    fn a_hostile_value_cannot_leave_its_line() {
        for colour in [false, true] {
            let text = logged(colour, false, || {
                tracing::info!(name = HOSTILE, shown = %HOSTILE, debugged = ?HOSTILE, "hello {HOSTILE}");
            });
            assert!(text.ends_with('\n') && text.lines().count() == 1, "{text:?}");
            assert!(!text.contains(['\r', '\u{2028}', '\u{202e}', '\u{85}']), "{text:?}");
            assert!(!text.contains("\u{1b}[2J"), "{text:?}");
        }
    }

    #[test]
    fn the_journal_receives_the_level() {
        let text = logged(false, true, || tracing::warn!("careful"));
        assert!(text.starts_with("<4>"), "{text:?}");
    }

    #[test]
    fn line_breaks_are_escaped_in_one_line() {
        assert_eq!(one_line("a\nb\u{1b}é"), "a\\nb\\u{1b}é");
        assert!(!one_line(HOSTILE).contains(['\n', '\u{1b}', '\u{2028}', '\u{202e}']));
    }
}
