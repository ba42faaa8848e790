//! The program and its own PostgreSQL, killed repeatedly while people talk.

use crate::commands::snug;
use crate::support::crowd::{
    NAMED, Signals, alter, check, listen, pin, post, stored_in, talk, wait_for,
};
use crate::support::{PATIENCE, Person, Program, directory, put_cluster, until};
use futures_util::future::join_all;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio_postgres::NoTls;

/// The program with its own data directory, always on the same port.
struct Appliance {
    address: String,
    data_dir: PathBuf,
    child: Child,
    _parent: tempfile::TempDir,
}

impl Appliance {
    /// With a cluster that has been used before.
    async fn start() -> Self {
        let parent = directory();
        put_cluster(&parent.path().join("data"));
        Self::start_in(parent).await
    }

    /// With a cluster that it creates.
    async fn start_for_the_first_time() -> Self {
        Self::start_in(directory()).await
    }

    async fn start_in(parent: tempfile::TempDir) -> Self {
        let data_dir = parent.path().join("data");
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let child = launch(&address, &data_dir);
        let appliance = Self { address, data_dir, child, _parent: parent };
        appliance.wait_until_ready().await;
        appliance
    }

    fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    async fn wait_until_ready(&self) {
        until("it is ready", || async {
            let asked = reqwest::get(format!("{}/readyz", self.base())).await;
            asked.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
    }

    /// Kills it in the middle of whatever it is doing, and starts it again.
    async fn crash(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let began = Instant::now();
        self.child = launch(&self.address, &self.data_dir);
        self.wait_until_ready().await;
        assert!(began.elapsed() < Duration::from_secs(8), "ready after {:?}", began.elapsed());
    }

    fn postmaster(&self) -> Option<Pid> {
        let record = std::fs::read_to_string(self.data_dir.join("postgres/postmaster.pid")).ok()?;
        record.lines().next()?.parse().ok().map(Pid::from_raw)
    }

    async fn database(&self) -> tokio_postgres::Client {
        let mut config = tokio_postgres::Config::new();
        config.host_path(self.data_dir.join("postgres")).user("snug").dbname("snug");
        let (client, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// Kills PostgreSQL, and waits until another one answers.
    async fn crash_postgres(&self) {
        let killed = self.postmaster().unwrap();
        kill(killed, Signal::SIGKILL).unwrap();
        until("another one is running", || async {
            self.postmaster().is_some_and(|pid| pid != killed)
        })
        .await;
        self.wait_until_ready().await;
    }

    /// Ends it as the service manager would; PostgreSQL ends with it.
    fn stop(&mut self) {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM).unwrap();
        assert!(self.child.wait().unwrap().success());
        assert!(self.postmaster().is_none(), "PostgreSQL was left behind");
    }
}

impl Drop for Appliance {
    fn drop(&mut self) {
        // They may have ended already, as they should.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(postmaster) = self.postmaster() {
            let _ = kill(postmaster, Signal::SIGINT);
            let began = Instant::now();
            while self.postmaster().is_some() && began.elapsed() < PATIENCE {
                std::thread::yield_now();
            }
        }
    }
}

fn launch(address: &str, data_dir: &std::path::Path) -> Child {
    let settings = [("SNUG_RATE_LIMITS", "off"), ("PATH", "/usr/bin:/bin"), ("SNUG_LOG", "warn")];
    snug(&["--listen", address, "--data-dir", data_dir.to_str().unwrap()], &settings)
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What goes on while `faults` happen; checked at the end.
async fn under_load(appliance: &mut Appliance, faults: impl AsyncFnOnce(&mut Appliance, &Signals)) {
    let nobody = Person::at(appliance.base());
    let people = join_all(["ada", "bob", "cyd"].map(|name| nobody.joined_by(name))).await;
    let (signals, end) = (Signals::default(), AtomicI64::new(0));
    let (ada, bob) = (&people[0], &people[1]);
    let (room, link) = ada.room("Tea").await;
    bob.enter(ada, room, &link).await;
    ada.say(room, "to be edited").await;
    let (kept, _) = ada.room("Cake").await;
    ada.say(kept, "to be pinned").await;
    let readers = join_all([
        listen(&people[0], "/ws/general", 1, &end, None),
        listen(&people[1], "/ws", 1, &end, None),
    ]);
    let writing = async {
        let talking = join_all(people.iter().map(|person| talk(person, 1, &person.name, &signals)));
        let posting = post(&people[0], 1, "http", &signals);
        let breaking = async {
            faults(appliance, &signals).await;
            wait_for(&signals, 100).await;
            signals.stop.store(true, Relaxed);
        };
        let altering = alter(ada, room, 1, [bob, ada], &signals);
        let pinning = pin(ada, kept, 1, &signals);
        let (mut acked, posted, changes, pins, ()) =
            tokio::join!(talking, posting, altering, pinning, breaking);
        acked.push(posted);
        check_pins(ada, kept, pins).await;
        // Each edit was acknowledged with a number of its own, and none was made twice.
        assert_eq!(changes, (1..=changes.len() as i64).collect::<Vec<_>>());
        let chat = people[0].get(&format!("/chats/room/{room}/history")).await.expect(200);
        assert_eq!(chat["last_change"].as_u64(), Some(changes.len() as u64));
        let last = format!("edit {} @", changes.len() - 1);
        let content = chat["messages"][0]["content"].as_str().unwrap();
        assert!(content.starts_with(&last), "{content}");
        end.store(stored_in(&appliance.database().await, 1).await.1, Relaxed);
        (acked, appliance)
    };
    let ((acked, appliance), seen) = tokio::join!(writing, readers);
    let (history, last_seq) = stored_in(&appliance.database().await, 1).await;
    check(&history, last_seq, &acked, &seen);
    // Every draft was settled in the end: nothing is stored that nobody knows of.
    assert_eq!(history.len(), acked.iter().map(Vec::len).sum::<usize>());
    check_mentions(&appliance.database().await, bob).await;
    appliance.stop();
}

/// Each time that it was pinned or unpinned is one change, and the last one stands.
async fn check_pins(person: &Person, chat_id: i64, count: i64) {
    let chat = person.get(&format!("/chats/room/{chat_id}/history")).await.expect(200);
    assert_eq!(chat["last_change"], count);
    let pins = person.get(&format!("/chats/{chat_id}/pins")).await.expect(200);
    assert_eq!(pins["messages"].as_array().unwrap().len() as i64, count % 2);
}

/// Whom messages name is what their texts say as they stand, and so is what is counted.
async fn check_mentions(database: &tokio_postgres::Client, person: &Person) {
    assert_eq!(person.name, NAMED);
    let said =
        "select chat_id, seq from messages where content like '%@' || $2::text and sender_id <> $1";
    let kept = "select chat_id, seq from mentions where user_id = $1 and $2::text <> ''";
    for (some, others) in [(said, kept), (kept, said)] {
        let query = format!("{some} except {others}");
        let wrong = database.query(&query, &[&person.id, &NAMED]).await.unwrap();
        let wrong: Vec<(i64, i64)> = wrong.iter().map(|row| (row.get(0), row.get(1))).collect();
        assert!(wrong.is_empty(), "{query}: {wrong:?}");
    }
    let unread = "select count(*) from messages m join read_positions p on p.chat_id = m.chat_id
        where p.user_id = $1 and m.seq > p.read_seq and m.content like '%@' || $2::text and m.sender_id <> $1";
    let unread: i64 = database.query_one(unread, &[&person.id, &NAMED]).await.unwrap().get(0);
    let chats = person.get("/chats").await.expect(200);
    let chats = chats["chats"].as_array().unwrap();
    let counted: i64 = chats.iter().map(|chat| chat["mentioned"].as_i64().unwrap()).sum();
    assert_eq!(counted, unread);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_repeatedly_loses_and_duplicates_nothing() {
    let mut appliance = Appliance::start().await;
    under_load(&mut appliance, async |appliance, signals| {
        for _ in 0..4 {
            wait_for(signals, 150).await;
            appliance.crash().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_killed_repeatedly_loses_and_duplicates_nothing() {
    let mut appliance = Appliance::start().await;
    under_load(&mut appliance, async |appliance, signals| {
        for _ in 0..3 {
            wait_for(signals, 150).await;
            let began = Instant::now();
            appliance.crash_postgres().await;
            wait_for(signals, 20).await;
            assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_killed_at_once_lose_and_duplicate_nothing() {
    let mut appliance = Appliance::start().await;
    under_load(&mut appliance, async |appliance, signals| {
        for _ in 0..2 {
            wait_for(signals, 150).await;
            kill(appliance.postmaster().unwrap(), Signal::SIGKILL).unwrap();
            appliance.crash().await;
        }
    })
    .await;
}

/// Before the first checkpoint everything that a sequence gave out is in the log or nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_in_the_first_seconds_takes_no_number_back() {
    let mut appliance = Appliance::start_for_the_first_time().await;
    let nobody = Person::at(appliance.base());
    let mut given: BTreeSet<(&str, i64)> = BTreeSet::new();
    for round in 0..3 {
        if round > 0 {
            appliance.crash_postgres().await;
        }
        let ada = nobody.joined_by(&format!("ada-{round}")).await;
        let bob = nobody.joined_by(&format!("bob-{round}")).await;
        let mut numbers = vec![("user", ada.id), ("user", bob.id)];
        let mut chats = vec![ada.private_with(&bob).await];
        for name in ["Tea", "Cake"] {
            chats.push(ada.room(name).await.0);
        }
        for chat_id in chats {
            numbers.push(("chat", chat_id));
            let path = format!("/chats/{chat_id}/messages");
            let message = ada.post(&path, json!({"content": "hello"})).await.expect(201);
            numbers.push(("message", message["id"].as_i64().unwrap()));
        }
        for number in numbers {
            assert!(given.insert(number), "round {round}: {number:?} was given out before");
        }
    }
    // Whoever adds a sequence adds it above.
    let unused = "select sequencename::text from pg_sequences where last_value is null";
    let unused = appliance.database().await.query(unused, &[]).await.unwrap();
    let unused: Vec<&str> = unused.iter().map(|row| row.get(0)).collect();
    assert!(unused.is_empty(), "never used: {unused:?}");
    appliance.stop();
}

/// What a killed snug has started goes on: `initdb` writes, and PostgreSQL begins to serve.
#[test]
fn a_first_start_that_is_killed_at_any_moment_is_made_good_by_the_next() {
    const MOMENTS: [&str; 8] = [
        "postgres.new.1",
        "postgres.new.1/PG_VERSION",
        "postgres.new.1/postmaster.pid",
        "postgres.new.1/base/1",
        "postgres.new.1/global/pg_control",
        "postgres.new.1/base/5",
        "postgres",
        "postgres/postmaster.pid",
    ];
    for moment in MOMENTS {
        let scratch = directory();
        let data = scratch.path().join("data");
        let killed = Program::start_in(&data, &[]);
        let began = Instant::now();
        // Some moments pass quickly: on a busy machine a later one is met instead.
        let is_met = || [moment, "postgres/postmaster.pid"].iter().any(|at| data.join(at).exists());
        while !is_met() {
            assert!(began.elapsed() < PATIENCE, "{moment}");
            std::thread::yield_now();
        }
        drop(killed);
        let next = Program::start_in(&data, &[]);
        next.base();
        let log = next.stop();
        assert!(!log.iter().any(|line| line.contains("ERROR")), "{moment}: {log:#?}");
        let left = std::fs::read_dir(&data).unwrap().flatten().map(|entry| entry.file_name());
        let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains(".new")).collect();
        assert!(left.is_empty(), "{moment}: {left:?}");
    }
}
