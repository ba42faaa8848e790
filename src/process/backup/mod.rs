//! Backups: one file with everything that lasts, made while snug serves, checked, and restored.
//!
//! `make` writes one, `verify` proves one, `restore` brings one back; `file` is its form, a tar, and
//! `manifest` what it says of itself, `shown` how far one is. While snug serves, `schedule` makes them by
//! itself: `kept` says which stay, `state` what became of the last ones. Settings and the key go with a
//! backup, the secrets of others do not. Called by `commands` and by `run`.

mod file;
mod kept;
mod make;
mod manifest;
mod restore;
mod schedule;
mod shown;
mod state;
mod verify;

pub use file::BackupFile;
pub use kept::Keep;
pub use make::{Made, make};
pub use manifest::Manifest;
pub use restore::restore;
pub use schedule::{Noted, keep_backups, make_before_change};
pub use shown::Teller;
pub use state::{BackupState, Happened};
pub use verify::{check_room, verify};

/// Now, as it is written in names of files: `20261127T033000Z`.
pub(crate) fn stamp() -> String {
    jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string()
}
