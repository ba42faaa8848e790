//! The PostgreSQL that snug starts itself: created, adopted, supervised, restarted and stopped. Each
//! test has its own data directory and uses the machine's real programs, as root or as an ordinary
//! user.

use crate::support::{directory, put_cluster};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use snug::limits::Memory;
use snug::model::error::Fatal;
use snug::postgres::{Options, Private};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio_postgres::NoTls;

/// Tells the process that plays the killed predecessor which directory to serve from.
const PREDECESSOR: &str = "SNUG_TEST_PREDECESSOR";

/// A data directory. Dropping it kills every process that works in its cluster.
struct DataDir {
    path: PathBuf,
    _parent: tempfile::TempDir,
}

impl DataDir {
    /// One that does not exist yet.
    fn new() -> Self {
        let parent = directory();
        Self { path: parent.path().join("data"), _parent: parent }
    }

    /// One with a cluster, as a first start leaves it.
    fn used() -> Self {
        let dir = Self::new();
        put_cluster(&dir.path);
        dir
    }

    /// One that exists but is empty, for tests that put something into it first.
    fn made() -> Self {
        let dir = Self::new();
        fs::create_dir(&dir.path).unwrap();
        fs::set_permissions(&dir.path, fs::Permissions::from_mode(0o711)).unwrap();
        dir
    }

    fn options(&self) -> Options {
        Options { data_dir: self.path.clone(), bindir: None, memory: Memory::Medium }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn postmaster(&self) -> i32 {
        let record = fs::read_to_string(self.file("postgres/postmaster.pid")).unwrap();
        record.lines().next().unwrap().parse().unwrap()
    }

    /// The processes that work in the cluster; a zombie works nowhere.
    fn processes(&self) -> Vec<i32> {
        let cluster = self.file("postgres");
        fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|pid| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == cluster))
            .collect()
    }

    fn kill_all(&self) {
        until("its processes are gone", || {
            let processes = self.processes();
            for pid in &processes {
                // It may have ended since it was listed.
                let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
            }
            processes.is_empty()
        });
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        self.kill_all();
    }
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(10), "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

async fn ask(private: &Private, query: &str) -> Result<String, tokio_postgres::Error> {
    let (client, connection) = private.connection().connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client.query_one(query, &[]).await?.get(0))
}

async fn execute(private: &Private, statements: &str) -> Result<(), tokio_postgres::Error> {
    let (client, connection) = private.connection().connect(NoTls).await?;
    tokio::spawn(connection);
    client.batch_execute(statements).await
}

