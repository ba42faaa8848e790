//! The PostgreSQL of the tests: our own, started once, stopped when the test process is gone, however
//! that ends. Each test has its own database, copied from one whose schema is up to date.

use snug::limits::Memory;
use snug::model::waits::DatabaseWaits;
use snug::postgres::{Options, Private};
use snug::store::Store;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::{Sender, channel};
use tokio_postgres::{Client, NoTls};

static CLUSTER: OnceLock<PathBuf> = OnceLock::new();
static NEXT: AtomicU32 = AtomicU32::new(1);

/// The database of one test, dropped when the test's thread ends.
#[derive(Clone)]
pub struct Database {
    pub name: String,
}

impl Database {
    pub async fn new() -> Self {
        Self::create(Some("template_snug")).await
    }

    /// A database without any schema.
    pub async fn empty() -> Self {
        Self::create(None).await
    }

    /// A copy of it as it is; nobody may be connected to it.
    pub async fn copy(&self) -> Self {
        Self::create(Some(&self.name)).await
    }

    async fn create(template: Option<&str>) -> Self {
        let name = format!("t{}", NEXT.fetch_add(1, Relaxed));
        // Copying files takes half of what it takes to write everything to the log as well.
        let template = template.unwrap_or("template1");
        let create = format!("create database {name} template {template} strategy file_copy");
        Self::administrator().await.batch_execute(&create).await.unwrap();
        MADE.with_borrow_mut(|made| made.push(Made(name.clone())));
        Self { name }
    }

    /// A connection to no test's database, to change one from beside it.
    pub async fn administrator() -> Client {
        connect("postgres").await
    }

    /// In the form that `SNUG_DATABASE_URL` takes.
    pub fn url(&self) -> String {
        format!("postgres:///{}?host={}&user=snug", self.name, cluster().display())
    }

    /// What `pg_dump` writes of it.
    pub fn dump(&self) -> String {
        let dump = Command::new("pg_dump").arg("-d").arg(self.url()).output().unwrap();
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        String::from_utf8(dump.stdout).unwrap()
    }

    /// The socket on which its PostgreSQL listens.
    pub fn socket(&self) -> PathBuf {
        cluster().join(".s.PGSQL.5432")
    }

    /// A connection for the test itself, to look and to interfere.
    pub async fn client(&self) -> Client {
        connect(&self.name).await
    }
}

thread_local! {
    /// What this thread's test has made.
    static MADE: RefCell<Vec<Made>> = const { RefCell::new(Vec::new()) };
}

/// A database that is dropped with it. Kept, hundreds of them would fill gigabytes.
struct Made(String);

impl Drop for Made {
    fn drop(&mut self) {
        static WORK: OnceLock<Sender<String>> = OnceLock::new();
        let work = WORK.get_or_init(|| {
            let (work, names) = channel::<String>();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(async {
                    let admin = Database::administrator().await;
                    for name in names {
                        let drop = format!("drop database {name} with (force)");
                        // PostgreSQL may have been stopped by now, together with the tests.
                        let _ = admin.batch_execute(&drop).await;
                    }
                });
            });
            work
        });
        let _ = work.send(self.0.clone());
    }
}

/// How many connections to the watcher's database are waiting for a lock.
pub async fn waiting(watcher: &Client) -> i64 {
    let waiting = "select count(*) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'";
    watcher.query_one(waiting, &[]).await.unwrap().get(0)
}

async fn connect(database: &str) -> Client {
    let mut config = tokio_postgres::Config::new();
    config.host_path(cluster()).user("snug").dbname(database);
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Where the socket of the tests' PostgreSQL is.
fn cluster() -> &'static Path {
    CLUSTER.get_or_init(|| std::thread::spawn(start).join().unwrap())
}

fn start() -> PathBuf {
    let parent = super::directory().keep();
    let data_dir = parent.join("data");
    stop_after_us(&parent);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.unwrap();
    runtime.block_on(prepare(&data_dir));
    // It supervises PostgreSQL for as long as the tests run.
    std::mem::forget(runtime);
    data_dir.join("postgres")
}

async fn prepare(data_dir: &Path) {
    let options = Options { data_dir: data_dir.to_owned(), bindir: None, memory: Memory::Medium };
    let private = Private::serve(&options).await.unwrap();
    let (admin, connection) = private.connection().connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    // Many small servers share it, each with its own pool. Nothing in it has to survive a power cut, so no
    // commit waits for the disk. What must survive a crash is tested with clusters that the program makes
    // for itself.
    let settings = [
        "max_connections = 400",
        "fsync = off",
        "full_page_writes = off",
        "max_wal_size = '128MB'",
    ];
    for setting in settings {
        admin.batch_execute(&format!("alter system set {setting}")).await.unwrap();
    }
    drop(admin);
    private.stop().await;
    let private = Private::serve(&options).await.unwrap();
    let (admin, connection) = private.connection().connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    admin.batch_execute("create database template_snug").await.unwrap();
    let mut config = private.connection();
    config.dbname("template_snug");
    Store::new(config, DatabaseWaits::default()).migrate().await.unwrap();
    std::mem::forget(private);
}

/// A shell that waits for the end of its input, which comes when this process ends, and then stops
/// PostgreSQL and removes its files.
#[expect(clippy::zombie_processes, reason = "it waits for our end, and so outlives us")]
fn stop_after_us(parent: &Path) {
    let script = "cat >/dev/null; \
        kill -INT \"$(head -n 1 \"$1/data/postgres/postmaster.pid\")\" 2>/dev/null; \
        for _ in 1 2 3 4 5 6 7 8 9 10; do \
            [ -e \"$1/data/postgres/postmaster.pid\" ] || break; sleep 0.2; done; \
        rm -rf \"$1\"";
    use std::os::unix::process::CommandExt;
    let mut shell = Command::new("/bin/sh")
        .args(["-c", script, "sh"])
        .arg(parent)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    std::mem::forget(shell.stdin.take());
}
