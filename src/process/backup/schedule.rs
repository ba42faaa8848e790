//! Backups by themselves, once a day, while snug serves: made, proved once a week, kept for a while.
//!
//! A chore of `process::run`. Whatever fails is told and tried again; the old backups stay until a new one is
//! whole.

use super::kept::{made_at, name_at};
use super::state::{BackupState, Happened};
use super::{Teller, make, verify};
use crate::limits::{
    BACKUP_CATCH_UP_PAUSE, BACKUP_CLOCK_PAUSE, BACKUP_HOOK_TIMEOUT, BACKUP_LATE_AFTER,
    BACKUP_RETRY_PAUSE, BACKUP_TIMEOUT, BACKUP_VERIFY_EVERY,
};
use crate::metrics::Metrics;
use crate::model::error::Fatal;
use crate::model::sizes;
use crate::process::config::Config;
use crate::store::{Store, free};
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Span as TimeSpan, Timestamp};
use parking_lot::Mutex;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::{sleep, timeout};

/// What others tell of it: the service's status, and the metrics.
#[derive(Clone)]
pub struct Noted {
    pub status: Arc<Mutex<String>>,
    pub metrics: Arc<Metrics>,
}

/// Makes backups for as long as the process runs, if it is to make any.
pub async fn keep_backups(config: Config, store: Store, noted: Noted) {
    let (Some(directory), Some(at)) = (config.backup_dir.clone(), config.backup_at) else { return };
    let zone = TimeZone::system();
    let mut state = BackupState::read(&directory);
    if state.since == 0 {
        state.since = Timestamp::now().as_second();
    }
    noted.note(&state);
    let mut due = first_due(&state, Timestamp::now(), at, &zone);
    loop {
        // In parts, because clocks are set.
        let left = Timestamp::now().duration_until(due);
        if left.is_positive() {
            sleep(left.unsigned_abs().min(BACKUP_CLOCK_PAUSE)).await;
            continue;
        }
        let outcome =
            timeout(BACKUP_TIMEOUT, back_up(&config, &store, &directory, &mut state)).await;
        let outcome = outcome.unwrap_or_else(|_| Err(Fatal::new("it took too long")));
        let pause = match outcome {
            Ok(()) => {
                state.failed = None;
                None
            }
            Err(fatal) => {
                tracing::error!(reason = %fatal, "cannot back up; will try again");
                state.failed = Some(Happened::now(fatal.message));
                Some(BACKUP_RETRY_PAUSE)
            }
        };
        if let Err(error) = state.write(&directory) {
            tracing::warn!(%error, "cannot write down what became of the backup");
        }
        noted.note(&state);
        let now = Timestamp::now();
        due = next(now, at, &zone);
        if let Some(pause) = pause {
            due = due.min(after(now, pause));
        }
    }
}

impl Noted {
    fn note(&self, state: &BackupState) {
        *self.status.lock() = state.told();
        let at = |happened: &Option<Happened>| happened.as_ref().map_or(0, |it| it.at);
        let bytes = state.made.as_ref().map_or(0, |made| made.bytes);
        self.metrics.backed_up(at(&state.made), at(&state.verified), bytes, state.failed.is_some());
    }
}

/// One before the schema changes. It is kept like those of each day, and neither verified nor carried
/// elsewhere: people wait for the start.
pub async fn make_before_change(
    config: &Config,
    store: &Store,
    teller: Teller,
) -> Result<Option<PathBuf>, Fatal> {
    let Some(directory) = &config.backup_dir else { return Ok(None) };
    let mut state = BackupState::read(directory);
    let making = make_one(config, store, directory, &mut state, teller);
    let made = timeout(BACKUP_TIMEOUT, making).await;
    let path = made.unwrap_or_else(|_| Err(Fatal::new("it took too long")))?;
    remove_surplus(config, directory);
    if let Err(error) = state.write(directory) {
        tracing::warn!(%error, "cannot write down what became of the backup");
    }
    Ok(Some(path))
}