/// Keeps asking until there is an answer.
async fn ask_until_answered(private: &Private, query: &str) -> String {
    let begun = Instant::now();
    loop {
        match ask(private, query).await {
            Ok(answer) => return answer,
            Err(error) if begun.elapsed() > Duration::from_secs(5) => panic!("{error:?}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

fn assert_one_line(fatal: &Fatal, parts: &[&str]) {
    assert_eq!(fatal.status, 1);
    assert!(!fatal.message.contains('\n'), "{fatal}");
    for part in parts {
        assert!(fatal.message.contains(part), "{part:?} is missing from: {fatal}");
    }
}

#[tokio::test]
async fn the_first_start_creates_a_cluster_with_our_settings() {
    let dir = DataDir::new();
    let private = Private::serve(&dir.options()).await.unwrap();
    for (setting, value) in [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", ""),
        ("server_encoding", "UTF8"),
        ("shared_buffers", "64MB"),
        ("max_connections", "20"),
        ("wal_level", "minimal"),
        ("wal_segment_size", "4MB"),
        ("min_wal_size", "256MB"),
        ("jit", "off"),
        ("TimeZone", "UTC"),
        ("log_min_error_statement", "panic"),
        ("log_error_verbosity", "terse"),
    ] {
        assert_eq!(ask(&private, &format!("SHOW {setting}")).await.unwrap(), value, "{setting}");
    }
    let locale = "SELECT datcollate::text FROM pg_database WHERE datname = current_database()";
    assert_eq!(ask(&private, locale).await.unwrap(), "C.UTF-8");
    let who = ask(&private, "SELECT current_user || '@' || current_database()").await.unwrap();
    assert_eq!(who, "snug@snug");
    private.stop().await;
}

#[tokio::test]
async fn only_its_user_may_enter_the_directory_of_the_socket() {
    let dir = DataDir::new();
    let private = Private::serve(&dir.options()).await.unwrap();
    let cluster = fs::metadata(dir.file("postgres")).unwrap();
    assert_eq!(cluster.permissions().mode() & 0o777, 0o700);
    assert!(dir.file("postgres/.s.PGSQL.5432").exists());
    let postmaster = fs::metadata(format!("/proc/{}", dir.postmaster())).unwrap();
    assert_eq!(postmaster.uid(), cluster.uid());
    assert_ne!(postmaster.uid(), 0, "PostgreSQL never runs as root");
    let data_dir = fs::metadata(&dir.path).unwrap();
    let open_to = if geteuid().is_root() { 0o711 } else { 0o700 };
    assert_eq!(data_dir.permissions().mode() & 0o777, open_to);
    private.stop().await;
}

#[tokio::test]
async fn a_second_server_on_the_directory_is_refused_in_one_line() {
    let dir = DataDir::used();
    let private = Private::serve(&dir.options()).await.unwrap();
    let refused = Private::serve(&dir.options()).await.unwrap_err();
    let own = format!("process {}", std::process::id());
    assert_one_line(&refused, &[&own, dir.path.to_str().unwrap(), "stop it first"]);
    assert_eq!(ask(&private, "SELECT 'undisturbed'").await.unwrap(), "undisturbed");
    private.stop().await;
}

#[tokio::test]
async fn a_killed_postmaster_comes_back_with_what_was_committed() {
    let dir = DataDir::used();
    let private = Private::serve(&dir.options()).await.unwrap();
    execute(&private, "CREATE TABLE t (x text); INSERT INTO t VALUES ('kept')").await.unwrap();
    for _ in 0..2 {
        let killed = dir.postmaster();
        kill(Pid::from_raw(killed), Signal::SIGKILL).unwrap();
        until("it has ended", || !dir.processes().contains(&killed));
        assert_eq!(ask_until_answered(&private, "SELECT x FROM t").await, "kept");
        assert_ne!(dir.postmaster(), killed);
    }
    private.stop().await;
    assert_eq!(dir.processes(), Vec::<i32>::new());
}

#[tokio::test]
async fn a_busy_orphan_of_a_killed_postmaster_does_not_prevent_a_restart() {
    let dir = DataDir::used();
    let private = Private::serve(&dir.options()).await.unwrap();
    let (client, connection) = private.connection().connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    // It never waits, so it does not notice that its postmaster is gone.
    let busy = "DO $$ BEGIN LOOP END LOOP; END $$";
    tokio::spawn(async move { client.batch_execute(busy).await });
    let active = "SELECT query FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DO %'";
    ask_until_answered(&private, active).await;
    let killed = dir.postmaster();
    kill(Pid::from_raw(killed), Signal::SIGKILL).unwrap();
    until("it has ended", || !dir.processes().contains(&killed));
    assert_eq!(ask_until_answered(&private, "SELECT 'back'").await, "back");
    private.stop().await;
    assert_eq!(dir.processes(), Vec::<i32>::new());
}

/// Not a promise but the other half of the next test, which runs it in a separate process: a server
/// that is killed without a chance to clean up.
#[tokio::test]
async fn predecessor() {
    let Some(data_dir) = std::env::var_os(PREDECESSOR) else { return };
    let options = Options { data_dir: data_dir.into(), bindir: None, memory: Memory::Medium };
    let _private = Private::serve(&options).await.unwrap();
    std::future::pending().await
}

#[tokio::test]
async fn a_killed_predecessors_postmaster_is_adopted_supervised_and_stopped() {
    let dir = DataDir::new();
    let mut predecessor = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "postgres::predecessor"])
        .env(PREDECESSOR, &dir.path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // A command that came before the predecessor has the lock would start a PostgreSQL itself.
    until("the predecessor has the lock", || {
        fs::read_to_string(dir.file("lock")).is_ok_and(|lock| lock.starts_with("serve"))
    });
    Private::borrow(&dir.options()).await.unwrap().stop().await;
    let adopted = dir.postmaster();
    predecessor.kill().unwrap();
    predecessor.wait().unwrap();
    assert!(dir.processes().contains(&adopted), "it outlives the predecessor");

    let private = Private::serve(&dir.options()).await.unwrap();
    assert_eq!(dir.postmaster(), adopted);
    assert_eq!(ask(&private, "SELECT 'adopted'").await.unwrap(), "adopted");

    kill(Pid::from_raw(adopted), Signal::SIGKILL).unwrap();
    until("it has ended", || !dir.processes().contains(&adopted));
    assert_eq!(ask_until_answered(&private, "SELECT 'watched'").await, "watched");
    private.stop().await;
    assert_eq!(dir.processes(), Vec::<i32>::new());
}

#[tokio::test]
async fn stopping_leaves_no_process_and_the_next_start_finds_the_data() {
    let dir = DataDir::used();
    let private = Private::serve(&dir.options()).await.unwrap();
    execute(&private, "CREATE TABLE t (x text); INSERT INTO t VALUES ('kept')").await.unwrap();
    // A client that stays connected must not keep it from stopping.
    let (_client, connection) = private.connection().connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    private.stop().await;
    assert_eq!(dir.processes(), Vec::<i32>::new());
    assert!(!dir.file("postgres/postmaster.pid").exists());

    let private = Private::serve(&dir.options()).await.unwrap();
    assert_eq!(ask(&private, "SELECT x FROM t").await.unwrap(), "kept");
    private.stop().await;
}

#[tokio::test]
async fn a_postgres_dropped_without_stop_is_stopped_all_the_same() {
    let dir = DataDir::used();
    let private = Private::serve(&dir.options()).await.unwrap();
    drop(private);
    let begun = Instant::now();
    while !dir.processes().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_half_created_cluster_is_removed_and_never_mistaken_for_a_complete_one() {
    let dir = DataDir::made();
    let remains = dir.file("postgres.new.1");
    fs::create_dir_all(remains.join("base")).unwrap();
    fs::write(remains.join("PG_VERSION"), "15\n").unwrap();
    let private = Private::serve(&dir.options()).await.unwrap();
    assert_eq!(ask(&private, "SELECT 'whole'").await.unwrap(), "whole");
    assert!(!remains.exists());
    private.stop().await;
}

#[tokio::test]
async fn a_command_uses_the_servers_postgres_and_leaves_it_running() {
    let dir = DataDir::used();
    let private = Private::serve(&dir.options()).await.unwrap();
    let postmaster = dir.postmaster();
    let borrowed = Private::borrow(&dir.options()).await.unwrap();
    assert_eq!(ask(&borrowed, "SELECT 'lent'").await.unwrap(), "lent");
    borrowed.stop().await;
    assert_eq!(dir.postmaster(), postmaster);
    assert_eq!(ask(&private, "SELECT 'still here'").await.unwrap(), "still here");
    private.stop().await;
}

#[tokio::test]
async fn a_command_without_a_server_starts_and_stops_a_postgres_and_a_server_waits_for_it() {
    let dir = DataDir::new();
    let borrowed = Private::borrow(&dir.options()).await.unwrap();
    assert_eq!(ask(&borrowed, "SELECT 'alone'").await.unwrap(), "alone");
    let first = dir.postmaster();
    let options = dir.options();
    let serving = tokio::spawn(async move { Private::serve(&options).await });
    tokio::task::yield_now().await;
    assert!(!serving.is_finished());
    borrowed.stop().await;
    let private = serving.await.unwrap().unwrap();
    assert_ne!(dir.postmaster(), first);
    private.stop().await;
    assert_eq!(dir.processes(), Vec::<i32>::new());
}

#[tokio::test]
async fn two_commands_take_turns() {
    let dir = DataDir::used();
    let options = dir.options();
    let turn = async |name: &'static str| {
        let borrowed = Private::borrow(&options).await.unwrap();
        let answer = ask(&borrowed, &format!("SELECT '{name}'")).await.unwrap();
        borrowed.stop().await;
        answer
    };
    let (one, two) = tokio::join!(turn("one"), turn("two"));
    assert_eq!((one.as_str(), two.as_str()), ("one", "two"));
}

#[tokio::test]
async fn a_data_directory_too_long_for_a_sockets_address_works() {
    let dir = DataDir::made();
    let data_dir = dir.file(&"long".repeat(25)).join("data");
    let options = Options { data_dir: data_dir.clone(), bindir: None, memory: Memory::Medium };
    fs::create_dir(data_dir.parent().unwrap()).unwrap();
    let private = Private::serve(&options).await.unwrap();
    assert_eq!(ask(&private, "SELECT 'reached'").await.unwrap(), "reached");
    private.stop().await;
}

#[tokio::test]
async fn a_stale_lock_file_with_the_pid_of_another_process_is_not_an_obstacle() {
    let dir = DataDir::used();
    let cluster = fs::metadata(dir.file("postgres")).unwrap();
    let mut sleeper = Command::new("sleep");
    if geteuid().is_root() {
        sleeper.uid(cluster.uid()).gid(cluster.gid());
    }
    let mut sleeper = sleeper.arg("60").spawn().unwrap();
    for file in ["postgres/postmaster.pid", "postgres/.s.PGSQL.5432.lock"] {
        let record =
            format!("{}\n{}\n1\n5432\n.\n\n", sleeper.id(), dir.file("postgres").display());
        fs::write(dir.file(file), record).unwrap();
        std::os::unix::fs::chown(dir.file(file), Some(cluster.uid()), Some(cluster.gid())).unwrap();
    }
    let served = Private::serve(&dir.options()).await;
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    served.unwrap().stop().await;
}

#[tokio::test]
async fn its_log_never_shows_stored_values() {
    let dir = DataDir::used();
    let private = Private::serve(&dir.options()).await.unwrap();
    execute(&private, "CREATE TABLE t (x text PRIMARY KEY CHECK (length(x) < 40), y int)")
        .await
        .unwrap();
    execute(&private, "INSERT INTO t VALUES ('confidential')").await.unwrap();
    for failing in [
        "INSERT INTO t VALUES ('confidential')",
        "INSERT INTO t VALUES (repeat('confidential', 9))",
        "SELECT 'confidential'::int",
        "confidential",
        "DO $$ BEGIN RAISE WARNING 'confidential'; END $$; SELECT 1/0",
    ] {
        execute(&private, failing).await.unwrap_err();
    }
    private.stop().await;
    let log = fs::read_to_string(dir.file("postgres.log")).unwrap();
    assert!(log.contains("ready to accept connections"), "{log}");
    assert!(!log.contains("confidential"), "{log}");
    assert!(!log.contains("length"), "{log}");
}

#[tokio::test]
async fn a_long_log_is_truncated_at_the_next_start() {
    let dir = DataDir::made();
    fs::write(dir.file("postgres.log"), vec![b'x'; 2 * 1024 * 1024]).unwrap();
    Private::serve(&dir.options()).await.unwrap().stop().await;
    assert!(fs::metadata(dir.file("postgres.log")).unwrap().len() < 64 * 1024);
    assert!(dir.file("postgres.log.old").exists());
}

#[tokio::test]
async fn a_long_log_that_cannot_be_kept_is_truncated_all_the_same() {
    let dir = DataDir::made();
    fs::write(dir.file("postgres.log"), vec![b'x'; 2 * 1024 * 1024]).unwrap();
    fs::create_dir(dir.file("postgres.log.old")).unwrap();
    Private::serve(&dir.options()).await.unwrap().stop().await;
    assert!(fs::metadata(dir.file("postgres.log")).unwrap().len() < 64 * 1024);
}

#[tokio::test]
async fn missing_programs_are_named_with_what_to_do() {
    let (dir, empty) = (DataDir::new(), directory());
    let mut options = dir.options();
    options.bindir = Some(empty.path().to_owned());
    let fatal = Private::serve(&options).await.unwrap_err();
    let bindir = empty.path().to_str().unwrap();
    assert_one_line(&fatal, &[bindir, "postgresql package", "SNUG_DATABASE_URL"]);
    assert!(!dir.file("postgres").exists(), "nothing is left half-done");
}

#[tokio::test]
async fn a_cluster_of_another_major_version_is_named_with_its_package() {
    let dir = DataDir::used();
    fs::write(dir.file("postgres/PG_VERSION"), "99\n").unwrap();
    let fatal = Private::serve(&dir.options()).await.unwrap_err();
    let cluster = dir.file("postgres");
    assert_one_line(&fatal, &["PostgreSQL 99", "postgresql-99 package", cluster.to_str().unwrap()]);
}

#[tokio::test]
async fn a_start_that_postgres_refuses_says_why_in_one_line() {
    let dir = DataDir::used();
    fs::write(dir.file("postgres/postgresql.auto.conf"), "max_connections = 1\n").unwrap();
    let fatal = Private::serve(&dir.options()).await.unwrap_err();
    let log = dir.file("postgres.log");
    assert_one_line(&fatal, &["max_connections (1)", log.to_str().unwrap()]);
    assert_eq!(dir.processes(), Vec::<i32>::new());
}

#[tokio::test]
async fn an_unusable_directory_is_named_with_what_to_do() {
    let dir = DataDir::made();
    let serve = async |data_dir: &Path| {
        let options =
            Options { data_dir: data_dir.to_owned(), bindir: None, memory: Memory::Medium };
        Private::serve(&options).await.unwrap_err()
    };

    fs::write(dir.file("occupied"), "").unwrap();
    assert_one_line(&serve(&dir.file("occupied")).await, &["occupied", "move away"]);
    assert_one_line(&serve(&dir.file("occupied/data")).await, &["occupied/data", "move away"]);

    let open_to_all = dir.file("open");
    fs::create_dir(&open_to_all).unwrap();
    fs::set_permissions(&open_to_all, fs::Permissions::from_mode(0o777)).unwrap();
    assert_one_line(&serve(&open_to_all).await, &["open", "chmod o-w"]);

    let foreign = dir.file("foreign");
    fs::create_dir(&foreign).unwrap();
    if geteuid().is_root() {
        std::os::unix::fs::chown(&foreign, Some(12_345), None).unwrap();
        assert_one_line(&serve(&foreign).await, &["foreign", "12345", "start snug as that user"]);
    } else {
        assert_one_line(&serve(Path::new("/")).await, &["/ belongs to the user root"]);
        fs::set_permissions(&foreign, fs::Permissions::from_mode(0o500)).unwrap();
        assert_one_line(&serve(&foreign).await, &["foreign", "SNUG_DATA_DIR"]);
        assert_one_line(&serve(&foreign.join("data")).await, &["foreign/data", "SNUG_DATA_DIR"]);
    }

    let cluster = dir.file("taken/postgres");
    fs::create_dir_all(&cluster).unwrap();
    fs::write(cluster.join("letter"), "").unwrap();
    assert_one_line(&serve(&dir.file("taken")).await, &["taken/postgres", "SNUG_DATA_DIR"]);
    assert!(!dir.file("taken/postgres.new.1").exists(), "nothing is left half-done");
}
