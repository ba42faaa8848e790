//! Whether there is room to write. A PostgreSQL that meets a full disk while it writes its log takes
//! everybody down, readers too; so writes are refused while a reserve is left.
//!
//! `process::run` has the disk measured every second, and the lane asks for it sooner after much was
//! written. Of an external PostgreSQL, and of what a measure cannot see (a quota), we hear when it
//! refuses a statement. The beginning and the end are logged, once each.

use super::Store;
use crate::limits::{
    DISK_CALM, DISK_INODES_MIN, DISK_LAST_BYTES_MAX, DISK_MEASURE_PAUSE, DISK_WRITTEN_MAX,
};
use crate::model::error::{Error, Result};
use parking_lot::Mutex;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Instant;
use tokio::sync::Notify;
use tokio::time::timeout;

/// What a write is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteKind {
    /// What people add: refused from the reserve on.
    Content,
    /// Being let in, which takes next to nothing: goes on for a while longer.
    SignIn,
    /// What ends or takes away something: never refused by us.
    Upkeep,
}

/// Where our own PostgreSQL writes, and how many bytes are to stay free there.
pub struct WatchedDisk {
    pub directories: Vec<PathBuf>,
    pub reserve: u64,
}

#[derive(Default)]
pub struct Disk {
    watched: Option<WatchedDisk>,
    /// As last measured, below the reserve.
    is_low: AtomicBool,
    /// The same for the last of it.
    is_spent: AtomicBool,
    /// When PostgreSQL last refused a statement for want of room, until statements succeed again.
    refused_at: Mutex<Option<Instant>>,
    is_refused: AtomicBool,
    /// Bytes of content written since it was last measured.
    written: AtomicU64,
    wanted: Notify,
}

impl Disk {
    pub fn watching(watched: WatchedDisk) -> Self {
        let disk = Self { watched: Some(watched), ..Self::default() };
        disk.measure();
        disk
    }

    /// Whether there is too little room, as measured or as PostgreSQL said.
    pub fn is_full(&self) -> bool {
        self.is_low.load(Relaxed) || self.is_refused.load(Relaxed)
    }

    /// What PostgreSQL refused is tried all the same: that is how we find out that there is room again.
    fn has_room(&self, write: WriteKind) -> bool {
        match write {
            WriteKind::Content => !self.is_low.load(Relaxed),
            WriteKind::SignIn => !self.is_spent.load(Relaxed),
            WriteKind::Upkeep => true,
        }
    }

    /// Looks at the disk. May block for as long as the disk does.
    pub fn measure(&self) {
        self.written.store(0, Relaxed);
        let Some(WatchedDisk { directories, reserve }) = &self.watched else { return };
        match free(directories) {
            Ok(free) => self.judge(free, *reserve),
            Err(error) => tracing::debug!(%error, "cannot find out how much room is left"),
        }
    }

    /// What was low stays so until a quarter of the reserve more is free, so that it does not change
    /// back and forth.
    fn judge(&self, free: u64, reserve: u64) {
        let last = (reserve / 2).min(DISK_LAST_BYTES_MAX);
        self.is_spent.store(free < last, Relaxed);
        let was_full = self.is_full();
        let was_low = self.is_low.load(Relaxed);
        let enough = if was_low { reserve.saturating_add(reserve / 4) } else { reserve };
        self.is_low.store(free < enough, Relaxed);
        self.tell(was_full, Some(free));
    }

    /// PostgreSQL refused a statement for want of room.
    pub(super) fn refused(&self) {
        let was_full = self.is_full();
        *self.refused_at.lock() = Some(Instant::now());
        self.is_refused.store(true, Relaxed);
        self.tell(was_full, None);
    }

