//! A cluster for tests of a PostgreSQL that snug starts itself, without waiting for one to be created.

use snug::limits::Memory;
use snug::postgres::{Options, Private};
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use tempfile::TempDir;

/// Puts a cluster into this data directory as a first start leaves it, whose user owns it. Its system
/// identifier is the same for all of them.
pub fn put_cluster(data_dir: &Path) {
    static MADE: LazyLock<TempDir> = LazyLock::new(|| std::thread::spawn(make).join().unwrap());
    let copied =
        Command::new("cp").arg("-a").arg(MADE.path().join(".")).arg(data_dir).status().unwrap();
    assert!(copied.success());
}

fn make() -> TempDir {
    let made = super::directory();
    let options =
        Options { data_dir: made.path().to_owned(), bindir: None, memory: Memory::Medium };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { Private::serve(&options).await.unwrap().stop().await });
    std::fs::remove_file(made.path().join("postgres.log")).unwrap();
    made
}
