//! `snug doctor`: what is well, what is not and what to do about it, for people, programs and strangers; and
//! the metrics that the files of docs/monitoring name.

use crate::commands::snug;
use crate::support::elsewhere::free_port;
use crate::support::{
    Database, PATIENCE, Person, Program, SECRET, Server, directory, put_cluster, until,
};
use crate::tls::certify;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::{Command, Output};

fn examined(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let arguments = [&["doctor"], arguments].concat();
    let output = snug(&arguments, variables).output().unwrap();
    // The log may say on standard error that a database is away, but the command does not fail there.
    assert!(!String::from_utf8_lossy(&output.stderr).contains("snug: "), "{output:?}");
    output
}

/// The findings about a topic, and the exit status.
fn findings(variables: &[(&str, &str)], deep: bool) -> (Vec<Value>, i32) {
    let deep: &[&str] = if deep { &["--json", "--deep"] } else { &["--json"] };
    let output = examined(deep, variables);
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let status = output.status.code().unwrap();
    let expected = ["ok", "warning", "failure"].iter().position(|it| said["verdict"] == **it);
    assert_eq!(expected, Some(status as usize));
    (said["findings"].as_array().unwrap().clone(), status)
}

#[track_caller]
fn of<'a>(findings: &'a [Value], topic: &str) -> &'a Value {
    findings
        .iter()
        .find(|it| it["topic"] == topic)
        .unwrap_or_else(|| panic!("{topic}: {findings:#?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_says_how_it_is_and_what_to_do() {
    let scratch = directory();
    let data = scratch.path().join("data");
    put_cluster(&data);
    let variables = [("SNUG_DATA_DIR", data.to_str().unwrap()), ("PATH", "/usr/bin:/bin")];
    let free =
        std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let settings = [("SNUG_LISTEN", free.as_str()), ("PATH", "/usr/bin:/bin")];
    let program = Program::start_in(&data, &settings);
    let ada = Person::at(program.base()).joined_by("ada").await;
    ada.say(1, "hello").await;
    let ben = ada.joined_by("ben").await;
    for (person, emoji) in [(&ada, "👍"), (&ben, "🎉"), (&ben, "👍")] {
        let path = format!("/chats/1/messages/1/reactions/{emoji}");
        person.send(person.request(reqwest::Method::PUT, &path)).await.expect(204);
    }
    let at = [&variables[..], &[("SNUG_LISTEN", free.as_str()), ("SNUG_MEMORY", "small")]].concat();
    let (all, status) = findings(&at, true);
    // There is no backup yet, which is a warning.
    assert_eq!(status, 1, "{all:#?}");
    for topic in [
        "version",
        "setting",
        "memory",
        "page size",
        "file limit",
        "disk",
        "database",
        "postgresql",
        "clock",
        "durability",
        "checksums",
        "connections",
        "size",
        "schema",
        "sequences",
        "indexes",
        "messages",
        "tables",
        "search",
        "server",
        "public url",
        "proxy",
    ] {
        assert_eq!(of(&all, topic)["verdict"], "ok", "{:#}", of(&all, topic));
    }
    assert!(of(&all, "memory")["found"].as_str().unwrap().ends_with("the bounds are small"));
    assert!(of(&all, "messages")["found"].as_str().unwrap().starts_with("1 in 1 chats"));
    let warned: Vec<_> = all.iter().filter(|it| it["verdict"] != "ok").collect();
    for finding in &warned {
        assert_eq!(finding["topic"], "backups", "{finding:#}");
        assert!(finding["remedy"].as_str().unwrap().len() > 20, "{finding:#}");
    }
    assert!(warned.iter().any(|it| it["found"].as_str().unwrap().contains("disk of the database")));
    let lines = String::from_utf8(examined(&[], &at).stdout).unwrap();
    assert!(lines.contains("warning  backups") && lines.contains("-> make one now"), "{lines}");
    program.stop();
    // It starts and stops PostgreSQL by itself.
    let (all, status) = findings(&at, false);
    assert_eq!((status, &of(&all, "server")["verdict"]), (1, &json!("warning")));
    assert!(!data.join("postgres/postmaster.pid").exists());
}

/// What became of the backups, and how the database grew, is in a file beside them.
#[test]
fn backups_and_the_room_on_the_disk_are_judged_by_what_became_of_the_last_ones() {
    let scratch = directory();
    let backups = scratch.path().join("data/backups");
    std::fs::create_dir_all(&backups).unwrap();
    let data = scratch.path().join("data");
    let variables = [("SNUG_DATA_DIR", data.to_str().unwrap()), ("PATH", "/usr/bin:/bin")];
    let disk = nix::sys::statvfs::statvfs(&data).unwrap();
    let free = disk.blocks_available() * disk.fragment_size();
    let now = jiff::Timestamp::now().as_second();
    let ago = |hours: i64| now - hours * 3_600;
    let judged = |state: Value| {
        std::fs::write(backups.join("state.json"), state.to_string()).unwrap();
        let (all, _) = findings(&variables, false);
        let of_backups = all.iter().filter(|it| it["topic"] == "backups");
        let verdicts = of_backups.map(|it| it["verdict"].as_str().unwrap().to_owned());
        (verdicts.collect::<Vec<_>>(), of(&all, "disk").clone())
    };
    let happened = |hours: i64| json!({ "at": ago(hours), "what": "a file", "bytes": 1 });
    let grown = |days: u64| {
        let sizes = [(48, 1_000_000), (24, 1_000_000 + free / days)];
        let sizes = sizes.map(|(hours, bytes)| json!({ "at": ago(hours), "bytes": bytes }));
        json!({ "since": 1, "made": happened(1), "verified": happened(1), "sizes": sizes })
    };
    // The last one says that they are on the disk of the database.
    let (verdicts, disk) = judged(grown(1_000));
    assert_eq!(verdicts, ["ok", "ok", "warning"]);
    assert_eq!(disk["verdict"], "ok");
    assert!(disk["found"].as_str().unwrap().contains(" a day, that will do for "), "{disk}");
    for (days, expected) in [(30, "warning"), (3, "failure")] {
        let (_, disk) = judged(grown(days));
        assert_eq!(disk["verdict"], expected, "{disk}");
        assert!(disk["remedy"].as_str().unwrap().contains("make room"));
    }
    let (verdicts, _) =
        judged(json!({ "since": 1, "made": happened(48), "verified": happened(500) }));
    assert_eq!(verdicts, ["failure", "warning", "warning"]);
    let (verdicts, _) = judged(
        json!({ "since": 1, "made": happened(1), "verified": happened(1), "failed": happened(2) }),
    );
    assert_eq!(verdicts, ["ok", "ok", "failure", "warning"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_broken_in_the_database_is_found() {
    let server = Server::start().await;
    let (ada, ben) = (server.person("ada").await, server.person("ben").await);
    for n in 0..3 {
        ada.say(1, &n.to_string()).await;
    }
    let private = ada.private_with(&ben).await;
    ada.say(private, "hi").await;
    let url = server.database.url();
    let variables = [
        ("SNUG_DATABASE_URL", url.as_str()),
        ("SNUG_JWT_SECRET", SECRET),
        ("PATH", "/usr/bin:/bin"),
    ];
    let client = server.database.client().await;
    let broken = async |breaking: &str, mending: &str, topic: &str, text: &str| {
        client.batch_execute(breaking).await.unwrap();
        let (all, status) = findings(&variables, true);
        let found = all.iter().find(|it| it["topic"] == topic && it["verdict"] == "failure");
        let found = found.unwrap_or_else(|| panic!("{breaking}: {all:#?}"));
        assert!(found["found"].as_str().unwrap().contains(text), "{found:#}");
        assert!(found["remedy"].is_string());
        assert_eq!(status, 2);
        client.batch_execute(mending).await.unwrap();
        let (all, _) = findings(&variables, true);
        assert!(all.iter().all(|it| it["topic"] != topic || it["verdict"] == "ok"), "{all:#?}");
    };
    broken(
        "create table kept as select * from messages where seq = 2; delete from messages where seq = 2",
        "insert into messages select * from kept; drop table kept;
         insert into unindexed_edits (chat_id, seq) values (1, 2) on conflict do nothing",
        "messages",
        "chat 1 has 2 messages from 1 to 3",
    )
    .await;
    broken(
        "update chats set last_seq = 4 where id = 1",
        "update chats set last_seq = 3 where id = 1",
        "messages",
        "its last number is 4",
    )
    .await;
    let take = format!("update messages set receiver_id = 77 where chat_id = {private}");
    let give = format!("update messages set receiver_id = {} where chat_id = {private}", ben.id);
    broken(&take, &give, "tables", "private messages that are not between the two").await;
    broken(
        "update read_positions set read_seq = 100 where chat_id = 1",
        "update read_positions set read_seq = 3 where chat_id = 1",
        "tables",
        "read positions past the end",
    )
    .await;
    broken(
        "insert into reactions (chat_id, seq, emoji, user_id, change) values (1, 1, 'x', 1, 1)",
        "delete from reactions",
        "tables",
        "reactions are not those",
    )
    .await;
    broken(
        "update messages set change = 7 where chat_id = 1 and seq < 3",
        "update messages set change = null",
        "tables",
        "changes past the last one",
    )
    .await;
    // With the one that was put back: the filler looks for such when there is news.
    ada.say(private, "hi again").await;
    until("all is in the index", || async {
        let words = "select count(*) from message_words";
        client.query_one(words, &[]).await.unwrap().get::<_, i64>(0) == 5
    })
    .await;
    broken(
        "create table kept as select * from message_words where chat_id = 1 and seq = 2;
         delete from message_words where chat_id = 1 and seq = 2",
        "insert into message_words select * from kept; drop table kept",
        "search",
        "messages that no search finds: 1",
    )
    .await;
    broken(
        "insert into message_words (chat_id, timestamp, id, seq, words) values (1, now(), 77, 77, '')",
        "delete from message_words where id = 77",
        "search",
        "words of no message, or of one that is read besides: 1",
    )
    .await;
    broken(
        "select setval('users_id_seq', 1)",
        "select setval('users_id_seq', 2)",
        "sequences",
        "the next id of users would be 2",
    )
    .await;
    broken(
        "update pg_index set indisvalid = false where indexrelid = 'acts_at_idx'::regclass",
        "update pg_index set indisvalid = true where indexrelid = 'acts_at_idx'::regclass",
        "indexes",
        "acts_at_idx",
    )
    .await;
    broken(
        "insert into schema_migrations (version, name, checksum) values (10000, 'x', 'x')",
        "delete from schema_migrations where version = 10000",
        "schema",
        "version 10000",
    )
    .await;
    // The tests' PostgreSQL may lose what it acknowledges.
    let (all, status) = findings(&variables, false);
    assert_eq!(of(&all, "durability")["verdict"], "failure");
    assert_eq!(status, 2);
}

#[test]
fn a_database_that_is_not_there_is_a_failure_and_no_more_is_asked() {
    let scratch = directory();
    let absent = scratch.path().join("no/such/socket");
    let url = format!("postgres:///snug?host={}&user=snug", absent.display());
    let variables = [("SNUG_DATABASE_URL", url.as_str()), ("PATH", "/usr/bin:/bin")];
    let variables =
        [&variables[..], &[("SNUG_DATA_DIR", scratch.path().to_str().unwrap())]].concat();
    let (all, status) = findings(&variables, true);
    assert_eq!((status, &of(&all, "database")["verdict"]), (2, &json!("failure")));
    let nothing = [("SNUG_DATA_DIR", scratch.path().to_str().unwrap()), ("PATH", "/usr/bin:/bin")];
    let (all, status) = findings(&nothing, false);
    assert_eq!((status, &of(&all, "database")["verdict"]), (2, &json!("failure")));
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0, "nothing was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_names_nobody_and_nothing() {
    let server = Server::start().await;
    let ada = server.person("ada-of-the-report").await;
    let (room, _) = ada.room("Secret garden").await;
    ada.say(room, "a text nobody may read").await;
    let url = server.database.url();
    let scratch = directory();
    let hook = scratch.path().join("carry-it-away");
    let listen = server.address.to_string();
    let variables = [
        ("SNUG_DATABASE_URL", url.as_str()),
        ("SNUG_JWT_SECRET", SECRET),
        ("SNUG_DATA_DIR", scratch.path().to_str().unwrap()),
        ("SNUG_BACKUP_HOOK", hook.to_str().unwrap()),
        ("SNUG_PUBLIC_URL", "http://chat.invalid:81"),
        ("SNUG_LISTEN", listen.as_str()),
        ("PATH", "/usr/bin:/bin"),
    ];
    let report = String::from_utf8(examined(&["--report", "--deep"], &variables).stdout).unwrap();
    assert!(report.contains("ok: setting: SNUG_PUBLIC_URL is set"), "{report}");
    assert!(report.contains("public url: cannot be reached from here"), "{report}");
    let hidden = [
        "ada",
        "Secret",
        "garden",
        "text nobody",
        "chat.invalid",
        SECRET,
        "carry-it-away",
        "/dev/shm",
        "/tmp",
        "127.0.0.1",
        server.database.name.as_str(),
    ];
    for word in hidden {
        // "database" contains "t1" of no name.
        assert!(
            !report.split([' ', '/', '=', ':', '"']).any(|part| part == word),
            "{word}: {report}"
        );
        assert!(word.len() < 4 || !report.contains(word), "{word}: {report}");
    }
    let lines = String::from_utf8(examined(&[], &variables).stdout).unwrap();
    assert!(lines.contains("SNUG_PUBLIC_URL=http://chat.invalid:81, from environment"), "{lines}");
    assert!(!lines.contains(SECRET), "{lines}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_is_not_trusted_is_noticed_from_outside() {
    let database = Database::new().await;
    let free =
        std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let program = Program::start(&database, &[("SNUG_LISTEN", &free)]);
    let nobody = Person::at(program.base());
    let request = nobody.request(reqwest::Method::GET, "/healthz");
    nobody.send(request.header("x-forwarded-for", "192.0.2.7")).await.expect(200);
    let url = database.url();
    let variables = [
        ("SNUG_DATABASE_URL", url.as_str()),
        ("SNUG_LISTEN", free.as_str()),
        ("SNUG_PUBLIC_URL", ""),
        ("PATH", "/usr/bin:/bin"),
    ];
    let (all, _) = findings(&variables, false);
    let proxy = of(&all, "proxy");
    assert_eq!(proxy["verdict"], "warning", "{all:#?}");
    assert!(proxy["remedy"].as_str().unwrap().contains("SNUG_TRUSTED_PROXIES"));
    program.stop();
}

const ALERTS: &str = include_str!("../../docs/monitoring/alerts.yml");
const DASHBOARD: &str = include_str!("../../docs/monitoring/dashboard.json");

/// Every word in it that is the name of a metric of ours.
fn named(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c| !is_part(c))
        .filter(|word| word.starts_with("snug_") && *word != "snug_token")
        .map(|word| {
            let of_histogram = ["_bucket", "_sum", "_count"];
            let base = of_histogram.iter().find_map(|end| word.strip_suffix(end));
            base.unwrap_or(word).to_owned()
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_of_the_dashboard_and_the_alerts_exists_and_is_watched() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    ada.say(1, "hello").await;
    let exposed = async || {
        let text = ada.get("/metrics").await.text;
        let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
        names.map(str::to_owned).collect::<BTreeSet<String>>()
    };
    let exposed = exposed().await;
    let (alerts, dashboard) = (named(ALERTS), named(DASHBOARD));
    for (file, names) in [("alerts.yml", &alerts), ("dashboard.json", &dashboard)] {
        let unknown: Vec<_> = names.difference(&exposed).collect();
        assert!(names.len() > 10 && unknown.is_empty(), "{file}: {unknown:?}");
    }
    let unseen: Vec<_> = exposed.difference(&dashboard).collect();
    assert!(unseen.is_empty(), "not on the dashboard: {unseen:?}");
    let board: Value = serde_json::from_str(DASHBOARD).unwrap();
    assert!(board["panels"].as_array().unwrap().len() > 10);
    until("the figures of the database are measured", || async {
        let text = ada.get("/metrics").await.text;
        text.contains("\nsnug_database_up 1\n") && !text.contains("\nsnug_database_bytes 0\n")
    })
    .await;
}

#[test]
fn prometheus_accepts_the_alerts() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/monitoring/alerts.yml");
    let output = Command::new("promtool").args(["check", "rules", file]).output();
    let output = output.expect("promtool, which .ci/need installs");
    assert!(output.status.success(), "{output:?}");
}

/// A server that shows a certificate for two days, and is not snug.
#[test]
fn a_certificate_that_ends_soon_is_a_failure() {
    let scratch = tempfile::tempdir().unwrap();
    certify(scratch.path());
    let port = free_port().to_string();
    let mut shows = Command::new("openssl")
        .args(["s_server", "-www", "-quiet", "-cert", "server.crt", "-key", "server.key"])
        .args(["-accept", &port])
        .current_dir(scratch.path())
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let began = std::time::Instant::now();
    while std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_err() {
        assert!(began.elapsed() < PATIENCE && shows.try_wait().unwrap().is_none());
        std::thread::yield_now();
    }
    let url = format!("https://localhost:{port}");
    let (roots, none) = (scratch.path().join("root.crt"), scratch.path().join("none"));
    let variables = [
        ("SNUG_PUBLIC_URL", url.as_str()),
        ("SNUG_DATA_DIR", none.to_str().unwrap()),
        ("SSL_CERT_FILE", roots.to_str().unwrap()),
        ("PATH", "/usr/bin:/bin"),
    ];
    let (all, _) = findings(&variables, false);
    let certificate = of(&all, "certificate");
    assert_eq!(certificate["verdict"], "failure", "{all:#?}");
    // Two days, less the moment since it was made.
    let found = certificate["found"].as_str().unwrap();
    assert!(["valid for 1 ", "valid for 2 "].iter().any(|days| found.starts_with(days)), "{found}");
    assert!(of(&all, "public url")["found"].as_str().unwrap().contains("answers with 200"));
    // By nobody whom the system trusts.
    let untrusting = [variables[0], variables[1], variables[3]];
    let (all, _) = findings(&untrusting, false);
    assert_eq!(of(&all, "public url")["verdict"], "warning", "{all:#?}");
    shows.kill().unwrap();
    shows.wait().unwrap();
}
