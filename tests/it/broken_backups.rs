//! Backups that are not whole: refused when they are restored, and never left behind when one is cut short.

use crate::backups::{Machine, PROGRAMS, names};
use crate::commands::snug;
use crate::operators::stand_in;
use crate::support::elsewhere::unprivileged_directory;
use crate::support::{Person, until};
use nix::sys::signal::{Signal, kill};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

/// Everything before the last member, which has its checksum, anew.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut tar = tar::Builder::new(Vec::new());
    let text = format!("{digest}\n");
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o600);
    header.set_mtime(0);
    tar.append_data(&mut header, "sha256", text.as_bytes()).unwrap();
    [bytes, &tar.into_inner().unwrap()].concat()
}

/// The same backup with another manifest, and a checksum that fits.
fn forged(file: &Path, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let whole = fs::read(file).unwrap();
    let mut tar = tar::Builder::new(Vec::new());
    let mut change = Some(change);
    for entry in tar::Archive::new(&whole[..]).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        if name == "manifest.json" {
            let mut manifest = serde_json::from_slice(&bytes).unwrap();
            change.take().unwrap()(&mut manifest);
            bytes = serde_json::to_vec(&manifest).unwrap();
        }
        if name != "sha256" {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, &name, &bytes[..]).unwrap();
        }
    }
    let mut bytes = tar.into_inner().unwrap();
    bytes.truncate(bytes.len() - 1024);
    sealed(&bytes)
}

#[test]
fn what_is_not_a_whole_backup_is_refused_before_anything_is_touched() {
    let machine = Machine::used();
    machine.says(&["migrate"]);
    let file = machine.back_up("a.backup");
    let whole = fs::read(&file).unwrap();
    let bad = machine.file("bad.backup");
    let fresh = Machine::new();
    let refuses = |bytes: &[u8], expected: &str| {
        fs::write(&bad, bytes).unwrap();
        for arguments in [&["backup", "--verify"][..], &["restore"], &["restore", "--replace"]] {
            let line = fresh.refuses(&[arguments, &[bad.to_str().unwrap()]].concat());
            assert!(line.contains(expected), "{arguments:?}: {line}");
            assert!(!fresh.data().exists(), "{line}");
        }
    };
    for tenth in 1..10 {
        refuses(&whole[..whole.len() * tenth / 10], "is damaged");
    }
    for place in [2_000, whole.len() / 2, whole.len() - 1] {
        let mut changed = whole.clone();
        changed[place] ^= 0x10;
        refuses(&changed, "is damaged");
    }
    refuses(b"", "is not a backup of snug");
    refuses(&b"PGDMP".repeat(1_000), "is not a backup of snug");
    let mut other = tar::Builder::new(Vec::new());
    other.append_data(&mut header(), "format", &b"other\n"[..]).unwrap();
    refuses(&other.into_inner().unwrap(), "is not a backup of snug");
    let newer = whole.clone();
    let at = newer.windows(14).position(|window| window == b"snug backup 1\n").unwrap();
    let mut newer = newer;
    newer[at + 12] = b'2';
    refuses(&newer, "install a newer one");
    let line = fresh.refuses(&["restore", fresh.file("absent").to_str().unwrap()]);
    assert!(line.contains("cannot read"), "{line}");

    // From a newer snug: it can be proved, but not used.
    let newer = forged(&file, |manifest| {
        manifest["schema"] = json!(10_000);
        manifest["snug"] = json!("9.9.9");
    });
    fs::write(&bad, &newer).unwrap();
    let line = fresh.refuses(&["restore", bad.to_str().unwrap()]);
    assert!(line.contains("install snug 9.9.9"), "{line}");
    assert!(!fresh.data().exists());
}

fn header() -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(6);
    header
}

/// A whole file whose database is not what its manifest says.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_not_what_it_says_is_not_restored() {
    let machine = Machine::used();
    let program = machine.serve();
    let ada = Person::at(program.base()).joined_by("ada").await;
    ada.say(1, "one").await;
    let file = machine.back_up("a.backup");
    program.stop();
    let bad = machine.file("bad.backup");
    let fresh = Machine::new();
    for (change, expected) in [
        (
            (|manifest| manifest["chats"][0]["last_seq"] = json!(2)) as fn(&mut Value),
            "chat 1 has 1",
        ),
        (|manifest| manifest["chats"][0]["digest"] = json!("1:1"), "messages of chat 1"),
        (|manifest| manifest["tables"][0]["rows"] = json!(77), "rows and not 77"),
    ] {
        fs::write(&bad, forged(&file, change)).unwrap();
        for arguments in [&["backup", "--verify"][..], &["restore"]] {
            let line = fresh.refuses(&[arguments, &[bad.to_str().unwrap()]].concat());
            assert!(line.contains("is not what it says") && line.contains(expected), "{line}");
            assert!(!fresh.data().join("postgres").exists(), "{line}");
            assert!(!fresh.data().join("scratch").exists(), "{line}");
        }
    }
}

