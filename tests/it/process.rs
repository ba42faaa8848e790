//! The process as the service manager sees it: what it is told, and a log that nobody reads.

use crate::commands::snug;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{Permissions, set_permissions};
use std::io::{ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::{Child, Stdio};
use std::time::Duration;
use tempfile::TempDir;

#[test]
fn systemd_is_told_when_it_is_ready_that_it_is_alive_and_when_it_stops() {
    let mut service = Service::start(Stdio::null());
    service.hear("READY=1");
    service.hear("WATCHDOG=1");
    // Again, and again after PostgreSQL has died: trouble with the database is no reason for a restart.
    service.hear("WATCHDOG=1");
    kill(service.postmaster(), Signal::SIGKILL).unwrap();
    service.hear("WATCHDOG=1");
    service.hear("WATCHDOG=1");
    service.terminate();
    service.hear("STOPPING=1");
    assert!(service.child.wait().unwrap().success());
}

#[test]
fn a_log_that_nobody_reads_blocks_nothing() {
    let (mut full, _unread) = UnixStream::pair().unwrap();
    full.set_nonblocking(true).unwrap();
    let error = loop {
        if let Err(error) = full.write(&[b'x'; 4_096]) {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    full.set_nonblocking(false).unwrap();

    let mut service = Service::start(Stdio::from(OwnedFd::from(full)));
    service.hear("READY=1");
    service.terminate();
    service.hear("STOPPING=1");
    assert!(service.child.wait().unwrap().success());
}

/// A server that does not outlive a failing test, and the socket on which it reports.
struct Service {
    child: Child,
    manager: UnixDatagram,
    scratch: TempDir,
}

impl Service {
    fn start(log: Stdio) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        // PostgreSQL may run as another user, who must be able to enter this directory.
        set_permissions(scratch.path(), Permissions::from_mode(0o711)).unwrap();
        let path = scratch.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let data = scratch.path().join("data");
        let watchdog = Duration::from_millis(300).as_micros().to_string();
        let child = snug(
            &["--listen", "127.0.0.1:0", "--data-dir", data.to_str().unwrap()],
            &[
                ("NOTIFY_SOCKET", path.to_str().unwrap()),
                ("WATCHDOG_USEC", &watchdog),
                ("PATH", "/usr/bin:/bin"),
            ],
        )
        .stderr(log)
        .spawn()
        .unwrap();
        Self { child, manager, scratch }
    }

    fn postmaster(&self) -> Pid {
        let record = self.scratch.path().join("data/postgres/postmaster.pid");
        let record = std::fs::read_to_string(record).unwrap();
        Pid::from_raw(record.lines().next().unwrap().parse().unwrap())
    }

    /// Waits until `state` is reported; the socket's timeout is the deadline of each wait.
    fn hear(&self, state: &str) {
        let mut buffer = [0; 1_024];
        loop {
            let length = self.manager.recv(&mut buffer).unwrap();
            let told = std::str::from_utf8(&buffer[..length]).unwrap();
            if told.lines().any(|line| line == state) {
                return;
            }
        }
    }

    fn terminate(&self) {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM).unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already, as it should.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
