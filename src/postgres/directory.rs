//! The data directory: who may use it, what it contains, and the lock on it.
//!
//! It belongs to the user who starts snug and holds `postgres/` (the cluster, owned by the user that
//! PostgreSQL runs as), `postgresql.conf`, `pg_hba.conf` and `pg_ident.conf` (written by snug whenever
//! they differ), `postgres.log` and `lock`. Under root its mode is 0711, so that PostgreSQL's user can
//! pass through; everything else in it must protect itself by its own mode. Only the holder of the
//! lock touches the contents. Nothing here starts a process.

use super::account::{Account, name_of};
use crate::limits::{PG_LOG_BYTES_MAX, PG_LOG_TAIL_BYTES_MAX, SOCKET_PATH_BYTES_MAX};
use crate::model::error::Fatal;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(super) struct Directory {
    /// Absolute and without symbolic links.
    pub path: PathBuf,
    pub account: Account,
}

impl Directory {
    /// Creates the directory if it is missing, and refuses one that others could write to.
    pub(super) fn prepare(path: &Path) -> Result<Self, Fatal> {
        let account = Account::find()?;
        let mode = if account.differs { 0o711 } else { 0o700 };
        DirBuilder::new()
            .recursive(true)
            .mode(mode)
            .create(path)
            .map_err(|error| refuse("make the data directory", path, &error))?;
        let path =
            path.canonicalize().map_err(|error| refuse("open the data directory", path, &error))?;
        let metadata = fs::metadata(&path)
            .map_err(|error| refuse("open the data directory", &path, &error))?;
        let own = nix::unistd::geteuid().as_raw();
        if metadata.uid() != own {
            return Err(Fatal::new(format!(
                "the data directory {} belongs to the user {}: start snug as that user, or set \
                 SNUG_DATA_DIR to a directory that belongs to {}",
                path.display(),
                name_of(metadata.uid()),
                name_of(own),
            )));
        }
        if metadata.mode() & 0o002 != 0 {
            return Err(Fatal::new(format!(
                "everyone can write to the data directory {}: forbid that (chmod o-w), or set \
                 SNUG_DATA_DIR to another directory",
                path.display()
            )));
        }
        if account.differs && metadata.mode() & 0o011 != 0o011 {
            let passable = Permissions::from_mode(metadata.mode() & 0o7777 | 0o011);
            fs::set_permissions(&path, passable)
                .map_err(|error| refuse("open the data directory to PostgreSQL", &path, &error))?;
        }
        Ok(Self { path, account })
    }

    pub(super) fn cluster(&self) -> PathBuf {
        self.path.join("postgres")
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// PostgreSQL's log, opened for appending.
    pub(super) fn log(&self) -> io::Result<File> {
        self.bound_log()?;
        OpenOptions::new().append(true).create(true).mode(0o600).open(self.log_path())
    }

    /// Keeps the log and one older part. The log is truncated rather than renamed, because a running
    /// PostgreSQL goes on writing to the file that it has open.
    pub(super) fn bound_log(&self) -> io::Result<()> {
        let path = self.log_path();
        match fs::metadata(&path) {
            Ok(metadata) if metadata.len() > PG_LOG_BYTES_MAX => {
                // Copying may fail because the disk is full, which is exactly when the log must be
                // truncated.
                if let Err(error) = fs::copy(&path, self.file("postgres.log.old")) {
                    tracing::warn!(%error, "cannot keep the older part of PostgreSQL's log");
                }
                OpenOptions::new().write(true).open(&path)?.set_len(0)
            }
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn log_length(&self) -> u64 {
        fs::metadata(self.log_path()).map_or(0, |metadata| metadata.len())
    }

    /// Why PostgreSQL gave up, in one line, from what it has logged since the log was `from` bytes long.
    pub(super) fn log_tail(&self, from: u64) -> String {
        let read = || -> io::Result<Vec<u8>> {
            let mut file = File::open(self.log_path())?;
            let length = file.metadata()?.len();
            // It is shorter than it was if it has been truncated since.
            let from = if from > length { 0 } else { from };
            file.seek(SeekFrom::Start(from.max(length.saturating_sub(PG_LOG_TAIL_BYTES_MAX))))?;
            let mut tail = Vec::new();
            file.take(PG_LOG_TAIL_BYTES_MAX).read_to_end(&mut tail)?;
            Ok(tail)
        };
        read().map(|tail| one_line(&tail)).unwrap_or_default()
    }

    pub(super) fn log_path(&self) -> PathBuf {
        self.file("postgres.log")
    }
}

/// How this process names the directory of PostgreSQL's socket. The socket is in the cluster's
/// directory, which only its owner may enter. Where that path is too long for a socket address, the
/// directory is held open and named by its file descriptor.
#[derive(Debug)]
pub(super) struct Socket {
    pub directory: PathBuf,
    _held: Option<File>,
}

impl Socket {
    pub(super) fn find(cluster: &Path) -> Result<Self, Fatal> {
        let longest = cluster.join(".s.PGSQL.5432");
        if longest.as_os_str().as_bytes().len() <= SOCKET_PATH_BYTES_MAX {
            return Ok(Self { directory: cluster.to_owned(), _held: None });
        }
        let held =
            File::open(cluster).map_err(|error| refuse("open the cluster", cluster, &error))?;
        let directory = PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd()));
        Ok(Self { directory, _held: Some(held) })
    }
}

/// Writes a small file atomically. Leaves a file that is already right alone, so that a full disk
/// does not keep snug from starting.
pub(super) fn write_whole(path: &Path, content: &str) -> Result<(), Fatal> {
    if fs::read(path).is_ok_and(|present| present == content.as_bytes()) {
        return Ok(());
    }
    let draft = path.with_extension("new");
    fs::write(&draft, content)
        .and_then(|()| fs::set_permissions(&draft, Permissions::from_mode(0o644)))
        .and_then(|()| fs::rename(&draft, path))
        .map_err(|error| refuse("write", path, &error))
}

/// The error line for a file or directory that cannot be used.
pub(super) fn refuse(what: &str, path: &Path, error: &io::Error) -> Fatal {
    let remedy = match error.kind() {
        ErrorKind::PermissionDenied => {
            let user = name_of(nix::unistd::geteuid().as_raw());
            format!("let {user} write there, or set SNUG_DATA_DIR to another directory")
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "free some space on that disk".to_owned()
        }
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists | ErrorKind::IsADirectory => {
            "move away what is there, or set SNUG_DATA_DIR to another directory".to_owned()
        }
        _ => "check that disk, or set SNUG_DATA_DIR to another directory".to_owned(),
    };
    Fatal::new(format!("cannot {what} {}: {error}: {remedy}", path.display()))
}

/// What a program said before it failed, in one line: its complaints, or else its last words.
pub(super) fn one_line(output: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(output)
        .chars()
        .map(|c| if c.is_control() && c != '\n' { ' ' } else { c })
        .collect();
    // PostgreSQL logs a complaint about each of our own questions while it is starting.
    let telling = |line: &&str| !line.is_empty() && !line.contains("the database system is");
    let lines: Vec<&str> = text.lines().map(str::trim).filter(telling).collect();
    let complaints: Vec<&str> = lines
        .iter()
        .filter_map(|line| {
            let at = ["FATAL:", "PANIC:", "error:"].iter().find_map(|mark| line.find(mark))?;
            Some(&line[at..])
        })
        .collect();
    let said = if complaints.is_empty() { lines } else { complaints };
    said[said.len().saturating_sub(3)..].join("; ")
}
