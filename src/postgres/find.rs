//! Finds PostgreSQL's programs on this machine.
//!
//! Looks only in `SNUG_PG_BINDIR` if that is set, otherwise in the directories of Debian's packages,
//! newest first, and then along `PATH`. Only the major version that created a cluster can open it, so
//! an existing cluster decides. Never downloads anything.

use super::account::bare;
use crate::limits::PG_PROGRAM_TIMEOUT;
use crate::model::error::Fatal;
use std::path::{Path, PathBuf};
use tokio::time::timeout;

/// Older versions have neither lz4 for the WAL nor the defaults we rely on.
const MAJOR_MIN: u32 = 15;
const PACKAGED: &str = "/usr/lib/postgresql";

#[derive(Debug)]
pub(super) struct Programs {
    pub bindir: PathBuf,
    pub major: u32,
}

impl Programs {
    /// `pinned` is the major version of the existing cluster, and its path.
    pub(super) async fn find(
        bindir: Option<&Path>,
        pinned: Option<(u32, &Path)>,
    ) -> Result<Self, Fatal> {
        if let Some((major, cluster)) = pinned
            && major < MAJOR_MIN
        {
            return Err(Fatal::new(format!(
                "the cluster in {} was created by PostgreSQL {major}, and snug needs {MAJOR_MIN} or \
                 later: upgrade it with pg_upgrade, or set SNUG_DATABASE_URL",
                cluster.display()
            )));
        }
        let fits = |major| pinned.map_or(major >= MAJOR_MIN, |(pinned, _)| major == pinned);
        match Self::first(candidates(bindir), fits).await {
            Some(found) => Ok(found),
            None => Err(missing(bindir, pinned)),
        }
    }

    /// The newest ones that are newer than this major version, if there are any.
    pub(super) async fn newer_than(major: u32, bindir: Option<&Path>) -> Option<Self> {
        Self::first(everywhere(bindir), |other| other > major).await
    }

    /// Those of this major version, wherever they are: a setting may have the others in mind.
    pub(super) async fn of(
        major: u32,
        bindir: Option<&Path>,
        cluster: &Path,
    ) -> Result<Self, Fatal> {
        match Self::first(everywhere(bindir), |other| other == major).await {
            Some(found) => Ok(found),
            None => Err(missing(None, Some((major, cluster)))),
        }
    }

    async fn first(places: Vec<PathBuf>, fits: impl Fn(u32) -> bool) -> Option<Self> {
        for bindir in places {
            if let Some(major) = major_of(&bindir).await
                && fits(major)
            {
                return Some(Self { bindir, major });
            }
        }
        None
    }

    pub(super) fn postgres(&self) -> PathBuf {
        self.bindir.join("postgres")
    }

    pub(super) fn initdb(&self) -> PathBuf {
        self.bindir.join("initdb")
    }
}

fn missing(bindir: Option<&Path>, pinned: Option<(u32, &Path)>) -> Fatal {
    let place = match bindir {
        Some(bindir) => format!("in SNUG_PG_BINDIR ({})", bindir.display()),
        None => format!("in {PACKAGED}/*/bin or PATH"),
    };
    Fatal::new(match pinned {
        Some((major, cluster)) => format!(
            "the cluster in {} was created by PostgreSQL {major}, whose programs are not {place}: \
             install the postgresql-{major} package, which the release of the distribution before this \
             one has (README, \"A newer PostgreSQL\"), or set SNUG_PG_BINDIR to their directory, or bring \
             back a backup (snug restore --replace FILE)",
            cluster.display()
        ),
        None => format!(
            "there is no PostgreSQL {MAJOR_MIN} or later (initdb and postgres) {place}: install \
             the postgresql package, or set SNUG_DATABASE_URL to use one that is already running"
        ),
    })
}

/// Where they may be, the directory of the setting first.
fn everywhere(bindir: Option<&Path>) -> Vec<PathBuf> {
    let set = bindir.map(|bindir| candidates(Some(bindir))).unwrap_or_default();
    set.into_iter().chain(candidates(None)).collect()
}

pub(super) fn candidates(bindir: Option<&Path>) -> Vec<PathBuf> {
    if let Some(bindir) = bindir {
        // The programs are run from directories other than ours.
        return vec![std::path::absolute(bindir).unwrap_or_else(|_| bindir.to_owned())];
    }
    let mut packaged: Vec<(u32, PathBuf)> = std::fs::read_dir(PACKAGED)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let major = entry.file_name().to_str()?.parse().ok()?;
            Some((major, entry.path().join("bin")))
        })
        .collect();
    packaged.sort_by_key(|(major, _)| std::cmp::Reverse(*major));
    let path = std::env::var_os("PATH").unwrap_or_default();
    // With a relative entry, the current directory would decide what runs.
    let searched = std::env::split_paths(&path).filter(|entry| entry.is_absolute());
    packaged.into_iter().map(|(_, bindir)| bindir).chain(searched).collect()
}

/// The major version of the programs in a directory, if both are there and can be run.
async fn major_of(bindir: &Path) -> Option<u32> {
    if !bindir.join("initdb").is_file() || !bindir.join("postgres").is_file() {
        return None;
    }
    version_of(&bindir.join("postgres")).await
}

/// The major version of one of PostgreSQL's programs, if it can be run.
pub(super) async fn version_of(program: &Path) -> Option<u32> {
    let version = full_version_of(program).await?;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The same with all numbers.
pub(super) async fn full_version_of(program: &Path) -> Option<String> {
    let mut command = bare(program);
    command.arg("--version").kill_on_drop(true);
    let output = timeout(PG_PROGRAM_TIMEOUT, command.output()).await.ok()?.ok()?;
    version_in(&String::from_utf8_lossy(&output.stdout))
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian …)`, `… 19beta1` and `… 18devel`.
fn version_in(line: &str) -> Option<String> {
    let number = line.split_once("(PostgreSQL) ")?.1.split_whitespace().next()?;
    number.starts_with(|c: char| c.is_ascii_digit()).then(|| number.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_in_released_and_unreleased_builds() {
        for (line, expected) in [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some("15.18")),
            ("pg_dump (PostgreSQL) 19beta1\n", Some("19beta1")),
            ("postgres (PostgreSQL) 18devel\n", Some("18devel")),
            ("postgres: not found\n", None),
        ] {
            assert_eq!(version_in(line).as_deref(), expected, "{line}");
        }
    }
}
