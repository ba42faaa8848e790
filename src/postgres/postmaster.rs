//! One postmaster process: started by us or found running, until it has ended.
//!
//! It is started directly (without `pg_ctl`) and logs to a file: a pipe would die with us, and would
//! block it if nobody read. Its working directory distinguishes it from a process that merely reuses
//! its pid. What cannot be seen, because no files are left, is not taken for gone: a second postmaster would
//! ruin the cluster. If this is dropped without `stop`, a postmaster that we started is told to shut down but
//! not waited for. `PR_SET_PDEATHSIG` is not used, because it fires when the spawning thread ends.

use super::cluster::unable;
use super::directory::Directory;
use super::find::Programs;
use crate::limits::{
    PG_ADOPTED_POLL, PG_QUIT_TIMEOUT, PG_REMAINS_POLL, PG_STOP_TIMEOUT, PG_STOP_TIMEOUT_MIN,
};
use crate::model::error::Fatal;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::process::Child;
use tokio::time::{sleep, timeout};

#[derive(Debug)]
pub(super) struct Postmaster {
    directory: Arc<Directory>,
    pid: Pid,
    /// None if it was found running.
    child: Option<Child>,
    /// Whether it is our job to stop it.
    pub ours: bool,
}

impl Postmaster {
    /// The postmaster that is already running on this cluster, if any.
    pub(super) fn running(directory: &Arc<Directory>) -> Result<Option<Self>, Fatal> {
        let cluster = directory.cluster();
        let found = recorded(&cluster).and_then(|pid| match pid {
            Some(pid) => Ok(is_postgres(&cluster, pid)?.then_some(pid)),
            None => Ok(None),
        });
        let pid = found.map_err(|error| unseen(&error))?;
        let running =
            |pid| Self { directory: Arc::clone(directory), pid, child: None, ours: false };
        Ok(pid.map(running))
    }

    pub(super) fn spawn(directory: &Arc<Directory>, programs: &Programs) -> Result<Self, Fatal> {
        let cluster = directory.cluster();
        remove_stale_record(&cluster).map_err(|error| unseen(&error))?;
        let log = directory.log().and_then(|log| Ok((log.try_clone()?, log)));
        let (out, err) =
            log.map_err(|e| super::directory::refuse("write", &directory.log_path(), &e))?;
        let mut command = directory.account.command(programs.postgres(), &directory.path);
        command.arg("-D").arg(&cluster).stdout(out).stderr(err);
        for (name, file) in [
            ("config_file", "postgresql.conf"),
            ("hba_file", "pg_hba.conf"),
            ("ident_file", "pg_ident.conf"),
        ] {
            let mut setting = std::ffi::OsString::from(name);
            setting.push("=");
            setting.push(directory.file(file));
            command.arg("-c").arg(setting);
        }
        let child =
            command.spawn().map_err(|error| unable(directory, &programs.postgres(), &error))?;
        let pid = child.id().expect("a child that was not waited for has an id");
        let pid = Pid::from_raw(pid.cast_signed());
        Ok(Self { directory: Arc::clone(directory), pid, child: Some(child), ours: true })
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    pub(super) fn adopted(&self) -> bool {
        self.child.is_none()
    }

    /// Waits until it is gone and says how it ended. May be cancelled and called again.
    pub(super) async fn ended(&mut self) -> String {
        match &mut self.child {
            Some(child) => match child.wait().await {
                Ok(status) => status.to_string(),
                Err(error) => error.to_string(),
            },
            None => {
                while is_postgres(&self.directory.cluster(), self.pid).unwrap_or(true) {
                    sleep(PG_ADOPTED_POLL).await;
                }
                "gone".to_owned()
            }
        }
    }

    /// A fast shutdown (SIGTERM would wait for clients); if that takes too long, an immediate one, from
    /// which the next start recovers.
    ///
    /// Whoever stops in a hurry says by when.
    pub(super) async fn stop(mut self, by: Option<Instant>) {
        let left = |limit: Duration| match by {
            Some(by) => limit.min(by.saturating_duration_since(Instant::now())),
            None => limit,
        };
        for (signal, limit) in
            [(Signal::SIGINT, PG_STOP_TIMEOUT), (Signal::SIGQUIT, PG_QUIT_TIMEOUT)]
        {
            let patience = left(limit).max(PG_STOP_TIMEOUT_MIN);
            self.tell(signal);
            if timeout(patience, self.ended()).await.is_ok() {
                return;
            }
        }
        tracing::warn!(
            pid = self.pid(),
            "PostgreSQL does not stop; the next start will deal with it"
        );
    }

    fn tell(&self, signal: Signal) {
        let alive = match &self.child {
            Some(child) => child.id().is_some(),
            None => is_postgres(&self.directory.cluster(), self.pid).unwrap_or(false),
        };
        if alive {
            // It may be ending at this very moment, which is what we want.
            let _ = kill(self.pid, signal);
        }
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        if self.ours {
            self.tell(Signal::SIGINT);
        }
    }
}

fn unseen(error: &io::Error) -> Fatal {
    Fatal::new(format!("cannot see whether PostgreSQL is running: {error}"))
}

/// None if it is not there, or not for us; an error if nothing can be seen at present.
fn there<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    let blinding = [Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM].map(|errno| Some(errno as i32));
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if blinding.contains(&error.raw_os_error()) => Err(error),
        Err(_) => Ok(None),
    }
}

