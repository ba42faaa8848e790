//! Backups: made while people talk, carried to another machine, and restored.

use crate::commands::{refused, snug};
use crate::operators::{said, stand_in};
use crate::support::{Database, Person, Program, SECRET, Server, directory, put_cluster, until};
use crate::tls::{certify, with_certificate};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

pub const PROGRAMS: (&str, &str) = ("PATH", "/usr/bin:/bin");

/// A data directory with its own PostgreSQL, on a machine of its own.
pub struct Machine {
    pub root: tempfile::TempDir,
}

impl Machine {
    /// Nothing is there yet.
    pub fn new() -> Self {
        Self { root: directory() }
    }

    /// One that has been started before.
    pub fn used() -> Self {
        let machine = Self::new();
        put_cluster(&machine.data());
        machine
    }

    pub fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn serve(&self) -> Program {
        self.serve_with(&[])
    }

    pub fn serve_with(&self, settings: &[(&str, &str)]) -> Program {
        let settings = [&[PROGRAMS, ("SNUG_RATE_LIMITS", "off")], settings].concat();
        Program::start_in(&self.data(), &settings)
    }

    /// What a command prints here.
    pub fn says(&self, arguments: &[&str]) -> String {
        said(arguments, &[("SNUG_DATA_DIR", self.data().to_str().unwrap()), PROGRAMS], "")
    }

    /// How a command is refused here.
    pub fn refuses(&self, arguments: &[&str]) -> String {
        refused(1, arguments, &[("SNUG_DATA_DIR", self.data().to_str().unwrap()), PROGRAMS])
    }

    pub fn back_up(&self, name: &str) -> PathBuf {
        let file = self.file(name);
        self.says(&["backup", file.to_str().unwrap()]);
        file
    }
}

/// The names in a directory, in order.
pub fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The same person with the same sign-in, at another server.
fn again(program: &Program, person: &Person) -> Person {
    let mut again = Person::at(program.base()).with_token(&person.token);
    (again.id, again.name) = (person.id, person.name.clone());
    again
}

async fn epoch(person: &Person) -> String {
    person.get("/chats").await.expect(200)["epoch"].as_str().unwrap().to_owned()
}

async fn history(person: &Person, path: &str) -> Value {
    person.get(&format!("{path}/history?limit=200")).await.expect(200)["messages"].clone()
}

