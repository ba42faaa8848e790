//! A disk that is full, or nearly so: nothing is stored, everybody is told so, and reading goes on.

use crate::commands::snug;
use crate::pages::Browser;
use crate::support::{PASSWORD, Person, Program, Server, directory, until};
use nix::unistd::{getegid, geteuid};
use serde_json::json;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};

const FULL: &str = "ready to read; the disk is full, and nothing is stored\n";

async fn is_full(person: &Person) -> bool {
    let ready = person.get("/readyz").await;
    assert_eq!(ready.status, 200, "{}", ready.text);
    ready.text == FULL
}

async fn assert_full(person: &Person, expected: bool) {
    assert_eq!(is_full(person).await, expected);
    let metrics = person.get("/metrics").await.text;
    let gauge = format!("\nsnug_storage_full {}\n", u8::from(expected));
    assert!(metrics.contains(&gauge), "{metrics}");
}

/// Everything by which people add something is a definite no, for as long as it lasts.
async fn assert_nothing_is_stored(ada: &Person, bob: &Person, room: i64) {
    let email = "eve@example.org";
    for (path, body) in [
        ("/auth/signup", json!({"username": "eve", "password": PASSWORD, "email": email})),
        ("/chats/1/messages", json!({"content": "x", "client_id": "new"})),
        (&*format!("/chats/{room}/messages"), json!({"content": "x"})),
        ("/chats/private", json!({"receiver_id": bob.id})),
        ("/chats/room", json!({"name": "Cake"})),
        ("/chats/1/read", json!({"seq": 2})),
    ] {
        let answer = ada.post(path, body).await;
        let problem = answer.refused(503, "storage_full");
        assert!(problem["detail"].as_str().unwrap().contains("disk is full"), "{path}");
        assert!(answer.headers["retry-after"].to_str().unwrap().parse::<u32>().unwrap() >= 1);
    }
    // What was stored before is not called lost, and what cannot be is still told from it.
    let again = json!({"content": "before", "client_id": "before"});
    assert_eq!(ada.post("/chats/1/messages", again).await.expect(200)["seq"], 1);
    let other = json!({"content": "other", "client_id": "before"});
    ada.post("/chats/1/messages", other).await.refused(409, "client_id_reused");
    bob.post(&format!("/chats/{room}/messages"), json!({"content": "x"}))
        .await
        .refused(404, "not_found");
    // Nor is anything changed.
    let message = "/chats/1/messages/1";
    let edit = json!({"content": "other"});
    ada.patch(message, edit).await.refused(503, "storage_full");
    ada.delete(message).await.refused(503, "storage_full");
    for change in ["reactions/👍", "pin"] {
        ada.put(&format!("/chats/{room}/messages/1/{change}")).await.refused(503, "storage_full");
    }
    assert_eq!(ada.get(message).await.expect(200).get("change"), None);
    let mut socket = ada.socket("/ws").await;
    // Many offences would end the socket, but this is nobody's fault.
    for n in 0..60 {
        let client_id = format!("socket-{n}");
        let draft =
            json!({"type": "message", "chat_id": 1, "content": "x", "client_id": client_id});
        socket.send(draft).await;
        let error = socket.expect("error").await;
        assert_eq!(
            (&error["code"], &error["client_id"], &error["chat_id"]),
            (&json!("storage_full"), &json!(client_id), &json!(1))
        );
    }
    let react = json!({"type": "react", "chat_id": 1, "seq": 1, "emoji": "👍", "on": true});
    socket.send(react).await;
    assert_eq!(socket.expect("error").await["code"], "storage_full");
    let known =
        json!({"type": "message", "chat_id": 1, "content": "before", "client_id": "before"});
    socket.send(known).await;
    assert_eq!(socket.expect("ack").await["seq"], 1);
}

/// What is known to find no room is refused at once.
async fn assert_no_position_is_taken(ada: &Person) {
    let mut socket = ada.socket("/ws").await;
    for _ in 0..60 {
        socket.send(json!({"type": "read", "chat_id": 1, "seq": 2})).await;
        assert_eq!(socket.expect("error").await["code"], "storage_full");
    }
    socket.send(json!({"type": "ping"})).await;
    socket.expect("pong").await;
}

async fn assert_all_can_be_read(ada: &Person, room: i64) {
    for path in ["/chats", "/auth/me", "/users?q=bob", "/chats/general/history"] {
        ada.get(path).await.expect(200);
    }
    let mut socket = ada.socket(&format!("/ws?after=1:0,{room}:0")).await;
    for _ in 0..2 {
        socket.expect("caught_up").await;
    }
}

/// Two people, a room, and a message in the general chat that has a name.
async fn talk(nobody: &Person) -> (Person, Person, i64) {
    let (ada, bob) = (nobody.joined_by("ada").await, nobody.joined_by("bob").await);
    for name in ["before", "after"] {
        let draft = json!({"content": name, "client_id": name});
        ada.post("/chats/1/messages", draft).await.expect(201);
    }
    let (room, _) = ada.room("Tea").await;
    (ada, bob, room)
}

