//! Settings: from what was written to what is in force.
//!
//! `Written` is what flags, environment and files say. `Config::resolve` accepts it, or names the first
//! setting that is wrong and how to write it. Flags win over the environment, and the environment over
//! defaults. Nothing here has an effect except `signing_key` (see `secret`), which the server calls and
//! `snug config` does not.

mod environment_file;
mod secret;
mod service;
mod value;
mod written;

pub use secret::Secret;
pub use service::SERVICE_SETTINGS;
pub use value::lifetime;
pub use written::{SETTINGS, Setting, Written};

use crate::http::public_url::{self, PublicUrl};
use crate::limits::{
    BACKUP_AT_DEFAULT, BACKUP_KEEP_DEFAULT, CONNECTIONS_DEFAULT_MAX, CONNECTIONS_DEFAULT_MIN,
    CONNECTIONS_PER_ADDRESS_DEFAULT, CONNECTIONS_PER_USER_DEFAULT, DISK_RESERVE_DEFAULT,
    FILES_RESERVED, Memory, SESSION_LIFETIME_DEFAULT, TOKEN_LIFETIME_DEFAULT,
};
use crate::mail::Mailer;
use crate::model::error::Fatal;
use crate::model::signups::SignupPolicy;
use crate::model::waits::Waits;
use crate::postgres::Options;
use crate::process::backup::Keep;
use ipnet::IpNet;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The settings in force, checked.
#[derive(Debug, Clone)]
pub struct Config {
    pub listen: SocketAddr,
    pub database: DatabaseSetting,
    pub bus: BusSetting,
    /// The directory for the private PostgreSQL's cluster, the key and backups; absolute.
    pub data_dir: PathBuf,
    pub pg_bindir: Option<PathBuf>,
    /// How much memory snug and its own PostgreSQL may take.
    pub memory: Memory,
    /// Bytes that stay free where the private PostgreSQL writes.
    pub disk_reserve: u64,
    /// Where backups are made by themselves; none if they are not.
    pub backup_dir: Option<PathBuf>,
    /// At what local time; none for never.
    pub backup_at: Option<jiff::civil::Time>,
    pub backup_keep: Keep,
    pub backup_hook: Option<PathBuf>,
    pub public_url: Option<PublicUrl>,
    /// If none, the one kept in the data directory; see `signing_key`.
    pub jwt_secret: Option<Secret>,
    pub token_lifetime: Duration,
    pub session_lifetime: Duration,
    pub signups: SignupPolicy,
    /// Whom people ask who have forgotten their password.
    pub contact: Option<String>,
    /// The URL of a mail server; masked as a whole, because it contains a password.
    pub smtp_url: Option<Secret>,
    pub trusted_proxies: Vec<IpNet>,
    pub rate_limits: bool,
    pub max_connections: usize,
    pub max_connections_per_user: usize,
    pub max_connections_per_address: usize,
    pub metrics_token: Option<Secret>,
    /// A filter for `tracing`.
    pub log: String,
    /// What was set, as an environment file, without secrets: for backups.
    pub written: String,
    /// What each setting is called where it was written: its flag or its variable.
    pub called: Called,
    /// Not a setting: for tests, which have no time.
    pub waits: Waits,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseSetting {
    /// The PostgreSQL that we start ourselves.
    Private,
    /// A URL; masked as a whole, because it may contain a password.
    External(Secret),
}

/// How nodes that share a database tell each other what is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BusSetting {
    /// There is only one.
    Off,
    /// By PostgreSQL's own NOTIFY.
    Postgres,
}

/// The names under which settings were given, for complaints that come later than ours.
#[derive(Debug, Clone, Default)]
pub struct Called(BTreeMap<&'static str, &'static str>);

