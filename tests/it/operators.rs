//! What an operator does from the command line, while snug is serving and while it is not.

use crate::commands::snug;
use crate::support::{PASSWORD, Person, SECRET, Server};
use serde_json::json;
use std::io::Write;
use std::process::Stdio;

/// What the command prints, given this standard input; nothing may fail or be complained about.
fn said(arguments: &[&str], variables: &[(&str, &str)], input: &str) -> String {
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

#[test]
fn commands_without_a_server_start_and_stop_postgresql_silently() {
    let scratch = crate::starts::scratch();
    let data = scratch.path().join("data");
    let variables = [("SNUG_DATA_DIR", data.to_str().unwrap()), ("PATH", "/usr/bin:/bin")];
    said(&["user", "add", "ada", "ada@example.org"], &variables, "correct horse\n");
    assert!(said(&["user", "list"], &variables, "").starts_with("1\tada\tada@example.org\t"));
    assert!(!data.join("postgres/postmaster.pid").exists());
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