/// A member of the tar.
fn member(file: &Path, name: &str) -> String {
    let output =
        std::process::Command::new("tar").arg("-xOf").arg(file).arg(name).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Ada and Ben, who talk in all kinds of chats.
async fn talk(nobody: &Person) -> (Person, Person, i64, i64) {
    let (ada, ben) = (nobody.joined_by("ada").await, nobody.joined_by("ben").await);
    let private = ada.private_with(&ben).await;
    let (room, link) = ada.room("Tea").await;
    ben.enter(&ada, room, &link).await;
    for n in 0..5 {
        ada.say(1, &format!("general {n}")).await;
        ben.say(private, &format!("private \u{1F375} \\ {n}\n\tand more")).await;
        ada.say(room, &format!("room {n}")).await;
    }
    (ada, ben, private, room)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_while_it_serves_goes_on_living_on_another_machine() {
    let first = Machine::used();
    let program = first.serve_with(&[("SNUG_TOKEN_LIFETIME", "12h")]);
    let (ada, ben, private, room) = talk(&Person::at(program.base())).await;
    let before = epoch(&ada).await;
    let paths = [
        "/chats/general".to_owned(),
        format!("/chats/private/{private}"),
        format!("/chats/room/{room}"),
    ];
    let mut stored = Vec::new();
    for path in &paths {
        stored.push(history(&ben, path).await);
    }
    let file = first.file("a.backup");
    let told = first.says(&["backup", file.to_str().unwrap()]);
    assert!(told.contains("2 people, 3 chats, 15 messages, until 2"), "{told}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let manifest: Value = serde_json::from_str(&member(&file, "manifest.json")).unwrap();
    assert_eq!((&manifest["people"], &manifest["messages"]), (&json!(2), &json!(15)));
    let general = &manifest["chats"][0];
    assert_eq!((&general["chat_id"], &general["last_seq"]), (&json!(1), &json!(5)));
    assert!(general["digest"].as_str().unwrap().len() > 20);
    // Ben sees more, which is lost.
    for n in 0..3 {
        ada.say(1, &format!("lost {n}")).await;
    }
    let mut further = ben.socket("/ws/general?after=5").await;
    assert_eq!(further.expect("message").await["seq"], 6);
    program.stop();

    let second = Machine::new();
    let carried = second.file("carried.backup");
    fs::copy(&file, &carried).unwrap();
    let told = second.says(&["restore", carried.to_str().unwrap()]);
    assert!(told.contains("2 people, 3 chats, 15 messages, until 2"), "{told}");
    assert!(!told.contains("is kept"), "{told}");
    assert_eq!(names(&second.data()), ["jwt_secret", "lock", "postgres"]);
    let key = second.data().join("jwt_secret");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read(&key).unwrap(), fs::read(first.data().join("jwt_secret")).unwrap());
    let program = second.serve();
    // The same sign-ins.
    let (ada, ben) = (again(&program, &ada), again(&program, &ben));
    for (path, stored) in paths.iter().zip(&stored) {
        assert_eq!(&history(&ben, path).await, stored);
    }
    let there = epoch(&ben).await;
    assert_ne!(before, there);
    assert_eq!(ada.say(1, "another sixth").await, 6);
    // Ben's client was at the eighth, and all that it knows of the epoch is from there.
    let mut ahead = ben.socket(&format!("/ws/general?after=8&epoch={before}")).await;
    let reset = ahead.next().await;
    assert_eq!((&reset["type"], &reset["last_seq"]), (&json!("reset"), &json!(6)));
    let mut behind = ben.socket(&format!("/ws/general?after=5&epoch={there}")).await;
    assert_eq!(behind.expect("message").await["content"], "another sixth");
    let (new_room, _) = ada.room("Cake").await;
    assert!(new_room > room);
    program.stop();
}

#[test]
fn without_a_server_it_starts_and_stops_postgresql_and_makes_none() {
    let machine = Machine::used();
    machine.says(&["migrate"]);
    let file = machine.back_up("a.backup");
    assert!(!machine.data().join("postgres/postmaster.pid").exists());
    let told = machine.says(&["backup", "--verify", file.to_str().unwrap()]);
    assert!(told.contains("is whole: 0 people, 1 chat, 0 messages\n"), "{told}");
    assert!(!machine.data().join("scratch").exists(), "nothing is left of the verification");
    let nothing = Machine::new();
    let line = nothing.refuses(&["backup", file.to_str().unwrap()]);
    assert!(line.contains("there is no database"), "{line}");
    assert!(!nothing.data().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_replaced_only_when_told_to_and_kept_aside() {
    let machine = Machine::used();
    let program = machine.serve();
    let nobody = Person::at(program.base());
    let ada = nobody.joined_by("ada").await;
    ada.say(1, "kept").await;
    let file = machine.back_up("a.backup");
    ada.say(1, "after").await;
    let restore = ["restore", file.to_str().unwrap()];
    let line = machine.refuses(&[&restore[..], &["--replace"]].concat());
    assert!(line.contains("stop it first"), "{line}");
    assert_eq!(ada.say(1, "undisturbed").await, 3);
    let before = epoch(&ada).await;
    program.stop();

    let line = machine.refuses(&restore);
    assert!(line.contains("add --replace"), "{line}");
    fs::write(machine.data().join("jwt_secret"), "uFz3vLh0J4nQ9yWc2sRb7tKd1mXg6pAe\n").unwrap();
    let told = machine.says(&[&restore[..], &["--replace"]].concat());
    let aside: Vec<_> =
        names(&machine.data()).into_iter().filter(|name| name.contains(".aside-")).collect();
    assert_eq!(aside.len(), 2, "{aside:?}");
    for name in &aside {
        assert!(told.contains(name.as_str()), "{told}");
    }
    assert!(machine.data().join(&aside[1]).join("PG_VERSION").exists());
    let program = machine.serve();
    let ada = again(&program, &ada);
    assert_eq!(history(&ada, "/chats/general").await.as_array().unwrap().len(), 1);
    assert_ne!(epoch(&ada).await, before);
    program.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_elsewhere_is_backed_up_and_restored_too() {
    let mut server = Server::start().await;
    let (ada, ben) = (server.person("ada").await, server.person("ben").await);
    let private = ada.private_with(&ben).await;
    ada.say(private, "kept").await;
    let machine = Machine::new();
    let file = machine.file("a.backup");
    let at = |url: &str, arguments: &[&str]| {
        let data = machine.data();
        let variables = [
            ("SNUG_DATABASE_URL", url),
            ("SNUG_JWT_SECRET", SECRET),
            ("SNUG_DATA_DIR", data.to_str().unwrap()),
            PROGRAMS,
        ];
        snug(arguments, &variables).output().unwrap()
    };
    let own = server.database.url();
    let made = at(&own, &["backup", file.to_str().unwrap()]);
    assert!(made.status.success() && made.stderr.is_empty(), "{made:?}");
    ada.say(private, "lost").await;
    let settings = member(&file, "settings.env");
    assert!(!settings.contains(SECRET) && settings.contains("#SNUG_JWT_SECRET="), "{settings}");
    assert!(settings.contains("#SNUG_DATABASE_URL="), "{settings}");

    let beside = Database::empty().await;
    let restore = ["restore", file.to_str().unwrap()];
    let restored = at(&beside.url(), &restore);
    assert!(restored.status.success() && restored.stderr.is_empty(), "{restored:?}");
    let other = Server::on(beside, &[]).await;
    let ada_there = Person::nobody(&other).with_token(&ada.token);
    let path = format!("/chats/private/{private}");
    assert_eq!(history(&ada_there, &path).await[0]["content"], "kept");

    let refusals = [(&[][..], "is serving"), (&["--replace"], "is serving")];
    for (more, expected) in refusals {
        let output = at(&own, &[&restore[..], more].concat());
        assert!(String::from_utf8_lossy(&output.stderr).contains(expected), "{output:?}");
    }
    let before = epoch(&ada).await;
    server.stop().await;
    let output = at(&own, &restore);
    assert!(String::from_utf8_lossy(&output.stderr).contains("add --replace"), "{output:?}");
    let output = at(&own, &[&restore[..], &["--replace"]].concat());
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    let schemas = "select nspname::text from pg_namespace where nspname like 'public_aside_%'";
    let client = server.database.client().await;
    let aside: String = client.query_one(schemas, &[]).await.unwrap().get(0);
    assert!(told.contains(&aside), "{told}");
    let again = Server::on(server.database.clone(), &[]).await;
    let ada = Person::nobody(&again).with_token(&ada.token);
    assert_eq!(history(&ada, &path).await.as_array().unwrap().len(), 1);
    assert_ne!(epoch(&ada).await, before, "the same database, and yet another history");
    assert_eq!(ada.say(private, "goes on").await, 2);
    // What was kept aside is not part of the next backup.
    let second = machine.file("b.backup");
    let made = at(&own, &["backup", second.to_str().unwrap()]);
    assert!(made.status.success(), "{made:?}");
    let verified = at(&own, &["backup", "--verify", second.to_str().unwrap()]);
    assert!(verified.status.success(), "{verified:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_backups_at_once_are_both_whole_while_people_talk() {
    let machine = Machine::used();
    let program = machine.serve();
    let ada = Person::at(program.base()).joined_by("ada").await;
    let talking = tokio::spawn(async move {
        let mut said = 0;
        while said < 300 {
            said = ada.say(1, "on and on").await;
        }
        (ada, said)
    });
    let start = |name: &str| {
        let data = machine.data();
        let variables = [("SNUG_DATA_DIR", data.to_str().unwrap()), PROGRAMS];
        let mut command = snug(&["backup", machine.file(name).to_str().unwrap()], &variables);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let both = [start("a.backup"), start("b.backup")].map(|it| it.wait_with_output().unwrap());
    for output in both {
        assert!(output.status.success(), "{output:?}");
    }
    let (ada, said) = talking.await.unwrap();
    assert_eq!(ada.say(1, "last").await, said + 1);
    for name in ["a.backup", "b.backup"] {
        machine.says(&["backup", "--verify", machine.file(name).to_str().unwrap()]);
    }
    // The same name twice.
    let line = machine.refuses(&["backup", machine.file("a.backup").to_str().unwrap()]);
    assert!(line.contains("is there already"), "{line}");
    assert_eq!(names(machine.root.path()), ["a.backup", "b.backup", "data"]);
    program.stop();
}

/// What `README.md` says under a heading, its blocks of commands.
fn blocks(heading: &str) -> Vec<&'static str> {
    let readme = include_str!("../../README.md");
    let (_, under) = readme.split_once(&format!("\n## {heading}\n")).unwrap();
    let under = under.split("\n## ").next().unwrap();
    let blocks: Vec<_> = under.split("```\n").skip(1).step_by(2).collect();
    assert!(!blocks.is_empty(), "{heading}");
    blocks
}

/// A machine on which the commands of the README are given: `sudo` and `install` change no user there, and
/// `systemctl` stops the program that the test has started, and notes what it was told.
struct Administered {
    machine: Machine,
    programs: tempfile::TempDir,
}

impl Administered {
    fn new(machine: Machine) -> Self {
        // Programs stay on the disk: what is in memory may not be executable.
        let programs = tempfile::tempdir().unwrap();
        let place = programs.path().display();
        let snug = programs.path().join("snug");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_snug"), snug).unwrap();
        stand_in(programs.path(), "sudo", "[ \"$1 $2\" != '-u snug' ] || shift 2; exec \"$@\"");
        let install = "for it; do shift; case $it in -o|-g) ;; snug) ;; *) set -- \"$@\" \"$it\" ;; \
            esac; done; exec /usr/bin/install \"$@\"";
        stand_in(programs.path(), "install", install);
        let systemctl = format!(
            "echo \"$@\" >>{place}/told\n\
             case $1 in stop|disable) kill \"$(cat {place}/pid)\"\n\
             until grep -q '^State:.Z' /proc/$(cat {place}/pid)/status; do sleep 0.02; done ;; esac"
        );
        stand_in(programs.path(), "systemctl", &systemctl);
        Self { machine, programs }
    }

    fn serve(&self) -> Program {
        let program = self.machine.serve();
        fs::write(self.programs.path().join("pid"), program.id().to_string()).unwrap();
        program.line("serving address=");
        program
    }

    /// Gives these commands as they are written, apart from where the service keeps its data; returns what
    /// is printed, and what the service manager was told.
    fn follow(&self, commands: &str) -> (String, String) {
        let told = self.programs.path().join("told");
        fs::write(&told, "").unwrap();
        let data = self.machine.data();
        let commands = commands.replace("/var/lib/snug", data.to_str().unwrap());
        let path = format!("{}:/usr/bin:/bin", self.programs.path().display());
        let output = std::process::Command::new("/bin/sh")
            .args(["-ec", &commands])
            .current_dir(self.machine.root.path())
            .env_clear()
            .envs([("PATH", path.as_str()), ("HOME", "/nonexistent")])
            .output()
            .unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{commands}{output:?}");
        (String::from_utf8(output.stdout).unwrap(), fs::read_to_string(told).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readme_leads_to_a_backup_and_back() {
    let here = Administered::new(Machine::used());
    let program = here.serve();
    let ada = Person::at(program.base()).joined_by("ada").await;
    ada.say(1, "kept").await;
    let (said, told) = here.follow(blocks("Backup")[0]);
    assert!(said.contains("is a backup of") && said.contains("is whole: 1 person"), "{said}");
    assert_eq!(told, "");
    ada.say(1, "lost").await;
    let (said, told) = here.follow(blocks("Restore")[0]);
    assert!(said.contains("restored") && said.contains("is kept"), "{said}");
    assert_eq!(told, "stop snug\nstart snug\n");
    drop(program);
    let program = here.serve();
    let ada = again(&program, &ada);
    assert_eq!(history(&ada, "/chats/general").await.as_array().unwrap().len(), 1);
    program.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readme_leads_to_another_machine() {
    let old = Administered::new(Machine::used());
    let program = old.serve();
    let ada = Person::at(program.base()).joined_by("ada").await;
    ada.say(1, "carried").await;
    let [leave, arrive] = blocks("Move to another machine")[..] else { panic!("two blocks") };
    let (_, told) = old.follow(leave);
    assert_eq!(told, "disable --now snug.socket snug\n");
    drop(program);
    // There it serves already, as a package does that has just been installed.
    let new = Administered::new(Machine::used());
    let program = new.serve();
    program.base();
    fs::copy(old.machine.data().join("move.backup"), new.machine.file("move.backup")).unwrap();
    let (said, told) = new.follow(arrive);
    assert_eq!(told, "stop snug\nenable --now snug\n");
    assert!(said.contains("1 person, 1 chat, 1 message"), "{said}");
    drop(program);
    let program = new.serve();
    let ada = again(&program, &ada);
    assert_eq!(history(&ada, "/chats/general").await[0]["content"], "carried");
    program.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readme_leads_back_to_an_older_version() {
    let here = Administered::new(Machine::used());
    let program = here.serve();
    let ada = Person::at(program.base()).joined_by("ada").await;
    ada.say(1, "kept").await;
    let [before, back] = blocks("Go back to an older version")[..] else { panic!("two blocks") };
    here.follow(before);
    // As a newer version leaves it, of which this one is the older one then.
    let newer = "insert into schema_migrations (version, name, checksum) values (10000, 'x', 'x')";
    let status = std::process::Command::new("psql")
        .args(["-Xq", "-U", "snug", "-d", "snug", "-c", newer, "-h"])
        .arg(here.machine.data().join("postgres"))
        .status();
    assert!(status.unwrap().success());
    program.stop();
    let data = here.machine.data();
    let variables = [("SNUG_DATA_DIR", data.to_str().unwrap()), ("SNUG_LOG", "error"), PROGRAMS];
    let line = refused(1, &["serve", "--listen", "127.0.0.1:0"], &variables);
    assert!(line.contains("install a newer snug"), "{line}");
    // What runs meanwhile is stopped, if anything runs.
    let sleeper = std::process::Command::new("sleep").arg("100").spawn().unwrap();
    fs::write(here.programs.path().join("pid"), sleeper.id().to_string()).unwrap();
    here.follow(back);
    let mut sleeper = sleeper;
    sleeper.wait().unwrap();
    let program = here.serve();
    let ada = again(&program, &ada);
    assert_eq!(ada.say(1, "goes on").await, 2);
    program.stop();
}

/// A time of day some seconds from now, by which a program that is started now serves on a busy machine, too.
fn soon() -> String {
    let at = jiff::Timestamp::now().checked_add(std::time::Duration::from_secs(7)).unwrap();
    at.strftime("%H:%M:%S").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_made_by_itself_proved_and_handed_on() {
    let machine = Machine::used();
    let (backups, scripts) = (machine.data().join("backups"), tempfile::tempdir().unwrap());
    fs::create_dir_all(&backups).unwrap();
    // What there is already: more of one day than are kept, and what a killed one left.
    for name in ["snug-20200101T033000Z", "snug-20200101T023000Z", "snug-20200103T033000Z"] {
        fs::write(backups.join(format!("{name}.backup")), "old").unwrap();
    }
    fs::write(backups.join("snug-20200104T033000Z.backup.part"), "half").unwrap();
    fs::write(backups.join("notes.txt"), "mine").unwrap();
    let handed = scripts.path().join("handed");
    let script = format!("echo \"$1 ${{SNUG_JWT_SECRET-none}}\" >{}", handed.display());
    stand_in(scripts.path(), "hook", &script);
    let hook = scripts.path().join("hook");
    let at = soon();
    let settings = [
        ("SNUG_BACKUP_AT", at.as_str()),
        ("SNUG_BACKUP_KEEP", "2d"),
        ("SNUG_BACKUP_HOOK", hook.to_str().unwrap()),
        ("SNUG_JWT_SECRET", SECRET),
        ("TZ", "UTC"),
    ];
    let program = machine.serve_with(&settings);
    let ada = Person::at(program.base()).joined_by("ada").await;
    ada.say(1, "kept").await;
    program.line("verified a backup");
    until("the hook has run", || async { handed.exists() }).await;
    until("the metrics tell", || async {
        // On another connection: that one has been quiet for as long as the proof took.
        let metrics = again(&program, &ada).get("/metrics").await.text;
        let value = |name: &str| {
            let line = metrics.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
            line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()
        };
        value("snug_backup_failed") == 0.0
            && value("snug_backup_made_timestamp_seconds") > 1.7e9
            && value("snug_backup_verified_timestamp_seconds") > 1.7e9
            && value("snug_backup_bytes") > 1e3
    })
    .await;
    let there = names(&backups);
    assert_eq!(there.len(), 4, "{there:?}");
    assert_eq!(there[0], "notes.txt");
    assert_eq!(there[1], "snug-20200103T033000Z.backup");
    let newest = backups.join(&there[2]);
    let told = fs::read_to_string(&handed).unwrap();
    assert_eq!(told.trim_end(), format!("{} none", newest.display()));
    machine.says(&["backup", "--verify", newest.to_str().unwrap()]);
    let state: Value =
        serde_json::from_slice(&fs::read(backups.join("state.json")).unwrap()).unwrap();
    assert_eq!(state["made"]["what"], json!(newest.display().to_string()));
    assert_eq!(state["failed"], Value::Null);
    program.stop();

    // The next one, a moment later, need not be proved again, but it is a week later.
    let verified = |days: i64| {
        let mut state = state.clone();
        state["verified"]["at"] = json!(state["verified"]["at"].as_i64().unwrap() - days * 86_400);
        fs::write(backups.join("state.json"), state.to_string()).unwrap();
        let at = soon();
        let program = machine.serve_with(&[("SNUG_BACKUP_AT", at.as_str()), ("TZ", "UTC")]);
        program.line(if days > 6 { "verified a backup" } else { "made a backup" });
        program.stop().iter().any(|line| line.contains("verified a backup"))
    };
    assert!(!verified(1));
    assert!(verified(8));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_by_itself_that_fails_says_so_and_keeps_the_old_ones() {
    let machine = Machine::used();
    let backups = machine.data().join("backups");
    fs::create_dir_all(&backups).unwrap();
    let old = ["snug-20200101T033000Z.backup", "snug-20200102T033000Z.backup"];
    for name in old {
        fs::write(backups.join(name), "old").unwrap();
    }
    let at = soon();
    let settings =
        [("SNUG_BACKUP_AT", at.as_str()), ("TZ", "UTC"), ("SNUG_DISK_RESERVE", "1000TiB")];
    let program = machine.serve_with(&settings);
    let line = program.line("cannot back up");
    assert!(line.contains("SNUG_DISK_RESERVE"), "{line}");
    until("the metrics tell", || async {
        Person::at(program.base()).get("/metrics").await.text.contains("\nsnug_backup_failed 1\n")
    })
    .await;
    // Without the older one there would be too little room as well.
    assert_eq!(names(&backups), [old[0], old[1], "state.json"]);
    program.stop();
}

/// Across a network, encrypted, with a password that a shell and a list would take apart.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_elsewhere_is_reached_as_its_url_says() {
    let scratch = tempfile::tempdir().unwrap();
    certify(scratch.path());
    let rules = "hostssl all all 127.0.0.1/32 scram-sha-256";
    let elsewhere = with_certificate(scratch.path(), rules).await;
    let set = "alter user snug password 'a b,c%''d'";
    elsewhere.client().await.batch_execute(set).await.unwrap();
    let machine = Machine::new();
    let root = scratch.path().join("root.crt");
    let url = format!(
        "postgres://snug:a%20b%2Cc%25'd@localhost:{}/postgres?sslmode=verify-full&sslrootcert={}",
        elsewhere.port,
        root.display()
    );
    let data = machine.data();
    let variables = [
        ("SNUG_DATABASE_URL", url.as_str()),
        ("SNUG_JWT_SECRET", SECRET),
        ("SNUG_DATA_DIR", data.to_str().unwrap()),
        PROGRAMS,
    ];
    said(&["migrate"], &variables, "");
    let file = machine.file("a.backup");
    let told = said(&["backup", file.to_str().unwrap()], &variables, "");
    assert!(told.contains("0 people, 1 chat"), "{told}");
    said(&["backup", "--verify", file.to_str().unwrap()], &variables, "");
    let told = said(&["restore", "--replace", file.to_str().unwrap()], &variables, "");
    assert!(told.contains("the schema public_aside_"), "{told}");
}
