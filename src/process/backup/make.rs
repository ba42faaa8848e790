//! Makes a backup, while the database is used.
//!
//! What is dumped and what the manifest says are of one moment, and are read at the same time, so that
//! PostgreSQL need not keep that moment for longer.

use super::file::Unfinished;
use super::{Manifest, Teller};
use crate::model::error::Fatal;
use crate::postgres::Tools;
use crate::process::config::Config;
use crate::store::Store;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// A backup that is there.
pub struct Made {
    pub path: PathBuf,
    pub bytes: u64,
    pub manifest: Manifest,
}

/// Writes everything into this file, which must not exist.
pub async fn make(
    config: &Config,
    store: &Store,
    path: &Path,
    teller: Teller,
) -> Result<Made, Fatal> {
    let written = Arc::<AtomicU64>::default();
    let unfinished = Unfinished::begin(path, config.disk_reserve, Arc::clone(&written))?;
    let (postgres, schema) = store.versions().await?;
    if schema.is_none() {
        return Err(Fatal::new("the database is empty: there is nothing to back up"));
    }
    let tools = Tools::find(config.pg_bindir.as_deref(), postgres).await?;
    let expected = store.expected_rows().await?;
    let epoch = store.epoch_of_any_schema().await?;
    let database_bytes = store.database_bytes().await?;
    let key = config.known_key()?;
    let settings = config.written.clone();

    let snapshot = store.snapshot().await?;
    let (dump, into) = std::io::pipe()
        .map_err(|error| Fatal::new(format!("cannot make a pipe for pg_dump: {error}")))?;
    let dumping = tools.dump(&store.libpq(), &snapshot.name, into)?;
    let writing = async {
        let write = move || unfinished.write(&settings, key.as_ref().map(|key| key.expose()), dump);
        blocking(write).await
    };
    let reading = async { snapshot.contents().await.map_err(Fatal::from) };
    let work = async { tokio::try_join!(writing, dumping.ended(), reading) };
    let (unfinished, (), contents) =
        teller.watch("backing up", (store, expected), &written, work).await?;
    snapshot.end().await;

    let manifest = Manifest::new(contents, postgres, epoch, database_bytes);
    let (bytes, manifest) = blocking(move || {
        let bytes = unfinished.finish(&manifest)?;
        Ok((bytes, manifest))
    })
    .await?;
    Ok(Made { path: path.to_owned(), bytes, manifest })
}

/// Runs this on a thread for blocking work.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fatal> + Send + 'static,
) -> Result<T, Fatal> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(Fatal::new(format!("working on the backup: {error}"))),
    }
}
