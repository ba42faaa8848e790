//! A PostgreSQL of a newer major version, which is to take the place of the one that made the cluster.
//!
//! Only the programs of its own version can open a cluster, so both have to be installed for a while. Called by
//! `process::upgrade`, which copies what is in it, and by `process::run` and `process::doctor`.

use super::cluster::pinned;
use super::directory::{Directory, refuse};
use super::find::Programs;
use super::{Options, Private, Scratch, Tools, Vacancy, has_cluster};
use crate::model::error::Fatal;
use std::fs;
use std::path::{Path, PathBuf};

/// How the names of clusters begin that another one has taken the place of, in the data directory.
const FORMER: &str = "postgres.former-";

/// The programs of both versions.
#[derive(Debug)]
pub struct Succession {
    from: Programs,
    to: Programs,
}

impl Succession {
    /// From the cluster that is there to the newest version that is installed.
    pub async fn find(vacancy: &Vacancy, options: &Options) -> Result<Self, Fatal> {
        let directory = vacancy.directory();
        let Some(major) = pinned(directory)? else {
            let path = directory.path.display();
            return Err(Fatal::new(format!("there is no database in {path}")));
        };
        let bindir = options.bindir.as_deref();
        let Some(to) = Programs::newer_than(major, bindir).await else {
            return Err(Fatal::new(format!(
                "the database is of PostgreSQL {major}, and no newer one is installed: there is nothing to \
                 upgrade to"
            )));
        };
        let from = Programs::of(major, bindir, &directory.cluster()).await?;
        Ok(Self { from, to })
    }

    pub fn from(&self) -> u32 {
        self.from.major
    }

    pub fn to(&self) -> u32 {
        self.to.major
    }

    pub fn bindir(&self) -> &Path {
        &self.to.bindir
    }

    pub async fn open_old(&self, vacancy: &Vacancy, options: &Options) -> Result<Private, Fatal> {
        vacancy.open(&self.from.bindir, options.memory).await
    }

    pub async fn make_new(&self, options: &Options) -> Result<Scratch, Fatal> {
        let bindir = Some(self.to.bindir.clone());
        Scratch::make(&Options { bindir, ..options.clone() }).await
    }

    /// The programs that copy: those of the newer version know both.
    pub async fn tools(&self) -> Result<Tools, Fatal> {
        Tools::find(Some(&self.to.bindir), self.to.major).await
    }

    /// Puts the new one into the place of the old one, and returns where that is now.
    pub async fn complete(
        &self,
        vacancy: &Vacancy,
        new: Scratch,
        stamp: &str,
    ) -> Result<Option<PathBuf>, Fatal> {
        vacancy.fill(new, &format!("{FORMER}{}-{stamp}", self.from.major)).await
    }
}

/// The major version of the cluster, and of the newest programs if these are newer.
pub async fn outdated(options: &Options) -> Option<(u32, u32)> {
    if !has_cluster(options) {
        return None;
    }
    let directory = Directory::prepare(&options.data_dir).ok()?;
    let major = pinned(&directory).ok()??;
    let newer = Programs::newer_than(major, options.bindir.as_deref()).await?;
    Some((major, newer.major))
}

/// Removes clusters that another one has taken the place of; returns which.
pub fn remove_former(data_dir: &Path) -> Result<Vec<PathBuf>, Fatal> {
    let mut removed = Vec::new();
    for entry in fs::read_dir(data_dir).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(FORMER) {
            let path = entry.path();
            fs::remove_dir_all(&path).map_err(|error| refuse("remove", &path, &error))?;
            removed.push(path);
        }
    }
    Ok(removed)
}
