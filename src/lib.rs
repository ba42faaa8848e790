//! snug: a chat server for small machines.

pub mod chat;
pub mod cli;
pub mod config;
pub mod error;
pub mod http;
pub mod ids;
pub mod limits;
pub mod live;
pub mod message;
pub mod metrics;
pub mod registry;
pub mod store;
pub mod text;
pub mod views;
pub mod wire;
pub mod log;
pub mod prompt;
pub mod systemd;

use config::Config;
use error::Fatal;
use tokio::net::TcpListener;

/// Serves on `listener` until `shutdown` resolves.
pub async fn run(
    config: Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Fatal> {
    config.signing_key()?;
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, "listening");
    }
    systemd::ready("serving");
    shutdown.await;
    systemd::stopping();
    Ok(())
}
pub mod store;
