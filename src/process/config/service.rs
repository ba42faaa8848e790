//! The settings of the service on this machine, for commands that work on its data.
//!
//! Called by `main` for every command but `serve` and `config`. A command in the service's data directory that
//! did not know them would look for another database than the one that is served.

use super::written::Written;
use super::{Config, SETTINGS};
use crate::model::error::Fatal;
use std::io;
use std::path::Path;

/// The environment file that the unit names.
pub const SERVICE_SETTINGS: &str = "/etc/snug/snug.env";
/// Where the unit keeps its state.
const SERVICE_DATA_DIR: &str = "/var/lib/snug";

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
            Err(_) if own.data_dir != Path::new(SERVICE_DATA_DIR) => return Ok(()),
            Err(error) => {
                return Err(Fatal::new(format!(
                    "cannot read the settings of the service, {}: {error}; run this as root, or let \
                     the group of this user read that file",
                    file.display()
                )));
            }
        };
        let given: Vec<(&str, &str)> = assignments(&text).collect();
        let of =
            |name| given.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let served =
            of("SNUG_DATA_DIR").filter(|path| !path.is_empty()).unwrap_or(SERVICE_DATA_DIR);
        if own.data_dir != Path::new(served) {
            return Ok(());
        }
        for (name, value) in given {
            let is_ours = name.starts_with("SNUG_") || name == "DATABASE_URL";
            let is_said = self.variable(name).is_some() || self.flags.contains_key(name);
            if is_ours && !is_said && name != "SNUG_DATA_DIR" && !self.says_otherwise(name) {
                self.variables.insert(name.to_owned(), value.to_owned());
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

/// The lines of an environment file, as systemd reads them, without continuations.
fn assignments(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| {
        let line = line.trim();
        let (name, value) = line.split_once('=').filter(|_| !line.starts_with(['#', ';']))?;
        let value = value.trim();
        let quoted = ['"', '\''].iter().find_map(|quote| {
            value.strip_prefix(*quote).and_then(|rest| rest.strip_suffix(*quote))
        });
        Some((name.trim(), quoted.unwrap_or(value)))
    })
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
