//! Brings the schema up to what this binary knows: numbered files, checksummed, one transaction each.
//!
//! Runs at start under a session lock, so that processes that start together take turns and a crash
//! leaves no lock behind. Refuses a database that is newer than the binary, or whose applied migrations
//! differ from ours, rather than guess.

use super::absence;
use super::connect::Connected;
use super::{Store, pooler};
use crate::limits::{DATABASE_CONNECT_TIMEOUT, MIGRATION_TIMEOUT, POOLER_LOOK_TIMEOUT};
use crate::model::error::Error;
use sha2::{Digest, Sha256};
use std::cmp::Ordering;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryMessage};

/// Every file in `sql/migrations`, in order; the version is the position in this list.
const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_begin", include_str!("../../sql/migrations/0001_begin.sql")),
    ("0002_subnets", include_str!("../../sql/migrations/0002_subnets.sql")),
    ("0003_store_messages", include_str!("../../sql/migrations/0003_store_messages.sql")),
    ("0004_chats_sequence", include_str!("../../sql/migrations/0004_chats_sequence.sql")),
    ("0005_told_epoch", include_str!("../../sql/migrations/0005_told_epoch.sql")),
    ("0006_one_folding", include_str!("../../sql/migrations/0006_one_folding.sql")),
    ("0007_begun_by", include_str!("../../sql/migrations/0007_begun_by.sql")),
    ("0008_copies", include_str!("../../sql/migrations/0008_copies.sql")),
    ("0009_acts", include_str!("../../sql/migrations/0009_acts.sql")),
    ("0010_keys_by_index", include_str!("../../sql/migrations/0010_keys_by_index.sql")),
    ("0011_roles", include_str!("../../sql/migrations/0011_roles.sql")),
    ("0012_changes", include_str!("../../sql/migrations/0012_changes.sql")),
    ("0013_answers", include_str!("../../sql/migrations/0013_answers.sql")),
    ("0014_session_uses", include_str!("../../sql/migrations/0014_session_uses.sql")),
    ("0015_account_states", include_str!("../../sql/migrations/0015_account_states.sql")),
    ("0016_former_names", include_str!("../../sql/migrations/0016_former_names.sql")),
    ("0017_signups", include_str!("../../sql/migrations/0017_signups.sql")),
    ("0018_message_words", include_str!("../../sql/migrations/0018_message_words.sql")),
    ("0019_mails", include_str!("../../sql/migrations/0019_mails.sql")),
    ("0020_restored_in_place", include_str!("../../sql/migrations/0020_restored_in_place.sql")),
    ("0021_deleted_rooms", include_str!("../../sql/migrations/0021_deleted_rooms.sql")),
    ("0022_mentions", include_str!("../../sql/migrations/0022_mentions.sql")),
    ("0023_removals", include_str!("../../sql/migrations/0023_removals.sql")),
    ("0024_shows_presence", include_str!("../../sql/migrations/0024_shows_presence.sql")),
    ("0025_names_at_once", include_str!("../../sql/migrations/0025_names_at_once.sql")),
    ("0026_bus", include_str!("../../sql/migrations/0026_bus.sql")),
];

/// The version that this binary brings a database to.
pub const SCHEMA_VERSION: i32 = MIGRATIONS.len() as i32;

/// Which version a database is at.
pub const VERSION: &str = "select max(version) from schema_migrations";

/// The same, and whether nothing can be written.
pub const PING: &str =
    "select max(version), current_setting('transaction_read_only') from schema_migrations";

/// The advisory lock with which migrating processes take turns: "snug" in ASCII.
const LOCK: i64 = 0x736e_7567;

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error(
        "the database has schema version {found}, but this snug ({ours}) only knows {known}: install {}",
        newer_one(by.as_deref()),
        ours = env!("CARGO_PKG_VERSION")
    )]
    Newer { found: i32, known: i32, by: Option<String> },
    #[error(
        "migration {0} was applied with different contents: this database belongs to another build of snug"
    )]
    Changed(&'static str),
    #[error("migration {name} failed: {cause}")]
    Failed { name: &'static str, cause: String },
    #[error("SNUG_DATABASE_URL: {reason}: {cause}: {advice}")]
    Misconfigured { reason: &'static str, cause: String, advice: &'static str },
    #[error(
        "SNUG_DATABASE_URL: a pooler in between gives each {unit} another connection to PostgreSQL, but \
         snug needs its own: set pool_mode = session for this database there, or connect to PostgreSQL itself"
    )]
    Pooled { unit: &'static str },
    #[error(
        "the database has schema version {found}, and this snug needs {known}: restart the service with \
         this snug, or run snug migrate"
    )]
    Older { found: i32, known: i32 },
    #[error(transparent)]
    Unavailable(Error),
}

