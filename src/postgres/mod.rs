//! The PostgreSQL that snug starts itself when no database URL is set.
//!
//! `run` calls `serve` and awaits `stop` last; commands call `borrow`. `scratch` is another cluster beside it,
//! for backups, `tools` runs the programs that make them, and `succession` is for a newer version. Files: `account` (the user it
//! runs as), `directory` and `lock` (where it is, who may touch it), `find` (its programs), `cluster`
//! (creating it, its settings), `postmaster` (one process), `ready` (whether it answers), `supervise`
//! (starting it until it answers, and again when it ends). There is no TCP: its Unix socket is in the
//! cluster's directory, which only its user and root may enter, and peer authentication lets in only
//! those two. Schema and queries are the business of `store`.

mod account;
mod cluster;
mod directory;
mod find;
mod lock;
mod postmaster;
mod ready;
mod scratch;
mod succession;
mod supervise;
mod tools;

pub use scratch::{Scratch, Vacancy};
pub use succession::{Succession, outdated, remove_former};
pub use tools::{ASIDE, Tools};

use crate::limits::{Memory, PG_ANSWER_TIMEOUT, PG_LOCK_PAUSE, PG_LOCK_TIMEOUT};
use crate::model::error::Fatal;
use directory::{Directory, Socket};
use lock::{Lock, Purpose};
use postmaster::Postmaster;
use ready::AskOutcome;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::sleep;

#[derive(Debug, Clone)]
pub struct Options {
    pub data_dir: PathBuf,
    /// Where `initdb` and `postgres` are; found automatically if not set.
    pub bindir: Option<PathBuf>,
    /// How much memory it may take.
    pub memory: Memory,
}

/// Whether there is a cluster, or at least its beginning, which a server may be completing.
pub fn has_cluster(options: &Options) -> bool {
    options.data_dir.join("postgres").exists()
}

/// The process of the server that uses this data directory, if there is one and it can be seen from here.
pub fn served_by(options: &Options) -> Option<i32> {
    lock::server(&options.data_dir.join("lock"))
}

/// A PostgreSQL that answers. If this is dropped without `stop`, a PostgreSQL that we started is told
/// to shut down but not waited for.
#[derive(Debug)]
pub struct Private {
    socket: Socket,
    using: Using,
    /// None if another process holds it. Fields are dropped in order, so this one goes last.
    lock: Option<Lock>,
}

#[derive(Debug)]
enum Using {
    /// Supervised: restarted when it ends, stopped by `stop`.
    Watched { stop: oneshot::Sender<Option<Instant>>, task: JoinHandle<()> },
    /// Stopped by `stop` if we started it.
    Held(Postmaster),
    /// Supervised by another process.
    Lent,
}

impl Private {
    /// For the server: creates the cluster if there is none, starts PostgreSQL or adopts the running
    /// one, waits until it answers and keeps it running.
    pub async fn serve(options: &Options) -> Result<Self, Fatal> {
        let directory = Arc::new(Directory::prepare(&options.data_dir)?);
        let lock = lock_to_serve(&directory).await?;
        Self::supervised(directory, lock, options).await
    }

    async fn supervised(
        directory: Arc<Directory>,
        lock: Lock,
        options: &Options,
    ) -> Result<Self, Fatal> {
        let bindir = options.bindir.as_deref();
        let programs = cluster::ensure(&directory, bindir, options.memory).await?;
        let mut postmaster = supervise::start(&directory, &programs).await?;
        postmaster.ours = true;
        let socket = Socket::find(&directory.cluster())?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(supervise::watch(directory, programs, postmaster, stopped));
        Ok(Self { socket, using: Using::Watched { stop, task }, lock: Some(lock) })
    }

    /// For commands: uses the running PostgreSQL, or starts one that `stop` will stop.
    pub async fn borrow(options: &Options) -> Result<Self, Fatal> {
        let directory = Arc::new(Directory::prepare(&options.data_dir)?);
        let begun = Instant::now();
        loop {
            let holder = match Lock::take(&directory, Purpose::Command)? {
                Ok(lock) => {
                    let bindir = options.bindir.as_deref();
                    let programs = cluster::ensure(&directory, bindir, options.memory).await?;
                    let postmaster = supervise::start(&directory, &programs).await?;
                    let socket = Socket::find(&directory.cluster())?;
                    return Ok(Self { socket, using: Using::Held(postmaster), lock: Some(lock) });
                }
                Err(holder) => holder,
            };
            let served = holder.purpose() == Some(Purpose::Serve);
            if served
                && let Ok(socket) = Socket::find(&directory.cluster())
                && let AskOutcome::Ready = ready::ask(&ready::connection(&socket)).await
            {
                return Ok(Self { socket, using: Using::Lent, lock: None });
            }
            let patience = if served { PG_ANSWER_TIMEOUT } else { PG_LOCK_TIMEOUT };
            if begun.elapsed() > patience {
                return Err(Fatal::new(format!(
                    "{holder} is using the data directory {}, and its PostgreSQL does not answer: try \
                     again when that process has finished, or stop it",
                    directory.path.display()
                )));
            }
            sleep(PG_LOCK_PAUSE).await;
        }
    }

    /// How to connect. Whoever adds options must keep those that silence the log.
    pub fn connection(&self) -> tokio_postgres::Config {
        ready::connection(&self.socket)
    }

    /// The directories that it writes to: tables, and the log, which may be on a disk of its own.
    pub fn written_to(&self) -> Vec<PathBuf> {
        let cluster = &self.socket.directory;
        vec![cluster.clone(), cluster.join("pg_wal")]
    }

    /// Stops PostgreSQL if that is our job, and releases the data directory. Await this last.
    pub async fn stop(self) {
        self.stop_by(None).await;
    }

    /// The same, in a hurry: what has not ended by then is left as it is.
    pub async fn stop_by(self, by: Option<Instant>) {
        match self.using {
            Using::Watched { stop, task } => {
                // If the supervisor is gone, there is nothing left to stop.
                let _ = stop.send(by);
                if let Err(error) = task.await {
                    tracing::error!(%error, "the supervisor of PostgreSQL failed");
                }
            }
            Using::Held(postmaster) if postmaster.ours => postmaster.stop(by).await,
            Using::Held(_) | Using::Lent => {}
        }
        drop(self.lock);
    }
}

/// A second server is refused at once, but a command that holds the directory is waited for.
async fn lock_to_serve(directory: &Directory) -> Result<Lock, Fatal> {
    let begun = Instant::now();
    loop {
        let holder = match Lock::take(directory, Purpose::Serve)? {
            Ok(lock) => return Ok(lock),
            Err(holder) => holder,
        };
        if holder.purpose() == Some(Purpose::Serve) || begun.elapsed() > PG_LOCK_TIMEOUT {
            return Err(Fatal::new(format!(
                "another snug ({holder}) is using the data directory {}: stop it first, or set \
                 SNUG_DATA_DIR to a separate directory for this one",
                directory.path.display()
            )));
        }
        sleep(PG_LOCK_PAUSE).await;
    }
}