/// PostgreSQL's programs, with a `pg_dump` whose output is taken only up to here until there is a sign.
fn slow_dump(signs: &Path) -> tempfile::TempDir {
    let programs = unprivileged_directory();
    let version = fs::read_dir("/usr/lib/postgresql").unwrap().flatten().map(|it| it.path()).max();
    let bindir = version.unwrap().join("bin");
    for name in ["initdb", "postgres", "psql", "pg_restore"] {
        std::os::unix::fs::symlink(bindir.join(name), programs.path().join(name)).unwrap();
    }
    let real = bindir.join("pg_dump");
    let (real, signs) = (real.display(), signs.display());
    let script = format!(
        "[ \"$1\" != --version ] || exec {real} --version\n\
         exec bash -c 'set -o pipefail; {real} \"$@\" | (head -c 2000; echo >{signs}/begun; \
         while [ -d {signs} ] && ! [ -e {signs}/go ]; do sleep 0.05; done; cat)' sh \"$@\""
    );
    stand_in(programs.path(), "pg_dump", &script);
    fs::set_permissions(programs.path(), fs::Permissions::from_mode(0o755)).unwrap();
    programs
}

/// More than fits into pipes, so that a dump waits for its reader.
fn fill(machine: &Machine) {
    let fill = "insert into messages (id, chat_type, chat_id, seq, sender_id, content, timestamp,
            draft_key, content_hash)
        select nextval('message_ids'), 'general', 1, n, 1,
            (select string_agg(md5(random()::text || n || i), '') from generate_series(1, 30) i), now(),
            's' || n, '' from generate_series(1, 3000) n;
        update chats set last_seq = 3000 where id = 1";
    let status = std::process::Command::new("psql")
        .args(["-Xq", "-v", "ON_ERROR_STOP=1", "-U", "snug", "-d", "snug", "-c", fill, "-h"])
        .arg(machine.data().join("postgres"))
        .status();
    assert!(status.unwrap().success());
}

/// A backup that hangs in the middle, beside an old one.
async fn half_made(machine: &Machine, programs: &Path) -> std::process::Child {
    let data = machine.data();
    let variables = [
        ("SNUG_DATA_DIR", data.to_str().unwrap()),
        ("SNUG_PG_BINDIR", programs.to_str().unwrap()),
        PROGRAMS,
    ];
    let _ = fs::remove_file(machine.file("begun"));
    let child = snug(&["backup", machine.file("new.backup").to_str().unwrap()], &variables)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("the dump has begun", || async { machine.file("begun").exists() }).await;
    assert!(machine.file("new.backup.part").exists() && !machine.file("new.backup").exists());
    child
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_killed_in_the_middle_never_has_a_backups_name() {
    let machine = Machine::used();
    let program = machine.serve();
    program.base();
    fill(&machine);
    machine.back_up("old.backup");
    let programs = slow_dump(machine.root.path());
    let old = fs::read(machine.file("old.backup")).unwrap();
    // Killed, asked to stop, and its PostgreSQL gone under it.
    let mut child = half_made(&machine, programs.path()).await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!machine.file("new.backup").exists());

    let child = half_made(&machine, programs.path()).await;
    kill(nix::unistd::Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(!output.status.success(), "{output:?}");
    assert!(!machine.file("new.backup").exists() && !machine.file("new.backup.part").exists());

    let child = half_made(&machine, programs.path()).await;
    let record = fs::read_to_string(machine.data().join("postgres/postmaster.pid")).unwrap();
    let postmaster: i32 = record.lines().next().unwrap().parse().unwrap();
    kill(nix::unistd::Pid::from_raw(postmaster), Signal::SIGQUIT).unwrap();
    fs::write(machine.file("go"), "").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(!machine.file("new.backup").exists() && !machine.file("new.backup.part").exists());

    assert_eq!(fs::read(machine.file("old.backup")).unwrap(), old);
    // And then it goes well.
    let nobody = Person::at(program.base());
    until("PostgreSQL is back", || async { nobody.get("/readyz").await.status == 200 }).await;
    let file = machine.back_up("new.backup");
    machine.says(&["backup", "--verify", file.to_str().unwrap()]);
    program.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_leaves_the_disk_its_reserve() {
    let machine = Machine::used();
    machine.says(&["migrate"]);
    let data = machine.data();
    let variables =
        [("SNUG_DATA_DIR", data.to_str().unwrap()), ("SNUG_DISK_RESERVE", "1000TiB"), PROGRAMS];
    let file = machine.file("a.backup");
    let output = snug(&["backup", file.to_str().unwrap()], &variables).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("SNUG_DISK_RESERVE") && said.contains("make room"), "{said}");
    assert_eq!(names(machine.root.path()), ["data"]);
    let line = machine.refuses(&["backup", machine.file("no/a.backup").to_str().unwrap()]);
    assert!(line.contains("make that directory first"), "{line}");
}

/// A disk that runs full while it is written to.
#[test]
fn a_disk_that_fills_up_in_the_middle_keeps_what_was_there() {
    let machine = Machine::used();
    machine.says(&["migrate"]);
    let output = std::process::Command::new("unshare")
        .args(["-m", "sh", "-c"])
        .arg(
            "mkdir \"$2/small\" && mount -t tmpfs -o size=16k tmpfs \"$2/small\" && \
             echo old >\"$2/small/old.backup\" && ! \"$1\" backup \"$2/small/new.backup\" && \
             ls \"$2/small\"",
        )
        .args(["sh", env!("CARGO_BIN_EXE_snug")])
        .arg(machine.root.path())
        .env_clear()
        .envs([("SNUG_DATA_DIR", machine.data().to_str().unwrap()), PROGRAMS])
        .envs([("SNUG_DISK_RESERVE", "0"), ("HOME", "/nonexistent")])
        .output()
        .unwrap();
    let line = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{output:?}");
    assert!(line.contains("cannot write") && line.contains("make room there"), "{line}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "old.backup\n");
}
