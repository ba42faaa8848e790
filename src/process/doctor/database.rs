//! PostgreSQL and what is in it.

use super::Finding;
use crate::limits::{DOCTOR_CLOCK_FAILURE, DOCTOR_CLOCK_WARNING};
use crate::model::error::{Error, Result};
use crate::model::sizes::spelled_size;
use crate::postgres::{Tools, outdated};
use crate::process::backup::BackupState;
use crate::process::config::{Config, DatabaseSetting};
use crate::process::database::{Database, Opener};
use crate::store::{Disagreement, SCHEMA_VERSION, ServerHealth, Store, Unsafe, newer_one};

const RESTORE: &str = "bring back a backup (snug restore), and report this";
const INDEX_ANEW: &str = "report this, and have the index filled anew: in its database, run \"truncate \
    message_words, unindexed_edits; update indexed_ranges set above = upto\", and start snug again";

pub(super) async fn look(config: &Config, is_deep: bool) -> Vec<Finding> {
    let database = match Database::open(config, Opener::Command).await {
        Ok(database) => database,
        Err(fatal) => {
            let finding = Finding::failure("database", fatal.message, "see the line above it");
            return vec![finding.plainly("cannot be opened")];
        }
    };
    let mut findings = Vec::new();
    if let Err(error) = examine(config, &database.store, is_deep, &mut findings).await {
        let remedy = "look whether PostgreSQL runs, and what its log says";
        findings
            .push(Finding::failure("database", error.to_string(), remedy).plainly(reason(&error)));
    }
    database.store.close();
    database.close(None).await;
    findings
}

/// Without names and addresses.
fn reason(error: &Error) -> String {
    match error {
        Error::Unavailable(away) => away.reason.unwrap_or("unavailable").to_owned(),
        Error::Refused(_) | Error::Broken(_) => "a question to it failed".to_owned(),
    }
}

async fn examine(
    config: &Config,
    store: &Store,
    is_deep: bool,
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let health = store.server_health().await?;
    let took =
        crate::model::text::millis(std::time::Duration::from_secs_f64(health.asking_took.max(0.0)));
    findings.push(Finding::ok("database", format!("answers, within {took} ms")));
    findings.push(versions(config, &health).await);
    findings.push(clock(&health));
    findings.extend(durability(store, &health).await?);
    findings.push(size(config, &health));
    let (_, schema) = store.versions().await?;
    let is_current = schema == Some(SCHEMA_VERSION);
    // If that cannot be known, the remedy says less.
    let by = store.schema_by().await.unwrap_or_default();
    findings.push(schema_version(schema, by.as_deref()));
    if !is_current {
        return Ok(());
    }
    findings.push(sequences(store).await?);
    findings.push(indexes(store).await?);
    if is_deep {
        findings.extend(everything(store).await?);
    }
    Ok(())
}

/// What runs was started by the programs of then; an upgrade of the package does not change that.
async fn versions(config: &Config, health: &ServerHealth) -> Finding {
    let version = health.version.split(' ').next().unwrap_or_default();
    let found = format!("PostgreSQL {version} runs");
    let major = version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0);
    let options = config.own_postgres();
    if config.database == DatabaseSetting::Private
        && let Some((_, newer)) = outdated(&options).await
    {
        return Finding::warning(
            "postgresql",
            format!("{found}, and PostgreSQL {newer} is installed"),
            "stop snug, run snug upgrade-database, and start snug again",
        );
    }
    match Tools::find(config.pg_bindir.as_deref(), major).await {
        Err(fatal) => Finding::warning(
            "postgresql",
            format!("{found}, and there are no programs to back it up"),
            fatal.message,
        ),
        Ok(tools) => match tools.version().await {
            Some(programs) if programs != version && tools.major == major => Finding::warning(
                "postgresql",
                format!("{found}, and {programs} is installed"),
                "restart it: for its own PostgreSQL, systemctl restart snug",
            ),
            Some(_) | None => Finding::ok("postgresql", found),
        },
    }
}

fn schema_version(schema: Option<i32>, by: Option<&str>) -> Finding {
    match schema {
        Some(SCHEMA_VERSION) => Finding::ok("schema", format!("version {SCHEMA_VERSION}")),
        Some(newer) if newer > SCHEMA_VERSION => Finding::failure(
            "schema",
            format!("version {newer}, and this snug knows {SCHEMA_VERSION}"),
            format!("install {}", newer_one(by)),
        ),
        Some(older) => Finding::failure(
            "schema",
            format!("version {older}, and this snug needs {SCHEMA_VERSION}"),
            "restart the service with this snug, or run snug migrate",
        ),
        None => {
            Finding::failure("schema", "there is none", "start snug serve, or run snug migrate")
        }
    }
}

