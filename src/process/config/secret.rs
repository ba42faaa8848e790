//! Secrets: a type that never prints itself, the rules for keys, and the key created at first start.
//!
//! `config` reads secrets from settings. `signing_key` is called by the code that signs tokens, and is
//! the only part of the settings with an effect: it creates `<data_dir>/jwt_secret` if no key is given.

use super::Config;
use crate::limits::{JWT_SECRET_BYTES_MIN, METRICS_TOKEN_BYTES_MIN, SECRET_DISTINCT_BYTES_MIN};
use crate::model::error::Fatal;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A value that is masked wherever it might be printed; `expose` is for the code that needs it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("********")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("********")
    }
}

/// A key for signing tokens.
pub(super) fn jwt_secret(text: &str) -> Result<Secret, String> {
    strong(text, JWT_SECRET_BYTES_MIN)
}

/// A bearer token for `/metrics`. It must fit into a header, or nobody could present it.
pub(super) fn metrics_token(text: &str) -> Result<Secret, String> {
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("has characters that do not fit into a header; use letters and digits".into());
    }
    strong(text, METRICS_TOKEN_BYTES_MIN)
}

fn strong(text: &str, bytes_min: usize) -> Result<Secret, String> {
    const MAKE: &str = "make one with: openssl rand -base64 32";
    let length = text.len();
    if length < bytes_min {
        return Err(format!("is too short ({length} of at least {bytes_min} bytes); {MAKE}"));
    }
    if is_sample(text) {
        return Err(format!("is a sample value that anybody could guess; {MAKE}"));
    }
    Ok(Secret::new(text))
}

/// Values that appear in manuals, or that come from holding down one key.
fn is_sample(text: &str) -> bool {
    const BEGINNINGS: [&str; 14] = [
        "changeme", "secret", "password", "replace", "your", "mysecret", "example", "sample",
        "test", "insecure", "default", "snug", "12345678", "abcdefgh",
    ];
    let letters: String =
        text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let bytes = text.as_bytes();
    let distinct = bytes.iter().collect::<HashSet<_>>().len();
    let repeats =
        (1..=bytes.len() / 2).any(|period| bytes[period..] == bytes[..bytes.len() - period]);
    distinct < SECRET_DISTINCT_BYTES_MIN
        || repeats
        || BEGINNINGS.iter().any(|sample| letters.starts_with(sample))
}

impl Config {
    /// The key that signs tokens: the one from the settings, or the one kept in the data directory,
    /// which is created of random bytes if it does not exist.
    pub fn signing_key(&self) -> Result<Secret, Fatal> {
        if let Some(secret) = self.known_key()? {
            return Ok(secret);
        }
        let path = self.kept_key();
        make_key(&self.data_dir, &path).map_err(|error| {
            Fatal::new(format!(
                "cannot store the key that signs tokens in {}: {error}; make the directory writable \
                 for this user, or set SNUG_DATA_DIR or SNUG_JWT_SECRET",
                path.display()
            ))
        })?;
        read_key(&path)?.ok_or_else(|| {
            Fatal::new(format!(
                "{} vanished while it was being created; start again",
                path.display()
            ))
        })
    }

    /// The key, if one exists already. Asked for first, so that a bad key stops a start before
    /// anything has been created.
    pub fn known_key(&self) -> Result<Option<Secret>, Fatal> {
        match &self.jwt_secret {
            Some(secret) => Ok(Some(secret.clone())),
            None => read_key(&self.kept_key()),
        }
    }

    /// Puts a key that comes from a backup where the next start looks for it. If there was another one, it is
    /// kept under another name, which is returned.
    pub fn keep_key(&self, key: &str, stamp: &str) -> Result<Option<String>, Fatal> {
        let path = self.kept_key();
        let unable = |error: io::Error| {
            Fatal::new(format!("cannot store the key in {}: {error}", path.display()))
        };
        jwt_secret(key).map_err(|rule| Fatal::new(format!("the key of the backup {rule}")))?;
        let present = match fs::read_to_string(&path) {
            Ok(present) if present.trim_end() == key => return Ok(None),
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(unable(error)),
        };
        let aside = path.with_file_name(format!("jwt_secret.aside-{stamp}"));
        if present {
            fs::hard_link(&path, &aside).map_err(unable)?;
        }
        let temporary = write_key(&self.data_dir, key).map_err(unable)?;
        fs::rename(&temporary, &path).map_err(unable)?;
        File::open(&self.data_dir).and_then(|it| it.sync_all()).map_err(unable)?;
        Ok(present.then(|| aside.display().to_string()))
    }

    fn kept_key(&self) -> PathBuf {
        kept_key(&self.data_dir)
    }
}

fn kept_key(data_dir: &Path) -> PathBuf {
    data_dir.join("jwt_secret")
}

