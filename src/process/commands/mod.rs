//! What the command line does besides serving: accounts and tokens, directly in the database, and backups.
//!
//! Uses the PostgreSQL that is running, or starts one and stops it again. Called by `main`.

mod accounts;
mod rooms;

pub use accounts::{invite, session, setup_link, signups, user};
pub use rooms::{room, stats};

use crate::chat::{Rules, Terms};
use crate::metrics::Metrics;
use crate::model::error::{Error, Fatal};
use crate::model::message::AccountState;
use crate::model::sizes;
use crate::process::backup::{self, Teller};
use crate::process::config::{Config, Secret};
use crate::process::database::{self, Database, Opener};
use crate::registry::Registry;
use crate::store::Store;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A token of a new session for this user.
pub async fn token(
    config: &Config,
    user: String,
    lifetime: Option<Duration>,
) -> Result<String, Fatal> {
    let lifetime = lifetime.unwrap_or(config.token_lifetime);
    let key = config.known_key()?.ok_or_else(|| {
        Fatal::new(format!(
            "there is no key in {}: a token would be worth nothing to the server; set SNUG_DATA_DIR or \
             SNUG_JWT_SECRET as it has them",
            config.data_dir.display()
        ))
    })?;
    with_rules(config, Some(key), async |rules| {
        let found = accounts::named(rules, &user).await?;
        if found.state != AccountState::Active {
            let detail = format!("{user} is {}; snug user enable lets them in", found.state.name());
            return Err(Error::conflict("disabled", detail));
        }
        let token = rules.begin_session(found.user_id, Some("snug token"), None, lifetime).await?;
        Ok(format!("{}\n", token.access_token))
    })
    .await
}

async fn with_rules(
    config: &Config,
    key: Option<Secret>,
    call: impl AsyncFnOnce(&Arc<Rules>) -> Result<String, Error>,
) -> Result<String, Fatal> {
    let database = Database::open(config, Opener::Command).await?;
    let done = with_store(config, database.store.clone(), key, call).await;
    database.close(None).await;
    done
}

/// Brings the schema up to date; returns what to print.
pub async fn migrate(config: &Config, is_backed_up: bool) -> Result<String, Fatal> {
    let database = Database::open(config, Opener::Migration).await?;
    let migrated = async {
        let made = match is_backed_up {
            true => database::back_up_first(config, &database.store, Teller::of_command()).await?,
            false => None,
        };
        let migrated = database.store.migrate().await;
        migrated.map_err(|error| database::unprepared(config, error))?;
        Ok::<_, Fatal>(made)
    };
    let migrated = migrated.await;
    database.close(None).await;
    let mut said = String::new();
    if let Some(file) = migrated? {
        // Writing to a string cannot fail.
        let _ = writeln!(said, "{} is a backup of what there was", file.display());
    }
    said.push_str("the schema is up to date\n");
    Ok(said)
}

/// Makes a backup; returns the line to print.
pub async fn back_up(config: &Config, file: &Path) -> Result<String, Fatal> {
    let database = Database::open(config, Opener::Command).await?;
    let made = backup::make(config, &database.store, file, Teller::of_command()).await;
    database.close(None).await;
    let made = made?;
    let (path, size) = (made.path.display(), sizes::spelled_size(made.bytes));
    Ok(format!("{path} is a backup of {size}: {}\n", made.manifest.summary()))
}

/// Restores a backup into a scratch cluster and compares; returns the line to print.
pub async fn verify(config: &Config, file: &Path) -> Result<String, Fatal> {
    let manifest = backup::verify(config, file, Teller::of_command()).await?;
    Ok(format!("{} is whole: {}\n", file.display(), manifest.summary()))
}

/// Brings a backup back; returns what to print.
pub async fn restore(config: &Config, file: &Path, is_replacing: bool) -> Result<String, Fatal> {
    let restored = backup::restore(config, file, is_replacing, Teller::of_command()).await?;
    let mut said = format!("restored {}: {}\n", file.display(), restored.manifest.summary());
    for aside in restored.aside {
        // Writing to a string cannot fail.
        let _ = writeln!(said, "what was there is kept: {aside}");
    }
    if restored.has_other_key {
        said.push_str(
            "the key of the backup is not the one in SNUG_JWT_SECRET, with which nobody stays logged in\n",
        );
    }
    Ok(said)
}

async fn with_store(
    config: &Config,
    store: Store,
    key: Option<Secret>,
    call: impl AsyncFnOnce(&Arc<Rules>) -> Result<String, Error>,
) -> Result<String, Fatal> {
    store.check_schema().await.map_err(|error| database::unprepared(config, error))?;
    let terms = Terms {
        jwt_secret: key.map(|key| key.expose().as_bytes().to_vec()).unwrap_or_default(),
        token_lifetime: config.token_lifetime,
        session_lifetime: config.session_lifetime,
        signups: config.signups,
        rate_limits: false,
        hashers: 1,
        memory: config.memory.bounds(),
    };
    let metrics = Arc::new(Metrics::new()?);
    let rules = Rules::new(store, Registry::new(Vec::new(), None), metrics, terms);
    call(&rules).await.map_err(|error| match error {
        Error::Refused(refusal) => Fatal::new(refusal.detail.into_owned()),
        other => other.into(),
    })
}
