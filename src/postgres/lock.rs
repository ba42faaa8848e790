//! The lock on the data directory: its holder alone makes, starts and stops the PostgreSQL in it.
//!
//! `snug serve` holds it as long as it runs, a command while it uses a PostgreSQL that no server
//! watches. The kernel gives it up when its holder ends, however that ends; what the file says (role
//! and process) is for the others' conduct and messages only. It is not passed on to children.

use super::directory::{Directory, refuse};
use crate::error::Fatal;
use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Serve,
    Command,
}

#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

/// Who has it; unknown in the moment after it was taken, or when seen from another container.
#[derive(Debug)]
pub(super) struct LockHolder {
    known: Option<(Role, i32)>,
}

impl Lock {
    /// Takes the lock without waiting, or says who has it.
    pub(super) fn take(
        directory: &Directory,
        role: Role,
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
                // The lock is the kernel's; a full disk only takes the holder's name away.
                let _ = file.set_len(0);
                let _ = writeln!(file, "{} {}", role.word(), std::process::id());
                Ok(Ok(Self { file }))
            }
            Err(TryLockError::WouldBlock) => Ok(Err(LockHolder::read(&mut file))),
            Err(TryLockError::Error(error)) => Err(refuse("lock", &path, &error)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Only politeness to the next reader; the lock goes with the descriptor.
        let _ = self.file.set_len(0);
    }
}

impl LockHolder {
    pub(super) fn role(&self) -> Option<Role> {
        self.known.map(|(role, _)| role)
    }

    fn read(file: &mut File) -> Self {
        let mut text = String::new();
        // What cannot be read is as good as empty.
        let _ = file.take(64).read_to_string(&mut text);
        let known = text.trim_end().split_once(' ').and_then(|(word, pid)| {
            let role = [Role::Serve, Role::Command].into_iter().find(|role| role.word() == word)?;
            let pid = pid.parse().ok().filter(|pid| *pid > 0)?;
            let alive = !matches!(kill(Pid::from_raw(pid), None), Err(Errno::ESRCH));
            alive.then_some((role, pid))
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

impl Role {
    fn word(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Command => "command",
        }
    }
}
