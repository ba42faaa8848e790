//! The settings of the service on this machine, for commands that work on its data.
//!
//! Called by `main` for every command but `serve` and `config`. A command in the service's data directory that
//! did not know them would look for another database than the one that is served.

use super::environment_file::assignments;
use super::written::Written;
use super::{Config, SETTINGS};
use crate::model::error::Fatal;
use std::io;
use std::path::Path;

/// The environment file that the unit names.
pub const SERVICE_SETTINGS: &str = "/etc/snug/snug.env";
/// Where the unit keeps its state.
const SERVICE_DATA_DIR: &str = "/var/lib/snug";

/// Whether both lead to the same directory.
fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    one == other || real(one).is_some_and(|one| real(other) == Some(one))
}

impl Written {
    /// Adds what the service's file says and nobody else does, if this command is about the service's data
    /// directory and does not name a database itself.
    pub fn join_service(&mut self, file: &Path) -> Result<(), Fatal> {
        let (own, _) = Config::resolve(self)?;
        let names_database = self.flags.contains_key("SNUG_DATABASE_URL")
            || self.flags.contains_key("SNUG_DATABASE_URL_FILE")
            || ["SNUG_DATABASE_URL", "SNUG_DATABASE_URL_FILE", "DATABASE_URL"]
                .iter()
                .any(|name| self.variable(name).is_some());
        if names_database {
            return Ok(());
        }
        let text = match (self.read)(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(_) if !is_same(&own.data_dir, Path::new(SERVICE_DATA_DIR)) => return Ok(()),
            Err(error) => {
                return Err(Fatal::new(format!(
                    "cannot read the settings of the service, {}: {error}; run this as root, or let \
                     the group of this user read that file",
                    file.display()
                )));
            }
        };
        let given = assignments(&text);
        let of = |name: &str| given.iter().rev().find(|(known, _)| known == name);
        let served = of("SNUG_DATA_DIR").map(|(_, path)| path.as_str());
        let served = served.filter(|path| !path.is_empty()).unwrap_or(SERVICE_DATA_DIR);
        if !is_same(&own.data_dir, Path::new(served)) {
            return Ok(());
        }
        // What the file says twice counts as it says it last.
        let set = self.variables.iter().filter(|(_, value)| !value.is_empty());
        let said: Vec<String> = set.map(|(name, _)| name.clone()).collect();
        for (name, mut value) in given {
            // The service runs at the root.
            if name.ends_with("_FILE") && !value.is_empty() {
                value = Path::new("/").join(value).display().to_string();
            }
            let is_ours = name.starts_with("SNUG_") || name == "DATABASE_URL";
            let is_said = said.contains(&name) || self.flags.contains_key(name.as_str());
            if is_ours && !is_said && name != "SNUG_DATA_DIR" && !self.says_otherwise(&name) {
                self.variables.insert(name, value);
            }
        }
        Ok(())
    }

    /// Whether this command says in its other form, value or file, what the variable would say.
    fn says_otherwise(&self, name: &str) -> bool {
        SETTINGS.iter().filter(|setting| setting.has_file).any(|setting| {
            let file = format!("{}_FILE", setting.variable);
            let other = if name == file { setting.variable } else { file.as_str() };
            (name == setting.variable || name == file) && self.variable(other).is_some()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::config::{DatabaseSetting, Secret};

    fn joined(
        pairs: &[(&str, &str)],
        read: fn(&Path) -> io::Result<String>,
    ) -> Result<Config, Fatal> {
        let mut written =
            Written::variables([("HOME", "/home/ada")].into_iter().chain(pairs.iter().copied()));
        written.read = read;
        written.join_service(Path::new(SERVICE_SETTINGS))?;
        Config::resolve(&written).map(|(config, _)| config)
    }

    const AT_SERVICE: (&str, &str) = ("SNUG_DATA_DIR", "/var/lib/snug");

    fn external(_: &Path) -> io::Result<String> {
        Ok("# A comment\nSNUG_LISTEN=127.0.0.1:1\n SNUG_DATABASE_URL='postgres://db/snug'\n#SNUG_LOG=x\n".into())
    }

    #[test]
    fn in_the_services_directory_a_command_has_the_services_settings() {
        let config = joined(&[AT_SERVICE], external).unwrap();
        assert_eq!(config.database, DatabaseSetting::External(Secret::new("postgres://db/snug")));
        let own = [AT_SERVICE, ("SNUG_DATABASE_URL", "postgres://own/db")];
        let config = joined(&own, external).unwrap();
        assert_eq!(config.database, DatabaseSetting::External(Secret::new("postgres://own/db")));
    }

    #[test]
    fn the_services_file_is_read_as_the_service_reads_it() {
        let twice = |_: &Path| {
            Ok("SNUG_DATABASE_URL=postgres://old/db\nSNUG_DATABASE_URL=postgres://db/\\\nsnug\n"
                .into())
        };
        let config = joined(&[AT_SERVICE], twice).unwrap();
        assert_eq!(config.database, DatabaseSetting::External(Secret::new("postgres://db/snug")));
        let by_file = |path: &Path| match path.to_str() {
            Some(SERVICE_SETTINGS) => Ok("SNUG_DATABASE_URL_FILE=etc/snug/url\n".into()),
            Some("/etc/snug/url") => Ok("postgres://db/snug\n".into()),
            other => panic!("{other:?}"),
        };
        let mut written = Written::variables([("HOME", "/home/ada"), AT_SERVICE]);
        (written.read, written.directory) = (by_file, "/home/ada".into());
        written.join_service(Path::new(SERVICE_SETTINGS)).unwrap();
        let (config, _) = Config::resolve(&written).unwrap();
        assert_eq!(config.database, DatabaseSetting::External(Secret::new("postgres://db/snug")));
    }

    #[test]
    fn a_link_to_the_services_directory_is_the_services_directory() {
        let scratch = tempfile::tempdir().unwrap();
        let (real, link) = (scratch.path().join("real"), scratch.path().join("link"));
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert!(is_same(&real, &link) && is_same(&link, &real));
        assert!(!is_same(&real, &scratch.path().join("other")));
        assert!(!is_same(scratch.path(), &link));
    }

    #[test]
    fn elsewhere_a_command_has_its_own() {
        for pairs in [&[][..], &[("SNUG_DATA_DIR", "/srv/other")]] {
            assert_eq!(joined(pairs, external).unwrap().database, DatabaseSetting::Private);
        }
        let moved =
            |_: &Path| Ok("SNUG_DATA_DIR=/srv/snug\nDATABASE_URL=postgres://db/snug\n".into());
        assert_eq!(joined(&[AT_SERVICE], moved).unwrap().database, DatabaseSetting::Private);
        let there = joined(&[("SNUG_DATA_DIR", "/srv/snug")], moved).unwrap();
        assert_ne!(there.database, DatabaseSetting::Private);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_passed_over() {
        let closed = |_: &Path| Err(io::ErrorKind::PermissionDenied.into());
        let fatal = joined(&[AT_SERVICE], closed).unwrap_err();
        assert!(fatal.message.contains(SERVICE_SETTINGS), "{fatal}");
        assert!(joined(&[], closed).is_ok());
        assert!(joined(&[AT_SERVICE], |_| Err(io::ErrorKind::NotFound.into())).is_ok());
    }
}