/// One backup, and what follows from it.
async fn back_up(
    config: &Config,
    store: &Store,
    directory: &Path,
    state: &mut BackupState,
) -> Result<(), Fatal> {
    let path = make_one(config, store, directory, state, Teller::Log).await?;
    let now = Timestamp::now().as_second();
    let is_proved = state
        .verified
        .as_ref()
        .is_some_and(|verified| now - verified.at < BACKUP_VERIFY_EVERY.as_secs().cast_signed());
    if !is_proved {
        verify(config, &path, Teller::Log).await?;
        tracing::info!(file = %path.display(), "verified a backup");
        state.verified = Some(Happened::now(path.display().to_string()));
    }
    remove_surplus(config, directory);
    match &config.backup_hook {
        Some(hook) => run_hook(hook, &path).await,
        None => Ok(()),
    }
}

/// Makes a backup under the name of this moment, where there is room for it.
async fn make_one(
    config: &Config,
    store: &Store,
    directory: &Path,
    state: &mut BackupState,
    teller: Teller,
) -> Result<PathBuf, Fatal> {
    let unusable = |error| Fatal::new(format!("{}: {error}", directory.display()));
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(unusable)?;
    remove_remains(directory);
    let database = store.database_bytes().await?;
    state.measured(database);
    make_room(config, directory, state.made.as_ref().map_or(database / 2, |made| made.bytes))?;
    let path = directory.join(name_at(Timestamp::now()));
    let made = make(config, store, &path, teller).await?;
    tracing::info!(
        file = %path.display(),
        size = sizes::spelled_size(made.bytes),
        messages = made.manifest.messages,
        "made a backup"
    );
    let bytes = made.bytes;
    state.made = Some(Happened { bytes, ..Happened::now(path.display().to_string()) });
    Ok(path)
}

/// What killed ones have left. One that somebody is writing is locked, and stays.
fn remove_remains(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let whole = name.to_string_lossy().strip_suffix(".part").and_then(made_at);
        let is_free = || fs::File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
        if whole.is_some() && is_free() {
            // It will be in the way of nobody.
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn backups(directory: &Path) -> Vec<(Timestamp, PathBuf)> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let dated =
        entries.filter_map(|entry| Some((made_at(entry.file_name().to_str()?)?, entry.path())));
    let mut backups: Vec<_> = dated.collect();
    backups.sort();
    backups
}

/// Removes the oldest until there is room for another one of this size. The newest stays, and all of them if that
/// would not be enough.
fn make_room(config: &Config, directory: &Path, expected: u64) -> Result<(), Fatal> {
    let needed = expected.saturating_add(expected / 4).saturating_add(config.disk_reserve);
    let room = free(&[directory.to_owned()])
        .map_err(|error| Fatal::new(format!("{}: {error}", directory.display())))?;
    let mut there = backups(directory);
    there.pop();
    let sizes: Vec<u64> =
        there.iter().map(|(_, path)| path.metadata().map_or(0, |it| it.len())).collect();
    for (_, path) in there.iter().take(removed_for(needed.saturating_sub(room), &sizes)) {
        tracing::warn!(file = %path.display(), "removing a backup, to have room for the next one");
        if let Err(error) = fs::remove_file(path) {
            tracing::warn!(file = %path.display(), %error, "cannot remove a backup");
        }
    }
    Ok(())
}

/// How many of these, the first ones first, take at least so much; none if all of them do not.
fn removed_for(missing: u64, sizes: &[u64]) -> usize {
    let mut gained = 0_u64;
    let enough = sizes.iter().position(|size| {
        let is_enough = gained >= missing;
        gained = gained.saturating_add(*size);
        is_enough
    });
    enough.unwrap_or(if gained >= missing { sizes.len() } else { 0 })
}

fn remove_surplus(config: &Config, directory: &Path) {
    let there = backups(directory);
    let times: Vec<Timestamp> = there.iter().map(|(at, _)| *at).collect();
    let surplus = config.backup_keep.surplus(&times, &TimeZone::system());
    for (_, path) in there.iter().filter(|(at, _)| surplus.contains(at)) {
        match fs::remove_file(path) {
            Ok(()) => tracing::info!(file = %path.display(), "removed an old backup"),
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "cannot remove an old backup");
            }
        }
    }
}