impl Called {
    /// The flag of this variable, if that was used; otherwise the variable that was heeded.
    pub fn name(&self, variable: &'static str) -> &'static str {
        self.0.get(variable).copied().unwrap_or(variable)
    }
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Flag,
    Environment,
    /// A variable that is not ours, but that we heed.
    Foreign(&'static str),
    /// And what names the file.
    File {
        path: PathBuf,
        called: String,
    },
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("from flag"),
            Self::Environment => f.write_str("from environment"),
            Self::Foreign(variable) => write!(f, "from environment ({variable})"),
            Self::File { path, .. } => write!(f, "from file {}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Every setting as `snug config` prints it: the variable, the value and where it came from.
pub struct InForce(Vec<(&'static str, String, Source)>);

impl InForce {
    pub fn each(&self) -> impl Iterator<Item = (&'static str, &str, &Source)> {
        self.0.iter().map(|(name, value, source)| (*name, value.as_str(), source))
    }
}

impl fmt::Display for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name_width = self.0.iter().map(|(name, _, _)| name.len()).max().unwrap_or(0);
        let value_width = self.0.iter().map(|(_, value, _)| value.chars().count()).max();
        let value_width = value_width.unwrap_or(0);
        for (name, value, source) in &self.0 {
            writeln!(f, "{name:name_width$} = {value:value_width$}  # {source}")?;
        }
        Ok(())
    }
}

impl Config {
    pub fn resolve(written: &Written) -> Result<(Self, InForce), Fatal> {
        written.refuse_unknown()?;
        let mut found = Finder { written, in_force: Vec::new() };
        let listen = found.value(
            "SNUG_LISTEN",
            value::address,
            || Ok((SocketAddr::from(([127, 0, 0, 1], 8000)), Source::Default)),
            ToString::to_string,
        )?;
        let database = found.value(
            "SNUG_DATABASE_URL",
            value::database,
            || default_database(written),
            |database| match database {
                DatabaseSetting::Private => "(our own PostgreSQL)".into(),
                DatabaseSetting::External(url) => value::masked(url.expose()),
            },
        )?;
        let is_shared = matches!(database, DatabaseSetting::External(_));
        let bus = found.value(
            "SNUG_BUS",
            |text| value::bus(text, is_shared),
            || Ok((value::default_bus(is_shared), Source::Default)),
            |bus| value::spelled_bus(*bus).into(),
        )?;
        let data_dir = found.value(
            "SNUG_DATA_DIR",
            |text| Ok(written.absolute(text)),
            || default_data_dir(written),
            |path| shown_path(path),
        )?;
        let backups = match database {
            DatabaseSetting::Private => Some(data_dir.join("backups")),
            DatabaseSetting::External(_) => None,
        };
        let kept_key = secret::whereabouts(&data_dir);
        let mut config = Self {
            listen,
            database,
            bus,
            data_dir,
            pg_bindir: found.optional(
                "SNUG_PG_BINDIR",
                |text| Ok(written.absolute(text)),
                "(found automatically)",
                |path| shown_path(path),
            )?,
            memory: found.value(
                "SNUG_MEMORY",
                value::memory,
                || Ok((Memory::of_machine(written.memory_bytes), Source::Default)),
                |memory| memory.name().into(),
            )?,
            disk_reserve: found.value(
                "SNUG_DISK_RESERVE",
                value::bytes,
                || Ok((value::bytes(DISK_RESERVE_DEFAULT).map_err(Fatal::new)?, Source::Default)),
                |bytes| value::spelled_bytes(*bytes),
            )?,
            backup_dir: found.value(
                "SNUG_BACKUP_DIR",
                |text| Ok(Some(written.absolute(text))),
                || Ok((backups, Source::Default)),
                |path| path.as_ref().map_or("(none)".into(), |path| shown_path(path)),
            )?,
            backup_at: found.value(
                "SNUG_BACKUP_AT",
                value::time_of_day,
                || {
                    Ok((
                        value::time_of_day(BACKUP_AT_DEFAULT).map_err(Fatal::new)?,
                        Source::Default,
                    ))
                },
                value::spelled_time,
            )?,
            backup_keep: found.value(
                "SNUG_BACKUP_KEEP",
                value::keep,
                || Ok((value::keep(BACKUP_KEEP_DEFAULT).map_err(Fatal::new)?, Source::Default)),
                ToString::to_string,
            )?,
            backup_hook: found.optional(
                "SNUG_BACKUP_HOOK",
                |text| Ok(written.absolute(text)),
                "(none)",
                |path| shown_path(path),
            )?,
            public_url: found.optional(
                "SNUG_PUBLIC_URL",
                value::public_url,
                "(from the request's Host)",
                ToString::to_string,
            )?,
            jwt_secret: found.optional(
                "SNUG_JWT_SECRET",
                secret::jwt_secret,
                &kept_key,
                ToString::to_string,
            )?,
            token_lifetime: found.value(
                "SNUG_TOKEN_LIFETIME",
                value::lifetime,
                || {
                    Ok((
                        value::lifetime(TOKEN_LIFETIME_DEFAULT).map_err(Fatal::usage)?,
                        Source::Default,
                    ))
                },
                |lifetime| value::spelled(*lifetime),
            )?,
            session_lifetime: found.value(
                "SNUG_SESSION_LIFETIME",
                value::lifetime,
                || {
                    Ok((
                        value::lifetime(SESSION_LIFETIME_DEFAULT).map_err(Fatal::usage)?,
                        Source::Default,
                    ))
                },
                |lifetime| value::spelled(*lifetime),
            )?,
            signups: found.value(
                "SNUG_SIGNUPS",
                value::signups,
                || Ok((SignupPolicy::default(), Source::Default)),
                |policy| policy.name().into(),
            )?,
            contact: found.optional("SNUG_CONTACT", value::contact, "(none)", Clone::clone)?,
            smtp_url: found.optional(
                "SNUG_SMTP_URL",
                |text| Mailer::new(text).map(|_| Secret::new(text)),
                "(none)",
                ToString::to_string,
            )?,
            trusted_proxies: found.value(
                "SNUG_TRUSTED_PROXIES",
                value::networks,
                || Ok((Vec::new(), Source::Default)),
                |networks| match networks.as_slice() {
                    [] => "(none)".into(),
                    _ => networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
                },
            )?,
            rate_limits: found.value(
                "SNUG_RATE_LIMITS",
                value::switch,
                || Ok((true, Source::Default)),
                |on| if *on { "on".into() } else { "off".into() },
            )?,
            max_connections: found
                .count("SNUG_MAX_CONNECTIONS", default_connections(written.files_max))?,
            max_connections_per_user: found
                .count("SNUG_MAX_CONNECTIONS_PER_USER", CONNECTIONS_PER_USER_DEFAULT)?,
            max_connections_per_address: found
                .count("SNUG_MAX_CONNECTIONS_PER_ADDRESS", CONNECTIONS_PER_ADDRESS_DEFAULT)?,
            metrics_token: found.optional(
                "SNUG_METRICS_TOKEN",
                secret::metrics_token,
                "(none)",
                ToString::to_string,
            )?,
            log: found.value(
                "SNUG_LOG",
                value::log_filter,
                || Ok(("info".into(), Source::Default)),
                Clone::clone,
            )?,
            written: String::new(),
            called: Called::default(),
            waits: Waits::default(),
        };
        config.called = found.called();
        config.written = found.written_anew();
        Ok((config, InForce(found.in_force)))
    }
}

impl Config {
    /// Where people find the pages, as far as settings tell.
    pub fn address(&self) -> String {
        let home = || public_url::home(self.listen);
        self.public_url.as_ref().map_or_else(home, ToString::to_string)
    }

    /// How our own PostgreSQL is started.
    pub fn own_postgres(&self) -> Options {
        Options {
            data_dir: self.data_dir.clone(),
            bindir: self.pg_bindir.clone(),
            memory: self.memory,
        }
    }
}

/// Looks up settings one after the other, and remembers what it found for `snug config`.
struct Finder<'a> {
    written: &'a Written,
    in_force: Vec<(&'static str, String, Source)>,
}

impl Finder<'_> {
    fn called(&self) -> Called {
        let flag = |variable| SETTINGS.iter().find(|setting| setting.variable == variable)?.flag;
        let other = |(variable, _, source): &(&'static str, String, Source)| match source {
            Source::Flag => Some((*variable, flag(*variable)?)),
            Source::Foreign(name) => Some((*variable, *name)),
            Source::Environment | Source::File { .. } | Source::Default => None,
        };
        Called(self.in_force.iter().filter_map(other).collect())
    }

    /// What is not a default, as an environment file. Secrets are only named.
    fn written_anew(&self) -> String {
        let is_secret = |name| SETTINGS.iter().any(|it| it.variable == name && it.has_file);
        let line = |(name, value, source): &(&'static str, String, Source)| match source {
            Source::Default => None,
            _ if is_secret(*name) => Some(format!("#{name}= (set, but not kept here)\n")),
            _ => Some(format!("{name}={value}\n")),
        };
        self.in_force.iter().filter_map(line).collect()
    }

    fn value<T>(
        &mut self,
        variable: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
        default: impl FnOnce() -> Result<(T, Source), Fatal>,
        show: impl FnOnce(&T) -> String,
    ) -> Result<T, Fatal> {
        let setting = SETTINGS
            .iter()
            .find(|setting| setting.variable == variable)
            .expect("every setting that is looked up is in SETTINGS");
        let (value, source) = match self.written.text(setting)? {
            None => default()?,
            Some((text, source)) => match read(&text) {
                Ok(value) => (value, source),
                Err(fault) => return Err(complaint(setting, &text, &source, &fault)),
            },
        };
        self.in_force.push((variable, show(&value), source));
        Ok(value)
    }

    fn optional<T>(
        &mut self,
        variable: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
        absent: &str,
        show: impl FnOnce(&T) -> String,
    ) -> Result<Option<T>, Fatal> {
        self.value(
            variable,
            |text| read(text).map(Some),
            || Ok((None, Source::Default)),
            |value| value.as_ref().map_or(absent.to_owned(), show),
        )
    }

    fn count(&mut self, variable: &'static str, default: usize) -> Result<usize, Fatal> {
        self.value(variable, value::count, || Ok((default, Source::Default)), ToString::to_string)
    }
}

/// One line: the setting as it was written, its value unless it is secret, and what is wrong.
fn complaint(setting: &Setting, text: &str, source: &Source, fault: &str) -> Fatal {
    let variable = setting.variable;
    let name = match (source, setting.flag) {
        (Source::Flag, Some(flag)) => flag.to_owned(),
        (Source::File { path, called }, _) => format!("{called} ({path:?})"),
        _ => variable.to_owned(),
    };
    Fatal::usage(if setting.has_file {
        format!("{name} {fault}")
    } else {
        format!("{name}: {:?} {fault}", without_credentials(text))
    })
}

/// A password may stand in a URL, wherever that was written.
fn without_credentials(text: &str) -> Cow<'_, str> {
    let parts = text.split_once("://");
    match parts.and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?.1))) {
        Some((scheme, rest)) => format!("{scheme}://…@{rest}").into(),
        None => text.into(),
    }
}

