//! The lock on the data directory: only its holder creates, starts and stops the PostgreSQL in it.
//!
//! `snug serve` holds it for as long as it runs, a command while it uses a PostgreSQL that no server
//! is supervising. The kernel releases it when its holder ends, however that happens. The text in the
//! file (purpose and process id) only tells others how to behave and what to print. Children do not
//! inherit the lock.

use super::directory::{Directory, refuse};
use crate::model::error::Fatal;
use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Serve,
    Command,
}

#[derive(Debug)]
pub(super) struct Lock {
    /// The name in it stays at the end: a frozen disk would hold the process.
    file: File,
}

/// Who holds it; unknown just after it was taken, or when seen from another container.
#[derive(Debug)]
pub(super) struct LockHolder {
    known: Option<(Purpose, i32)>,
}

impl Lock {
    /// Takes the lock without waiting, or says who holds it.
    pub(super) fn take(
        directory: &Directory,
        purpose: Purpose,
    ) -> Result<Result<Self, LockHolder>, Fatal> {
        let path = directory.file("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| refuse("open the lock", &path, &error))?;
        match file.try_lock() {
            Ok(()) => {
                // The lock itself is in the kernel; on a full disk only the holder's name is missing.
                let _ = file.set_len(0);
                let _ = writeln!(file, "{} {}", purpose.word(), std::process::id());
                Ok(Ok(Self { file }))
            }
            Err(TryLockError::WouldBlock) => Ok(Err(LockHolder::read(&mut file))),
            Err(TryLockError::Error(error)) => Err(refuse("lock", &path, &error)),
        }
    }
}

/// The server that holds this lock, if one does. Takes nothing.
pub(super) fn server(path: &Path) -> Option<i32> {
    let holder = LockHolder::read(&mut File::open(path).ok()?);
    holder.known.filter(|(purpose, _)| *purpose == Purpose::Serve).map(|(_, pid)| pid)
}

/// By itself the lock would go with the last descriptor of the file, and a child that is just being started
/// has one for a moment, too.
impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

impl LockHolder {
    pub(super) fn purpose(&self) -> Option<Purpose> {
        self.known.map(|(purpose, _)| purpose)
    }

    fn read(file: &mut File) -> Self {
        let mut text = String::new();
        // A file that cannot be read counts as empty.
        let _ = file.take(64).read_to_string(&mut text);
        let known = text.trim_end().split_once(' ').and_then(|(word, pid)| {
            let purpose = [Purpose::Serve, Purpose::Command]
                .into_iter()
                .find(|purpose| purpose.word() == word)?;
            let pid = pid.parse().ok().filter(|pid| *pid > 0)?;
            let alive = !matches!(kill(Pid::from_raw(pid), None), Err(Errno::ESRCH));
            alive.then_some((purpose, pid))
        });
        Self { known }
    }
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known {
            Some((_, pid)) => write!(f, "process {pid}"),
            None => f.write_str("a process that cannot be seen from here"),
        }
    }
}

impl Purpose {
    fn word(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Command => "command",
        }
    }
}
