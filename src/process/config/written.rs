//! What was written: flags, environment and the files they name, before any of it is checked.
//!
//! `Written` is everything that settings depend on, so `Config::resolve` is a function of it and can be
//! tested without a process around it. `main` takes the real one with `Written::here`.

use super::Source;
use crate::limits::SECRET_FILE_BYTES_MAX;
use crate::model::error::Fatal;
use crate::process::memory;
use nix::sys::resource::{Resource, getrlimit};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// One setting: its variable, its flag (secrets have none, because every user of the machine could read
/// it in the list of processes), and whether a file may hold it.
pub struct Setting {
    pub variable: &'static str,
    pub flag: Option<&'static str>,
    pub has_file: bool,
}

/// All settings, in the order in which they are shown.
pub const SETTINGS: [Setting; 25] = [
    Setting::plain("SNUG_LISTEN", "--listen"),
    Setting { has_file: true, ..Setting::plain("SNUG_DATABASE_URL", "--database-url") },
    Setting::plain("SNUG_BUS", "--bus"),
    Setting::plain("SNUG_DATA_DIR", "--data-dir"),
    Setting::plain("SNUG_PG_BINDIR", "--pg-bindir"),
    Setting::plain("SNUG_MEMORY", "--memory"),
    Setting::plain("SNUG_DISK_RESERVE", "--disk-reserve"),
    Setting::plain("SNUG_BACKUP_DIR", "--backup-dir"),
    Setting::plain("SNUG_BACKUP_AT", "--backup-at"),
    Setting::plain("SNUG_BACKUP_KEEP", "--backup-keep"),
    Setting::plain("SNUG_BACKUP_HOOK", "--backup-hook"),
    Setting::plain("SNUG_PUBLIC_URL", "--public-url"),
    Setting::secret("SNUG_JWT_SECRET"),
    Setting::plain("SNUG_TOKEN_LIFETIME", "--token-lifetime"),
    Setting::plain("SNUG_SESSION_LIFETIME", "--session-lifetime"),
    Setting::plain("SNUG_SIGNUPS", "--signups"),
    Setting::plain("SNUG_CONTACT", "--contact"),
    Setting::secret("SNUG_SMTP_URL"),
    Setting::plain("SNUG_TRUSTED_PROXIES", "--trusted-proxies"),
    Setting::plain("SNUG_RATE_LIMITS", "--rate-limits"),
    Setting::plain("SNUG_MAX_CONNECTIONS", "--max-connections"),
    Setting::plain("SNUG_MAX_CONNECTIONS_PER_USER", "--max-connections-per-user"),
    Setting::plain("SNUG_MAX_CONNECTIONS_PER_ADDRESS", "--max-connections-per-address"),
    Setting::secret("SNUG_METRICS_TOKEN"),
    Setting::plain("SNUG_LOG", "--log"),
];

/// Variables set for other programs that we heed.
const FOREIGN: [&str; 4] = ["DATABASE_URL", "STATE_DIRECTORY", "XDG_DATA_HOME", "HOME"];

impl Setting {
    const fn plain(variable: &'static str, flag: &'static str) -> Self {
        Self { variable, flag: Some(flag), has_file: false }
    }

    const fn secret(variable: &'static str) -> Self {
        Self { variable, flag: None, has_file: true }
    }
}

/// Everything that the settings depend on.
pub struct Written {
    /// By the variable of their setting (with `_FILE` where the flag names a file).
    pub flags: BTreeMap<&'static str, String>,
    pub variables: BTreeMap<String, String>,
    pub user_is_root: bool,
    /// What relative paths are relative to.
    pub directory: PathBuf,
    /// How many files this process may have open.
    pub files_max: u64,
    /// How much memory this process may have: that of the machine, or less.
    pub memory_bytes: u64,
    pub read: fn(&Path) -> io::Result<String>,
}

