//! Micro-benchmarks of what runs for every message: `make bench`, or `make bench FILTER=frames`.
//!
//! They show whether a change made one part slower; `tests/load` shows how the whole performs.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

mod batch;
mod frames;
mod history;
mod publish;

use snug::limits::Memory;
use snug::model::ids::{ChatId, MessageId, Seq, UserId};
use snug::model::message::{ChatType, Message};
use snug::model::waits::DatabaseWaits;
use snug::postgres::{Options, Private};
use snug::store::Store;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

/// Counts what the thread of a benchmark allocates.
#[global_allocator]
static ALLOCATIONS: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    divan::main();
}

/// A typical message.
fn message(seq: i64) -> Message {
    Message {
        id: MessageId(seq),
        seq: Seq(seq),
        chat_id: ChatId(1),
        chat_type: ChatType::General,
        sender_id: UserId(7),
        receiver_id: None,
        username: "ada".into(),
        content: "The kettle is on; who else takes milk? ".repeat(3).into(),
        timestamp: "2026-01-02T03:04:05.678901Z".parse().unwrap(),
        client_id: Some("c0ffee-1".into()),
        more: None,
    }
}

/// A PostgreSQL of our own with what these statements put into it; it is gone with the directory.
async fn database(scratch: &TempDir, fill: &str) -> Private {
    // PostgreSQL does not run as root: its user must be able to pass through.
    std::fs::set_permissions(scratch.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    let options =
        Options { data_dir: scratch.path().join("data"), bindir: None, memory: Memory::Medium };
    let private = Private::serve(&options).await.unwrap();
    Store::new(private.connection(), DatabaseWaits::default()).migrate().await.unwrap();
    let (client, connection) = private.connection().connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    for statement in fill.split("; ") {
        client.batch_execute(statement).await.unwrap();
    }
    private
}
