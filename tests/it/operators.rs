//! What an operator does from the command line, while snug is serving and while it is not.

use crate::commands::snug;
use crate::support::{Database, PASSWORD, Person, Program, SECRET, Server, directory, put_cluster};
use serde_json::json;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

/// What the command prints, given this standard input; nothing may fail or be complained about.
pub(crate) fn said(arguments: &[&str], variables: &[(&str, &str)], input: &str) -> String {
    let mut child = snug(arguments, variables)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_and_a_token_created_by_command_work_at_once() {
    let server = Server::start().await;
    server.person("ada").await;
    let url = server.database.url();
    let variables = [("SNUG_DATABASE_URL", url.as_str()), ("SNUG_JWT_SECRET", SECRET)];
    let password = format!("{PASSWORD}\n");
    let added = said(&["user", "add", "ben", "ben@example.org"], &variables, &password);
    assert_eq!(added, "ben is user 2\n");
    let mut ben = Person::nobody(&server).log_in("ben", PASSWORD).await;
    ben.token = said(&["token", "BEN", "--lifetime", "90s"], &variables, "").trim_end().to_owned();
    assert_eq!(ben.get("/auth/me").await.expect(200)["username"], json!("ben"));

    let list = said(&["user", "list"], &variables, "");
    let lines: Vec<Vec<&str>> = list.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(lines[0][..3], ["1", "ada", "ada@example.org"]);
    assert_eq!(lines[1][..3], ["2", "ben", "ben@example.org"]);
}

/// The line that a request left in the log, without what differs from one to the next.
fn requests(said: &[String], path: &str) -> Vec<String> {
    let named = format!(" path={path} ");
    said.iter().filter(|line| line.contains(&named)).cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_who_was_refused_but_not_who_asked_for_health() {
    let database = Database::new().await;
    let settings = [("SNUG_TRUSTED_PROXIES", "127.0.0.1"), ("SNUG_LOG", "info,snug::live=debug")];
    let program = Program::start(&database, &settings);
    let nobody = Person::at(program.base());
    let from_afar = async |path: &str, body: serde_json::Value| {
        let request = nobody.request(reqwest::Method::POST, path);
        nobody.send(request.header("x-forwarded-for", "192.0.2.7").json(&body)).await
    };
    from_afar("/auth/login", json!({"username": "ada", "password": "wrong horse"})).await;
    from_afar("/auth/signup", json!({"username": "", "password": "x", "email": "y"})).await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        nobody.get(path).await;
    }
    let account = json!({"username": "ada", "password": PASSWORD, "email": "ada@example.org"});
    nobody.post("/auth/signup", account).await.expect(201);
    let ada = nobody.log_in("ada", PASSWORD).await;
    let mut socket = ada.socket("/ws").await;
    ada.post("/auth/logout", json!({})).await.expect(204);
    socket.closed().await;
    let said = program.stop();
    for (path, address) in [("/auth/login", 1), ("/auth/signup", 1)] {
        let lines = requests(&said, path);
        let addressed = lines.iter().filter(|line| line.contains("address=192.0.2.7")).count();
        assert_eq!((lines.len(), addressed), (2, address), "{path}: {said:#?}");
        assert_eq!(lines.iter().filter(|line| line.contains("address=")).count(), 1, "{path}");
    }
    let closed = said.iter().find(|line| line.contains("closing a socket")).unwrap();
    assert!(closed.contains("address=127.0.0.1"), "{closed}");
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert!(requests(&said, path).is_empty(), "{said:#?}");
    }
    let durations = said.iter().filter_map(|line| line.split("duration_ms=").nth(1));
    let durations: Vec<&str> = durations.filter_map(|rest| rest.split(' ').next()).collect();
    assert!(durations.len() > 4, "{said:#?}");
    for duration in durations {
        let decimals = duration.split_once('.').unwrap().1;
        assert_eq!(decimals.len(), 1, "{duration}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_accounts_are_said_to_be_none() {
    let url = Database::new().await.url();
    let variables = [("SNUG_DATABASE_URL", url.as_str()), ("SNUG_JWT_SECRET", SECRET)];
    assert!(said(&["user", "list"], &variables, "").contains("no accounts yet"));
}

/// A program of this name, in the place of another one.
pub(crate) fn stand_in(scratch: &Path, name: &str, script: &str) {
    let path = scratch.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}

/// An upgrade of the distribution removes packages that nobody asked for.
#[test]
fn the_postgresql_that_is_used_is_marked_as_wanted() {
    let programs = tempfile::tempdir().unwrap();
    let told = programs.path().join("told");
    let script = format!(
        "case $1 in showauto) shift; echo \"$@\" ;; manual) echo \"$@\" >>'{}' ;; esac",
        told.display()
    );
    stand_in(programs.path(), "apt-mark", &script);
    stand_in(programs.path(), "sudo", "[ \"$1\" != -n ] || shift; exec \"$@\"");
    let path = format!("{}:/usr/bin:/bin", programs.path().display());
    let need = concat!(env!("CARGO_MANIFEST_DIR"), "/.ci/need");
    let status = std::process::Command::new(need).arg("postgresql").env("PATH", path).status();
    assert!(status.unwrap().success());
    let told = std::fs::read_to_string(told).unwrap();
    assert!(told.starts_with("manual postgresql-"), "{told}");
}

#[test]
fn make_alone_says_what_can_be_made() {
    let output = std::process::Command::new("make")
        .args(["--no-print-directory", "-C", env!("CARGO_MANIFEST_DIR")])
        .env_remove("MAKEFLAGS")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    for target in ["build", "run", "test", "install", "deb"] {
        assert!(said.contains(&format!("make {target} ")), "{target} is missing from {said}");
    }
}

#[test]
fn the_unit_exposes_little_and_does_not_retry_wrong_settings() {
    let unit = concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/snug.service");
    let output = std::process::Command::new("systemd-analyze")
        .args(["security", "--offline=yes", "--no-pager", "--threshold=14", unit])
        .output()
        .expect("systemd-analyze, which .ci/need installs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let unit = std::fs::read_to_string(unit).unwrap();
    assert!(unit.lines().any(|line| line == "RestartPreventExitStatus=2"));
    // Each line has its reason in front of it, or shares that of the line before.
    let (mut is_explained, mut blank) = (false, true);
    for line in unit.lines() {
        match line.chars().next() {
            Some('#') => is_explained = true,
            Some('[') | None => blank = true,
            Some(_) => {
                assert!(is_explained || blank, "{line}");
                blank = false;
            }
        }
    }
}

#[test]
fn a_hangup_ends_the_service_like_a_termination() {
    let scratch = directory();
    put_cluster(&scratch.path().join("data"));
    let program = Program::start_in(&scratch.path().join("data"), &[("PATH", "/usr/bin:/bin")]);
    program.line("serving address=");
    let said = program.stop_by(nix::sys::signal::Signal::SIGHUP);
    assert!(said.iter().any(|line| line.contains("stopped")), "{said:#?}");
    assert!(!scratch.path().join("data/postgres/postmaster.pid").exists());
}

#[test]
fn commands_without_a_server_start_and_stop_postgresql_silently() {
    let scratch = directory();
    let data = scratch.path().join("data");
    let variables = [("SNUG_DATA_DIR", data.to_str().unwrap()), ("PATH", "/usr/bin:/bin")];
    said(&["migrate"], &variables, "");
    said(&["user", "add", "ada", "ada@example.org"], &variables, "correct horse\n");
    assert!(said(&["user", "list"], &variables, "").starts_with("1\tada\tada@example.org\t"));
    assert!(!data.join("postgres/postmaster.pid").exists());
}

#[test]
fn a_command_never_makes_a_database() {
    let scratch = directory();
    let data = scratch.path().join("data");
    let variables = [("SNUG_DATA_DIR", data.to_str().unwrap()), ("PATH", "/usr/bin:/bin")];
    for command in [&["user", "list"][..], &["token", "ada"]] {
        let line = crate::commands::refused(1, command, &variables);
        assert!(line.contains(data.to_str().unwrap()), "{line}");
    }
    assert!(!data.exists());
}

/// An older server may be using it.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_server_and_an_explicit_command_change_the_schema() {
    let database = Database::empty().await;
    let url = database.url();
    let scratch = directory();
    let variables =
        [("SNUG_DATABASE_URL", url.as_str()), ("SNUG_DATA_DIR", scratch.path().to_str().unwrap())];
    let line = crate::commands::refused(1, &["user", "list"], &variables);
    assert!(line.contains("snug migrate"), "{line}");
    let tables = "select count(*) from pg_tables where schemaname = 'public'";
    let client = database.client().await;
    assert_eq!(client.query_one(tables, &[]).await.unwrap().get::<_, i64>(0), 0);
    assert_eq!(said(&["migrate"], &variables, ""), "the schema is up to date\n");
    assert!(said(&["user", "list"], &variables, "").contains("no accounts yet"));
    // Neither made a key, and without the server's own a token would be worth nothing.
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
    assert!(crate::commands::refused(1, &["token", "ada"], &variables).contains("no key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_command_says_why_in_one_line() {
    let server = Server::start().await;
    server.person("ada").await;
    let url = server.database.url();
    let variables = [("SNUG_DATABASE_URL", url.as_str()), ("SNUG_JWT_SECRET", SECRET)];
    let line = crate::commands::refused(1, &["token", "nobody"], &variables);
    assert!(line.contains("no user nobody"), "{line}");
    // Standard input is empty.
    let line = crate::commands::refused(1, &["user", "add", "ben", "ben@example.org"], &variables);
    assert!(line.contains("password"), "{line}");
}