impl Store {
    /// Whether the schema is up to date. For commands: only a server, or somebody who asks for it, changes it,
    /// because an older server may be using it.
    pub async fn check_schema(&self) -> Result<(), MigrateError> {
        let (client, _serving) = self.connected().await?;
        check(&client).await
    }

    /// Which version of the schema is there, if `migrate` would change it; none where nothing is there yet.
    pub async fn outdated(&self) -> Result<Option<i32>, MigrateError> {
        match self.check_schema().await {
            Ok(()) => Ok(None),
            Err(MigrateError::Older { found, .. }) => Ok((found > 0).then_some(found)),
            Err(error) => Err(error),
        }
    }

    /// Which snug brought the schema to where it is, if it is known.
    pub async fn schema_by(&self) -> Result<Option<String>, MigrateError> {
        let (client, _serving) = self.connected().await?;
        brought_by(&client).await
    }

    /// Applies the missing migrations. `Unavailable` is worth trying again; other errors are final.
    pub async fn migrate(&self) -> Result<(), MigrateError> {
        let (mut client, serving) = self.connected().await?;
        let ours = format!(
            "set statement_timeout = {0}; set idle_in_transaction_session_timeout = {0}; \
             set client_min_messages = warning",
            MIGRATION_TIMEOUT.as_millis()
        );
        client.batch_execute(&ours).await.map_err(unavailable)?;
        let migrated = migrate(&mut client).await;
        drop(client);
        // Closing the connection releases the lock; wait, so that the next process does not run into it.
        let _ended = serving.await;
        migrated
    }

    /// A server that accepts the connection but then stays silent counts as unavailable, too.
    async fn connected(&self) -> Result<Connected, MigrateError> {
        let opening = self.connector.open(&self.config, None);
        let opened = tokio::time::timeout(DATABASE_CONNECT_TIMEOUT, opening).await;
        let (client, serving) = opened
            .map_err(|late| MigrateError::Unavailable(Error::unavailable("PostgreSQL", late)))?
            .map_err(unconnected)?;
        // Before it is set to anything, because that would last for others.
        if self.connector.is_elsewhere {
            let looking = pooler::unit(&client, &self.connector, &self.config);
            // One that gives us no second connection keeps the first one for us.
            let found =
                tokio::time::timeout(POOLER_LOOK_TIMEOUT, looking).await.unwrap_or(Ok(None));
            if let Some(unit) = found.map_err(unavailable)? {
                return Err(MigrateError::Pooled { unit });
            }
        }
        self.connector.set(&client).await.map_err(unavailable)?;
        Ok((client, serving))
    }
}

async fn migrate(client: &mut Client) -> Result<(), MigrateError> {
    client.execute("select pg_advisory_lock($1)", &[&LOCK]).await.map_err(unavailable)?;
    client
        .batch_execute(
            "create table if not exists schema_migrations (version integer primary key, \
             name text not null, checksum text not null, applied_at timestamptz not null default now())",
        )
        .await
        .map_err(|error| failed("the table of migrations", error))?;
    let rows = client
        .query("select version, checksum from schema_migrations order by version", &[])
        .await
        .map_err(unavailable)?;
    let found = rows.last().map_or(0, |row| row.get::<_, i32>("version"));
    if found == 0 {
        check_encoding(client).await?;
    }
    let known = SCHEMA_VERSION;
    if found > known {
        return Err(MigrateError::Newer { found, known, by: brought_by(client).await? });
    }
    for (row, (name, text)) in rows.iter().zip(MIGRATIONS) {
        if row.get::<_, &str>("checksum") != checksum(text) {
            return Err(MigrateError::Changed(name));
        }
    }
    if rows.len() < MIGRATIONS.len() {
        let column = "alter table schema_migrations add column if not exists applied_by text";
        client
            .batch_execute(column)
            .await
            .map_err(|error| failed("the table of migrations", error))?;
    }
    for (index, (name, text)) in MIGRATIONS.iter().enumerate().skip(rows.len()) {
        apply(client, index as i32 + 1, name, text).await.map_err(|error| failed(name, error))?;
        tracing::info!(migration = name, "applied");
    }
    // Sets the sequences of a database that is a copy; see `0008_copies`.
    let settled = client.batch_execute("select settle_copy()").await;
    settled.map_err(|error| failed("settling a copy", error))
}

