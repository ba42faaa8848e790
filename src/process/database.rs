//! The database to work on: opening it, bringing its schema up to date, and warning about unsafe
//! settings.
//!
//! Called by `run` and by `commands`. A database that is unavailable is retried; only an error that time
//! will not fix is fatal. Our own database is backed up before its schema changes, because only a backup
//! leads back to the version before.

use crate::limits::MIGRATE_PAUSES;
use crate::model::error::{Error, Fatal};
use crate::os::backoff::Backoff;
use crate::postgres::{self, Private};
use crate::process::backup::{self, Teller};
use crate::process::config::{Config, DatabaseSetting};
use crate::process::systemd::Notifier;
use crate::store::{MigrateError, SCHEMA_VERSION, Store, Unsafe, WatchedDisk};
use std::path::PathBuf;
use std::time::Instant;

/// Our own PostgreSQL, or an external one.
pub struct Database {
    pub store: Store,
    private: Option<Private>,
}

/// Who is opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opener {
    /// Keeps our own PostgreSQL running.
    Server,
    /// Uses the one that is running, or starts one and stops it again, but never makes one.
    Command,
    /// The same, but makes one where there is none.
    Migration,
}

impl Database {
    /// # Errors
    ///
    /// Whatever means that it can never be reached, in one line: the URL, PostgreSQL's programs, the
    /// data directory.
    pub async fn open(config: &Config, opener: Opener) -> Result<Self, Fatal> {
        config.known_key()?;
        let bounds = config.memory.bounds();
        let options = match &config.database {
            DatabaseSetting::External(url) => {
                let setting = config.called.name("SNUG_DATABASE_URL");
                let store =
                    Store::external(url.expose(), config.waits.database).map_err(|fatal| {
                        Fatal::usage(fatal.message.replacen("SNUG_DATABASE_URL", setting, 1))
                    })?;
                return Ok(Self { store: store.within(bounds), private: None });
            }
            DatabaseSetting::Private => config.own_postgres(),
        };
        let private = match opener {
            Opener::Server => Private::serve(&options).await?,
            Opener::Command if !postgres::has_cluster(&options) => {
                return Err(Fatal::new(format!(
                    "there is no database in {}: start snug serve there first, or say where it is with \
                     SNUG_DATA_DIR or SNUG_DATABASE_URL",
                    options.data_dir.display()
                )));
            }
            Opener::Command | Opener::Migration => Private::borrow(&options).await?,
        };
        let disk = WatchedDisk { directories: private.written_to(), reserve: config.disk_reserve };
        let store =
            Store::new(private.connection(), config.waits.database).watching(disk).within(bounds);
        Ok(Self { store, private: Some(private) })
    }

    /// Stops PostgreSQL if it is our own; whoever is in a hurry says by when.
    pub async fn close(self, by: Option<Instant>) {
        if let Some(private) = self.private {
            private.stop_by(by).await;
        }
    }
}

/// Brings the schema up to date if the database answers now, and returns whether it did. Only an error
/// that time will not fix is fatal.
pub async fn prepare_at_once(
    config: &Config,
    store: &Store,
    notifier: &Notifier,
) -> Result<bool, Fatal> {
    match prepare(config, store, notifier).await? {
        None => Ok(true),
        Some(error) => {
            tracing::warn!(%error, "the database does not answer; serving what does not need it");
            Ok(false)
        }
    }
}

/// Keeps trying while the database is unavailable. Returns only an error that time will not fix.
pub async fn prepare_in_time(config: &Config, store: &Store, notifier: &Notifier) -> Fatal {
    let mut backoff = Backoff::new(MIGRATE_PAUSES);
    loop {
        match prepare(config, store, notifier).await {
            Ok(None) => return std::future::pending().await,
            Ok(Some(_)) => {}
            Err(fatal) => return fatal,
        }
        backoff.pause().await;
    }
}

/// Returns why the database is unavailable, if it is.
async fn prepare(
    config: &Config,
    store: &Store,
    notifier: &Notifier,
) -> Result<Option<Error>, Fatal> {
    let prepared = async {
        back_up_first(config, store, Teller::Log).await?;
        store.migrate().await.map_err(|error| Unprepared::of(config, error))
    };
    match notifier.asking_for_time(prepared).await {
        Ok(()) => {
            let version = env!("CARGO_PKG_VERSION");
            tracing::info!(version, schema = SCHEMA_VERSION, "the database is up to date");
            tell_unsafe(store).await;
            Ok(None)
        }
        Err(Unprepared::Unavailable(error)) => Ok(Some(error)),
        Err(Unprepared::Fatal(fatal)) => Err(fatal),
    }
}

/// Backs up our own database if its schema is about to change; returns the file.
pub async fn back_up_first(
    config: &Config,
    store: &Store,
    teller: Teller,
) -> Result<Option<PathBuf>, Unprepared> {
    if config.database != DatabaseSetting::Private {
        return Ok(None);
    }
    let outdated = store.outdated().await.map_err(|error| Unprepared::of(config, error))?;
    let Some(schema) = outdated else { return Ok(None) };
    backup::make_before_change(config, store, teller).await.map_err(|fatal| {
        Unprepared::Fatal(Fatal::new(format!(
            "the database has schema version {schema} and is backed up before it changes, but that \
             fails: {fatal}: mend that, or run snug migrate --without-backup"
        )))
    })
}

/// Why the schema is not up to date.
pub enum Unprepared {
    /// It is worth trying again.
    Unavailable(Error),
    Fatal(Fatal),
}

impl Unprepared {
    fn of(config: &Config, error: MigrateError) -> Self {
        match error {
            MigrateError::Unavailable(error) => Self::Unavailable(error),
            error => Self::Fatal(unprepared(config, error)),
        }
    }
}

impl From<Unprepared> for Fatal {
    fn from(unprepared: Unprepared) -> Self {
        match unprepared {
            Unprepared::Unavailable(error) => error.into(),
            Unprepared::Fatal(fatal) => fatal,
        }
    }
}

/// Why the database cannot be used, in one line; a wrong setting by the name under which it was given.
pub fn unprepared(config: &Config, error: MigrateError) -> Fatal {
    let setting = config.called.name("SNUG_DATABASE_URL");
    let line = error.to_string();
    match error {
        MigrateError::Misconfigured { .. } | MigrateError::Pooled { .. } => {
            Fatal::usage(line.replacen("SNUG_DATABASE_URL", setting, 1))
        }
        MigrateError::Newer { .. }
        | MigrateError::Older { .. }
        | MigrateError::Changed(_)
        | MigrateError::Failed { .. }
        | MigrateError::Unavailable(_) => Fatal::new(line),
    }
}

async fn tell_unsafe(store: &Store) {
    match store.unsafe_settings().await {
        Ok(settings) => {
            for Unsafe { name, value } in settings {
                tracing::error!(
                    setting = name,
                    value,
                    "PostgreSQL may lose acknowledged messages in a power cut: set this to on"
                );
            }
        }
        Err(error) => tracing::warn!(%error, "cannot check PostgreSQL's settings"),
    }
}