fn recorded(cluster: &Path) -> io::Result<Option<Pid>> {
    let record = there(fs::read_to_string(cluster.join("postmaster.pid")))?.unwrap_or_default();
    let pid = record.lines().next().and_then(|line| line.trim().parse().ok());
    Ok(pid.filter(|pid: &i32| *pid > 1).map(Pid::from_raw))
}

/// Kills the orphans of a killed postmaster. Idle children notice by themselves, but one in the middle
/// of a long statement does not, and no new postmaster starts while it is there. Only the holder of
/// the lock may call this, and only when there is no postmaster.
pub(super) fn end_orphans(cluster: &Path) {
    let is_orphan = |pid: &Pid| is_postgres(cluster, *pid).unwrap_or(false);
    for pid in processes().into_iter().flatten().filter(is_orphan) {
        tracing::info!(%pid, "killing an orphan of a killed PostgreSQL");
        // It may be ending at this very moment, which is what we want.
        let _ = kill(pid, Signal::SIGQUIT);
    }
}

/// Ends the `initdb` of a killed snug and the PostgreSQL that it runs, and waits until they are gone. It
/// begins in the first of these places, the data directory, and PostgreSQL works in one of the others. Only
/// the holder of the lock may call this.
pub(super) async fn end_makers(places: &[&Path]) {
    let is_maker = |pid: &Pid| {
        let name = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
        [&b"initdb"[..], b"postgres"].iter().any(|maker| name.starts_with(maker))
            && places.iter().any(|place| works_in(place, *pid).unwrap_or(false))
    };
    loop {
        let makers: Vec<Pid> = processes().into_iter().flatten().filter(is_maker).collect();
        if makers.is_empty() {
            return;
        }
        for pid in makers {
            // It may be ending at this very moment, which is what we want.
            let _ = kill(pid, Signal::SIGKILL);
        }
        sleep(PG_REMAINS_POLL).await;
    }
}

/// PostgreSQL considers a lock file valid if any process of its user has the pid written there, as
/// happens after a power cut or in a new container, and then it never starts. Removing the file is
/// safe only when no process works in the cluster: the file also leads to the shared memory through
/// which a new postmaster notices the orphans of a killed one.
fn remove_stale_record(cluster: &Path) -> io::Result<()> {
    let Some(pid) = recorded(cluster)? else { return Ok(()) };
    if !Path::new("/proc").join(pid.to_string()).exists() {
        return Ok(());
    }
    for pid in processes()? {
        if works_in(cluster, pid)? {
            return Ok(());
        }
    }
    tracing::info!(%pid, "removing a stale PostgreSQL lock file");
    for file in ["postmaster.pid", ".s.PGSQL.5432.lock"] {
        // If one stays, PostgreSQL itself will complain.
        let _ = fs::remove_file(cluster.join(file));
    }
    Ok(())
}

/// Whether this live process is a PostgreSQL of this cluster. A zombie (ended, but not yet waited
/// for) no longer works anywhere.
fn is_postgres(cluster: &Path, pid: Pid) -> io::Result<bool> {
    let name = there(fs::read(format!("/proc/{pid}/comm")))?.unwrap_or_default();
    Ok(name.windows(8).any(|part| part == b"postgres") && works_in(cluster, pid)?)
}

fn works_in(cluster: &Path, pid: Pid) -> io::Result<bool> {
    let place = |path: &Path| there(fs::metadata(path).map(|m| (m.dev(), m.ino())));
    let working = place(Path::new(&format!("/proc/{pid}/cwd")))?;
    Ok(working.is_some() && working == place(cluster)?)
}

fn processes() -> io::Result<Vec<Pid>> {
    let mut pids = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        pids.extend(name.to_str().and_then(|name| name.parse().ok()).map(Pid::from_raw));
    }
    Ok(pids)
}
