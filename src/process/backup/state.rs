//! What became of the last backups: `state.json` beside them, for the next start and for `snug doctor`.

use crate::limits::BACKUP_SIZES_MAX;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Times are in seconds since 1970.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BackupState {
    /// Since when backups are to be made.
    pub since: i64,
    pub made: Option<Happened>,
    pub verified: Option<Happened>,
    /// Why the last attempt failed, if it did.
    pub failed: Option<Happened>,
    /// How much room the database took at the last backups, the oldest first.
    pub sizes: Vec<SizeThen>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizeThen {
    pub at: i64,
    pub bytes: u64,
}

/// What happened, and when: the name of a file, or a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happened {
    pub at: i64,
    pub what: String,
    #[serde(default)]
    pub bytes: u64,
}

impl Happened {
    pub fn now(what: impl Into<String>) -> Self {
        Self { at: Timestamp::now().as_second(), what: what.into(), bytes: 0 }
    }

    fn day(&self) -> String {
        let at = Timestamp::from_second(self.at).unwrap_or_default();
        at.to_zoned_datetime(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
    }
}

impl BackupState {
    /// One that cannot be read is that of a new directory.
    pub fn read(directory: &Path) -> Self {
        let text = fs::read_to_string(path(directory)).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub fn write(&self, directory: &Path) -> io::Result<()> {
        let draft = path(directory).with_extension("json.new");
        let mut file = File::create(&draft)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        fs::rename(&draft, path(directory))
    }

    /// Remembers how much room the database takes now.
    pub fn measured(&mut self, bytes: u64) {
        self.sizes.push(SizeThen { at: Timestamp::now().as_second(), bytes });
        let surplus = self.sizes.len().saturating_sub(BACKUP_SIZES_MAX);
        self.sizes.drain(..surplus);
    }

    /// How many bytes the database grows by in a day, if that is known.
    pub fn growth(&self) -> Option<u64> {
        let (first, last) = (self.sizes.first()?, self.sizes.last()?);
        let days = (last.at - first.at) as f64 / 86_400.0;
        let grown = last.bytes.saturating_sub(first.bytes) as f64;
        (days >= 1.0).then(|| (grown / days) as u64)
    }

    /// For the service's status line.
    pub fn told(&self) -> String {
        let made = match &self.made {
            Some(made) => format!("last backup {}", made.day()),
            None => "no backup yet".to_owned(),
        };
        let verified = match &self.verified {
            Some(verified) => format!(", verified {}", verified.day()),
            None => String::new(),
        };
        let failed = if self.failed.is_some() { ", the last attempt failed" } else { "" };
        format!("{made}{verified}{failed}")
    }
}

fn path(directory: &Path) -> PathBuf {
    directory.join("state.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_was_written() {
        let scratch = tempfile::tempdir().unwrap();
        assert_eq!(BackupState::read(scratch.path()), BackupState::default());
        let made = Some(Happened { at: 1, what: "a".into(), bytes: 2 });
        let state = BackupState {
            since: 1,
            made,
            failed: Some(Happened::now("b")),
            ..BackupState::default()
        };
        state.write(scratch.path()).unwrap();
        assert_eq!(BackupState::read(scratch.path()), state);
        assert!(
            state.told().starts_with("last backup 1970-01-0") && state.told().contains("failed")
        );
        let size = |day: i64, bytes| SizeThen { at: day * 86_400, bytes };
        let grown =
            |sizes: &[SizeThen]| BackupState { sizes: sizes.to_vec(), ..state.clone() }.growth();
        assert_eq!(grown(&[size(0, 100), size(10, 1_100)]), Some(100));
        assert_eq!(grown(&[size(0, 100), size(10, 50)]), Some(0));
        assert_eq!(grown(&[size(0, 100)]), None);
        fs::write(path(scratch.path()), "{").unwrap();
        assert_eq!(BackupState::read(scratch.path()), BackupState::default());
    }
}
