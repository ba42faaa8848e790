//! As whom PostgreSQL runs, and commands that run so.
//!
//! PostgreSQL refuses to run as root: started by root, it runs as the distribution's user
//! `postgres`, otherwise as the user who started us. Whoever else is that user can read the cluster's
//! files anyway; nobody but that user and root can reach the socket.

use crate::error::Fatal;
use nix::unistd::{Uid, User, geteuid};
use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;

/// The distribution's packages make this user.
const UNPRIVILEGED: &str = "postgres";

#[derive(Debug)]
pub(super) struct Account {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    /// Whether it is another user than the one we run as (then we are root).
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
                 as: install the package postgresql, or start snug as an ordinary user"
            ))),
            Ok(None) => Err(Fatal::new(format!(
                "the user id {own} has no name, which PostgreSQL needs: add it to /etc/passwd, or \
                 set SNUG_DATABASE_URL to use a PostgreSQL that runs already"
            ))),
            Err(error) => Err(Fatal::new(format!(
                "cannot look up the user PostgreSQL is to run as: {error}: look after \
                 /etc/passwd, or set SNUG_DATABASE_URL to use a PostgreSQL that runs already"
            ))),
        }
    }

    /// A program that runs as this user, in `directory`.
    pub(super) fn command(&self, program: impl AsRef<OsStr>, directory: &Path) -> Command {
        let mut command = bare(program);
        command.current_dir(directory);
        if self.differs {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }
}

/// A program that gets nothing of ours: no secret from our environment (its user could read it
/// there), and a process group of its own, so that ctrl-C in a terminal reaches us alone and we
/// stop it last.
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

/// The name of a user, for people; the number when it has none.
pub(super) fn name_of(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => user.name,
        _ => uid.to_string(),
    }
}
