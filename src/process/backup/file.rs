//! The form of a backup: a tar, whose last member is a checksum of everything before it.
//!
//! Members, in this order: `format` (a line by which the file is known), `settings.env`, `jwt_secret` (if there
//! is a key), `database.dump` (by `pg_dump`, in its custom format), `manifest.json`, `sha256`. It is written
//! beside its place under a name that ends in `.part`, and gets its own name when all of it is on the disk.
//! Nothing here waits for others: callers run it on threads for blocking work.

use super::Manifest;
use crate::limits::{BACKUP_LOOK_BYTES, BACKUP_PART_BYTES_MAX, MANIFEST_BYTES_MAX};
use crate::model::error::Fatal;
use crate::store::free;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tar::{Archive, Builder, Header};

/// By this line a file is known as a backup, and in what form; a number is for each form.
const FORMAT: &str = "snug backup ";
const FORM: u32 = 1;
const BLOCK: u64 = 512;
/// The last member with its header, and the two empty blocks with which a tar ends.
const SEAL_BYTES: u64 = 4 * BLOCK;
const HASHED_AT_ONCE: usize = 256 * 1024;

/// One that is being written. If it is dropped before it is finished, nothing is left of it.
pub struct Unfinished {
    path: PathBuf,
    part: PathBuf,
    tar: Option<Builder<BufWriter<Roomy>>>,
}

/// A file that leaves room on its disk.
struct Roomy {
    file: File,
    directory: PathBuf,
    reserve: u64,
    /// Since it was last looked.
    unseen: u64,
    written: Arc<AtomicU64>,
}

/// A whole backup. Its bytes have been compared with its checksum.
pub struct BackupFile {
    file: File,
    members: BTreeMap<String, (u64, u64)>,
    pub bytes: u64,
    pub manifest: Manifest,
}