/// For `snug config`: which file the key is in if no setting gives one, and whether it is there.
pub(super) fn whereabouts(data_dir: &Path) -> String {
    let path = kept_key(data_dir);
    let shown = super::shown_path(&path);
    match path.try_exists() {
        Ok(true) => format!("(kept in {shown})"),
        Ok(false) => format!("(not there yet: the first start creates {shown})"),
        Err(error) => format!("(kept in {shown}, if it is there: {error})"),
    }
}

fn read_key(path: &Path) -> Result<Option<Secret>, Fatal> {
    let cannot = |error: io::Error| {
        Fatal::new(format!(
            "cannot read {}: {error}; it belongs to the user that created it",
            path.display()
        ))
    };
    let mode = match fs::metadata(path) {
        Ok(metadata) => metadata.permissions().mode(),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => return Ok(None),
            _ => return Err(cannot(error)),
        },
    };
    if mode & 0o007 != 0 {
        return Err(Fatal::new(format!(
            "everyone on this machine can read {path}; run: chmod 600 {path}",
            path = path.display()
        )));
    }
    let text = fs::read_to_string(path).map_err(cannot)?;
    jwt_secret(text.trim_end()).map(Some).map_err(|_| {
        Fatal::new(format!(
            "{} does not hold a whole key; restore it from a backup, or delete it: then everyone logs in again",
            path.display()
        ))
    })
}

/// Two processes may start at once. Linking succeeds for only one of them, and both then read its key.
fn make_key(directory: &Path, path: &Path) -> io::Result<()> {
    let mut random = [0; JWT_SECRET_BYTES_MIN];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let temporary = write_key(directory, &BASE64_URL_SAFE_NO_PAD.encode(random))?;
    let linked = match fs::hard_link(&temporary, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    };
    fs::remove_file(&temporary)?;
    linked?;
    File::open(directory)?.sync_all()
}

/// Writes a key into a file of the directory that only we can read, and returns its name.
fn write_key(directory: &Path, key: &str) -> io::Result<PathBuf> {
    // Others may pass through but not look around: PostgreSQL, which may run as another user, has its
    // cluster below.
    fs::DirBuilder::new().recursive(true).mode(0o711).create(directory)?;
    // Not the process id: two containers that share a volume may both be process 1.
    let number = getrandom::u64().map_err(io::Error::other)?;
    let temporary = directory.join(format!("jwt_secret.{number:016x}"));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let written = file.write_all(format!("{key}\n").as_bytes()).and_then(|()| file.sync_all());
    match written {
        Ok(()) => Ok(temporary),
        Err(error) => {
            // What matters is why it could not be written.
            let _ = fs::remove_file(&temporary);
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::config::Written;

    fn config(directory: &Path) -> Config {
        let directory = directory.to_str().unwrap();
        Config::resolve(&Written::variables([("SNUG_DATA_DIR", directory)])).unwrap().0
    }

    #[test]
    fn a_secret_never_prints_itself() {
        let secret = Secret::new("hunter2");
        assert_eq!(
            format!("{secret} {secret:?} {:?}", Some(&secret)),
            "******** ******** Some(********)"
        );
    }

    #[test]
    fn short_and_sample_keys_are_refused() {
        for bad in [
            "short",
            "changeme-changeme-changeme-change",
            "Change_Me_please_0123456789abcdefgh",
            "secretsecretsecretsecretsecret12",
            "your-256-bit-secret-your-256-bit-secret",
            "replace-me-with-the-output-of-openssl-rand-base64-32",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "qwertyuiqwertyuiqwertyuiqwertyui",
            "0101010101010101010101010101010101010101",
        ] {
            assert!(jwt_secret(bad).is_err(), "{bad}");
        }
        assert!(jwt_secret("uFz3vLh0J4nQ9yWc2sRb7tKd1mXg6pAe").is_ok());
        assert!(metrics_token("uFz3vLh0J4nQ9yWc").is_ok());
        assert!(metrics_token("uFz3vLh0 J4nQ9yWc").is_err());
    }

    #[test]
    fn a_key_is_created_once_and_only_its_owner_can_read_it() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path().join("data");
        let key = config(&directory).signing_key().unwrap();
        assert_eq!(key.expose().len(), 43);
        assert_eq!(config(&directory).signing_key().unwrap(), key);
        let mode = fs::metadata(directory.join("jwt_secret")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            fs::read_dir(&directory).unwrap().count(),
            1,
            "no temporary file is left behind"
        );
    }

    #[test]
    fn starts_at_the_same_time_agree_on_one_key() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("jwt_secret");
        make_key(scratch.path(), &path).unwrap();
        let first = fs::read_to_string(&path).unwrap();
        make_key(scratch.path(), &path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
    }

    #[test]
    fn a_damaged_or_open_key_file_stops_the_start() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("jwt_secret");
        fs::write(&path, "half").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let fatal = config(scratch.path()).signing_key().unwrap_err();
        assert!(fatal.message.contains("does not hold a whole key"), "{fatal}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let fatal = config(scratch.path()).signing_key().unwrap_err();
        assert!(fatal.message.contains("chmod 600"), "{fatal}");
    }
}