/// Whether this answer to `PING` means that no migration is missing.
pub fn is_current(answer: &[SimpleQueryMessage]) -> bool {
    answer.iter().any(|message| {
        let SimpleQueryMessage::Row(row) = message else { return false };
        let version = row.get(0).and_then(|version| version.parse().ok());
        version.is_some_and(|version: usize| version >= MIGRATIONS.len())
    })
}

/// Whether this answer to `PING` comes from a database that takes no writes, as that of a standby.
pub fn is_read_only(answer: &[SimpleQueryMessage]) -> bool {
    answer
        .iter()
        .any(|message| matches!(message, SimpleQueryMessage::Row(row) if row.get(1) == Some("on")))
}

/// Whether the schema is the one that we know; changes nothing.
async fn check(client: &Client) -> Result<(), MigrateError> {
    let known = SCHEMA_VERSION;
    let found = match client.query_one(VERSION, &[]).await {
        Ok(row) => row.get::<_, Option<i32>>(0).unwrap_or(0),
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => 0,
        Err(error) => return Err(unavailable(error)),
    };
    match found.cmp(&known) {
        Ordering::Less => Err(MigrateError::Older { found, known }),
        Ordering::Equal => Ok(()),
        Ordering::Greater => {
            Err(MigrateError::Newer { found, known, by: brought_by(client).await? })
        }
    }
}

/// Which snug brought the schema to where it is; early ones did not write that down.
async fn brought_by(client: &Client) -> Result<Option<String>, MigrateError> {
    let asked = "select applied_by from schema_migrations order by version desc limit 1";
    match client.query_opt(asked, &[]).await {
        Ok(row) => Ok(row.and_then(|row| row.get("applied_by"))),
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_COLUMN) => Ok(None),
        Err(error) => Err(unavailable(error)),
    }
}

/// Which version to install, in words.
pub fn newer_one(by: Option<&str>) -> String {
    match by {
        Some(version) if version != env!("CARGO_PKG_VERSION") => format!("snug {version} or later"),
        // With the same number, both are from the time between two releases.
        Some(_) | None => "a newer snug".to_owned(),
    }
}

/// In any other encoding most of what people write could not be stored, or its characters not be counted.
async fn check_encoding(client: &Client) -> Result<(), MigrateError> {
    let encoding = "select current_setting('server_encoding')";
    let row = client.query_one(encoding, &[]).await.map_err(unavailable)?;
    match row.get("current_setting") {
        "UTF8" => Ok(()),
        other => Err(MigrateError::Misconfigured {
            reason: "the encoding of the database is not UTF8",
            cause: str::to_owned(other),
            advice: "create it with encoding 'UTF8' template template0",
        }),
    }
}

async fn apply(
    client: &mut Client,
    version: i32,
    name: &str,
    text: &str,
) -> Result<(), tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    transaction.batch_execute(text).await?;
    transaction
        .execute(
            "insert into schema_migrations (version, name, checksum, applied_by) values ($1, $2, $3, $4)",
            &[&version, &name, &checksum(text), &env!("CARGO_PKG_VERSION")],
        )
        .await?;
    transaction.commit().await
}

fn checksum(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unconnected(error: tokio_postgres::Error) -> MigrateError {
    let Some(advice) = absence::advice(&error) else { return unavailable(error) };
    let cause = match error.as_db_error() {
        Some(answer) => answer.message().to_owned(),
        None => std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default(),
    };
    MigrateError::Misconfigured { reason: absence::reason(&error), cause, advice }
}

fn unavailable(error: tokio_postgres::Error) -> MigrateError {
    MigrateError::Unavailable(error.into())
}

/// If the database goes away in the middle of a migration, it rolls it back, or the next attempt finds
/// it done. A statement that it refuses will be refused again.
fn failed(name: &'static str, error: tokio_postgres::Error) -> MigrateError {
    match error.as_db_error() {
        Some(answer) if *answer.code() == SqlState::INSUFFICIENT_PRIVILEGE => {
            MigrateError::Misconfigured {
                reason: "PostgreSQL lets the user create nothing (42501)",
                cause: answer.message().to_owned(),
                advice: "make it the owner of the database, or grant it create on the schema",
            }
        }
        Some(answer) if !is_going_away(answer.code()) => {
            MigrateError::Failed { name, cause: answer.message().to_owned() }
        }
        Some(_) | None => unavailable(error),
    }
}

/// Connection errors, lost races, exhausted resources, shutdown, system errors: classes of PostgreSQL's
/// Appendix A. A statement that exceeds its timeout would do so again.
fn is_going_away(code: &SqlState) -> bool {
    let class = code.code().get(..2).unwrap_or_default();
    *code != SqlState::QUERY_CANCELED && matches!(class, "08" | "40" | "53" | "57" | "58")
}
