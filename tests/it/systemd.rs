//! What the service manager hears from a running `snug serve`.

use crate::commands::snug;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Stdio};
use std::time::Duration;

#[test]
fn systemd_hears_when_it_is_ready_and_when_it_stops() {
    let scratch = tempfile::tempdir().unwrap();
    // PostgreSQL may run as another user below.
    set_permissions(scratch.path(), Permissions::from_mode(0o711)).unwrap();
    let path = scratch.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let data = scratch.path().join("data");
    let server = snug(
        &["--listen", "127.0.0.1:0", "--data-dir", data.to_str().unwrap()],
        &[("NOTIFY_SOCKET", path.to_str().unwrap()), ("PATH", "/usr/bin:/bin")],
    )
    .stderr(Stdio::null())
    .spawn()
    .unwrap();
    let mut server = Ending(server);
    hear(&manager, "READY=1");
    kill(Pid::from_raw(server.0.id() as i32), Signal::SIGTERM).unwrap();
    hear(&manager, "STOPPING=1");
    assert!(server.0.wait().unwrap().success());
}

/// A server that does not outlive a test that fails.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        // It may have ended already, as it should.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until `state` is told; the socket's timeout is the deadline of each wait.
fn hear(manager: &UnixDatagram, state: &str) {
    let mut buffer = [0; 1_024];
    loop {
        let length = manager.recv(&mut buffer).unwrap();
        let told = std::str::from_utf8(&buffer[..length]).unwrap();
        if told.lines().any(|line| line == state) {
            return;
        }
    }
}
