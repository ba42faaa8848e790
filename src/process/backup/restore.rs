//! Brings a backup back: into an empty place or, if told to, into one that is then kept aside.
//!
//! The whole of it is there and compared with its manifest before anything takes another one's place. The
//! history gets another epoch, because positions from after the backup mean nothing in it.

use super::verify::{bring, check_room, compare, opened};
use super::{BackupFile, Manifest, Teller, stamp};
use crate::model::error::Fatal;
use crate::postgres::{ASIDE, Scratch, Vacancy};
use crate::process::config::{Config, DatabaseSetting};
use crate::store::Store;
use std::path::Path;
use std::sync::Arc;

/// What was brought, and what was kept aside.
pub struct Restored {
    pub manifest: Manifest,
    pub aside: Vec<String>,
    /// Whether the key of the backup is not the one that this server will use.
    pub has_other_key: bool,
}

pub async fn restore(
    config: &Config,
    path: &Path,
    is_replacing: bool,
    teller: Teller,
) -> Result<Restored, Fatal> {
    let file = opened(path).await?;
    file.manifest.check_schema()?;
    let restored = match &config.database {
        DatabaseSetting::Private => into_own(config, &file, is_replacing, teller).await,
        DatabaseSetting::External(url) => {
            let store = Store::external(url.expose(), config.waits.database)?;
            let restored = into_other(config, &store, &file, is_replacing, teller).await;
            store.close();
            restored
        }
    };
    restored.map_err(|fatal| Fatal { message: format!("{}: {fatal}", path.display()), ..fatal })
}

async fn into_own(
    config: &Config,
    file: &Arc<BackupFile>,
    is_replacing: bool,
    teller: Teller,
) -> Result<Restored, Fatal> {
    let options = config.own_postgres();
    let vacancy = Vacancy::take(&options).await?;
    if vacancy.is_occupied() && !is_replacing {
        return Err(Fatal::new(format!(
            "there is a database in {} already: to keep that aside, add --replace",
            options.data_dir.display()
        )));
    }
    check_room(config, file.manifest.database_bytes)?;
    let scratch = Scratch::make(&options).await?;
    let store = Store::new(scratch.connection(), config.waits.database);
    let brought = async {
        bring(config, &store, file, None, teller).await?;
        compare(&store, &file.manifest).await?;
        store.renew_epoch().await.map_err(Fatal::from)
    };
    let brought = brought.await;
    store.close();
    if let Err(fatal) = brought {
        scratch.remove().await;
        return Err(fatal);
    }
    let stamp = stamp();
    let key = put_key(config, file, &stamp)?;
    let cluster = vacancy.fill(scratch, &format!("postgres.aside-{stamp}")).await?;
    let cluster = cluster.map(|path| path.display().to_string());
    Ok(restored(config, file, cluster.into_iter().chain(key).collect()))
}

async fn into_other(
    config: &Config,
    store: &Store,
    file: &Arc<BackupFile>,
    is_replacing: bool,
    teller: Teller,
) -> Result<Restored, Fatal> {
    if store.is_used().await? {
        return Err(Fatal::new("snug is serving from this database: stop it first"));
    }
    let is_occupied = store.is_occupied().await?;
    if is_occupied && !is_replacing {
        return Err(Fatal::new(
            "there is something in this database already: to keep that aside, add --replace",
        ));
    }
    let stamp = stamp();
    let aside = is_occupied.then(|| format!("{ASIDE}{}", stamp.to_lowercase()));
    let begin = aside
        .as_ref()
        .map(|aside| format!("alter schema public rename to {aside}; create schema public"));
    bring(config, store, file, begin.as_deref(), teller).await?;
    let finished = async {
        compare(store, &file.manifest).await?;
        store.renew_epoch().await.map_err(Fatal::from)
    };
    if let Err(fatal) = finished.await {
        store.put_back(aside.as_deref()).await?;
        return Err(fatal);
    }
    let key = put_key(config, file, &stamp)?;
    let aside = aside.map(|aside| format!("the schema {aside} of the database"));
    Ok(restored(config, file, aside.into_iter().chain(key).collect()))
}

fn restored(config: &Config, file: &BackupFile, aside: Vec<String>) -> Restored {
    let set = config.jwt_secret.as_ref().map(|key| key.expose());
    let has_other_key = set.is_some() && file.key().as_deref() != set;
    Restored { manifest: file.manifest.clone(), aside, has_other_key }
}

/// Puts the key into the data directory; returns where the one that was there is.
fn put_key(config: &Config, file: &BackupFile, stamp: &str) -> Result<Option<String>, Fatal> {
    match file.key() {
        Some(key) => config.keep_key(&key, stamp),
        None => Ok(None),
    }
}
