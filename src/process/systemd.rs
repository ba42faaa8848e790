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
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// The way to the service manager, if one started us. It stays open: were it opened for each message, a process
/// without any files left could not say that it lives.
pub struct Notifier {
    way: Option<(UnixDatagram, SocketAddr)>,
    is_cut: AtomicBool,
}

impl Notifier {
    pub fn open() -> Self {
        let way = way().unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot notify systemd");
            None
        });
        Self { way, is_cut: AtomicBool::new(false) }
    }

    /// We are serving, which may be said again; `status` is a line for `systemctl status`. False if it has to be
    /// said again, because the service manager has no room for it at present.
    #[must_use]
    pub fn serving(&self, status: &str) -> bool {
        self.tell(&[NotifyState::Ready, NotifyState::Status(&first_line(status))])
    }

    /// We accept nothing new and finish what has begun.
    pub fn stopping(&self) {
        // It sees the end of the process, too.
        let _told = self.tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
    }

    /// Does this before we are ready, for longer than the unit allows if need be: what makes progress is not
    /// killed half-way, again and again.
    pub async fn asking_for_time<T>(&self, work: impl Future<Output = T>) -> T {
        let asking = async {
            let mut turn = tokio::time::interval(START_EXTENSION / 3);
            loop {
                turn.tick().await;
                let micros = START_EXTENSION.as_micros().try_into().unwrap_or(u32::MAX);
                self.tell(&[NotifyState::ExtendTimeoutUsec(micros)]);
            }
        };
        tokio::select! {
            biased;
            done = work => done,
            () = asking => unreachable!("it asks for ever"),
        }
    }

    /// Feeds the watchdog for as long as `progress` returns true. Never returns if there is a watchdog, so
    /// it belongs in a task or a `select!`.
    pub async fn feed_watchdog(self: Arc<Self>, progress: impl Fn() -> bool) {
        let Some(limit) = watchdog() else { return };
        // A third of the limit leaves room for one late turn on a busy machine.
        let mut turn = tokio::time::interval(limit / 3);
        turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            turn.tick().await;
            if progress() {
                // What it still has to read is as good.
                let _told = self.tell(&[NotifyState::Watchdog]);
            } else {
                tracing::error!("no progress: the watchdog is not fed");
            }
        }
    }

    /// False if the service manager has ten messages to read first, or whatever its queue holds, from all services.
    fn tell(&self, state: &[NotifyState<'_>]) -> bool {
        let sent = self.send(state);
        if sent.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
            return false;
        }
        // Once, and again after it has worked: the watchdog tries several times a minute.
        let was_cut = self.is_cut.swap(sent.is_err(), Relaxed);
        if let (Err(error), false) = (sent, was_cut) {
            tracing::warn!(%error, "cannot notify systemd");
        }
        true
    }

    /// What `sd_notify` does, but without waiting: the thread of the runtime would wait, and all whom it serves.
    fn send(&self, state: &[NotifyState<'_>]) -> io::Result<()> {
        let Some((socket, address)) = &self.way else { return Ok(()) };
        let lines: String = state.iter().map(|state| format!("{state}\n")).collect();
        socket.send_to_addr(lines.as_bytes(), address).map(drop)
    }
}

fn way() -> io::Result<Option<(UnixDatagram, SocketAddr)>> {
    let Some(address) = std::env::var_os("NOTIFY_SOCKET") else { return Ok(None) };
    let address = match address.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(&address)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok(Some((socket, address)))
}

/// How long we may be silent before we are restarted; none if there is no watchdog.
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero())
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
