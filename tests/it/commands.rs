//! The command line from outside: what is printed, where, and with which exit status.

use crate::support::directory;
use std::process::{Command, Output, Stdio};

/// The program without any of our own environment variables.
pub(crate) fn snug(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_snug"));
    command
        .args(arguments)
        .env_clear()
        .env("HOME", "/nonexistent")
        .envs(variables.iter().copied())
        .stdin(Stdio::null());
    command
}

fn output(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    snug(arguments, variables).output().unwrap()
}

/// Standard error of a start that fails: one line, with nothing on standard output.
pub(crate) fn refused(status: i32, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let output = output(arguments, variables);
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{line}");
    assert!(output.stdout.is_empty());
    assert!(line.starts_with("snug: ") && line.ends_with('\n'), "{line:?}");
    assert_eq!(line.lines().count(), 1, "{line:?}");
    line
}

fn printed(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let output = output(arguments, variables);
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn wrong_usage_is_one_line_and_status_2() {
    assert!(refused(2, &["--colour"], &[]).contains("'--colour'"));
    assert!(refused(2, &["--listn", "x"], &[]).contains("did you mean --listen?"));
    assert!(refused(2, &["sevre"], &[]).contains("'sevre'"));
    assert!(refused(2, &["config", "all"], &[]).contains("see snug --help"));
    assert!(refused(2, &["a\nb\u{1b}[31m"], &[]).contains("see snug --help"));
}

#[test]
fn a_misspelt_setting_stops_every_command() {
    for command in [&[][..], &["config"]] {
        let line = refused(2, command, &[("SNUG_LISTN", "127.0.0.1:1")]);
        assert_eq!(line, "snug: SNUG_LISTN is not a setting; did you mean SNUG_LISTEN?\n");
    }
}

#[test]
fn a_bad_value_stops_the_start_and_names_its_setting() {
    assert!(
        refused(2, &[], &[("SNUG_LISTEN", "everywhere")]).contains("SNUG_LISTEN: \"everywhere\"")
    );
    assert!(refused(2, &["--listen", "x\ny"], &[]).contains("--listen: \"x\\ny\""));
    let line = refused(2, &[], &[("SNUG_JWT_SECRET", "hunter2")]);
    assert!(line.contains("SNUG_JWT_SECRET is too short") && !line.contains("hunter2"), "{line}");
    let sample = "replace-me-with-the-output-of-openssl-rand-base64-32";
    assert!(refused(2, &[], &[("SNUG_JWT_SECRET", sample)]).contains("sample"));
}

#[test]
fn a_data_directory_that_cannot_be_written_stops_the_start() {
    let line = refused(1, &["--listen", "127.0.0.1:0", "--data-dir", "/proc/snug"], &[]);
    assert!(line.contains("/proc/snug"), "{line}");
}

#[test]
fn an_occupied_port_stops_the_start_and_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let scratch = directory();
    let directory = scratch.path().to_str().unwrap();
    let line = refused(1, &["--listen", &address, "--data-dir", directory], &[]);
    assert!(line.starts_with(&format!("snug: --listen: {address} is in use")), "{line}");
    let variables = [("SNUG_LISTEN", address.as_str()), ("SNUG_DATA_DIR", directory)];
    let line = refused(1, &[], &variables);
    assert!(line.starts_with(&format!("snug: SNUG_LISTEN: {address} is in use")), "{line}");
    assert_eq!(std::fs::read_dir(directory).unwrap().count(), 0, "nothing is left half-done");
}

