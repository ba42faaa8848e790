//! The epoch: the same for as long as the history is the same, and another one wherever it is restored.

use crate::support::{Database, PASSWORD, Person, Server, directory};
use serde_json::json;
use snug::limits::Memory;
use snug::model::waits::DatabaseWaits;
use snug::postgres::{Options, Private};
use snug::store::Store;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use tokio_postgres::NoTls;

async fn epoch(person: &Person) -> String {
    let chats = person.get("/chats").await.expect(200);
    let history = person.get("/chats/general/history").await.expect(200);
    assert_eq!(chats["epoch"], history["epoch"]);
    chats["epoch"].as_str().unwrap().to_owned()
}

/// As an operator would, by hand.
fn copy(from: &Database, to: &Database) {
    let socket = from.socket();
    let host = socket.parent().unwrap();
    let program = |name: &str, database: &Database| {
        let mut command = Command::new(name);
        command.arg("-h").arg(host).args(["-U", "snug", "-d", &database.name]);
        command
    };
    let mut dump = program("pg_dump", from).stdout(Stdio::piped()).spawn().unwrap();
    let dumped = dump.stdout.take().unwrap();
    let restored = program("psql", to)
        .args(["-q", "-X", "-v", "ON_ERROR_STOP=1"])
        .stdin(dumped)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(restored.success() && dump.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_restored_beside_the_original_is_another_history() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    for n in 0..3 {
        ada.say(1, &n.to_string()).await;
    }
    let before = epoch(&ada).await;
    let beside = Database::empty().await;
    copy(&server.database, &beside);
    let restored = Server::on(beside, &[]).await;
    let ada_there = Person::at(restored.url("")).log_in(&ada.name, PASSWORD).await;
    let there = epoch(&ada_there).await;
    assert_ne!(before, there);
    // There the chat goes on in another way.
    ada_there.say(1, "another").await;
    let mut back = ada_there.socket(&format!("/ws/general?after=3&epoch={before}")).await;
    assert_eq!(
        back.next().await,
        json!({"type": "reset", "chat_id": 1, "last_seq": 4, "last_change": 0})
    );
    let mut welcome = ada_there.raw_socket("/ws").await;
    assert_eq!(welcome.next().await["epoch"], there.as_str());
    // The original is what it was, also for those who serve it later.
    assert_eq!(epoch(&ada).await, before);
    let second = Server::on(server.database.clone(), &[]).await;
    let ada_at_second = Person::at(second.url("")).log_in(&ada.name, PASSWORD).await;
    assert_eq!(epoch(&ada_at_second).await, before);
}

/// The dump of an earlier moment, put in the place of what was there.
#[tokio::test(flavor = "multi_thread")]
async fn a_dump_restored_over_the_original_is_another_history() {
    let mut server = Server::start().await;
    let ada = server.person("ada").await;
    ada.say(1, "0").await;
    let kept = Database::empty().await;
    copy(&server.database, &kept);
    ada.say(1, "1").await;
    let before = epoch(&ada).await;
    server.stop().await;
    let client = server.database.client().await;
    client.batch_execute("drop schema public cascade; create schema public").await.unwrap();
    copy(&kept, &server.database);
    let restored = Server::on(server.database.clone(), &[]).await;
    let ada_there = Person::at(restored.url("")).log_in(&ada.name, PASSWORD).await;
    assert_ne!(epoch(&ada_there).await, before);
    let mut back = ada_there.socket(&format!("/ws/general?after=2&epoch={before}")).await;
    let reset = back.next().await;
    assert_eq!((&reset["type"], &reset["last_seq"]), (&json!("reset"), &json!(1)));
}

async fn execute(private: &Private, statements: &str) {
    let (client, connection) = private.connection().connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(statements).await.unwrap();
}

async fn epoch_in(data: &Path) -> (String, Private) {
    let options = Options { data_dir: data.to_owned(), bindir: None, memory: Memory::Medium };
    let private = Private::serve(&options).await.unwrap();
    execute(
        &private,
        "do $$ begin while pg_is_in_recovery() loop perform pg_sleep(0.01); end loop; end $$",
    )
    .await;
    let store = Store::new(private.connection(), DatabaseWaits::default());
    store.migrate().await.unwrap();
    let epoch = store.epoch().await.unwrap();
    store.close();
    (epoch, private)
}

/// A recovery from an archive, and a standby that takes over, begin a timeline of their own.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_was_recovered_is_another_history() {
    let scratch = directory();
    let data = scratch.path().join("data");
    let (first, private) = epoch_in(&data).await;
    execute(&private, "alter system set wal_level = replica").await;
    execute(&private, "alter system set restore_command = 'false'").await;
    private.stop().await;
    let (second, private) = epoch_in(&data).await;
    assert_eq!(first, second, "a restart changes nothing");
    private.stop().await;
    let signal = data.join("postgres/recovery.signal");
    fs::write(&signal, "").unwrap();
    fs::set_permissions(&signal, fs::Permissions::from_mode(0o666)).unwrap();
    let (recovered, private) = epoch_in(&data).await;
    assert_ne!(first, recovered);
    private.stop().await;
    let (again, private) = epoch_in(&data).await;
    assert_eq!(recovered, again, "and then it stays");
    private.stop().await;
}

/// A copy of the files, as of a disk or by a base backup, has the same identifier and timeline.
#[tokio::test(flavor = "multi_thread")]
async fn files_of_a_cluster_that_were_copied_are_another_history() {
    let scratch = directory();
    let (data, copied) = (scratch.path().join("data"), scratch.path().join("copied"));
    let (first, private) = epoch_in(&data).await;
    private.stop().await;
    let done = Command::new("cp").arg("-a").args([&data, &copied]).status().unwrap();
    assert!(done.success());
    let (second, private) = epoch_in(&copied).await;
    assert_ne!(first, second);
    private.stop().await;
    let (again, private) = epoch_in(&copied).await;
    assert_eq!(second, again, "and then it stays");
    private.stop().await;
    let (original, private) = epoch_in(&data).await;
    assert_eq!(first, original);
    private.stop().await;
}

/// What another server on the same database tells.
async fn told_anew(server: &Server, settings: &[(&str, &str)]) -> String {
    let other = Server::on(server.database.clone(), settings).await;
    epoch(&Person::at(other.url("")).log_in("ada", PASSWORD).await).await
}

/// As where somebody else runs PostgreSQL and allows little.
#[tokio::test(flavor = "multi_thread")]
async fn a_plain_role_is_told_an_epoch_whatever_it_may_ask() {
    let database = Database::empty().await;
    let client = database.client().await;
    let role = format!("plain_{}", database.name);
    let make = format!("create role {role}; alter database {} owner to {role}", database.name);
    client.batch_execute(&make).await.unwrap();
    let url = format!("{}&options=-c%20role%3D{role}", database.url());
    let settings = [("SNUG_DATABASE_URL", url.as_str())];
    let server = Server::on(database, &settings).await;
    let ada = server.person("ada").await;
    let full = epoch(&ada).await;
    let stored: String = client.query_one("select epoch from meta", &[]).await.unwrap().get(0);
    assert_ne!(full, stored);
    let mut told = vec![stored, full];
    for function in ["pg_control_system()", "pg_current_wal_lsn()"] {
        let revoke = format!("revoke execute on function {function} from public");
        client.batch_execute(&revoke).await.unwrap();
        let (one, two) = (told_anew(&server, &settings).await, told_anew(&server, &settings).await);
        assert_eq!(one, two);
        let now = one;
        assert!(!told.contains(&now), "{function}: {told:?}");
        told.push(now);
    }
}