impl Written {
    /// The environment of this process. Variables that are not ours may contain anything.
    pub fn here(flags: BTreeMap<&'static str, String>) -> Result<Self, Fatal> {
        let mut variables = BTreeMap::new();
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.to_str() else { continue };
            if !name.starts_with("SNUG_") && !FOREIGN.contains(&name) {
                continue;
            }
            let value = value
                .into_string()
                .map_err(|_| Fatal::usage(format!("{name} is not valid UTF-8; set it again")))?;
            variables.insert(name.to_owned(), value);
        }
        Ok(Self {
            flags,
            variables,
            user_is_root: nix::unistd::Uid::effective().is_root(),
            directory: std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
            files_max: getrlimit(Resource::RLIMIT_NOFILE).map_or(1_024, |(soft, _)| soft),
            memory_bytes: memory::available(),
            read: read_small,
        })
    }

    /// Only these variables, on an ordinary machine: for tests, which must not depend on where they run.
    pub fn variables<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let variables = pairs.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        Self {
            flags: BTreeMap::new(),
            variables,
            user_is_root: false,
            directory: PathBuf::from("/"),
            files_max: 1_024,
            memory_bytes: 2 * 1024 * 1024 * 1024,
            read: read_small,
        }
    }

    /// The value of a variable; an empty one counts as unset.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The text of a setting and where it came from: a flag, the environment, or a file that either
    /// names.
    pub(super) fn text(&self, setting: &Setting) -> Result<Option<(String, Source)>, Fatal> {
        let variable = setting.variable;
        let file_variable = format!("{variable}_FILE");
        let flag = |name: &str| self.flags.get(name).filter(|value| !value.is_empty());
        if let Some(value) = flag(variable) {
            return Ok(Some((value.clone(), Source::Flag)));
        }
        if setting.has_file {
            let (file, source) = match (flag(&file_variable), self.variable(&file_variable)) {
                (Some(path), _) => (Some(path.as_str()), Source::Flag),
                (None, path) => (path, Source::Environment),
            };
            if let Some(path) = file {
                if matches!(source, Source::Environment) && self.variable(variable).is_some() {
                    return Err(Fatal::usage(format!(
                        "{variable} and {file_variable} are both set; keep only one of them"
                    )));
                }
                let called = match source {
                    Source::Flag => flag_of(&file_variable),
                    _ => file_variable,
                };
                let path = self.absolute(path);
                let text = (self.read)(&path).map_err(|error| {
                    Fatal::usage(format!("{called}: cannot read {path:?}: {error}"))
                })?;
                let text = text.trim_end_matches(['\r', '\n']);
                if text.is_empty() {
                    return Err(Fatal::usage(format!("{called}: {path:?} is empty")));
                }
                return Ok(Some((text.to_owned(), Source::File { path, called })));
            }
        }
        Ok(self.variable(variable).map(|value| (value.to_owned(), Source::Environment)))
    }

    pub(super) fn absolute(&self, path: &str) -> PathBuf {
        self.directory.join(path).components().collect()
    }

    /// A misspelt setting is refused rather than ignored: whoever set it believes that it is in force.
    pub(super) fn refuse_unknown(&self) -> Result<(), Fatal> {
        let known: Vec<String> = SETTINGS
            .iter()
            .flat_map(|setting| {
                let file = setting.has_file.then(|| format!("{}_FILE", setting.variable));
                [Some(setting.variable.to_owned()), file]
            })
            .flatten()
            .collect();
        let unknown =
            self.variables.keys().find(|name| name.starts_with("SNUG_") && !known.contains(name));
        let Some(unknown) = unknown else { return Ok(()) };
        let nearest = known
            .iter()
            .map(|name| (strsim::damerau_levenshtein(name, unknown), name))
            .min()
            .filter(|(distance, _)| *distance <= unknown.len() / 3);
        Err(Fatal::usage(match nearest {
            Some((_, name)) => format!("{unknown} is not a setting; did you mean {name}?"),
            None => format!("{unknown} is not a setting; `snug --help` lists them"),
        }))
    }
}

/// `SNUG_PUBLIC_URL` is `--public-url`, and so on.
fn flag_of(variable: &str) -> String {
    format!("--{}", variable.trim_start_matches("SNUG_").to_lowercase().replace('_', "-"))
}

/// A file that holds a secret, which is small; `/dev/zero` and directories are refused.
fn read_small(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(SECRET_FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > SECRET_FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "too large for a secret"));
    }
    Ok(text)
}