#[test]
fn config_shows_the_settings_in_force_without_secrets_or_side_effects() {
    let scratch = directory();
    let directory = scratch.path().join("data");
    let key = "uFz3vLh0J4nQ9yWc2sRb7tKd1mXg6pAe";
    let text = printed(
        &["config", "--data-dir", directory.to_str().unwrap()],
        &[("SNUG_JWT_SECRET", key), ("DATABASE_URL", "postgres://ada:hunter2@db/snug")],
    );
    assert!(!text.contains(key) && !text.contains("hunter2"), "{text}");
    let line = |name: &str| {
        let mut lines = text.lines().filter(|line| line.split(' ').next() == Some(name));
        lines.next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("SNUG_LISTEN"), "SNUG_LISTEN = 127.0.0.1:8000 # default");
    assert_eq!(line("SNUG_JWT_SECRET"), "SNUG_JWT_SECRET = ******** # from environment");
    assert!(line("SNUG_DATA_DIR").ends_with("# from flag"));
    assert_eq!(
        line("SNUG_DATABASE_URL"),
        "SNUG_DATABASE_URL = postgres://ada:********@db/snug # from environment (DATABASE_URL)"
    );
    assert!(!directory.exists());
}

#[test]
fn config_says_where_the_key_is_and_whether_it_is_there() {
    let scratch = directory();
    let kept = scratch.path().join("jwt_secret");
    let line = || {
        let text = printed(&["config", "--data-dir", scratch.path().to_str().unwrap()], &[]);
        text.lines().find(|line| line.starts_with("SNUG_JWT_SECRET")).unwrap().to_owned()
    };
    let shown = kept.to_str().unwrap();
    assert!(line().contains(&format!("not there yet: the first start creates {shown}")));
    std::fs::write(&kept, "any").unwrap();
    assert!(line().contains(&format!("(kept in {shown})")), "{}", line());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_may_be_a_port_alone_or_localhost() {
    let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (host, means) in [("", "0.0.0.0"), ("localhost", "127.0.0.1"), ("LOCALHOST", "127.0.0.1")] {
        let line =
            printed(&["config", "--listen", &format!("{host}:{}", free())], &[("HOME", "/x")]);
        assert!(line.contains(&format!("= {means}:")), "{line}");
    }
    let database = crate::support::Database::new().await;
    let port = free();
    let address = format!("localhost:{port}");
    let program = crate::support::Program::start(&database, &[("SNUG_LISTEN", &address)]);
    assert_eq!(program.base(), format!("http://127.0.0.1:{port}"));
    program.line(&format!("Open http://127.0.0.1:{port}"));
    program.stop();
}

/// The names of the commands in a help text.
fn commands_of(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let named = lines.take_while(|line| !line.is_empty());
    // What a description goes on with is indented further.
    let first = named.filter_map(|line| line.strip_prefix("  ").filter(|it| !it.starts_with(' ')));
    first.filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect()
}

#[test]
fn every_command_has_a_help_and_refuses_what_it_does_not_know() {
    fn with<'a>(path: &'a [String], last: &'a str) -> Vec<&'a str> {
        path.iter().map(String::as_str).chain([last]).collect()
    }
    let mut waiting = vec![Vec::new()];
    let mut seen = 0;
    while let Some(path) = waiting.pop() {
        let help = printed(&with(&path, "--help"), &[]);
        assert!(help.contains("Usage: snug"), "{path:?}: {help}");
        let line = refused(2, &with(&path, "--no-such-flag"), &[]);
        assert!(line.contains("--no-such-flag"), "{path:?}: {line}");
        seen += 1;
        for name in commands_of(&help).into_iter().filter(|name| name != "help") {
            waiting.push([&path[..], &[name]].concat());
        }
    }
    assert!(seen > 30, "{seen}");
}

#[test]
fn help_and_version_go_to_standard_output() {
    let help = printed(&["--help"], &[]);
    assert!(help.contains("--data-dir") && help.contains("Examples:"), "{help}");
    // A wrong setting does not keep anybody from reading how to write it.
    assert_eq!(printed(&["--help"], &[("SNUG_LISTEN", "x")]), help);
    let version = printed(&["--version"], &[]);
    assert!(version.starts_with(concat!("snug ", env!("CARGO_PKG_VERSION"))), "{version}");
    assert_eq!(printed(&["version"], &[]), version);
    assert_eq!(printed(&["help"], &[]), help);
    assert!(refused(2, &["servee"], &[]).contains("did you mean serve?"));
}
