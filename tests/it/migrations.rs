//! The schema changes only after a backup, where the database is snug's own, and never backwards.

use crate::commands::refused;
use crate::operators::said;
use crate::support::{Database, Program, SECRET, directory, put_cluster};
use crate::tidy::files;
use serde_json::Value;
use sha2::{Digest, Sha256};
use snug::limits::Memory;
use snug::postgres::{Options, Private};
use std::fs;
use std::path::{Path, PathBuf};
use tokio_postgres::{Client, NoTls};

const PROGRAMS: (&str, &str) = ("PATH", "/usr/bin:/bin");

/// A data directory whose database an early snug left at this version of the schema.
async fn left_at(schema: usize) -> tempfile::TempDir {
    let scratch = directory();
    let data = scratch.path().join("data");
    put_cluster(&data);
    change(&data, async |client| {
        client
            .batch_execute(
                "create table schema_migrations (version integer primary key, name text not null, \
                 checksum text not null, applied_at timestamptz not null default now())",
            )
            .await
            .unwrap();
        let mut migrations = files("sql/migrations", ".sql");
        migrations.sort();
        for (index, (path, text)) in migrations.iter().take(schema).enumerate() {
            let name = path.trim_start_matches("sql/migrations/").trim_end_matches(".sql");
            let digest = Sha256::digest(text.as_bytes());
            let checksum: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            client.batch_execute(text).await.unwrap();
            let applied = "insert into schema_migrations values ($1, $2, $3)";
            let version = index as i32 + 1;
            client.execute(applied, &[&version, &name, &checksum]).await.unwrap();
        }
    })
    .await;
    scratch
}

/// Does this to the database in a data directory that nobody uses.
async fn change(data: &Path, work: impl AsyncFnOnce(&Client)) {
    let options = Options { data_dir: data.to_owned(), bindir: None, memory: Memory::Medium };
    let private = Private::borrow(&options).await.unwrap();
    let (client, connection) = private.connection().connect(NoTls).await.unwrap();
    let serving = tokio::spawn(connection);
    work(&client).await;
    drop(client);
    serving.await.unwrap().unwrap();
    private.stop().await;
}

async fn schema(data: &Path) -> usize {
    let mut found = 0;
    change(data, async |client| {
        let version = "select max(version) from schema_migrations";
        found = client.query_one(version, &[]).await.unwrap().get::<_, i32>(0);
    })
    .await;
    found as usize
}

fn newest() -> usize {
    files("sql/migrations", ".sql").len()
}

fn backups(data: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(data.join("backups")).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths.filter(|path| path.extension().is_some_and(|end| end == "backup")).collect()
}

fn manifest(backup: &Path) -> Value {
    let mut tar = std::process::Command::new("tar");
    let output = tar.arg("-xOf").arg(backup).arg("manifest.json").output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn its_own_database_is_backed_up_before_the_schema_changes() {
    for version in [1, newest() - 1] {
        let scratch = left_at(version).await;
        let data = scratch.path().join("data");
        let variables = [("SNUG_DATA_DIR", data.to_str().unwrap()), PROGRAMS];
        let program = Program::start_in(&data, &[PROGRAMS]);
        program.base();
        let log = program.stop();
        let at = |text: &str| log.iter().position(|line| line.contains(text));
        assert!(at("made a backup").unwrap() < at("applied migration").unwrap(), "{log:#?}");
        let told = format!("version=\"{}\" schema={}", env!("CARGO_PKG_VERSION"), newest());
        assert!(at(&told).is_some(), "{log:#?}");
        let made = backups(&data);
        let [backup] = &made[..] else { panic!("{made:?}") };
        assert_eq!(manifest(backup)["schema"], version);
        said(&["backup", "--verify", backup.to_str().unwrap()], &variables, "");

        // There is nothing to change, and so nothing to back up.
        let program = Program::start_in(&data, &[PROGRAMS]);
        program.base();
        program.stop();
        assert_eq!(backups(&data), made);

        // It leads back to where it was made, and the command makes one as well.
        let replace = ["restore", "--replace", backup.to_str().unwrap()];
        said(&replace, &variables, "");
        assert_eq!(schema(&data).await, version);
        let told = said(&["migrate"], &variables, "");
        let (file, rest) = told.split_once(" is a backup of what there was\n").unwrap();
        assert_eq!(rest, "the schema is up to date\n");
        assert_eq!(manifest(Path::new(file))["schema"], version);
        assert_eq!(schema(&data).await, newest());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_backup_the_schema_does_not_change_unless_told_to() {
    let scratch = left_at(newest() - 1).await;
    let data = scratch.path().join("data");
    let occupied = scratch.path().join("occupied");
    fs::write(&occupied, "a file").unwrap();
    let variables = [
        ("SNUG_DATA_DIR", data.to_str().unwrap()),
        ("SNUG_BACKUP_DIR", occupied.to_str().unwrap()),
        ("SNUG_LOG", "error"),
        PROGRAMS,
    ];
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["migrate"]] {
        let line = refused(1, command, &variables);
        assert!(line.contains("occupied") && line.contains("--without-backup"), "{line}");
    }
    assert_eq!(schema(&data).await, newest() - 1);
    let told = said(&["migrate", "--without-backup"], &variables, "");
    assert_eq!(told, "the schema is up to date\n");
    assert_eq!(schema(&data).await, newest());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_too_old_for_the_database_names_the_version_that_is_needed() {
    let (database, scratch) = (Database::new().await, directory());
    let newer = "insert into schema_migrations (version, name, checksum, applied_by)
        values (999, 'x', 'y', '99.1.0')";
    database.client().await.batch_execute(newer).await.unwrap();
    let url = database.url();
    let variables = [
        ("SNUG_DATABASE_URL", url.as_str()),
        ("SNUG_JWT_SECRET", SECRET),
        ("SNUG_DATA_DIR", scratch.path().to_str().unwrap()),
    ];
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["user", "list"], &["migrate"]] {
        let line = refused(1, command, &variables);
        assert!(line.contains("version 999") && line.contains("install snug 99.1.0"), "{line}");
    }
    let output = crate::commands::snug(&["doctor"], &variables).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    let version = format!("snug {}", env!("CARGO_PKG_VERSION"));
    for text in [&version, "version 999, and this snug knows", "install snug 99.1.0 or later"] {
        assert!(told.contains(text), "{text} is missing from {told}");
    }
}
