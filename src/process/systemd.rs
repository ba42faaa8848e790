//! What we tell the service manager and what it hands over: readiness, status, watchdog, a socket.
//!
//! `main` takes the socket; `run` does the telling. All of it does nothing if systemd did not start us.
//! Nothing here knows what "ready" or "making progress" means.

use crate::limits::START_EXTENSION;
use crate::model::error::Fatal;
use sd_notify::NotifyState;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// We are serving, which may be said again; `status` is a line for `systemctl status`. False if it has to be said
/// again, because the service manager has no room for it at present.
#[must_use]
pub fn serving(status: &str) -> bool {
    tell(&[NotifyState::Ready, NotifyState::Status(&first_line(status))])
}

/// We accept nothing new and finish what has begun.
pub fn stopping() {
    // It sees the end of the process, too.
    let _told = tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

/// Does this before we are ready, for longer than the unit allows if need be: what makes progress is not
/// killed half-way, again and again.
pub async fn asking_for_time<T>(work: impl Future<Output = T>) -> T {
    let asking = async {
        let mut turn = tokio::time::interval(START_EXTENSION / 3);
        loop {
            turn.tick().await;
            let micros = START_EXTENSION.as_micros().try_into().unwrap_or(u32::MAX);
            tell(&[NotifyState::ExtendTimeoutUsec(micros)]);
        }
    };
    tokio::select! {
        biased;
        done = work => done,
        () = asking => unreachable!("it asks for ever"),
    }
}

/// How long we may be silent before we are restarted; none if there is no watchdog.
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero())
}

/// Feeds the watchdog for as long as `progress` returns true. Never returns if there is a watchdog, so
/// it belongs in a task or a `select!`.
pub async fn feed_watchdog(progress: impl Fn() -> bool) {
    let Some(limit) = watchdog() else { return };
    // A third of the limit leaves room for one late turn on a busy machine.
    let mut turn = tokio::time::interval(limit / 3);
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turn.tick().await;
        if progress() {
            // What it still has to read is as good.
            let _told = tell(&[NotifyState::Watchdog]);
        } else {
            tracing::error!("no progress: the watchdog is not fed");
        }
    }
}

/// The socket of `snug.socket`, if there is one. Must be called before other threads start: it clears
/// the variables, so that no child process mistakes the socket for its own.
pub fn listener() -> Result<Option<TcpListener>, Fatal> {
    let mut sockets = listenfd::ListenFd::from_env();
    if sockets.len() > 1 {
        return Err(Fatal::new(format!(
            "systemd passes {} sockets, but snug listens on only one; keep one ListenStream= in snug.socket",
            sockets.len()
        )));
    }
    sockets.take_tcp_listener(0).map_err(|error| {
        Fatal::new(format!("cannot use the socket that systemd passes: {error}; see snug.socket"))
    })
}

/// A line break would start another assignment.
fn first_line(status: &str) -> String {
    crate::process::log::one_line(status)
}

/// False if the service manager has ten messages to read first, or whatever its queue holds, from all services.
fn tell(state: &[NotifyState<'_>]) -> bool {
    match send(state) {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::WouldBlock => false,
        Err(error) => {
            tracing::warn!(%error, "cannot notify systemd");
            true
        }
    }
}

/// What `sd_notify` does, but without waiting: the thread of the runtime would wait, and all whom it serves.
fn send(state: &[NotifyState<'_>]) -> io::Result<()> {
    let Some(address) = std::env::var_os("NOTIFY_SOCKET") else { return Ok(()) };
    let address = match address.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(&address)?,
    };
    let lines: String = state.iter().map(|state| format!("{state}\n")).collect();
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.send_to_addr(lines.as_bytes(), &address).map(drop)
}
