//! How far a backup is, for those who wait: a bar on a terminal, a line now and then elsewhere.
//!
//! PostgreSQL says how many rows it has copied, whichever program copies them.

use crate::limits::{BACKUP_LOOK_PAUSE, BACKUP_TELL_PAUSE};
use crate::store::Store;
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;
use tokio::time::timeout;

const BAR_WIDTH: usize = 30;

/// Who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Teller {
    /// Somebody in front of a terminal.
    Bar,
    /// Whoever reads standard error later.
    Lines,
    /// Whoever reads the log of the server.
    Log,
}

impl Teller {
    /// For a command.
    pub fn of_command() -> Self {
        if std::io::stderr().is_terminal() { Self::Bar } else { Self::Lines }
    }

    /// Does this work, and tells meanwhile how many of about so many rows have been copied.
    pub async fn watch<T>(
        self,
        what: &str,
        (store, expected): (&Store, i64),
        bytes: &AtomicU64,
        work: impl Future<Output = T>,
    ) -> T {
        let mut work = pin!(work);
        let mut copied = BTreeMap::<i64, i64>::new();
        let mut told = Instant::now();
        let mut has_bar = false;
        let done = loop {
            if let Ok(done) = timeout(BACKUP_LOOK_PAUSE, &mut work).await {
                break done;
            }
            let look = async {
                // It is only to be told: if it cannot be known, the last figure stands.
                for (relation, rows) in store.copied().await.unwrap_or_default() {
                    let most = copied.entry(relation).or_default();
                    *most = rows.max(*most);
                }
            };
            tokio::select! {
                done = &mut work => break done,
                () = look => {}
            }
            let rows = copied.values().sum::<i64>().min(expected);
            let mebibytes = bytes.load(Relaxed) >> 20;
            match self {
                Self::Bar => {
                    has_bar = true;
                    // Nobody is left to look if this fails.
                    let _ = write!(std::io::stderr(), "\r{}", bar(what, rows, expected, mebibytes));
                }
                Self::Lines if told.elapsed() >= BACKUP_TELL_PAUSE => {
                    told = Instant::now();
                    let _ = writeln!(
                        std::io::stderr(),
                        "snug: {what}: {rows} of about {expected} rows, {mebibytes} MiB"
                    );
                }
                Self::Log if told.elapsed() >= BACKUP_TELL_PAUSE => {
                    told = Instant::now();
                    tracing::info!(rows, expected, mebibytes, "{what}");
                }
                Self::Lines | Self::Log => {}
            }
        };
        if has_bar {
            // Takes the bar away.
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
        done
    }
}

fn bar(what: &str, rows: i64, expected: i64, mebibytes: u64) -> String {
    let expected = usize::try_from(expected).unwrap_or(0).max(1);
    let rows = usize::try_from(rows).unwrap_or(0).min(expected);
    let filled = BAR_WIDTH * rows / expected;
    let (full, empty) = ("#".repeat(filled), " ".repeat(BAR_WIDTH - filled));
    format!("{what} [{full}{empty}] {:3} %, {mebibytes} MiB", 100 * rows / expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_as_full_as_the_work_is_done() {
        assert_eq!(bar("x", 0, 0, 0), format!("x [{}]   0 %, 0 MiB", " ".repeat(30)));
        assert!(bar("x", 5, 10, 7).ends_with("]  50 %, 7 MiB"));
        assert!(bar("x", 20, 10, 7).contains(&format!("[{}] 100 %", "#".repeat(30))));
    }
}