    /// A statement that wrote so many bytes of content has succeeded. A small one may fit where others
    /// do not, so the last refusal must be a while ago.
    pub(super) fn wrote(&self, bytes: u64) {
        if self.written.fetch_add(bytes, Relaxed) + bytes > DISK_WRITTEN_MAX {
            self.wanted.notify_one();
        }
        if !self.is_refused.load(Relaxed) {
            return;
        }
        let mut refused_at = self.refused_at.lock();
        if refused_at.is_some_and(|at| at.elapsed() > DISK_CALM) {
            *refused_at = None;
            self.is_refused.store(false, Relaxed);
            drop(refused_at);
            self.tell(true, None);
        }
    }

    fn tell(&self, was_full: bool, free: Option<u64>) {
        match (was_full, self.is_full()) {
            (false, true) => {
                let reserve = self.watched.as_ref().map(|watched| watched.reserve);
                tracing::warn!(
                    free,
                    reserve,
                    "the disk is full: nothing is stored until there is room"
                );
            }
            (true, false) => tracing::warn!(free, "there is room on the disk again"),
            (true, true) | (false, false) => {}
        }
    }
}

/// The least of what is free for PostgreSQL's user, who is not root. A file system that has run out of
/// files has no room either.
pub fn free(directories: &[PathBuf]) -> io::Result<u64> {
    let mut least = u64::MAX;
    for directory in directories {
        let stat = nix::sys::statvfs::statvfs(directory.as_path())?;
        let bytes = stat.blocks_available().saturating_mul(stat.fragment_size());
        let has_files = stat.files() == 0 || stat.files_available() >= DISK_INODES_MIN;
        least = least.min(if has_files { bytes } else { 0 });
    }
    Ok(least)
}

impl Store {
    /// Watches where its PostgreSQL writes.
    pub fn watching(self, watched: WatchedDisk) -> Self {
        Self { disk: Disk::watching(watched).into(), ..self }
    }

    pub fn is_disk_full(&self) -> bool {
        self.disk.is_full()
    }

    pub fn has_room(&self, write: WriteKind) -> bool {
        self.disk.has_room(write)
    }

    /// See `Disk::wrote` and `Disk::refused`: for the lane, which writes on a connection of its own.
    pub fn wrote(&self, bytes: u64) {
        self.disk.wrote(bytes);
    }

    pub fn refused_for_want_of_room(&self) {
        self.disk.refused();
    }

    pub(super) fn admit(&self, write: WriteKind) -> Result<()> {
        if self.disk.has_room(write) { Ok(()) } else { Err(Error::storage_full()) }
    }

    /// Measures the disk for as long as the process runs.
    pub async fn watch_disk(self) {
        loop {
            // Sooner if much is written.
            let _sooner = timeout(DISK_MEASURE_PAUSE, self.disk.wanted.notified()).await;
            let disk = std::sync::Arc::clone(&self.disk);
            if tokio::task::spawn_blocking(move || disk.measure()).await.is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn admitted(disk: &Disk) -> [bool; 3] {
        [WriteKind::Content, WriteKind::SignIn, WriteKind::Upkeep].map(|write| disk.has_room(write))
    }

    #[test]
    fn the_less_is_left_the_more_is_refused() {
        let disk = Disk::default();
        for (free, expected) in [
            (64 * MIB, [true, true, true]),
            (64 * MIB - 1, [false, true, true]),
            (32 * MIB - 1, [false, false, true]),
            (0, [false, false, true]),
            // What is given back must be more than a little.
            (65 * MIB, [false, true, true]),
            (80 * MIB, [true, true, true]),
        ] {
            disk.judge(free, 64 * MIB);
            assert_eq!(admitted(&disk), expected, "{free}");
        }
    }

    #[test]
    fn without_a_reserve_nothing_is_refused() {
        let disk = Disk::default();
        disk.judge(0, 0);
        assert_eq!(admitted(&disk), [true; 3]);
        assert!(!disk.is_full());
    }

    #[test]
    fn what_postgresql_refuses_is_tried_again() {
        let disk = Disk::default();
        disk.refused();
        assert!(disk.is_full());
        assert_eq!(admitted(&disk), [true; 3]);
        disk.wrote(1);
        assert!(disk.is_full(), "a small statement may fit where others do not");
    }
}
