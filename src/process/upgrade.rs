//! Takes its own database to the newest PostgreSQL that is installed, and forgets the former cluster in time.
//!
//! What is in it is dumped straight into a new cluster and compared, and only then the two change places: killed at
//! any moment, the one that the server looks for is whole. `pg_upgrade` would need the room of the old cluster
//! with all its dead rows, a dump needs that of the living ones; and it makes every index anew, which a newer C
//! library may sort otherwise. Called by `main`, `forget_former` by `run`.

use super::backup::{self, Manifest, Teller, check_room};
use super::config::{Config, DatabaseSetting};
use crate::model::error::Fatal;
use crate::postgres::{Succession, Vacancy, remove_former};
use crate::store::{Contents, Store};
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// Returns what to print.
pub async fn upgrade_database(config: &Config) -> Result<String, Fatal> {
    if config.database != DatabaseSetting::Private {
        return Err(Fatal::new(format!(
            "{} is set: that PostgreSQL is upgraded where it runs (pg_upgradecluster, on Debian)",
            config.called.name("SNUG_DATABASE_URL")
        )));
    }
    let options = config.own_postgres();
    if !crate::postgres::has_cluster(&options) {
        let path = options.data_dir.display();
        return Err(Fatal::new(format!("there is no database in {path}")));
    }
    let vacancy = Vacancy::take(&options).await?;
    let succession = Succession::find(&vacancy, &options).await?;

    let private = succession.open_old(&vacancy, &options).await?;
    let old = Store::new(private.connection(), config.waits.database);
    let upgraded = async {
        check_room(config, old.database_bytes().await?)?;
        let scratch = succession.make_new(&options).await?;
        let new = Store::new(scratch.connection(), config.waits.database);
        let copied = copy(&succession, &old, &new).await;
        new.close();
        match copied {
            Ok(contents) => Ok((scratch, contents)),
            Err(fatal) => {
                scratch.remove().await;
                Err(fatal)
            }
        }
    };
    let upgraded = upgraded.await;
    old.close();
    private.stop().await;
    let (scratch, contents) = upgraded?;
    let former = succession.complete(&vacancy, scratch, &backup::stamp()).await?;

    let summary = Manifest::new(contents, succession.to(), String::new(), 0).summary();
    let mut said = format!("the database is of PostgreSQL {} now: {summary}\n", succession.to());
    if let Some(former) = former {
        said.push_str(&format!(
            "that of PostgreSQL {} is kept until snug has served for a day: {}\n",
            succession.from(),
            former.display()
        ));
    }
    if config.pg_bindir.as_deref().is_some_and(|set| set != succession.bindir()) {
        said.push_str(&format!(
            "SNUG_PG_BINDIR names the former programs: unset it, or set it to {}\n",
            succession.bindir().display()
        ));
    }
    Ok(said)
}

/// Returns what both contain afterwards.
async fn copy(succession: &Succession, old: &Store, new: &Store) -> Result<Contents, Fatal> {
    let tools = succession.tools().await?;
    let expected = old.expected_rows().await?;
    let snapshot = old.snapshot().await?;
    let (from, into) = std::io::pipe()
        .map_err(|error| Fatal::new(format!("cannot make a pipe for pg_dump: {error}")))?;
    let dumping = tools.dump(&old.libpq(), &snapshot.name, into)?;
    let restoring = tools.restore(&new.libpq(), None, from)?;
    let reading = async { snapshot.contents().await.map_err(Fatal::from) };
    let work = async { tokio::try_join!(dumping.ended(), restoring.ended(), reading) };
    let none = AtomicU64::new(0);
    let ((), (), contents) =
        Teller::of_command().watch("copying", (new, expected), &none, work).await?;
    snapshot.end().await;

    let snapshot = new.snapshot().await?;
    let copied = snapshot.contents().await?;
    snapshot.end().await;
    if let Some(difference) = contents.difference(&copied) {
        return Err(Fatal::new(format!("the copy is not like the original: {difference}")));
    }
    new.analyze().await?;
    Ok(contents)
}

/// Removes former clusters after the server has served for so long.
pub async fn forget_former(data_dir: PathBuf, after: Duration) {
    tokio::time::sleep(after).await;
    let removing = tokio::task::spawn_blocking(move || remove_former(&data_dir));
    match removing.await {
        Ok(Ok(removed)) => {
            for path in removed {
                tracing::info!(path = %path.display(), "removed the former cluster");
            }
        }
        Ok(Err(fatal)) => tracing::warn!(reason = %fatal, "cannot remove the former cluster"),
        Err(error) => tracing::warn!(%error, "cannot remove the former cluster"),
    }
}
