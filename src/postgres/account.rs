//! The user that PostgreSQL runs as, and commands run as that user.
//!
//! PostgreSQL refuses to run as root. When snug is started by root, PostgreSQL runs as the
//! distribution's user `postgres`; otherwise it runs as the user who started snug. Anyone else logged
//! in as that user can read the cluster's files anyway; only that user and root can reach the socket.

use crate::model::error::Fatal;
use nix::unistd::{Uid, User, geteuid};
use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;

/// The user that the distribution's packages create.
const UNPRIVILEGED: &str = "postgres";

#[derive(Debug)]
pub(super) struct Account {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    /// Whether this is a different user from the one snug runs as (only when snug runs as root).
    pub differs: bool,
}

impl Account {
    pub(super) fn find() -> Result<Self, Fatal> {
        let own = geteuid();
        let found = if own.is_root() { User::from_name(UNPRIVILEGED) } else { User::from_uid(own) };
        match found {
            Ok(Some(user)) => Ok(Self {
                name: user.name,
                uid: user.uid.as_raw(),
                gid: user.gid.as_raw(),
                differs: own.is_root(),
            }),
            Ok(None) if own.is_root() => Err(Fatal::new(format!(
                "PostgreSQL does not run as root, and there is no user `{UNPRIVILEGED}` to run it \
                 as: install the postgresql package, or start snug as an ordinary user"
            ))),
            Ok(None) => Err(Fatal::new(format!(
                "user id {own} has no name, and PostgreSQL needs one: add it to /etc/passwd, or \
                 set SNUG_DATABASE_URL to use a PostgreSQL that is already running"
            ))),
            Err(error) => Err(Fatal::new(format!(
                "cannot look up the user to run PostgreSQL as: {error}: check \
                 /etc/passwd, or set SNUG_DATABASE_URL to use a PostgreSQL that is already running"
            ))),
        }
    }

    /// A command that runs `program` as this user, in `directory`.
    pub(super) fn command(&self, program: impl AsRef<OsStr>, directory: &Path) -> Command {
        let mut command = bare(program);
        command.current_dir(directory);
        if self.differs {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }
}

/// A command that inherits nothing: no secrets from our environment (the user it runs as could read
/// them there), and a process group of its own, so that Ctrl-C in a terminal reaches only snug, which
/// stops PostgreSQL last.
pub(super) fn bare(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .process_group(0);
    command
}

/// A user's name for messages, or the numeric id if there is no name.
pub(super) fn name_of(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => user.name,
        _ => uid.to_string(),
    }
}
