//! The machine: memory, pages, files, and room on the disks.

use super::Finding;
use crate::limits::{
    DOCTOR_MEMORY_BYTES_MIN, DOCTOR_ROOM_DAYS_FAILURE, DOCTOR_ROOM_DAYS_WARNING, FILES_RESERVED,
};
use crate::model::sizes::spelled_size;
use crate::postgres;
use crate::process::backup::BackupState;
use crate::process::config::{Config, DatabaseSetting};
use crate::process::memory::figure;
use crate::store::free;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

pub(super) fn look(config: &Config) -> Vec<Finding> {
    let options = config.own_postgres();
    let server = postgres::served_by(&options);
    let mut findings = vec![memory(config, server), page_size()];
    findings.extend(files(config, server));
    findings.push(room(config));
    findings
}

fn memory(config: &Config, server: Option<i32>) -> Finding {
    let of_machine = |name| figure("/proc/meminfo", name);
    let (Some(total), Some(left)) = (of_machine("MemTotal"), of_machine("MemAvailable")) else {
        return Finding::ok("memory", "not known here");
    };
    let ours = server.and_then(|pid| figure(&format!("/proc/{pid}/status"), "VmRSS"));
    let ours = match ours {
        Some(ours) => format!(", snug takes {}", spelled_size(ours)),
        None => String::new(),
    };
    let found = format!("{} of {} are left{ours}", spelled_size(left), spelled_size(total));
    let found = format!("{found}; the bounds are {}", config.memory.name());
    match left < DOCTOR_MEMORY_BYTES_MIN {
        true => Finding::warning("memory", found, "stop other programs, or add swap"),
        false => Finding::ok("memory", found),
    }
}

fn page_size() -> Finding {
    match figure("/proc/self/smaps", "KernelPageSize") {
        Some(bytes) => Finding::ok("page size", spelled_size(bytes)),
        None => Finding::ok("page size", "not known here"),
    }
}

/// Of the server, which may have been given another limit than we were.
fn files(config: &Config, server: Option<i32>) -> Option<Finding> {
    let limits = fs::read_to_string(format!("/proc/{}/limits", server?)).ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let limit: u64 = line.split_whitespace().next()?.parse().ok()?;
    let needed = config.max_connections as u64 + FILES_RESERVED;
    let found = format!("the server may open {limit}");
    Some(match limit < needed {
        true => Finding::warning(
            "file limit",
            format!("{found}, and its settings ask for {needed}"),
            "raise LimitNOFILE= in the unit, or lower SNUG_MAX_CONNECTIONS",
        ),
        false => Finding::ok("file limit", found),
    })
}

/// Where its own PostgreSQL writes, and for how long that will do.
fn room(config: &Config) -> Finding {
    if config.database != DatabaseSetting::Private {
        return Finding::ok("disk", "the database is elsewhere");
    }
    let Ok(left) = free(std::slice::from_ref(&config.data_dir)) else {
        return Finding::warning(
            "disk",
            "cannot be measured",
            "look whether the data directory is there",
        );
    };
    let state = config.backup_dir.as_deref().map(BackupState::read).unwrap_or_default();
    let growth = state.growth();
    let usable = left.saturating_sub(config.disk_reserve);
    let found = format!("{} are free", spelled_size(left));
    const REMEDY: &str = "make room there, or move the data directory to a larger disk";
    if usable == 0 {
        let reserve = spelled_size(config.disk_reserve);
        let found = format!("{found}, less than the reserve of {reserve}: nothing is stored");
        return Finding::failure("disk", found, REMEDY);
    }
    match growth.filter(|bytes_per_day| *bytes_per_day > 0) {
        None => Finding::ok(
            "disk",
            format!("{found}; for how long is known after some days of backups"),
        ),
        Some(growth) => {
            let days = usable / growth;
            let found =
                format!("{found}; at {} a day, that will do for {days} days", spelled_size(growth));
            match days {
                _ if days < DOCTOR_ROOM_DAYS_FAILURE => Finding::failure("disk", found, REMEDY),
                _ if days < DOCTOR_ROOM_DAYS_WARNING => Finding::warning("disk", found, REMEDY),
                _ => Finding::ok("disk", found),
            }
        }
    }
}

/// Whether two places are on one disk, as far as that can be known.
pub(super) fn is_one_disk(one: &Path, two: &Path) -> bool {
    let device = |path: &Path| {
        let there = path.ancestors().find(|place| place.exists())?;
        Some(fs::metadata(there).ok()?.dev())
    };
    device(one).is_some() && device(one) == device(two)
}