fn default_database(written: &Written) -> Result<(DatabaseSetting, Source), Fatal> {
    match written.variable("DATABASE_URL") {
        None => Ok((DatabaseSetting::Private, Source::Default)),
        Some(url) => value::database(url)
            .map(|database| (database, Source::Foreign("DATABASE_URL")))
            .map_err(|fault| Fatal::usage(format!("DATABASE_URL {fault}"))),
    }
}

fn default_data_dir(written: &Written) -> Result<(PathBuf, Source), Fatal> {
    // systemd separates several directories with colons; the first is ours.
    let state = written.variable("STATE_DIRECTORY").and_then(|list| list.split(':').next());
    if let Some(state) = state.filter(|path| path.starts_with('/')) {
        return Ok((PathBuf::from(state), Source::Foreign("STATE_DIRECTORY")));
    }
    if written.user_is_root {
        return Ok((PathBuf::from("/var/lib/snug"), Source::Default));
    }
    // The base directory specification says to ignore a relative path.
    let is_absolute = |path: &&str| path.starts_with('/');
    if let Some(data) = written.variable("XDG_DATA_HOME").filter(is_absolute) {
        return Ok((Path::new(data).join("snug"), Source::Default));
    }
    match written.variable("HOME").filter(is_absolute) {
        Some(home) => Ok((Path::new(home).join(".local/share/snug"), Source::Default)),
        None => Err(Fatal::usage(
            "there is nowhere to keep data: neither HOME nor XDG_DATA_HOME is set; set SNUG_DATA_DIR",
        )),
    }
}

fn default_connections(files_max: u64) -> usize {
    let rest = usize::try_from(files_max.saturating_sub(FILES_RESERVED)).unwrap_or(usize::MAX);
    rest.clamp(CONNECTIONS_DEFAULT_MIN, CONNECTIONS_DEFAULT_MAX)
}

/// A path may contain anything but NUL; when printed, it stays on its line.
fn shown_path(path: &Path) -> String {
    let text = path.display().to_string();
    if text.contains(char::is_control) { format!("{text:?}") } else { text }
}

#[cfg(test)]
mod tests;
