//! The database to work on: opening it, bringing its schema up to date, saying what is unsafe about it.
//!
//! Called by `run` and by `commands`. What is away is met again and again; only what time does not
//! mend is fatal.

use crate::error::Fatal;
use crate::limits::{MIGRATE_PAUSE_MAX, MIGRATE_PAUSE_MIN};
use crate::postgres::{Options, Private};
use crate::process::config::{Config, DatabaseSetting};
use crate::store::{MigrateError, Store, Unsafe};

/// Our own PostgreSQL, or somebody else's.
pub struct Database {
    pub store: Store,
    private: Option<Private>,
}

/// Who opens it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opener {
    /// Keeps a PostgreSQL of our own running.
    Server,
    /// Uses the running one, or starts one and stops it again.
    Command,
}

impl Database {
    /// # Errors
    ///
    /// What keeps us from ever reaching it, in one line: the URL, PostgreSQL's programs, the data
    /// directory.
    pub async fn open(config: &Config, opener: Opener) -> Result<Self, Fatal> {
        config.known_key()?;
        let options = match &config.database {
            DatabaseSetting::External(url) => {
                return Ok(Self { store: Store::external(url.expose())?, private: None });
            }
            DatabaseSetting::Private => {
                Options { data_dir: config.data_dir.clone(), bindir: config.pg_bindir.clone() }
            }
        };
        let private = match opener {
            Opener::Server => Private::serve(&options).await?,
            Opener::Command => Private::borrow(&options).await?,
        };
        Ok(Self { store: Store::new(private.connection()), private: Some(private) })
    }

    /// Stops the PostgreSQL that is our own.
    pub async fn close(self) {
        if let Some(private) = self.private {
            private.stop().await;
        }
    }
}

/// Brings the schema up to date if the database answers now, and says whether it did. Only what time
/// does not mend is fatal.
pub async fn prepare_at_once(store: &Store) -> Result<bool, Fatal> {
    match store.migrate().await {
        Ok(()) => {
            tell_unsafe(store).await;
            Ok(true)
        }
        Err(MigrateError::Unavailable(error)) => {
            tracing::warn!(%error, "the database does not answer; serving what can be served without");
            Ok(false)
        }
        Err(error) => Err(Fatal::new(error.to_string())),
    }
}

/// Tries on while the database is away; returns only what time does not mend, once it is back.
pub async fn prepare_in_time(store: &Store) -> Fatal {
    let mut pause = MIGRATE_PAUSE_MIN;
    loop {
        match store.migrate().await {
            Ok(()) => {
                tell_unsafe(store).await;
                return std::future::pending().await;
            }
            Err(MigrateError::Unavailable(_)) => {}
            Err(error) => return Fatal::new(error.to_string()),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(MIGRATE_PAUSE_MAX);
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
        Err(error) => tracing::warn!(%error, "PostgreSQL's settings could not be checked"),
    }
}
