//! Settings end to end, from what was written to what is in force.

use super::*;
use std::io;

const KEY: &str = "uFz3vLh0J4nQ9yWc2sRb7tKd1mXg6pAe";

fn written(pairs: &[(&str, &str)]) -> Written {
    Written::variables([("HOME", "/home/ada")].into_iter().chain(pairs.iter().copied()))
}

fn resolve(pairs: &[(&str, &str)]) -> Config {
    Config::resolve(&written(pairs)).unwrap().0
}

fn complaint(pairs: &[(&str, &str)]) -> String {
    let fatal = Config::resolve(&written(pairs)).map(|(config, _)| config).unwrap_err();
    assert_eq!(fatal.status, 2);
    assert!(!fatal.message.contains('\n'), "{fatal}");
    fatal.message
}

#[test]
fn without_any_settings_the_defaults_are_in_force() {
    let config = resolve(&[]);
    assert_eq!(config.listen.to_string(), "127.0.0.1:8000");
    assert_eq!(config.database, DatabaseSetting::Private);
    assert_eq!(config.data_dir, Path::new("/home/ada/.local/share/snug"));
    assert_eq!(config.token_lifetime, Duration::from_secs(7 * 86_400));
    assert!(config.rate_limits && config.trusted_proxies.is_empty());
    assert!(config.public_url.is_none() && config.jwt_secret.is_none());
    assert_eq!(config.max_connections, 824);
    assert_eq!((config.max_connections_per_user, config.max_connections_per_address), (50, 500));
    assert_eq!(config.log, "info");
}

#[test]
fn a_flag_wins_over_the_environment_and_an_empty_value_counts_as_unset() {
    let mut written = written(&[("SNUG_LISTEN", "127.0.0.1:1"), ("SNUG_LOG", "")]);
    written.flags.insert("SNUG_LISTEN", "127.0.0.1:2".into());
    let (config, in_force) = Config::resolve(&written).unwrap();
    assert_eq!(config.listen.port(), 2);
    assert_eq!(config.log, "info");
    let line = in_force.to_string().lines().next().unwrap().to_owned();
    assert!(line.starts_with("SNUG_LISTEN") && line.ends_with("# from flag"), "{line}");

    written.flags.insert("SNUG_LISTEN", "here".into());
    let fatal = Config::resolve(&written).map(|_| ()).unwrap_err();
    assert!(fatal.message.starts_with("--listen: \"here\" is not"), "{fatal}");
}

#[test]
fn the_data_directory_follows_systemd_then_root_then_the_base_directories() {
    let directory = |pairs: &[(&str, &str)]| resolve(pairs).data_dir;
    assert_eq!(directory(&[("STATE_DIRECTORY", "/var/lib/a:/var/lib/b")]), Path::new("/var/lib/a"));
    assert_eq!(directory(&[("XDG_DATA_HOME", "/data")]), Path::new("/data/snug"));
    assert_eq!(directory(&[("XDG_DATA_HOME", "data")]), Path::new("/home/ada/.local/share/snug"));
    assert_eq!(directory(&[("SNUG_DATA_DIR", "./here")]), Path::new("/here"));
    let mut root = written(&[]);
    root.user_is_root = true;
    assert_eq!(Config::resolve(&root).unwrap().0.data_dir, Path::new("/var/lib/snug"));
    assert!(complaint(&[("HOME", "")]).contains("SNUG_DATA_DIR"));
}

#[test]
fn our_own_database_variable_wins_over_the_common_one() {
    let common = ("DATABASE_URL", "postgres://common/db");
    let database = |pairs: &[(&str, &str)]| resolve(pairs).database;
    assert_eq!(database(&[common]), DatabaseSetting::External(Secret::new("postgres://common/db")));
    let ours = ("SNUG_DATABASE_URL", "postgresql://ours/db");
    assert_eq!(
        database(&[common, ours]),
        DatabaseSetting::External(Secret::new("postgresql://ours/db"))
    );
    assert!(complaint(&[("DATABASE_URL", "mysql://x:pw@y")]).starts_with("DATABASE_URL is not"));
}

#[test]
fn a_secret_may_come_from_a_file_but_not_from_both() {
    let mut written = written(&[("SNUG_JWT_SECRET_FILE", "/run/key")]);
    written.read = |path| {
        assert_eq!(path, Path::new("/run/key"));
        Ok(format!("{KEY}\n"))
    };
    let (config, in_force) = Config::resolve(&written).unwrap();
    assert_eq!(config.jwt_secret, Some(Secret::new(KEY)));
    assert!(in_force.to_string().contains("# from file /run/key"));

    let both = [("SNUG_JWT_SECRET", KEY), ("SNUG_JWT_SECRET_FILE", "/run/key")];
    assert!(complaint(&both).contains("are both set"));
    let missing = complaint(&[("SNUG_METRICS_TOKEN_FILE", "/does/not/exist")]);
    assert!(missing.starts_with("SNUG_METRICS_TOKEN_FILE: cannot read \"/does/not/exist\""));
    assert!(complaint(&[("SNUG_JWT_SECRET_FILE", "/dev/null")]).contains("is empty"));
}

