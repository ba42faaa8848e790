//! What the tests are built on: one PostgreSQL for all of them, a database and a running snug for each,
//! people who sign up, and sockets whose frames can be awaited.

pub mod bare;
pub mod check;
mod client;
mod cluster;
pub mod crowd;
mod database;
pub mod elsewhere;
mod nodes;
mod program;
pub mod protocol;
pub mod proxy;
mod raw;
mod server;
pub mod socket;

pub use client::{Answer, PASSWORD, Person};
pub use cluster::put_cluster;
pub use database::{Database, waiting};
pub use nodes::Nodes;
pub use program::{Program, with_files};
pub use raw::{Raw, statuses};
pub use server::{SECRET, Server, session_cookie};
pub use socket::{Socket, refusal};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::statvfs::statvfs;
use std::fs::Permissions;
use std::future::Future;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a test waits for what must happen; long, because the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How much room there must be in memory for the directories of tests that run at once.
const MEMORY_BYTES: u64 = 2 << 30;

/// A directory that is gone with the value, and that PostgreSQL can enter, which may run as another user.
/// In memory where there is room for it: making and removing thousands of small files takes a disk's file
/// system a quarter of the time of all tests.
pub fn directory() -> TempDir {
    static PARENT: LazyLock<PathBuf> = LazyLock::new(|| {
        let memory = Path::new("/dev/shm");
        let has_room = statvfs(memory)
            .is_ok_and(|free| free.blocks_available() * free.fragment_size() >= MEMORY_BYTES);
        if has_room { memory.to_owned() } else { std::env::temp_dir() }
    });
    let directory = tempfile::Builder::new().prefix("snug-tests").tempdir_in(&*PARENT).unwrap();
    std::fs::set_permissions(directory.path(), Permissions::from_mode(0o711)).unwrap();
    directory
}

/// For tests that hold both ends of many connections.
pub fn raise_file_limit() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
}

/// Waits until the condition holds.
pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < PATIENCE, "still waiting until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