/// It gets our environment, but none of our settings, among which are secrets.
async fn run_hook(hook: &Path, file: &Path) -> Result<(), Fatal> {
    let mut command = Command::new(hook);
    command.arg(file).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    for (name, _) in std::env::vars_os() {
        let is_ours = name.to_str().is_some_and(|name| name.starts_with("SNUG_"));
        if is_ours || name == "DATABASE_URL" || name == "NOTIFY_SOCKET" {
            command.env_remove(name);
        }
    }
    let failed = |why: String| Fatal::new(format!("{} {why}", hook.display()));
    match timeout(BACKUP_HOOK_TIMEOUT, command.status()).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(failed(format!("failed ({status})"))),
        Ok(Err(error)) => Err(failed(format!("cannot be run: {error}"))),
        Err(_) => Err(failed("took too long".to_owned())),
    }
}

/// When the first backup of this process is due: soon if one was missed, because the machine was off.
fn first_due(state: &BackupState, now: Timestamp, at: Time, zone: &TimeZone) -> Timestamp {
    let last = state.made.as_ref().map_or(state.since, |made| made.at);
    let age = now.as_second().saturating_sub(last);
    let is_late = age > BACKUP_LATE_AFTER.as_secs().cast_signed();
    let next = next(now, at, zone);
    if is_late { next.min(after(now, BACKUP_CATCH_UP_PAUSE)) } else { next }
}

/// The next time that it is this time of day.
fn next(now: Timestamp, at: Time, zone: &TimeZone) -> Timestamp {
    let today = now.to_zoned_datetime(zone.clone()).date();
    let on = |day: jiff::civil::Date| zone.to_timestamp(day.to_datetime(at)).ok();
    let tomorrow = today.checked_add(TimeSpan::new().days(1)).ok();
    let found = [Some(today), tomorrow].into_iter().flatten().filter_map(on).find(|due| *due > now);
    found.unwrap_or_else(|| after(now, Duration::from_secs(24 * 60 * 60)))
}

fn after(now: Timestamp, pause: Duration) -> Timestamp {
    now.checked_add(pause).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_one_is_today_or_tomorrow_in_local_time() {
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let at = jiff::civil::time(3, 30, 0, 0);
        for (now, due) in [
            ("2026-11-27T02:29:59Z", "2026-11-27T02:30:00Z"),
            ("2026-11-27T02:30:00Z", "2026-11-28T02:30:00Z"),
            ("2026-07-01T12:00:00Z", "2026-07-02T01:30:00Z"),
        ] {
            let (now, due): (Timestamp, Timestamp) = (now.parse().unwrap(), due.parse().unwrap());
            assert_eq!(next(now, at, &berlin), due);
        }
    }

    #[test]
    fn as_many_make_room_as_must_and_none_in_vain() {
        for (missing, sizes, removed) in [
            (0, &[5, 5][..], 0),
            (1, &[5, 5], 1),
            (5, &[5, 5], 1),
            (6, &[5, 5], 2),
            (10, &[5, 5], 2),
            (11, &[5, 5], 0),
            (0, &[], 0),
            (1, &[], 0),
        ] {
            assert_eq!(removed_for(missing, sizes), removed, "{missing} of {sizes:?}");
        }
    }

    #[test]
    fn one_that_was_missed_is_made_up_for() {
        let now: Timestamp = "2026-11-27T12:00:00Z".parse().unwrap();
        let at = jiff::civil::time(3, 30, 0, 0);
        let since = |hours: i64| BackupState {
            since: now.as_second() - hours * 3_600,
            ..BackupState::default()
        };
        let regular = next(now, at, &TimeZone::UTC);
        assert_eq!(first_due(&since(1), now, at, &TimeZone::UTC), regular);
        let soon = after(now, BACKUP_CATCH_UP_PAUSE);
        assert_eq!(first_due(&since(48), now, at, &TimeZone::UTC), soon);
        let made = Some(Happened { at: now.as_second() - 3_600, what: String::new(), bytes: 0 });
        let fresh = BackupState { made, ..since(48) };
        assert_eq!(first_due(&fresh, now, at, &TimeZone::UTC), regular);
    }
}
