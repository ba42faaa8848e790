//! `snug upgrade-database`: its own PostgreSQL goes over to a newer version, and nothing is lost at any moment.
//!
//! The newer version is the one there is, under another number; tests/packages has two real ones.

use crate::commands::{refused, snug};
use crate::operators::{said, stand_in};
use crate::support::{Person, Program, Server, directory, put_cluster};
use snug::process::upgrade::forget_former;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

const PROGRAMS: (&str, &str) = ("PATH", "/usr/bin:/bin");

/// A data directory in which Ada has said something, and programs that call themselves newer.
struct Outdated {
    root: tempfile::TempDir,
}

impl Outdated {
    async fn new() -> Self {
        let root = directory();
        put_cluster(&root.path().join("data"));
        let version = fs::read_to_string(root.path().join("data/postgres/PG_VERSION")).unwrap();
        let outdated = Self { root };
        fs::create_dir(outdated.newer()).unwrap();
        let real = format!("/usr/lib/postgresql/{}/bin", version.trim());
        fs::set_permissions(outdated.newer(), fs::Permissions::from_mode(0o777)).unwrap();
        // Of the settings for newer ones, those that the real one does not know are left out.
        let settings = outdated.newer().join("postgresql.conf");
        let known = format!(
            "for argument; do shift; case $argument in config_file=*)\n\
             sed /io_method/d \"${{argument#*=}}\" >{0}; argument=config_file={0} ;; esac\n\
             set -- \"$@\" \"$argument\"; done",
            settings.display()
        );
        for name in ["postgres", "initdb", "pg_dump", "pg_restore", "psql"] {
            let script = format!(
                "[ \"$1\" != --version ] || exec echo '{name} (PostgreSQL) 99.1'\n\
                 {}\nexec {real}/{name} \"$@\"",
                if name == "postgres" { &known } else { "" }
            );
            stand_in(&outdated.newer(), name, &script);
        }
        let program = outdated.serve();
        let ada = Person::at(program.base()).joined_by("ada").await;
        ada.say(1, "one").await;
        ada.say(1, "two").await;
        let line = outdated.refuses();
        assert!(line.contains("stop it first"), "{line}");
        assert_eq!(ada.say(1, "undisturbed").await, 3);
        program.stop();
        outdated
    }

    fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    fn newer(&self) -> PathBuf {
        self.root.path().join("newer")
    }

    fn serve(&self) -> Program {
        Program::start_in(&self.data(), &[PROGRAMS, ("SNUG_RATE_LIMITS", "off")])
    }

    fn with<T>(&self, call: impl FnOnce(&[(&str, &str)]) -> T) -> T {
        let (data, newer) = (self.data(), self.newer());
        let newer = ("SNUG_PG_BINDIR", newer.to_str().unwrap());
        call(&[("SNUG_DATA_DIR", data.to_str().unwrap()), newer, PROGRAMS])
    }

    fn refuses(&self) -> String {
        self.with(|variables| refused(1, &["upgrade-database"], variables))
    }

    fn upgrades(&self) -> String {
        self.with(|variables| said(&["upgrade-database"], variables, ""))
    }

    /// Whether everything is there where the server looks for it.
    fn assert_whole(&self, when: &str) {
        let variables = [("SNUG_DATA_DIR", self.data().to_str().unwrap().to_owned())];
        let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
        let told = said(&["stats"], &[variables[0], PROGRAMS], "");
        let line = told.lines().find(|line| line.starts_with("messages")).unwrap();
        assert!(line.ends_with(" 3"), "{when}: {told}");
    }

    fn former(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.data()).unwrap().flatten().map(|entry| entry.path());
        let is_former = |path: &PathBuf| path.to_str().unwrap().contains("/postgres.former-");
        entries.filter(is_former).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_goes_over_whole_and_the_former_one_is_kept_for_a_while() {
    let outdated = Outdated::new().await;
    let told = outdated.upgrades();
    assert!(told.starts_with("the database is of PostgreSQL 99 now: 1 person, 1 chat, 3 messages"));
    let former = outdated.former();
    let [kept] = &former[..] else { panic!("{former:?}") };
    assert!(told.contains(kept.to_str().unwrap()), "{told}");
    assert!(kept.join("PG_VERSION").exists());
    assert!(!outdated.data().join("scratch").exists());

    let program = outdated.serve();
    let mut ada = Person::at(program.base()).log_in("ada", crate::support::PASSWORD).await;
    ada.name = "ada".to_owned();
    let history = ada.get("/chats/general/history").await.expect(200);
    let said: Vec<_> = history["messages"].as_array().unwrap().iter().collect();
    assert_eq!(said.len(), 3);
    assert_eq!(ada.say(1, "goes on").await, 4);
    program.stop();
    assert_eq!(outdated.former(), former, "it has not served for long");

    fs::create_dir(outdated.data().join("postgres.aside-of-somebody")).unwrap();
    forget_former(outdated.data(), Duration::from_millis(1)).await;
    assert!(outdated.former().is_empty());
    assert!(outdated.data().join("postgres.aside-of-somebody").exists());
    assert!(outdated.data().join("postgres/PG_VERSION").exists());
}

/// Wherever it was, the next one begins anew.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_the_database_is_whole() {
    let outdated = Outdated::new().await;
    let began = Instant::now();
    outdated.upgrades();
    let took = began.elapsed();
    for eighth in 1..8 {
        let command = outdated.with(|variables| snug(&["upgrade-database"], variables));
        let mut command = tokio::process::Command::from(command);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // It may be done before that.
        let _ended = tokio::time::timeout(took * eighth / 8, child.wait()).await;
        child.kill().await.unwrap();
        outdated.assert_whole(&format!("after {eighth} eighths"));
    }
    // Whatever PostgreSQL the killed ones have left is stopped by the next one.
    let told = outdated.upgrades();
    assert!(told.contains("3 messages"), "{told}");
    outdated.assert_whole("in the end");
    assert!(!outdated.data().join("postgres/postmaster.pid").exists());
    assert!(!outdated.data().join("scratch").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_fails_changes_nothing() {
    let outdated = Outdated::new().await;
    let broken = "[ \"$1\" != --version ] || exec echo 'pg_restore (PostgreSQL) 99.1'\n\
                  cat >/dev/null; echo 'pg_restore: error: no luck' >&2; exit 1";
    stand_in(&outdated.newer(), "pg_restore", broken);
    let line = outdated.refuses();
    assert!(line.contains("no luck"), "{line}");
    assert!(outdated.former().is_empty());
    assert!(!outdated.data().join("scratch").exists());
    outdated.assert_whole("afterwards");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_upgraded_is_named() {
    let scratch = directory();
    let data = |path: &Path| path.to_str().unwrap().to_owned();
    let nothing = data(&scratch.path().join("nothing"));
    let line = refused(1, &["upgrade-database"], &[("SNUG_DATA_DIR", nothing.as_str()), PROGRAMS]);
    assert!(line.contains("there is no database"), "{line}");
    assert!(!Path::new(&nothing).exists());

    let server = Server::start().await;
    let url = server.database.url();
    let variables = [("SNUG_DATA_DIR", nothing.as_str()), ("SNUG_DATABASE_URL", url.as_str())];
    let line = refused(1, &["upgrade-database"], &variables);
    assert!(line.contains("SNUG_DATABASE_URL is set"), "{line}");

    let used = scratch.path().join("used");
    put_cluster(&used);
    let used = data(&used);
    let line = refused(1, &["upgrade-database"], &[("SNUG_DATA_DIR", used.as_str()), PROGRAMS]);
    assert!(line.contains("no newer one is installed"), "{line}");
}