#[test]
fn a_flag_that_names_a_file_is_called_by_its_own_name() {
    let short: fn(&Path) -> io::Result<String> = |_| Ok("short".into());
    let missing: fn(&Path) -> io::Result<String> = |_| Err(io::ErrorKind::NotFound.into());
    let empty: fn(&Path) -> io::Result<String> = |_| Ok("\n".into());
    for (read, fault) in
        [(short, " (\"/run/key\") is too short"), (missing, ": cannot"), (empty, ": ")]
    {
        let mut written = written(&[]);
        written.flags.insert("SNUG_JWT_SECRET_FILE", "/run/key".into());
        written.read = read;
        let fatal = Config::resolve(&written).map(|(config, _)| config).unwrap_err();
        let begin = format!("--jwt-secret-file{fault}");
        assert!(fatal.message.starts_with(&begin), "{fatal}");
    }
}

#[test]
fn a_misspelt_setting_is_refused_with_a_suggestion() {
    assert_eq!(
        complaint(&[("SNUG_LISTN", "127.0.0.1:1")]),
        "SNUG_LISTN is not a setting; did you mean SNUG_LISTEN?"
    );
    assert!(complaint(&[("SNUG_JWT_SECRETFILE", "/x")]).contains("SNUG_JWT_SECRET_FILE?"));
    assert!(complaint(&[("SNUG_COLOUR_OF_THE_SKY", "blue")]).ends_with("`snug --help` lists them"));
}

#[test]
fn every_bad_value_is_one_line_that_names_the_setting_but_no_secret() {
    for (variable, value) in [
        ("SNUG_LISTEN", "here\nand there"),
        ("SNUG_PUBLIC_URL", "ftp://x"),
        ("SNUG_TOKEN_LIFETIME", "a week"),
        ("SNUG_TRUSTED_PROXIES", "everybody"),
        ("SNUG_RATE_LIMITS", "yes"),
        ("SNUG_MAX_CONNECTIONS", "0"),
        ("SNUG_MAX_CONNECTIONS_PER_USER", "-1"),
        ("SNUG_MAX_CONNECTIONS_PER_ADDRESS", "many"),
        ("SNUG_LOG", "loud"),
    ] {
        let complaint = complaint(&[(variable, value)]);
        assert!(complaint.starts_with(&format!("{variable}: {value:?} ")), "{complaint}");
    }
    for (variable, value) in [
        ("SNUG_JWT_SECRET", "hunter2"),
        ("SNUG_METRICS_TOKEN", "hunter2"),
        ("SNUG_DATABASE_URL", "mysql://ada:hunter2@db"),
    ] {
        let complaint = complaint(&[(variable, value)]);
        assert!(complaint.starts_with(variable) && !complaint.contains("hunter2"), "{complaint}");
    }
}

#[test]
fn neither_snug_config_nor_debug_shows_a_secret() {
    let written = written(&[
        ("SNUG_JWT_SECRET", KEY),
        ("SNUG_METRICS_TOKEN", KEY),
        ("SNUG_DATABASE_URL", "postgres://ada:hunter2@db/snug"),
    ]);
    let (config, in_force) = Config::resolve(&written).unwrap();
    let told = format!("{config:?} {in_force}");
    assert!(!told.contains(KEY) && !told.contains("hunter2"), "{told}");
    assert!(told.contains("postgres://ada:********@db/snug"));
    assert_eq!(in_force.to_string().lines().count(), SETTINGS.len());
}

#[test]
fn connections_leave_room_for_other_files() {
    assert_eq!(default_connections(0), 64);
    assert_eq!(default_connections(1_024), 824);
    assert_eq!(default_connections(524_288), 524_088);
    assert_eq!(default_connections(u64::MAX), 1_000_000);
}

#[test]
fn servers_that_share_a_database_have_a_bus_and_others_have_none() {
    let shared = ("SNUG_DATABASE_URL", "postgres://snug@db.example.org/snug");
    assert_eq!(resolve(&[]).bus, BusSetting::Off);
    assert_eq!(resolve(&[shared]).bus, BusSetting::Postgres);
    assert_eq!(resolve(&[shared, ("SNUG_BUS", "off")]).bus, BusSetting::Off);
    assert_eq!(resolve(&[shared, ("SNUG_BUS", "postgres")]).bus, BusSetting::Postgres);
    assert!(complaint(&[("SNUG_BUS", "postgres")]).ends_with("set SNUG_DATABASE_URL"));
    let nats = complaint(&[shared, ("SNUG_BUS", "nats://nats.example.org")]);
    assert!(nats.contains("this version cannot use yet"), "{nats}");
    assert!(complaint(&[shared, ("SNUG_BUS", "on")]).ends_with("is neither off nor postgres"));
}

#[test]
fn a_password_in_a_url_is_not_repeated_whatever_it_was_set_for() {
    let shared = ("SNUG_DATABASE_URL", "postgres://snug@db.example.org/snug");
    for setting in ["SNUG_BUS", "SNUG_LISTEN", "SNUG_MEMORY"] {
        let said = complaint(&[shared, (setting, "nats://ada:open@sesame@nats.example.org")]);
        assert!(said.contains("\"nats://…@nats.example.org\""), "{said}");
        assert!(!said.contains("sesame"), "{said}");
    }
}
