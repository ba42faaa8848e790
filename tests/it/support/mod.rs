//! What the tests are built on: one PostgreSQL for all of them, a database and a running snug for each,
//! people who sign up, and sockets whose frames can be awaited.

pub mod bare;
pub mod check;
mod client;
pub mod crowd;
mod database;
pub mod elsewhere;
mod program;
pub mod protocol;
pub mod proxy;
mod raw;
mod server;
pub mod socket;

pub use client::{Answer, PASSWORD, Person};
pub use database::{Database, waiting};
pub use program::Program;
pub use raw::{Raw, statuses};
pub use server::{SECRET, Server, session_cookie};
pub use socket::{Socket, refusal};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::future::Future;
use std::time::{Duration, Instant};

/// How long a test waits for what must happen; long, because the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(20);

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
