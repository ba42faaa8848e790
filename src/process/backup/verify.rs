//! Proves a backup: restores it into a cluster of its own, compares everything with what it says of itself,
//! and throws the cluster away.

use super::make::blocking;
use super::{BackupFile, Manifest, Teller};
use crate::limits::SCRATCH_BYTES_MIN;
use crate::model::error::Fatal;
use crate::model::sizes;
use crate::postgres::{Scratch, Tools};
use crate::process::config::Config;
use crate::store::{Store, free};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Returns what is in it, if that is what it says.
pub async fn verify(config: &Config, path: &Path, teller: Teller) -> Result<Manifest, Fatal> {
    let file = opened(path).await?;
    check_room(config, file.manifest.database_bytes)?;
    let scratch = Scratch::make(&config.own_postgres()).await?;
    let store = Store::new(scratch.connection(), config.waits.database);
    let compared = async {
        bring(config, &store, &file, None, teller).await?;
        compare(&store, &file.manifest).await
    };
    let compared = compared.await;
    store.close();
    scratch.remove().await;
    compared.map_err(|fatal| Fatal::new(format!("{}: {fatal}", path.display())))?;
    Ok(file.manifest.clone())
}

pub(super) async fn opened(path: &Path) -> Result<Arc<BackupFile>, Fatal> {
    let path = path.to_owned();
    blocking(move || BackupFile::open(&path)).await.map(Arc::new)
}

/// A database that is brought back must not take the room of the one that is used.
pub fn check_room(config: &Config, database_bytes: u64) -> Result<(), Fatal> {
    let needed = database_bytes.saturating_add(SCRATCH_BYTES_MIN);
    let needed = needed.saturating_add(config.disk_reserve);
    // Of a directory that is not there yet, its parent says how much there is.
    let place = config.data_dir.ancestors().find(|place| place.exists());
    let Some(Ok(room)) = place.map(|place| free(&[place.to_owned()])) else { return Ok(()) };
    if room >= needed {
        return Ok(());
    }
    Err(Fatal::new(format!(
        "a second database takes {}, and on the disk of {} only {} are free",
        sizes::spelled_size(needed),
        config.data_dir.display(),
        sizes::spelled_size(room)
    )))
}

/// Brings the contents into an empty database, in one transaction that begins with this statement.
pub(super) async fn bring(
    config: &Config,
    store: &Store,
    file: &Arc<BackupFile>,
    begin: Option<&str>,
    teller: Teller,
) -> Result<(), Fatal> {
    let (postgres, _) = store.versions().await?;
    let made_by = file.manifest.postgres;
    if made_by > postgres {
        return Err(Fatal::new(format!(
            "the backup is of a PostgreSQL {made_by}, and this one is {postgres}: install the \
             postgresql-{made_by} package"
        )));
    }
    let tools = Tools::find(config.pg_bindir.as_deref(), postgres).await?;
    let (from, into) = std::io::pipe()
        .map_err(|error| Fatal::new(format!("cannot make a pipe for pg_restore: {error}")))?;
    let restoring = tools.restore(&store.libpq(), begin, from)?;
    let source = Arc::clone(file);
    let pouring = blocking(move || {
        let unreadable = |error| Fatal::new(format!("cannot read the backup: {error}"));
        source.pour(into).map_err(unreadable)
    });
    let work = async { tokio::join!(restoring.ended(), pouring) };
    let expected = file.manifest.contents.tables.iter().map(|table| table.rows).sum::<i64>();
    let expected = expected + file.manifest.messages;
    let none = AtomicU64::new(0);
    let (restored, poured) = teller.watch("restoring", (store, expected), &none, work).await;
    restored?;
    poured.map(|_| ())
}

/// Whether the database contains what the manifest says.
pub(super) async fn compare(store: &Store, manifest: &Manifest) -> Result<(), Fatal> {
    let snapshot = store.snapshot().await?;
    let contents = snapshot.contents().await?;
    snapshot.end().await;
    match manifest.contents.difference(&contents) {
        None => Ok(()),
        Some(difference) => Err(Fatal::new(format!("it is not what it says it is: {difference}"))),
    }
}
