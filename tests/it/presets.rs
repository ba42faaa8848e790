//! How much memory an installation may take: the presets of `SNUG_MEMORY`, where they come from, and that they reach
//! PostgreSQL.

use crate::commands::snug;
use crate::support::{Database, Program, directory, put_cluster};
use snug::limits::{LARGE, MEDIUM, Memory, SMALL};
use snug::model::waits::DatabaseWaits;
use snug::process::config::{Config, Written};
use snug::store::Store;
use std::time::Duration;
use tokio_postgres::NoTls;

#[tokio::test(flavor = "multi_thread")]
async fn a_preset_reaches_our_own_postgres_at_each_start() {
    let scratch = directory();
    let data = scratch.path().join("data");
    put_cluster(&data);
    for memory in [Memory::Small, Memory::Large, Memory::Medium] {
        let program = Program::start_in(&data, &[("SNUG_MEMORY", memory.name())]);
        // By then its PostgreSQL is there.
        program.base();
        let mut config = tokio_postgres::Config::new();
        config.host_path(data.join("postgres")).user("snug").dbname("snug");
        let (client, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        let bounds = &memory.bounds().postgres;
        for (setting, expected) in [
            ("shared_buffers", bounds.shared_buffers),
            ("work_mem", bounds.work_mem),
            ("maintenance_work_mem", bounds.maintenance_work_mem),
            ("max_wal_size", bounds.max_wal_size),
            ("min_wal_size", bounds.min_wal_size),
        ] {
            let shown = client.query_one(&format!("show {setting}"), &[]).await.unwrap();
            assert_eq!(shown.get::<_, &str>(0), expected, "{setting} of {}", memory.name());
        }
        drop(client);
        program.stop();
    }
}

/// Each is a process with memory of its own.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_nobody_needs_are_closed() {
    let database = Database::new().await;
    let store = |idle| {
        let waits = DatabaseWaits { idle, ..DatabaseWaits::default() };
        Store::external(&database.url(), waits).unwrap().within(&SMALL)
    };
    let (hasty, patient) = (store(Duration::ZERO), store(DatabaseWaits::default().idle));
    for store in [&hasty, &patient] {
        for epoch in futures_util::future::join_all((0..50).map(|_| store.epoch())).await {
            epoch.unwrap();
        }
        assert!((2..=SMALL.pool_connections).contains(&store.pool_state().open));
        store.close_idle();
    }
    assert_eq!(hasty.pool_state().open, 0);
    assert!(patient.pool_state().open > 1);
    hasty.epoch().await.unwrap();
    assert_eq!(hasty.pool_state().open, 1);
}

#[test]
fn a_preset_is_one_of_three_and_shown_with_where_it_comes_from() {
    for wrong in ["tiny", "Small", "64MB"] {
        let refused = snug(&["config"], &[("SNUG_MEMORY", wrong)]).output().unwrap();
        assert_eq!(refused.status.code(), Some(2));
        let said = String::from_utf8(refused.stderr).unwrap();
        let line = format!("snug: SNUG_MEMORY: {wrong:?} is not small, medium or large\n");
        assert_eq!(said, line);
    }
    let of_config = |arguments: &[&str], variables: &[(&str, &str)]| {
        let shown = snug(arguments, variables).output().unwrap();
        let shown = String::from_utf8(shown.stdout).unwrap();
        let line = shown.lines().find(|line| line.starts_with("SNUG_MEMORY ")).unwrap();
        line.split_whitespace().skip(2).collect::<Vec<_>>().join(" ")
    };
    let set = [("SNUG_MEMORY", "small")];
    assert_eq!(of_config(&["config"], &set), "small # from environment");
    assert_eq!(of_config(&["config", "--memory", "large"], &set), "large # from flag");
    let here = Memory::of_machine(snug::process::memory::available()).name();
    assert_eq!(of_config(&["config"], &[]), format!("{here} # default"));
}

#[test]
fn the_default_is_by_the_machine() {
    const GIBIBYTE: u64 = 1 << 30;
    for (bytes, expected) in [
        (0, Memory::Small),
        (GIBIBYTE, Memory::Small),
        (GIBIBYTE * 3 / 2 - 1, Memory::Small),
        (GIBIBYTE * 3 / 2, Memory::Medium),
        (4 * GIBIBYTE, Memory::Medium),
        (7 * GIBIBYTE, Memory::Large),
        (u64::MAX, Memory::Large),
    ] {
        let mut written = Written::variables([("HOME", "/home/ada")]);
        written.memory_bytes = bytes;
        let (config, in_force) = Config::resolve(&written).unwrap();
        assert_eq!(config.memory, expected, "{bytes}");
        let shown = in_force.each().find(|(name, _, _)| *name == "SNUG_MEMORY").unwrap();
        assert_eq!(shown.1, expected.name());
    }
}

#[test]
fn a_larger_preset_allows_no_less() {
    for (less, more) in [(&SMALL, &MEDIUM), (&MEDIUM, &LARGE)] {
        assert!(less.pool_connections <= more.pool_connections);
        assert!(less.cached < more.cached && less.lane_bytes <= more.lane_bytes);
        assert!(less.inbox_bytes <= more.inbox_bytes && less.hashers <= more.hashers);
        assert!(less.http_connections <= more.http_connections);
    }
}
