//! A pooler between snug and PostgreSQL: it works, or the start says what is needed.

use crate::commands::refused;
use crate::support::elsewhere::{Elsewhere, free_port, give, unprivileged, unprivileged_directory};
use crate::support::{Database, PATIENCE, Person, SECRET, Server, until};
use futures_util::future::join_all;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::process::{Child, Command};
use std::time::Instant;
use tokio_postgres::{Client, NoTls};

const RULES: &str = "host all all 127.0.0.1/32 trust";

struct PgBouncer {
    child: Child,
    port: u16,
    directory: tempfile::TempDir,
    elsewhere: Elsewhere,
}

impl PgBouncer {
    /// With its defaults, but for these settings.
    async fn start(settings: &str) -> Self {
        let elsewhere = Elsewhere::start(&[], "", RULES).await;
        let directory = unprivileged_directory();
        let port = free_port();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("users"), "\"snug\" \"\"\n").unwrap();
        let configuration = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr=127.0.0.1\n\
             listen_port={port}\nunix_socket_dir=\nauth_type=trust\nauth_file={}\n{settings}\n",
            elsewhere.port,
            path("users").display()
        );
        fs::write(path("ini"), configuration).unwrap();
        for name in ["users", "ini"] {
            give(&path(name));
        }
        let log = fs::File::create(path("log")).unwrap();
        let mut command: Command = unprivileged("/usr/sbin/pgbouncer");
        let child = command.arg(path("ini")).stderr(log).spawn().unwrap();
        let mut pgbouncer = Self { child, port, directory, elsewhere };
        let began = Instant::now();
        while pgbouncer.try_client().await.is_none() {
            assert!(pgbouncer.child.try_wait().unwrap().is_none(), "{}", pgbouncer.log());
            assert!(began.elapsed() < PATIENCE, "{}", pgbouncer.log());
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        pgbouncer
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    fn url(&self) -> String {
        format!("postgres://snug@127.0.0.1:{}/postgres", self.port)
    }

    /// A client of somebody else.
    async fn try_client(&self) -> Option<Client> {
        let (client, connection) = tokio_postgres::connect(&self.url(), NoTls).await.ok()?;
        tokio::spawn(connection);
        client.batch_execute("").await.ok()?;
        Some(client)
    }

    fn refuses(&self, unit: &str) {
        let (url, data) = (self.url(), self.directory.path().join("none"));
        let data = data.to_str().unwrap();
        let settings = [("SNUG_DATABASE_URL", url.as_str()), ("SNUG_DATA_DIR", data)];
        for command in [&["migrate"][..], &["user", "list"]] {
            let line = refused(2, command, &settings);
            let expected =
                [&format!("gives each {unit} another connection"), "pool_mode = session"];
            assert!(expected.iter().all(|text| line.contains(*text)), "{line}");
        }
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_pooler_of_sessions_all_is_well() {
    let pgbouncer = PgBouncer::start("pool_mode=session").await;
    let settings = [("SNUG_DATABASE_URL", &*pgbouncer.url()), ("SNUG_JWT_SECRET", SECRET)];
    let server = Server::on(Database { name: "postgres".to_owned() }, &settings).await;
    let ada = Person::nobody(&server).joined_by("ada").await;
    let mut reader = ada.socket("/ws/general").await;
    for n in 0..20 {
        ada.say(1, &format!("message {n}")).await;
        assert_eq!(reader.expect("message").await["content"], format!("message {n}"));
        ada.get("/chats/general/history").await.expect(200);
        ada.get("/chats").await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_of_transactions_is_refused_and_finds_its_connections_as_they_were() {
    let pgbouncer = PgBouncer::start("pool_mode=transaction").await;
    pgbouncer.refuses("transaction");
    let somebody = pgbouncer.try_client().await.unwrap();
    for setting in ["statement_timeout", "lock_timeout"] {
        let value = somebody.simple_query(&format!("show {setting}")).await.unwrap();
        let row = value.iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        assert_eq!(row, Some("0"), "{setting}");
    }
    let made = "select count(*) from pg_tables where schemaname = 'public'";
    let client = pgbouncer.elsewhere.client().await;
    assert_eq!(client.query_one(made, &[]).await.unwrap().get::<_, i64>(0), 0);
}

/// Somebody changes its mode while snug runs: that is nothing broken here, and clients come again.
#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_turns_to_transactions_makes_the_database_unavailable() {
    let pgbouncer = PgBouncer::start("pool_mode=session").await;
    let settings = [("SNUG_DATABASE_URL", &*pgbouncer.url()), ("SNUG_JWT_SECRET", SECRET)];
    let server = Server::on(Database { name: "postgres".to_owned() }, &settings).await;
    let ada = Person::nobody(&server).joined_by("ada").await;
    let statuses = async || {
        let asked = join_all((0..12).map(|_| ada.get("/chats/general/history"))).await;
        asked.iter().map(|answer| answer.status.as_u16()).collect::<Vec<_>>()
    };
    assert_eq!(statuses().await, [200; 12]);
    let configuration = pgbouncer.directory.path().join("ini");
    let text = fs::read_to_string(&configuration).unwrap();
    fs::write(&configuration, text.replace("pool_mode=session", "pool_mode=transaction")).unwrap();
    kill(Pid::from_raw(pgbouncer.child.id() as i32), Signal::SIGHUP).unwrap();
    until("sessions are lost", || async {
        let statuses = statuses().await;
        assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
        statuses.contains(&503)
    })
    .await;
    let ready = ada.get("/readyz").await;
    let problem = ready.refused(503, "unavailable");
    assert_eq!(problem["detail"], "a pooler changes PostgreSQL's sessions under way");
}

/// One that has many connections lying ready and gives them out in turns.
#[tokio::test(flavor = "multi_thread")]
async fn a_busy_pooler_of_transactions_is_found_out_as_well() {
    for settings in ["", "server_round_robin=1"] {
        let settings = format!("pool_mode=transaction\n{settings}");
        let pgbouncer = PgBouncer::start(&settings).await;
        let mut held = Vec::new();
        for _ in 0..6 {
            let client = pgbouncer.try_client().await.unwrap();
            client.batch_execute("begin").await.unwrap();
            held.push(client);
        }
        for client in &held {
            client.batch_execute("commit").await.unwrap();
        }
        pgbouncer.refuses("transaction");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_of_statements_is_refused() {
    PgBouncer::start("pool_mode=statement").await.refuses("statement");
}