fn said_of_the_disk(lines: &[String]) -> Vec<&str> {
    let telling = |line: &&String| line.contains("disk") && line.contains("WARN");
    lines.iter().filter(telling).map(String::as_str).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn below_the_reserve_nothing_is_stored_and_all_can_be_read() {
    let scratch = directory();
    let program = |reserve| {
        let settings = [
            ("SNUG_DISK_RESERVE", reserve),
            ("SNUG_RATE_LIMITS", "off"),
            ("PATH", "/usr/bin:/bin"),
        ];
        Program::start_in(scratch.path(), &settings)
    };
    let first = program("0");
    let (ada, bob, room) = talk(&Person::at(first.base())).await;
    assert_full(&ada, false).await;
    assert!(said_of_the_disk(&first.stop()).is_empty());

    // More than any disk has.
    let second = program("1000TiB");
    let nobody = Person::at(second.base());
    let (ada, bob) =
        (nobody.log_in(&ada.name, PASSWORD).await, nobody.log_in(&bob.name, PASSWORD).await);
    assert_full(&ada, true).await;
    assert_nothing_is_stored(&ada, &bob, room).await;
    assert_no_position_is_taken(&ada).await;
    assert_all_can_be_read(&ada, room).await;
    // What takes something away needs next to nothing.
    let change = json!({"current_password": PASSWORD, "new_password": "another password"});
    bob.post("/auth/password", change).await.expect(204);
    bob.push("/auth/logout").await.expect(204);
    let lines = second.stop();
    assert_eq!(said_of_the_disk(&lines).len(), 1, "{lines:#?}");
}

/// PostgreSQL elsewhere says that its disk is full; no more is known of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_finds_no_room_is_believed_until_it_stores_again() {
    let server = Server::start().await;
    let (ada, bob, room) = talk(&Person::nobody(&server)).await;
    let mut browser = Browser::signed_in(&server, "ada").await;
    let mut reader = bob.socket("/ws/general").await;
    let client = server.database.client().await;
    let fill = "create function no_room() returns trigger language plpgsql as $$
        begin raise exception 'could not extend file' using errcode = 'disk_full'; end $$;
        create trigger no_room before insert or update on users
            for each statement execute function no_room();
        create trigger no_room before insert or update on chats
            for each statement execute function no_room();
        create trigger no_room before insert or update on read_positions
            for each statement execute function no_room()";
    client.batch_execute(fill).await.unwrap();
    assert_nothing_is_stored(&ada, &bob, room).await;
    assert_full(&ada, true).await;
    assert_all_can_be_read(&ada, room).await;
    let page = browser.submit("/", "/rooms", &[("name", "Cake"), ("description", "")]).await;
    assert_eq!(page.status, 503);
    assert!(page.text.contains("The server&#x27;s disk is full"), "{}", page.text);

    let empty = "drop function no_room cascade";
    client.batch_execute(empty).await.unwrap();
    let mut seq = 2;
    until("it is believed that there is room", || {
        seq += 1;
        let ada = &ada;
        async move {
            assert_eq!(ada.say(1, "again").await, seq);
            !is_full(ada).await
        }
    })
    .await;
    for expected in 3..=seq {
        assert_eq!(reader.expect("message").await["seq"], expected);
    }
}

/// In a mount namespace of its own, with a small file system on its data directory: as root, or else in
/// a user namespace, through another one in which we are who we were.
fn on_a_small_disk(program: &Command, place: &Path) -> Command {
    let place = place.to_str().unwrap();
    let mount = format!("mount -t tmpfs -o size=224m,mode=0755 tmpfs {place}");
    let mut command = Command::new("unshare");
    if geteuid().is_root() {
        command.args(["-m", "sh", "-c", &format!("{mount} && exec \"$@\""), "sh"]);
    } else {
        let (user, group) = (geteuid(), getegid());
        let back = format!("exec unshare -U --map-user={user} --map-group={group} \"$@\"");
        command.args(["-Urm", "sh", "-c", &format!("{mount} && {back}"), "sh"]);
    }
    command.arg(program.get_program()).args(program.get_args()).env_clear();
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::null());
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_is_noticed_in_time_and_so_is_its_end() {
    let scratch = directory();
    let data = scratch.path().join("data");
    let settings = [("SNUG_RATE_LIMITS", "off"), ("PATH", "/usr/bin:/bin")];
    let program = Program::start_wrapped(&data, &settings, |program| {
        on_a_small_disk(&program, scratch.path())
    });
    let (ada, bob, room) = talk(&Person::at(program.base())).await;
    assert_full(&ada, false).await;
    // The disk as the program sees it.
    let inside = format!("/proc/{}/root{}", program.id(), scratch.path().display());
    let free = nix::sys::statvfs::statvfs(Path::new(&inside)).unwrap();
    let free = free.blocks_available() * free.fragment_size();
    let ballast = Path::new(&inside).join("ballast");
    // As much as leaves less than the reserve, and more than the last of it.
    let ballast_bytes = io::repeat(0).take(free - 48 * 1024 * 1024);
    io::copy(&mut { ballast_bytes }, &mut File::create(&ballast).unwrap()).unwrap();
    until("it is noticed", || is_full(&ada)).await;
    assert_nothing_is_stored(&ada, &bob, room).await;
    assert_all_can_be_read(&ada, room).await;
    assert_full(&ada, true).await;
    let ada_again = ada.log_in(&ada.name, PASSWORD).await;

    fs::remove_file(&ballast).unwrap();
    until("its end is noticed", || async { !is_full(&ada).await }).await;
    assert_eq!(ada_again.say(1, "again").await, 3);
    let lines = program.stop();
    let told = said_of_the_disk(&lines);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].contains("the disk is full") && told[1].contains("room on the disk again"));
}

#[test]
fn the_reserve_is_a_size() {
    let refused = snug(&["config"], &[("SNUG_DISK_RESERVE", "64 megs")]).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success());
    assert!(said.contains("SNUG_DISK_RESERVE") && said.contains("write it like 64MiB"), "{said}");
    let shown = snug(&["config"], &[("SNUG_DISK_RESERVE", "2048MiB")]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.lines().any(|line| line.starts_with("SNUG_DISK_RESERVE") && line.contains("2GiB"))
    );
}
