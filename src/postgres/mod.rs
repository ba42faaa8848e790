//! The PostgreSQL that snug starts itself, when no address of another one is set.
//!
//! `run` calls `serve` and awaits `stop` last; commands call `borrow`. Files: `account` (as whom it
//! runs), `directory` and `lock` (where it lies, who may touch it), `find` (its programs), `cluster`
//! (making it, its settings), `postmaster` (one process), `ready` (whether it answers), `supervise`
//! (until it answers, again and again). There is no TCP: its Unix socket lies in the cluster's
//! directory, which only its user and root may enter, and peer authentication lets only these two in.
//! Schema and queries are the business of the rest of `store`.

mod account;
mod cluster;
mod directory;
mod find;
mod lock;
mod postmaster;
mod ready;
mod supervise;

use crate::error::Fatal;
use crate::limits::{PG_ANSWER_TIMEOUT, PG_LOCK_PAUSE, PG_LOCK_TIMEOUT};
use directory::{Directory, Socket};
use lock::{Lock, Role};
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
    /// Where `initdb` and `postgres` are; else they are looked for.
    pub bindir: Option<PathBuf>,
}

/// A PostgreSQL that answers. Dropped without `stop`, one of ours is asked to shut down and not
/// awaited.
#[derive(Debug)]
pub struct Private {
    socket: Socket,
    using: Using,
    /// None when another process holds it; fields are dropped in order, so this goes last.
    lock: Option<Lock>,
}

#[derive(Debug)]
enum Using {
    /// Restarted when it ends, stopped at the end.
    Watched { stop: oneshot::Sender<()>, task: JoinHandle<()> },
    /// Stopped at the end if we started it.
    Held(Postmaster),
    /// Another process watches it.
    Lent,
}

impl Private {
    /// For the server: makes the cluster if there is none, starts PostgreSQL or adopts the running one,
    /// waits until it answers and keeps it running.
    pub async fn serve(options: &Options) -> Result<Self, Fatal> {
        let directory = Arc::new(Directory::prepare(&options.data_dir)?);
        let lock = lock_to_serve(&directory).await?;
        let programs = cluster::ensure(&directory, options.bindir.as_deref()).await?;
        let mut postmaster = supervise::start(&directory, &programs).await?;
        postmaster.ours = true;
        let socket = Socket::find(&directory.cluster())?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(supervise::watch(directory, programs, postmaster, stopped));
        Ok(Self { socket, using: Using::Watched { stop, task }, lock: Some(lock) })
    }

    /// For commands: uses the running PostgreSQL, else starts one that `stop` stops.
    pub async fn borrow(options: &Options) -> Result<Self, Fatal> {
        let directory = Arc::new(Directory::prepare(&options.data_dir)?);
        let begun = Instant::now();
        loop {
            let holder = match Lock::take(&directory, Role::Command)? {
                Ok(lock) => {
                    let programs = cluster::ensure(&directory, options.bindir.as_deref()).await?;
                    let postmaster = supervise::start(&directory, &programs).await?;
                    let socket = Socket::find(&directory.cluster())?;
                    return Ok(Self { socket, using: Using::Held(postmaster), lock: Some(lock) });
                }
                Err(holder) => holder,
            };
            let served = holder.role() == Some(Role::Serve);
            if served
                && let Ok(socket) = Socket::find(&directory.cluster())
                && let AskOutcome::Ready = ready::ask(&ready::connection(&socket)).await
            {
                return Ok(Self { socket, using: Using::Lent, lock: None });
            }
            let patience = if served { PG_ANSWER_TIMEOUT } else { PG_LOCK_TIMEOUT };
            if begun.elapsed() > patience {
                return Err(Fatal::new(format!(
                    "{holder} uses the data directory {} and its PostgreSQL does not answer: try \
                     again when that process has finished, or end it",
                    directory.path.display()
                )));
            }
            sleep(PG_LOCK_PAUSE).await;
        }
    }

    /// How to connect; options that silence the log must be kept when others are added.
    pub fn connection(&self) -> tokio_postgres::Config {
        ready::connection(&self.socket)
    }

    /// Stops PostgreSQL if that is for us to do, and gives the directory up. To be awaited last.
    pub async fn stop(self) {
        match self.using {
            Using::Watched { stop, task } => {
                // A watcher that is gone has nothing left to stop.
                let _ = stop.send(());
                if let Err(error) = task.await {
                    tracing::error!(%error, "the watcher of PostgreSQL failed");
                }
            }
            Using::Held(postmaster) if postmaster.ours => postmaster.stop().await,
            Using::Held(_) | Using::Lent => {}
        }
        drop(self.lock);
    }
}

/// A second server is refused at once; a command that uses the directory finishes soon.
async fn lock_to_serve(directory: &Directory) -> Result<Lock, Fatal> {
    let begun = Instant::now();
    loop {
        let holder = match Lock::take(directory, Role::Serve)? {
            Ok(lock) => return Ok(lock),
            Err(holder) => holder,
        };
        if holder.role() == Some(Role::Serve) || begun.elapsed() > PG_LOCK_TIMEOUT {
            return Err(Fatal::new(format!(
                "another snug ({holder}) uses the data directory {}: stop it first, or set \
                 SNUG_DATA_DIR to a directory for this one",
                directory.path.display()
            )));
        }
        sleep(PG_LOCK_PAUSE).await;
    }
}
