//! Starts that cannot succeed: one line that says what is wrong and what to do, and nothing left
//! half-done.

use crate::commands::{refused, snug};
use crate::support::elsewhere::Elsewhere;
use crate::support::{Database, PATIENCE, Person, Program, SECRET, Server, directory, until};
use crate::tidy::files;
use serde_json::json;
use sha2::{Digest, Sha256};
use snug::limits::Memory;
use snug::postgres::{Options, Private};
use snug::process::config::{Config, Written};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio_postgres::NoTls;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A start with this data directory and these additional settings, which must be refused.
fn refused_start(data: &Path, variables: &[(&str, &str)]) -> String {
    refused(1, &["--listen", "127.0.0.1:0", "--data-dir", text(data)], variables)
}

/// A database that a newer snug has used.
async fn newer() -> Database {
    let database = Database::new().await;
    let insert = "insert into schema_migrations (version, name, checksum) values (999, 'x', 'y')";
    database.client().await.batch_execute(insert).await.unwrap();
    database
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_newer_than_the_program_is_left_alone() {
    let (database, scratch) = (newer().await, directory());
    let url = database.url();
    let variables = [("SNUG_DATABASE_URL", url.as_str()), ("SNUG_JWT_SECRET", SECRET)];
    for line in [
        refused_start(scratch.path(), &variables),
        refused(1, &["user", "list", "--data-dir", text(scratch.path())], &variables),
    ] {
        assert!(line.contains("version 999") && line.contains("install a newer snug"), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_turns_out_newer_when_it_comes_back_ends_the_service() {
    let (database, scratch) = (newer().await, directory());
    let url = database.url();
    let cluster = url.split("host=").nth(1).unwrap().split('&').next().unwrap();
    let away = scratch.path().join("away");
    let url = url.replace(cluster, text(&away));
    let mut child = snug(
        &["--listen", "127.0.0.1:0", "--data-dir", text(scratch.path())],
        &[("SNUG_DATABASE_URL", &url), ("SNUG_JWT_SECRET", SECRET)],
    )
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("serving address") {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "it is serving");
    }
    symlink(cluster, &away).unwrap();
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(began.elapsed() < PATIENCE, "it is still running");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    assert_eq!(status.code(), Some(1));
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    assert!(
        rest.lines().last().unwrap().starts_with("snug: the database has schema version 999"),
        "{rest}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn options_in_the_url_of_a_database_are_kept() {
    let database = Database::empty().await;
    let client = database.client().await;
    client.batch_execute("create schema elsewhere").await.unwrap();
    let url = format!("{}&options=-c%20search_path%3Delsewhere", database.url());
    let server = Server::on(database, &[("SNUG_DATABASE_URL", &url)]).await;
    // The schema is created there, and both the pool and the lane find it.
    Person::nobody(&server).joined_by("ada").await.say(1, "hello").await;
    let count = "select count(*) from elsewhere.general_messages";
    assert_eq!(client.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 1);
}

/// Unless the URL says otherwise, they are snug's; those with a purpose of their own can be told from the others.
#[tokio::test(flavor = "multi_thread")]
async fn connections_to_the_database_have_names() {
    for (given, name) in [("", "snug"), ("&application_name=tea", "tea")] {
        let purposes = ["", " lane", " listen", " notify"];
        let expected = purposes.map(|purpose| format!("{name}{purpose}"));
        let database = Database::new().await;
        let client = database.client().await;
        let url = format!("{}{given}", database.url());
        let server = Server::on(database, &[("SNUG_DATABASE_URL", &url)]).await;
        server.person("ada").await.say(1, "hello").await;
        let names = "select distinct application_name from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid() order by 1";
        until("all are connected", || async {
            let names = client.query(names, &[]).await.unwrap();
            names.iter().map(|row| row.get(0)).collect::<Vec<&str>>() == expected
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_an_older_program_is_brought_up_to_date() {
    let database = Database::empty().await;
    let client = database.client().await;
    let first = include_str!("../../sql/migrations/0001_begin.sql");
    let digest = Sha256::digest(first.as_bytes());
    let checksum: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let table = "create table schema_migrations (version integer primary key, name text not null,
        checksum text not null, applied_at timestamptz not null default now())";
    client.batch_execute(&format!("begin; {table}; {first}; commit")).await.unwrap();
    let applied = "insert into schema_migrations values (1, '0001_begin', $1)";
    client.execute(applied, &[&checksum]).await.unwrap();
    let fallen_back = "insert into chats (chat_type) values ('private'), ('room');
        select setval('chats_id_seq', 1)";
    client.batch_execute(fallen_back).await.unwrap();
    let server = Server::on(database, &[]).await;
    let ada = server.person("ada").await;
    ada.get("/auth/me").await.expect(200);
    assert_eq!(ada.say(1, "x").await, 1);
    // The sequence of its chats had fallen back.
    ada.room("Tea").await;
    let version = "select max(version) from schema_migrations";
    let version: i32 = client.query_one(version, &[]).await.unwrap().get(0);
    assert_eq!(version as usize, files("sql/migrations", ".sql").len());
}

/// A migration that makes a sequence and uses it, in its one transaction, leaves numbers that a crash
/// takes back, unless it sets the sequence afterwards; and so does a copy of a database in use.
#[tokio::test(flavor = "multi_thread")]
async fn the_next_number_of_every_sequence_will_be_logged() {
    assert_all_will_be_logged(&Database::new().await).await;
    let mut server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    ada.say(ada.private_with(&bob).await, "hello").await;
    server.stop().await;
    let copy = server.database.copy().await;
    let _server = Server::on(copy.clone(), &[]).await;
    assert_all_will_be_logged(&copy).await;
}

async fn assert_all_will_be_logged(database: &Database) {
    let client = database.client().await;
    let sequences = "select sequencename::text from pg_sequences";
    let sequences = client.query(sequences, &[]).await.unwrap();
    assert!(sequences.len() >= 3);
    for row in sequences {
        let name: &str = row.get(0);
        let unlogged = format!("select log_cnt from {name}");
        let unlogged: i64 = client.query_one(&unlogged, &[]).await.unwrap().get(0);
        assert_eq!(unlogged, 0, "{name}");
    }
}

/// As after a start without a database: the schema is brought up to date once there is one.
#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_not_up_to_date_yet_is_waited_for() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    assert_eq!(ada.get("/readyz").await.status, 200);
    let client = server.database.client().await;
    let function = "select pg_get_functiondef('store_messages'::regproc)";
    let function: String = client.query_one(function, &[]).await.unwrap().get(0);
    let older = "drop function store_messages; delete from schema_migrations where version >= 3";
    client.batch_execute(older).await.unwrap();
    assert_eq!(ada.get("/readyz").await.status, 503);
    ada.post("/chats/1/messages", json!({"content": "x"})).await.refused(503, "unavailable");
    client.batch_execute(&function).await.unwrap();
    ada.post("/chats/1/messages", json!({"content": "x"})).await.expect(201);
}

/// A database that accepts connections and never says a word, and its URL.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://snug@{}/snug", listener.local_addr().unwrap());
    (listener, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_signal_works_while_waiting_for_a_silent_database() {
    let (_silent, url) = silent();
    let scratch = directory();
    let variables = [
        ("SNUG_DATABASE_URL", url.as_str()),
        ("SNUG_DATA_DIR", text(scratch.path())),
        ("SNUG_JWT_SECRET", SECRET),
    ];
    let (config, _) = Config::resolve(&Written::variables(variables)).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stopped = snug::run(config, listener, async {});
    // Before the database would be given up.
    tokio::time::timeout(Duration::from_secs(1), stopped).await.expect("it stops").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_database_prevents_neither_serving_nor_stopping() {
    let (_silent, url) = silent();
    let settings = [("SNUG_DATABASE_URL", url.as_str()), ("SNUG_JWT_SECRET", SECRET)];
    let program = Program::start(&Database::empty().await, &settings);
    let nobody = Person::at(program.base());
    assert_eq!(nobody.get("/healthz").await.status, 200);
    nobody.get("/readyz").await.refused(503, "unavailable");
    program.stop();
}

/// A PostgreSQL that turns everybody away with this error, and its URL.
fn refusing(code: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://ada:hunter2@{}/tea", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let fields = format!("SFATAL\0VFATAL\0C{code}\0Mturned away\0\0");
            let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
            // The client may have left.
            let _ = stream.read(&mut [0; 1_024]);
            let _ = stream.write_all(&[b"E", &length[..], fields.as_bytes()].concat());
        }
    });
    url
}

/// It would otherwise say that it is ready, and never be.
#[test]
fn a_start_that_the_database_refuses_for_good_fails() {
    let scratch = directory();
    for (code, why) in [
        ("28P01", "refuses the password"),
        ("28000", "refuses the user"),
        ("3D000", "the database does not exist"),
    ] {
        let url = refusing(code);
        let arguments = ["--listen", "127.0.0.1:0", "--data-dir", text(scratch.path())];
        let line = refused_after_log(&arguments, &[("DATABASE_URL", &url)]);
        assert!(line.starts_with("snug: DATABASE_URL: ") && line.contains(why), "{line}");
        assert!(!line.contains("hunter2"), "{line}");
    }
}

/// It would otherwise say that it is ready and never be, fail again and again, or fail at the first emoji.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_the_database_will_never_allow_says_what_to_do() {
    let elsewhere = Elsewhere::start(&[], "", "host all all 127.0.0.1/32 trust").await;
    let admin = elsewhere.client().await;
    for statement in [
        "create role ada login",
        "create database closed",
        "revoke connect on database closed from public",
        "create database latin encoding 'LATIN1' template template0 lc_collate 'C' lc_ctype 'C'",
    ] {
        admin.batch_execute(statement).await.unwrap();
    }
    let scratch = directory();
    let arguments = ["--listen", "127.0.0.1:0", "--data-dir", text(scratch.path())];
    for (user, database, why, so) in [
        ("ada", "closed", "refuses the user this database", "grant connect"),
        ("ada", "postgres", "lets the user create nothing", "owner of the database"),
        ("snug", "latin", "is not UTF8: LATIN1", "template0"),
    ] {
        let url = format!("postgres://{user}@127.0.0.1:{}/{database}", elsewhere.port);
        let line = refused_after_log(&arguments, &[("SNUG_DATABASE_URL", &url)]);
        assert!(line.starts_with("snug: SNUG_DATABASE_URL: "), "{line}");
        assert!(line.contains(why) && line.contains(so), "{line}");
    }
    let line = refused(2, &arguments, &[("SNUG_DATABASE_URL", "postgres:///snug")]);
    assert!(line.contains("names no host") && line.contains("?host=/run/postgresql"), "{line}");
}

/// The last line of a start that fails with status 2 after it has logged something.
fn refused_after_log(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let output = snug(arguments, variables).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    said.lines().last().unwrap().to_owned()
}

#[test]
fn an_invalid_database_url_is_not_repeated() {
    let scratch = directory();
    for url in ["postgres://ada:hunter2@db:notaport/snug", "hunter2"] {
        let data = text(scratch.path());
        for variable in ["SNUG_DATABASE_URL", "DATABASE_URL"] {
            let arguments = ["--listen", "127.0.0.1:0", "--data-dir", data];
            let line = refused(2, &arguments, &[(variable, url)]);
            let named = line.starts_with(&format!("snug: {variable} is not"));
            assert!(named && !line.contains("hunter2"), "{line}");
        }
    }
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[test]
fn missing_postgresql_programs_are_named_and_nothing_is_created() {
    let scratch = directory();
    let (data, none) = (scratch.path().join("data"), scratch.path().join("none"));
    fs::create_dir(&none).unwrap();
    let line = refused_start(&data, &[("SNUG_PG_BINDIR", text(&none))]);
    assert!(line.contains("SNUG_PG_BINDIR") && line.contains(text(&none)), "{line}");
    assert!(!data.join("postgres").exists());
}

#[test]
fn a_cluster_of_another_major_version_is_left_alone() {
    let scratch = directory();
    let arguments = ["migrate", "--data-dir", text(scratch.path())];
    assert!(snug(&arguments, &[("PATH", "/usr/bin:/bin")]).output().unwrap().status.success());
    let version = scratch.path().join("postgres/PG_VERSION");
    fs::write(&version, "99\n").unwrap();
    let line = refused_start(scratch.path(), &[]);
    assert!(line.contains("postgresql-99") && line.contains(text(scratch.path())), "{line}");
    assert_eq!(fs::read_to_string(&version).unwrap(), "99\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_with_which_a_power_cut_could_lose_messages_are_warned_about() {
    let scratch = directory();
    let options =
        Options { data_dir: scratch.path().to_owned(), bindir: None, memory: Memory::Medium };
    let private = Private::serve(&options).await.unwrap();
    let (admin, connection) = private.connection().connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    admin.batch_execute("alter system set full_page_writes = off").await.unwrap();
    drop(admin);
    private.stop().await;
    let settings = [("SNUG_JWT_SECRET", SECRET), ("PATH", "/usr/bin:/bin")];
    let program = Program::start_in(scratch.path(), &settings);
    let line = program.line("may lose acknowledged messages");
    assert!(line.contains("ERROR") && line.contains("full_page_writes"), "{line}");
    program.line("serving address=");
    let said = program.stop();
    assert_eq!(said.iter().filter(|line| line.contains("may lose")).count(), 1, "{said:#?}");
}

#[test]
fn a_key_that_is_too_short_or_too_open_stops_the_start() {
    let scratch = directory();
    let file = scratch.path().join("key");
    let setting = [("SNUG_JWT_SECRET_FILE", text(&file))];
    let refused_key = || refused(2, &["--data-dir", text(scratch.path())], &setting);
    assert!(refused_key().contains("SNUG_JWT_SECRET_FILE"));
    fs::write(&file, "short\n").unwrap();
    let line = refused_key();
    assert!(line.contains("too short") && line.contains("openssl rand"), "{line}");

    let kept = scratch.path().join("jwt_secret");
    fs::write(&kept, SECRET).unwrap();
    fs::set_permissions(&kept, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(refused_start(scratch.path(), &[]).contains("chmod 600"));
    assert!(!scratch.path().join("postgres").exists());
    fs::set_permissions(&kept, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&kept, &SECRET[..7]).unwrap();
    let line = refused_start(scratch.path(), &[]);
    assert!(line.contains("jwt_secret") && !line.contains(&SECRET[..7]), "{line}");
}

#[test]
fn a_file_where_the_data_directory_should_be_is_named() {
    let scratch = directory();
    let file = scratch.path().join("file");
    fs::write(&file, "kept").unwrap();
    let line = refused_start(&file, &[]);
    assert!(line.contains(text(&file)), "{line}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
}
