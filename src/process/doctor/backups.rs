//! Backups that are made by themselves: when, whether they were proved, and where they are.

use super::Finding;
use super::machine::is_one_disk;
use crate::limits::{BACKUP_LATE_AFTER, BACKUP_VERIFY_EVERY};
use crate::process::backup::BackupState;
use crate::process::config::{Config, DatabaseSetting};
use jiff::Timestamp;
use std::time::Duration;

const TOPIC: &str = "backups";

pub(super) fn look(config: &Config) -> Vec<Finding> {
    let (Some(directory), true) = (&config.backup_dir, config.backup_at.is_some()) else {
        return vec![Finding::warning(
            TOPIC,
            "none are made by themselves",
            "set SNUG_BACKUP_DIR and SNUG_BACKUP_AT, unless something else makes them",
        )];
    };
    let state = BackupState::read(directory);
    let mut findings = vec![made(&state), proved(&state)];
    if let Some(failed) = &state.failed {
        findings.push(
            Finding::failure(
                TOPIC,
                format!("the last attempt failed {}: {}", ago(failed.at), failed.what),
                "mend that; it is tried again every half hour",
            )
            .plainly(format!("the last attempt failed {}", ago(failed.at))),
        );
    }
    let is_own = config.database == DatabaseSetting::Private;
    if is_own && is_one_disk(directory, &config.data_dir) {
        findings.push(Finding::warning(
            TOPIC,
            "they are on the disk of the database, and would be lost with it",
            "name another disk with SNUG_BACKUP_DIR, or have SNUG_BACKUP_HOOK carry them elsewhere",
        ));
    }
    findings
}

fn made(state: &BackupState) -> Finding {
    const REMEDY: &str = "make one now (snug backup FILE), and look into the log of the service";
    match &state.made {
        None => Finding::warning(TOPIC, "none has been made by itself yet", REMEDY),
        Some(made) if age(made.at) > BACKUP_LATE_AFTER => {
            Finding::failure(TOPIC, format!("the last one was made {}", ago(made.at)), REMEDY)
        }
        Some(made) => Finding::ok(TOPIC, format!("the last one was made {}", ago(made.at))),
    }
}

fn proved(state: &BackupState) -> Finding {
    const REMEDY: &str = "prove the newest one (snug backup --verify FILE)";
    match &state.verified {
        None => Finding::warning(TOPIC, "none has been proved yet", REMEDY),
        Some(verified) if age(verified.at) > 2 * BACKUP_VERIFY_EVERY => {
            Finding::warning(TOPIC, format!("one was last proved {}", ago(verified.at)), REMEDY)
        }
        Some(verified) => Finding::ok(TOPIC, format!("one was proved {}", ago(verified.at))),
    }
}

fn age(at: i64) -> Duration {
    Duration::from_secs(Timestamp::now().as_second().saturating_sub(at).max(0).unsigned_abs())
}

fn ago(at: i64) -> String {
    let minutes = age(at).as_secs() / 60;
    match minutes {
        0..120 => format!("{minutes} minutes ago"),
        120..2_880 => format!("{} hours ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1_440),
    }
}
