//! PostgreSQL's own programs for copying a database: `pg_dump`, and `pg_restore` with `psql`.
//!
//! Called by `process::backup` and `process::restore`, for the PostgreSQL that snug starts and for any other
//! one. They run as we do: where snug is root, root may connect as well. A program that is dropped is killed.

use super::account::bare;
use super::directory::one_line;
use super::find::{candidates, full_version_of, version_of};
use crate::limits::{LIBPQ_LOCK_MILLIS, PG_QUIT_TIMEOUT, PG_SAID_BYTES_MAX};
use crate::model::error::Fatal;
use crate::store::Libpq;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io::{PipeReader, PipeWriter};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// What the schema is called into which a restoring with `--replace` moves what was there, and when.
pub const ASIDE: &str = "public_aside_";

/// The programs of one version.
#[derive(Debug)]
pub struct Tools {
    bindir: PathBuf,
    pub major: u32,
}

/// A program under way.
pub struct Running {
    name: &'static str,
    child: Child,
    said: JoinHandle<Vec<u8>>,
}

/// With whatever it has started: it may be a script that somebody put in the place of the program.
impl Drop for Running {
    fn drop(&mut self) {
        if let Some(id) = self.child.id() {
            // It may be ending at this very moment, which is what we want.
            let _ = killpg(Pid::from_raw(id.cast_signed()), Signal::SIGKILL);
        }
    }
}

/// `pg_restore`, which makes statements of a dump, and `psql`, which carries them out.
pub struct Restoring {
    reading: Running,
    executing: Running,
    /// As long as this is open, the statements have not come to their end, and nothing is committed.
    held: PipeWriter,
}

impl Tools {
    /// Those of this version or, if there are none, of the next one there is: older ones refuse.
    pub async fn find(bindir: Option<&Path>, wanted: u32) -> Result<Self, Fatal> {
        let mut found: Option<Self> = None;
        for bindir in candidates(bindir) {
            let all = ["pg_dump", "pg_restore", "psql"];
            if !all.iter().all(|program| bindir.join(program).is_file()) {
                continue;
            }
            if let Some(major) = version_of(&bindir.join("pg_dump")).await
                && major >= wanted
                && found.as_ref().is_none_or(|found| major < found.major)
            {
                found = Some(Self { bindir, major });
            }
        }
        found.ok_or_else(|| {
            Fatal::new(format!(
                "there is no pg_dump, pg_restore and psql of PostgreSQL {wanted} or later: install the \
                 postgresql-client-{wanted} package, or set SNUG_PG_BINDIR to their directory"
            ))
        })
    }

    /// Writes what the snapshot sees into the pipe. Compressed a little, because the snapshot lasts as long.
    pub fn dump(&self, from: &Libpq, snapshot: &str, into: PipeWriter) -> Result<Running, Fatal> {
        let mut command = self.command("pg_dump", from);
        command
            .args(["--format=custom", "--compress=1", "--no-password", "--no-owner"])
            .args(["--no-privileges", "--no-tablespaces", "--no-publications"])
            .args(["--no-subscriptions", "--no-security-labels", "--no-comments"])
            .arg(format!("--exclude-schema={ASIDE}*"))
            .arg(format!("--snapshot={snapshot}"))
            .arg(format!("--lock-wait-timeout={LIBPQ_LOCK_MILLIS}"))
            .stdout(into);
        Running::begin("pg_dump", command)
    }

    /// Restores what comes from the pipe, in one transaction, which begins with this statement.
    pub fn restore(
        &self,
        into: &Libpq,
        begin: Option<&str>,
        from: PipeReader,
    ) -> Result<Restoring, Fatal> {
        let no_pipe = |error| Fatal::new(format!("cannot make a pipe for pg_restore: {error}"));
        let (script, statements) = std::io::pipe().map_err(no_pipe)?;
        let held = statements.try_clone().map_err(no_pipe)?;
        let mut command = self.command("pg_restore", into);
        command.args(["--no-owner", "--no-privileges", "--exit-on-error", "--file=-"]);
        command.stdin(from).stdout(statements);
        let reading = Running::begin("pg_restore", command)?;
        let mut command = self.command("psql", into);
        command.args(["--no-psqlrc", "--quiet", "--no-password", "--single-transaction"]);
        command.args(["--set=ON_ERROR_STOP=1"]).stdin(script).stdout(Stdio::null());
        if let Some(statement) = begin {
            command.arg("--command").arg(statement);
        }
        command.arg("--file=-");
        Ok(Restoring { reading, executing: Running::begin("psql", command)?, held })
    }

    /// Which these are, with all numbers: `15.18`.
    pub async fn version(&self) -> Option<String> {
        full_version_of(&self.bindir.join("pg_dump")).await
    }

    fn command(&self, program: &str, database: &Libpq) -> Command {
        let mut command = bare(self.bindir.join(program));
        command.envs(database.0.iter().map(|(name, value)| (name, value)));
        command.env("PGAPPNAME", "snug backup").env("PGCLIENTENCODING", "UTF8");
        command.current_dir("/").kill_on_drop(true);
        command
    }
}

impl Running {
    fn begin(name: &'static str, mut command: Command) -> Result<Self, Fatal> {
        let unable = |error| Fatal::new(format!("cannot run {name}: {error}"));
        let mut child = command.stderr(Stdio::piped()).spawn().map_err(unable)?;
        let complaints = child.stderr.take();
        let said = tokio::spawn(async move {
            let mut said = Vec::new();
            if let Some(mut complaints) = complaints {
                // What cannot be read is not said; how it ended counts.
                let _ = (&mut complaints).take(PG_SAID_BYTES_MAX).read_to_end(&mut said).await;
                // The rest is read as well, or it would wait for us.
                let _ = tokio::io::copy(&mut complaints, &mut tokio::io::sink()).await;
            }
            said
        });
        Ok(Self { name, child, said })
    }

    /// Waits until it has ended, which must be well.
    pub async fn ended(mut self) -> Result<(), Fatal> {
        let status = self.child.wait().await;
        let said = (&mut self.said).await.unwrap_or_default();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => {
                let said = one_line(&said);
                Err(Fatal::new(format!("{} failed ({status}): {said}", self.name)))
            }
            Err(error) => Err(Fatal::new(format!("cannot wait for {}: {error}", self.name))),
        }
    }
}

impl Restoring {
    /// Waits until everything is committed. If it fails, nothing is.
    pub async fn ended(self) -> Result<(), Fatal> {
        let Self { reading, executing, held } = self;
        let read = reading.ended().await;
        if let Err(unread) = read {
            // If psql failed, pg_restore cannot go on, and then psql knows why.
            let executed = timeout(PG_QUIT_TIMEOUT, executing.ended()).await;
            drop(held);
            return Err(executed.ok().and_then(Result::err).unwrap_or(unread));
        }
        drop(held);
        executing.ended().await
    }
}
