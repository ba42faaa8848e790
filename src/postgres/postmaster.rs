//! One postmaster: started by us or found running, until it has ended.
//!
//! It is started directly (no `pg_ctl`), logs to a file (a pipe would die with us, and a blocked reader
//! would block it) and is told apart from a process that merely has its number by its working
//! directory. Dropped without `stop`, one of ours is asked to shut down and not awaited. It is not
//! tied to us by `PR_SET_PDEATHSIG`, which fires when the spawning thread ends.

use super::cluster::unable;
use super::directory::Directory;
use super::find::Programs;
use crate::error::Fatal;
use crate::limits::{PG_ADOPTED_POLL, PG_QUIT_TIMEOUT, PG_STOP_TIMEOUT};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use tokio::process::Child;
use tokio::time::{sleep, timeout};

#[derive(Debug)]
pub(super) struct Postmaster {
    directory: Arc<Directory>,
    pid: Pid,
    /// None for one that was found.
    child: Option<Child>,
    /// Whether it is for us to stop it.
    pub ours: bool,
}

impl Postmaster {
    /// The one that runs on this cluster already.
    pub(super) fn running(directory: &Arc<Directory>) -> Option<Self> {
        let pid = recorded(&directory.cluster())?;
        is_postgres(&directory.cluster(), pid).then(|| Self {
            directory: Arc::clone(directory),
            pid,
            child: None,
            ours: false,
        })
    }

    pub(super) fn spawn(directory: &Arc<Directory>, programs: &Programs) -> Result<Self, Fatal> {
        let cluster = directory.cluster();
        remove_stale_record(&cluster);
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

    /// Waits until it is gone and says how it ended. May be dropped and called again.
    pub(super) async fn ended(&mut self) -> String {
        match &mut self.child {
            Some(child) => match child.wait().await {
                Ok(status) => status.to_string(),
                Err(error) => error.to_string(),
            },
            None => {
                while is_postgres(&self.directory.cluster(), self.pid) {
                    sleep(PG_ADOPTED_POLL).await;
                }
                "gone".to_owned()
            }
        }
    }

    /// Fast shutdown (SIGTERM would wait for clients), and when that takes too long an immediate
    /// one, after which the next start recovers.
    pub(super) async fn stop(mut self) {
        for (signal, patience) in
            [(Signal::SIGINT, PG_STOP_TIMEOUT), (Signal::SIGQUIT, PG_QUIT_TIMEOUT)]
        {
            self.tell(signal);
            if timeout(patience, self.ended()).await.is_ok() {
                return;
            }
        }
        tracing::warn!(pid = self.pid(), "PostgreSQL does not stop; left to the next start");
    }

    fn tell(&self, signal: Signal) {
        let alive = match &self.child {
            Some(child) => child.id().is_some(),
            None => is_postgres(&self.directory.cluster(), self.pid),
        };
        if alive {
            // It may end in this moment, which is what is wanted.
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

fn recorded(cluster: &Path) -> Option<Pid> {
    let record = fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
    let pid: i32 = record.lines().next()?.trim().parse().ok()?;
    (pid > 1).then(|| Pid::from_raw(pid))
}

/// Ends what a killed postmaster has left. Its idle children notice by themselves; one in the middle of
/// a long statement does not, and no new postmaster starts while it is there. To be called only by
/// the holder of the lock when there is no postmaster.
pub(super) fn end_orphans(cluster: &Path) {
    for pid in processes().filter(|pid| is_postgres(cluster, *pid)) {
        tracing::info!(%pid, "ending an orphan of a killed PostgreSQL");
        // It may end in this moment, which is what is wanted.
        let _ = kill(pid, Signal::SIGQUIT);
    }
}

/// PostgreSQL takes a lock file for valid when any process of its user has the number written
/// there, as happens after a power cut or in a new container, and then never starts. Removing one is
/// safe only when no process works in the cluster: the file also leads to the shared memory
/// by which orphans of a killed postmaster are noticed.
fn remove_stale_record(cluster: &Path) {
    let Some(pid) = recorded(cluster) else { return };
    let taken = Path::new("/proc").join(pid.to_string()).exists();
    if taken && !processes().any(|pid| works_in(cluster, pid)) {
        tracing::info!(%pid, "removing a stale lock file of PostgreSQL");
        for file in ["postmaster.pid", ".s.PGSQL.5432.lock"] {
            // PostgreSQL itself complains about one that stays.
            let _ = fs::remove_file(cluster.join(file));
        }
    }
}

/// Whether this living process is a PostgreSQL of this cluster. One that has ended and was not waited
/// for works nowhere any more.
fn is_postgres(cluster: &Path, pid: Pid) -> bool {
    let name = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    name.windows(8).any(|part| part == b"postgres") && works_in(cluster, pid)
}

fn works_in(cluster: &Path, pid: Pid) -> bool {
    let place = |path: &Path| fs::metadata(path).map(|m| (m.dev(), m.ino())).ok();
    let working = place(Path::new(&format!("/proc/{pid}/cwd")));
    working.is_some() && working == place(cluster)
}

fn processes() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Pid::from_raw))
}
