//! A cluster beside that of the data directory, made anew and thrown away: a backup is restored into it, to be
//! looked at or to take the other one's place.
//!
//! It is a data directory of its own, `scratch/` in the other one, with its own lock. What a killed snug has
//! left there is ended and removed by the next one. Called by `process::verify` and `process::restore`.

use super::cluster;
use super::directory::{Directory, Socket, refuse};
use super::lock::{Lock, Purpose};
use super::postmaster::{Postmaster, end_orphans};
use super::supervise;
use super::{Options, Private, Using, lock_to_serve};
use crate::limits::Memory;
use crate::model::error::Fatal;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A new cluster, and the PostgreSQL that runs on it.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    private: Private,
}

/// A data directory in which nobody else starts anything for as long as this is kept.
#[derive(Debug)]
pub struct Vacancy {
    directory: Arc<Directory>,
    _lock: Lock,
}

impl Scratch {
    /// In this data directory, which is made if it is missing.
    pub async fn make(options: &Options) -> Result<Self, Fatal> {
        let path = Directory::prepare(&options.data_dir)?.file("scratch");
        let directory = Arc::new(Directory::prepare(&path)?);
        let lock = lock_to_serve(&directory).await?;
        if let Some(left) = Postmaster::running(&directory)? {
            left.stop(None).await;
        }
        end_orphans(&directory.cluster());
        match fs::remove_dir_all(directory.cluster()) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(refuse("remove", &directory.cluster(), &error));
            }
            Ok(()) | Err(_) => {}
        }
        let private = Private::supervised(directory, lock, options).await?;
        Ok(Self { path, private })
    }

    pub fn connection(&self) -> tokio_postgres::Config {
        self.private.connection()
    }

    /// Stops it and removes everything.
    pub async fn remove(self) {
        self.private.stop().await;
        if let Err(error) = fs::remove_dir_all(&self.path) {
            let path = self.path.display();
            tracing::warn!(%path, %error, "cannot remove what a backup was restored into");
        }
    }
}

impl Vacancy {
    /// Refused while a server, or a command, uses it. A PostgreSQL that a killed one has left is stopped.
    pub async fn take(options: &Options) -> Result<Self, Fatal> {
        let directory = Arc::new(Directory::prepare(&options.data_dir)?);
        let lock = Lock::take(&directory, Purpose::Command)?.map_err(|holder| {
            Fatal::new(format!(
                "snug ({holder}) is using the data directory {}: stop it first",
                directory.path.display()
            ))
        })?;
        if let Some(left) = Postmaster::running(&directory)? {
            left.stop(None).await;
        }
        Ok(Self { directory, _lock: lock })
    }

    /// Whether there is a cluster in it.
    pub fn is_occupied(&self) -> bool {
        self.directory.cluster().exists()
    }

    /// The PostgreSQL of the cluster that is there, started from these programs. It is to be stopped before
    /// `fill`.
    pub(super) async fn open(&self, bindir: &Path, memory: Memory) -> Result<Private, Fatal> {
        let programs = cluster::ensure(&self.directory, Some(bindir), memory).await?;
        let mut postmaster = supervise::start(&self.directory, &programs).await?;
        postmaster.ours = true;
        let socket = Socket::find(&self.directory.cluster())?;
        Ok(Private { socket, using: Using::Held(postmaster), lock: None })
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Stops the new cluster and puts it where the server looks for it. What was there is kept under this
    /// name, whose path is returned. At no moment is there none.
    pub async fn fill(&self, scratch: Scratch, aside: &str) -> Result<Option<PathBuf>, Fatal> {
        let cluster = self.directory.cluster();
        let made = scratch.path.join("postgres");
        scratch.private.stop().await;
        let unable = |error: io::Error| refuse("put the restored cluster into", &cluster, &error);
        let aside = if cluster.exists() {
            let aside = self.directory.file(aside);
            fs::rename(&made, &aside).map_err(unable)?;
            exchange(&aside, &cluster).map_err(unable)?;
            Some(aside)
        } else {
            fs::rename(&made, &cluster).map_err(unable)?;
            None
        };
        File::open(&self.directory.path).and_then(|it| it.sync_all()).map_err(unable)?;
        if let Err(error) = fs::remove_dir_all(&scratch.path) {
            let path = scratch.path.display();
            tracing::warn!(%path, %error, "cannot remove what a backup was restored into");
        }
        Ok(aside)
    }
}

/// At once where the file system can do that.
fn exchange(one: &Path, two: &Path) -> io::Result<()> {
    match renameat2(AT_FDCWD, one, AT_FDCWD, two, RenameFlags::RENAME_EXCHANGE) {
        Err(Errno::EINVAL | Errno::ENOSYS | Errno::ENOTSUP) => {
            let between = one.with_extension("between");
            fs::rename(two, &between)?;
            fs::rename(one, two)?;
            fs::rename(between, one)
        }
        exchanged => exchanged.map_err(io::Error::from),
    }
}