fn clock(health: &ServerHealth) -> Finding {
    // As much as asking took, nothing is known.
    let apart = (health.clock_ahead.abs() - health.asking_took / 2.0).max(0.0);
    let found = match apart {
        _ if apart < 0.1 => "agrees with the database's".to_owned(),
        _ => format!("{apart:.1} s apart from the database's"),
    };
    const REMEDY: &str = "keep both machines' time by NTP (timedatectl set-ntp true)";
    match apart {
        _ if apart > DOCTOR_CLOCK_FAILURE.as_secs_f64() => Finding::failure("clock", found, REMEDY),
        _ if apart > DOCTOR_CLOCK_WARNING.as_secs_f64() => Finding::warning("clock", found, REMEDY),
        _ => Finding::ok("clock", found),
    }
}

async fn durability(store: &Store, health: &ServerHealth) -> Result<Vec<Finding>> {
    let bad = store.unsafe_settings().await?;
    let mut findings: Vec<Finding> = bad
        .into_iter()
        .map(|Unsafe { name, value }| {
            Finding::failure(
                "durability",
                format!("{name} is {value}: a power cut may lose what was acknowledged"),
                format!("set {name} to on in PostgreSQL (alter system set {name} = on)"),
            )
        })
        .collect();
    if findings.is_empty() {
        findings.push(Finding::ok("durability", "what is acknowledged survives a power cut"));
    }
    findings.push(match (health.has_checksums, health.checksum_failures) {
        (_, 1..) => Finding::failure(
            "checksums",
            format!("{} pages were damaged when they were read", health.checksum_failures),
            "the disk is failing: back up at once, and move to another one",
        ),
        (true, _) => Finding::ok("checksums", "on, and no damaged page was read"),
        (false, _) => Finding::warning(
            "checksums",
            "off: a failing disk is not noticed",
            "turn them on while PostgreSQL is stopped (pg_checksums --enable)",
        ),
    });
    let used = format!("{} of {} in use", health.connections, health.connections_max);
    findings.push(match health.connections * 10 > health.connections_max * 9 {
        true => Finding::warning("connections", used, "raise max_connections in PostgreSQL"),
        false => Finding::ok("connections", used),
    });
    Ok(findings)
}

fn size(config: &Config, health: &ServerHealth) -> Finding {
    let state = config.backup_dir.as_deref().map(BackupState::read).unwrap_or_default();
    let growth = match state.growth() {
        Some(growth) => format!(", {} more a day", spelled_size(growth)),
        None => String::new(),
    };
    Finding::ok(
        "size",
        format!("the database takes {}{growth}", spelled_size(health.database_bytes)),
    )
}

async fn sequences(store: &Store) -> Result<Finding> {
    let behind = store.sequence_health().await?.into_iter().find(|it| it.highest > it.last);
    Ok(match behind {
        None => Finding::ok("sequences", "ahead of their tables"),
        Some(behind) => Finding::failure(
            "sequences",
            format!(
                "the next id of {} would be {}, but there is {} already",
                behind.table,
                behind.last + 1,
                behind.highest
            ),
            "restart snug, which sets them in a copied database; otherwise report this",
        ),
    })
}

async fn indexes(store: &Store) -> Result<Finding> {
    let invalid = store.invalid_indexes().await?;
    Ok(match invalid.first() {
        None => Finding::ok("indexes", "all are valid"),
        Some(name) => Finding::failure(
            "indexes",
            format!("{} are not valid, such as {name}", invalid.len()),
            format!("make it anew while snug is stopped (reindex index {name})"),
        ),
    })
}

/// Every message, and whatever is derived from others.
async fn everything(store: &Store) -> Result<Vec<Finding>> {
    let snapshot = store.snapshot().await?;
    let contents = snapshot.contents().await?;
    let disagreements = snapshot.disagreements().await?;
    let index_faults = snapshot.index_faults().await?;
    snapshot.end().await;
    let mut findings = vec![match contents.hole() {
        None => Finding::ok(
            "messages",
            format!(
                "{} in {} chats, without a hole and without a double",
                contents.messages(),
                contents.chats.len()
            ),
        ),
        Some(chat) => Finding::failure(
            "messages",
            format!(
                "chat {} has {} messages from {} to {}, and its last number is {}",
                chat.chat_id, chat.messages, chat.first, chat.last, chat.last_seq
            ),
            RESTORE,
        ),
    }];
    findings.extend(faults("tables", "agree with each other", disagreements, RESTORE));
    findings.extend(faults("search", "finds every message", index_faults, INDEX_ANEW));
    Ok(findings)
}

/// What there is of what must never be, or that it is well.
fn faults(
    topic: &'static str,
    well: &str,
    all: Vec<Disagreement>,
    remedy: &'static str,
) -> Vec<Finding> {
    let wrong = all.into_iter().filter(|it| it.rows > 0);
    let mut findings: Vec<Finding> = wrong
        .map(|it| Finding::failure(topic, format!("{}: {}", it.what, it.rows), remedy))
        .collect();
    if findings.is_empty() {
        findings.push(Finding::ok(topic, well));
    }
    findings
}