impl Unfinished {
    /// Begins one. `written` counts its bytes.
    pub fn begin(path: &Path, reserve: u64, written: Arc<AtomicU64>) -> Result<Self, Fatal> {
        let unable = |error: io::Error| unwritable(path, &error);
        if path.symlink_metadata().is_ok() {
            return Err(Fatal::new(format!(
                "{} is there already: choose another name, or remove it",
                path.display()
            )));
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let part = path.with_file_name(name);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&part).map_err(unable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Fatal::new(format!(
                    "another backup is being written to {}: wait for it, or choose another name",
                    part.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(unable(error)),
        }
        // Whoever had the lock before may have finished meanwhile: then this is that backup, not its draft.
        let inode = |metadata: io::Result<fs::Metadata>| metadata.map(|it| it.ino()).ok();
        if path.symlink_metadata().is_ok() || inode(fs::metadata(&part)) != inode(file.metadata()) {
            return Err(Fatal::new(format!(
                "{} has just been made by somebody else",
                path.display()
            )));
        }
        // It may be what a killed one has left.
        file.set_len(0).map_err(unable)?;
        file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(unable)?;
        let directory = part.parent().filter(|it| *it != Path::new("")).unwrap_or(Path::new("."));
        let directory = directory.to_owned();
        let roomy = Roomy { file, directory, reserve, unseen: BACKUP_LOOK_BYTES, written };
        let tar = Some(Builder::new(BufWriter::with_capacity(HASHED_AT_ONCE, roomy)));
        Ok(Self { path: path.to_owned(), part, tar })
    }

    /// Everything but what is known only at the end.
    pub fn write(
        mut self,
        settings: &str,
        key: Option<&str>,
        mut dump: impl Read,
    ) -> Result<Self, Fatal> {
        let path = self.path.clone();
        let Some(tar) = &mut self.tar else { return Ok(self) };
        let mut write = || {
            add(tar, "format", format!("{FORMAT}{FORM}\n").as_bytes())?;
            add(tar, "settings.env", settings.as_bytes())?;
            if let Some(key) = key {
                add(tar, "jwt_secret", format!("{key}\n").as_bytes())?;
            }
            let mut header = header(0);
            let mut member = tar.append_writer(&mut header, "database.dump")?;
            io::copy(&mut dump, &mut member)?;
            member.finish()
        };
        write().map_err(|error| unwritable(&path, &error))?;
        Ok(self)
    }

    /// Adds the manifest and the checksum, waits for the disk, and gives it its name. Returns its size.
    pub fn finish(mut self, manifest: &Manifest) -> Result<u64, Fatal> {
        let path = self.path.clone();
        let Some(mut tar) = self.tar.take() else { return Ok(0) };
        let finish = || -> io::Result<u64> {
            add(&mut tar, "manifest.json", &serde_json::to_vec(manifest)?)?;
            let mut writer = tar.into_inner()?;
            writer.flush()?;
            let file = &writer.get_ref().file;
            // Two empty blocks have been written, in whose place the last member comes.
            let sealed = file.metadata()?.len() - 2 * BLOCK;
            file.write_all_at(&seal(&digest(file, sealed)?)?, sealed)?;
            file.sync_all()?;
            let parent = &writer.get_ref().directory;
            // Atomic, and never in the place of another file.
            fs::hard_link(&self.part, &self.path).or_else(|error| match error.kind() {
                ErrorKind::AlreadyExists => Err(error),
                // A file system without links.
                _ => fs::rename(&self.part, &self.path),
            })?;
            let removed = fs::remove_file(&self.part);
            if let Err(error) = removed
                && error.kind() != ErrorKind::NotFound
            {
                return Err(error);
            }
            File::open(parent)?.sync_all()?;
            Ok(sealed + SEAL_BYTES)
        };
        finish().map_err(|error| unwritable(&path, &error))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // There is none if it was finished. One that cannot be removed does not have a backup's name.
        let _ = fs::remove_file(&self.part);
    }
}

impl Write for Roomy {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.unseen >= BACKUP_LOOK_BYTES {
            self.unseen = 0;
            if free(std::slice::from_ref(&self.directory))? < self.reserve {
                return Err(io::Error::new(
                    ErrorKind::StorageFull,
                    "less than SNUG_DISK_RESERVE would be left on that disk",
                ));
            }
        }
        let count = self.file.write(bytes)?;
        self.unseen += count as u64;
        self.written.fetch_add(count as u64, Relaxed);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for Roomy {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl BackupFile {
    /// Reads and checks all of it. What is not whole, or not a backup, is refused.
    pub fn open(path: &Path) -> Result<Self, Fatal> {
        let shown = path.display();
        let unreadable = |error: io::Error| Fatal::new(format!("cannot read {shown}: {error}"));
        let file = File::open(path).map_err(unreadable)?;
        if !file.metadata().map_err(unreadable)?.is_file() {
            return Err(Fatal::new(format!("{shown} is not a file")));
        }
        let bytes = file.metadata().map_err(unreadable)?.len();
        let form = form(&file).map_err(unreadable)?;
        match form {
            Some(FORM) => {}
            Some(newer) => {
                return Err(Fatal::new(format!(
                    "{shown} is a backup in form {newer}, but this snug only knows {FORM}: install a newer one"
                )));
            }
            None => return Err(Fatal::new(format!("{shown} is not a backup of snug"))),
        }
        let is_whole = || -> io::Result<bool> {
            let Some(sealed) = bytes.checked_sub(SEAL_BYTES) else { return Ok(false) };
            let mut found = [0; SEAL_BYTES as usize];
            file.read_exact_at(&mut found, sealed)?;
            Ok(found == *seal(&digest(&file, sealed)?)?)
        };
        if !is_whole().map_err(unreadable)? {
            return Err(Fatal::new(format!(
                "{shown} is damaged: since it was made, it was cut off or changed"
            )));
        }
        let members = members(&file).map_err(unreadable)?;
        let found = read_member(&file, &members, "manifest.json", MANIFEST_BYTES_MAX);
        let manifest =
            found.map_err(unreadable)?.and_then(|text| serde_json::from_slice(&text).ok());
        match manifest {
            Some(manifest) if members.contains_key("database.dump") => {
                Ok(Self { file, members, bytes, manifest })
            }
            _ => Err(Fatal::new(format!("{shown} lacks its manifest or its database"))),
        }
    }

    /// The key that signed tokens there.
    pub fn key(&self) -> Option<String> {
        let key = read_member(&self.file, &self.members, "jwt_secret", BACKUP_PART_BYTES_MAX);
        let key = String::from_utf8(key.ok()??).ok()?;
        Some(key.trim_end().to_owned())
    }

    /// Writes the dump of the database into this.
    pub fn pour(&self, mut into: impl Write) -> io::Result<u64> {
        let (at, size) = self.members["database.dump"];
        let mut file = &self.file;
        file.seek(SeekFrom::Start(at))?;
        io::copy(&mut file.take(size), &mut into)
    }
}

fn header(size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o600);
    header.set_mtime(0);
    header
}

fn add(tar: &mut Builder<impl Write>, name: &str, text: &[u8]) -> io::Result<()> {
    tar.append_data(&mut header(text.len() as u64), name, text)
}

/// The end of a backup whose bytes before it have this digest.
fn seal(digest: &str) -> io::Result<Vec<u8>> {
    let mut tar = Builder::new(Vec::new());
    add(&mut tar, "sha256", format!("{digest}\n").as_bytes())?;
    tar.into_inner()
}

/// The digest of so many bytes from the beginning.
fn digest(file: &File, upto: u64) -> io::Result<String> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; HASHED_AT_ONCE];
    let mut at = 0;
    while at < upto {
        let wanted = buffer.len().min(usize::try_from(upto - at).unwrap_or(usize::MAX));
        file.read_exact_at(&mut buffer[..wanted], at)?;
        digest.update(&buffer[..wanted]);
        at += wanted as u64;
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The form in which a backup is, by its first member; none if it is not one.
fn form(file: &File) -> io::Result<Option<u32>> {
    let mut start = [0; 2 * BLOCK as usize];
    match file.read_exact_at(&mut start, 0) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let (head, text) = start.split_at(BLOCK as usize);
    let line = text.split(|byte| *byte == b'\n').next().and_then(|line| str::from_utf8(line).ok());
    let form = line.and_then(|line| line.strip_prefix(FORMAT)?.parse().ok());
    Ok(form.filter(|_| head.starts_with(b"format\0")))
}

/// Where each member begins, and its size.
fn members(mut file: &File) -> io::Result<BTreeMap<String, (u64, u64)>> {
    file.rewind()?;
    let mut members = BTreeMap::new();
    for entry in Archive::new(file).entries_with_seek()? {
        let entry = entry?;
        let name = entry.path()?.to_string_lossy().into_owned();
        members.insert(name, (entry.raw_file_position(), entry.size()));
    }
    Ok(members)
}

fn read_member(
    file: &File,
    members: &BTreeMap<String, (u64, u64)>,
    name: &str,
    bytes_max: u64,
) -> io::Result<Option<Vec<u8>>> {
    let Some((at, size)) = members.get(name).copied() else { return Ok(None) };
    if size > bytes_max {
        return Err(io::Error::new(ErrorKind::FileTooLarge, format!("{name} in it is too large")));
    }
    let mut text = vec![0; size as usize];
    file.read_exact_at(&mut text, at)?;
    Ok(Some(text))
}

fn unwritable(path: &Path, error: &io::Error) -> Fatal {
    let remedy = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            ": make room there, or name another disk"
        }
        ErrorKind::PermissionDenied => ": choose a directory that this user may write to",
        ErrorKind::NotFound => ": make that directory first",
        _ => "",
    };
    Fatal::new(format!("cannot write {}: {error}{remedy}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Contents;

    fn made(directory: &Path) -> PathBuf {
        let path = directory.join("a.backup");
        let unfinished = Unfinished::begin(&path, 0, Arc::default()).unwrap();
        let contents = Contents { schema: 1, until: None, tables: Vec::new(), chats: Vec::new() };
        let unfinished = unfinished.write("SNUG_LOG=info\n", Some("key"), &b"PGDMP and so on"[..]);
        unfinished.unwrap().finish(&Manifest::new(contents, 15, "e".into(), 1)).unwrap();
        path
    }

    #[test]
    fn what_was_written_is_read_and_nothing_else_is_left() {
        let scratch = tempfile::tempdir().unwrap();
        let path = made(scratch.path());
        let file = BackupFile::open(&path).unwrap();
        assert_eq!(file.key().unwrap(), "key");
        let mut dump = Vec::new();
        file.pour(&mut dump).unwrap();
        assert_eq!(dump, b"PGDMP and so on");
        assert_eq!(file.bytes, fs::metadata(&path).unwrap().len());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
    }

    /// Whatever happens to it, in each of its bytes, and at each length.
    #[test]
    fn every_changed_byte_and_every_cut_is_noticed() {
        let scratch = tempfile::tempdir().unwrap();
        let path = made(scratch.path());
        let whole = fs::read(&path).unwrap();
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            fs::write(&path, &changed).unwrap();
            assert!(BackupFile::open(&path).is_err(), "byte {place}");
        }
        for length in (0..whole.len()).step_by(97) {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(BackupFile::open(&path).is_err(), "cut at {length}");
        }
        fs::write(&path, [&whole[..], &[0; 512]].concat()).unwrap();
        assert!(BackupFile::open(&path).is_err(), "something follows");
        fs::write(&path, &whole).unwrap();
        assert!(BackupFile::open(&path).is_ok());
    }

    #[test]
    fn one_that_is_dropped_leaves_nothing_and_none_is_overwritten() {
        let scratch = tempfile::tempdir().unwrap();
        let path = made(scratch.path());
        let fatal = Unfinished::begin(&path, 0, Arc::default()).map(|_| ()).unwrap_err();
        assert!(fatal.message.contains("is there already"), "{fatal}");
        let other = scratch.path().join("b.backup");
        let unfinished = Unfinished::begin(&other, 0, Arc::default()).unwrap();
        let second = Unfinished::begin(&other, 0, Arc::default()).map(|_| ()).unwrap_err();
        assert!(second.message.contains("another backup is being written"), "{second}");
        drop(unfinished);
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
        let full = Unfinished::begin(&other, u64::MAX, Arc::default()).unwrap();
        let fatal = full.write("", None, &vec![0; 1 << 20][..]).map(|_| ()).unwrap_err();
        assert!(fatal.message.contains("make room"), "{fatal}");
    }
}
