//! The process as the service manager sees it: what it is told, and a log that nobody reads.

use crate::commands::snug;
use crate::proxy_recipes::system;
use crate::support::{directory, put_cluster};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

#[test]
fn systemd_is_told_when_it_is_ready_that_it_is_alive_and_when_it_stops() {
    let mut service = Service::start(Stdio::null());
    // Before it serves, it brings the schema up to date, which may take longer than the unit allows.
    service.hear("EXTEND_TIMEOUT_USEC=60000000");
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

/// Its queue is shared by all services, and may be full while the machine starts.
#[test]
fn a_service_manager_that_does_not_read_holds_up_nothing_and_is_told_later() {
    let scratch = directory();
    let manager = Service::manager(&scratch);
    let others = UnixDatagram::unbound().unwrap();
    others.connect(scratch.path().join("notify")).unwrap();
    others.set_nonblocking(true).unwrap();
    let fill = || while others.send(b"WATCHDOG=1 of another service").is_ok() {};
    fill();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address = free.to_string();
    let settings = [("SNUG_LISTEN", address.as_str())];
    let mut service = Service::of(manager, scratch, Stdio::null(), Stdio::null(), &settings);
    let began = Instant::now();
    while !answers(free) {
        assert!(began.elapsed() < Duration::from_secs(30), "it does not serve");
        std::thread::sleep(Duration::from_millis(20));
    }
    service.hear("READY=1");
    fill();
    service.terminate();
    service.ends_in_time();
}

/// Whether it serves.
fn answers(address: std::net::SocketAddr) -> bool {
    let Ok(mut client) = std::net::TcpStream::connect(address) else { return false };
    client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    client.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut line = String::new();
    BufReader::new(client).read_line(&mut line).unwrap();
    line == "HTTP/1.1 200 OK\r\n"
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

#[test]
fn the_status_says_when_the_last_backup_was_made_and_proved() {
    let scratch = directory();
    let backups = scratch.path().join("data/backups");
    std::fs::create_dir_all(&backups).unwrap();
    let happened = |at: i64| json!({ "at": at, "what": "a file", "bytes": 1 });
    let state = json!({ "since": 1, "made": happened(4_000_000_000), "verified": happened(0) });
    std::fs::write(backups.join("state.json"), state.to_string()).unwrap();
    let settings = [("TZ", "UTC"), ("SNUG_BACKUP_AT", "03:30")];
    let service = Service::on(scratch, Stdio::null(), Stdio::null(), &settings);
    service.hear_of("; last backup 2096-10-02 07:06, verified 1970-01-01 00:00");
    service.terminate();
}

#[test]
fn the_status_says_why_there_is_no_database() {
    let dead = ("SNUG_DATABASE_URL", "postgres:///snug?host=/nonexistent&user=snug");
    let service = Service::with(Stdio::null(), Stdio::null(), &[dead]);
    // It may come before or after READY.
    service.hear_of("but without a database: PostgreSQL cannot be reached");
}

#[test]
fn a_stop_waits_neither_for_a_full_pipe_nor_for_what_is_queued_for_it() {
    let (mut full, _unread) = UnixStream::pair().unwrap();
    full.set_nonblocking(true).unwrap();
    while full.write(&[b'x'; 4_096]).is_ok() {}
    full.set_nonblocking(false).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address = free.to_string();
    let (out, err) = (OwnedFd::from(full.try_clone().unwrap()), OwnedFd::from(full));
    let settings = [("SNUG_LISTEN", address.as_str()), ("SNUG_LOG", "debug")];
    let mut service = Service::with(Stdio::from(out), Stdio::from(err), &settings);
    service.hear("READY=1");
    // More lines than are kept for a slow reader.
    let mut client = std::net::TcpStream::connect(free).unwrap();
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut answers = BufReader::new(client.try_clone().unwrap());
    for _ in 0..3_000 {
        client.write_all(request).unwrap();
        let mut line = String::new();
        while line != "ok\n" {
            line.clear();
            assert_ne!(answers.read_line(&mut line).unwrap(), 0);
        }
    }
    service.terminate();
    service.ends_in_time();
}

#[test]
fn a_stop_does_not_wait_for_a_postgresql_that_hangs() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address = free.to_string();
    let mut service =
        Service::with(Stdio::null(), Stdio::null(), &[("SNUG_LISTEN", address.as_str())]);
    service.hear("READY=1");
    let hanging = service.postgres();
    assert!(hanging.len() > 1, "{hanging:?}");
    for pid in &hanging {
        kill(*pid, Signal::SIGSTOP).unwrap();
    }
    let mut client = std::net::TcpStream::connect(free).unwrap();
    let asked = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    client.write_all(asked).unwrap();
    service.terminate();
    service.ends_in_time();
}

/// Whatever touches such a disk sleeps until it is thawed, and no signal ends that.
#[test]
fn a_stop_does_not_wait_for_a_disk_that_is_frozen() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address = free.to_string();
    let scratch = directory();
    let disk = Disk::mount(&scratch.path().join("data"));
    let mut service =
        Service::on(scratch, Stdio::null(), Stdio::null(), &[("SNUG_LISTEN", &address)]);
    service.disk = disk;
    service.hear("READY=1");
    service.freeze();
    // Something to be written, which cannot be.
    let mut client = std::net::TcpStream::connect(free).unwrap();
    let body = r#"{"username":"ada","password":"open sesame 4","email":"ada@example.org"}"#;
    let asked = format!(
        "POST /auth/signup HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    client.write_all(asked.as_bytes()).unwrap();
    client.set_read_timeout(Some(Duration::from_millis(700))).unwrap();
    let stored = std::io::Read::read(&mut client, &mut [0; 16]);
    assert!(stored.is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "it is frozen");
    service.terminate();
    service.ends_in_time();
}

/// A disk of its own, which can be frozen.
struct Disk {
    path: PathBuf,
    /// Thaws and unmounts it as soon as its input ends, even if the test is killed.
    keeper: Child,
}

impl Disk {
    /// None where loop devices or mounts are not to be had, as in most containers: then those who would use
    /// the disk are stopped instead.
    fn mount(path: &Path) -> Option<Self> {
        let image = path.with_extension("image");
        let image = image.to_str().unwrap();
        std::fs::create_dir(path).unwrap();
        let made = runs("truncate", &["-s", "400M", image])
            && runs("mkfs.ext4", &["-q", image])
            && runs("mount", &["-o", "loop", image, path.to_str().unwrap()]);
        if !made {
            return None;
        }
        let script = "cat >/dev/null; fsfreeze -u \"$1\"; umount -l \"$1\"";
        let mut keeper = system("sh");
        keeper.args(["-c", script, "sh"]).arg(path).stdin(Stdio::piped()).process_group(0);
        Some(Self { path: path.to_owned(), keeper: keeper.spawn().unwrap() })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // It may have been ended from outside.
        let _ = self.keeper.wait();
    }
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    system(program).args(arguments).status().is_ok_and(|status| status.success())
}

/// A server that does not outlive a failing test, and the socket on which it reports.
struct Service {
    /// None if it is not a disk of its own.
    disk: Option<Disk>,
    child: Child,
    manager: UnixDatagram,
    scratch: TempDir,
}

impl Service {
    fn start(log: Stdio) -> Self {
        Self::with(Stdio::null(), log, &[])
    }

    fn with(out: Stdio, log: Stdio, settings: &[(&str, &str)]) -> Self {
        Self::on(directory(), out, log, settings)
    }

    fn on(scratch: TempDir, out: Stdio, log: Stdio, settings: &[(&str, &str)]) -> Self {
        Self::of(Self::manager(&scratch), scratch, out, log, settings)
    }

    /// What is told to the service manager arrives there.
    fn manager(scratch: &TempDir) -> UnixDatagram {
        let manager = UnixDatagram::bind(scratch.path().join("notify")).unwrap();
        manager.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        manager
    }

    fn of(
        manager: UnixDatagram,
        scratch: TempDir,
        out: Stdio,
        log: Stdio,
        settings: &[(&str, &str)],
    ) -> Self {
        let path = scratch.path().join("notify");
        let data = scratch.path().join("data");
        put_cluster(&data);
        let watchdog = Duration::from_millis(300).as_micros().to_string();
        let mut variables = vec![
            ("SNUG_LISTEN", "127.0.0.1:0"),
            ("NOTIFY_SOCKET", path.to_str().unwrap()),
            ("WATCHDOG_USEC", &watchdog),
            ("PATH", "/usr/bin:/bin"),
        ];
        variables.extend(settings);
        let child = snug(&["--data-dir", data.to_str().unwrap()], &variables)
            .stdout(out)
            .stderr(log)
            .spawn()
            .unwrap();
        Self { disk: None, child, manager, scratch }
    }

    fn postmaster(&self) -> Pid {
        let record = self.scratch.path().join("data/postgres/postmaster.pid");
        let record = std::fs::read_to_string(record).unwrap();
        Pid::from_raw(record.lines().next().unwrap().parse().unwrap())
    }

    /// The processes of its PostgreSQL.
    fn postgres(&self) -> Vec<Pid> {
        let cluster = self.scratch.path().join("data/postgres");
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid: &i32| {
            std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == cluster)
        })
        .map(Pid::from_raw)
        .collect()
    }

    /// Nothing is written from now on.
    fn freeze(&self) {
        match &self.disk {
            Some(disk) => assert!(runs("fsfreeze", &["-f", disk.path.to_str().unwrap()])),
            None => self.postgres().into_iter().for_each(|pid| kill(pid, Signal::SIGSTOP).unwrap()),
        }
    }

    /// Within the ten seconds that the contract gives it.
    fn ends_in_time(&mut self) {
        let began = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < Duration::from_secs(10), "it is still running");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until a status with this text is reported.
    fn hear_of(&self, text: &str) {
        let (mut buffer, began) = ([0; 1_024], std::time::Instant::now());
        loop {
            // The watchdog's messages keep coming, so that the socket's own timeout is not enough.
            assert!(began.elapsed() < Duration::from_secs(30), "nothing of the kind was told");
            let length = self.manager.recv(&mut buffer).unwrap();
            let told = std::str::from_utf8(&buffer[..length]).unwrap();
            if told.lines().any(|line| line.starts_with("STATUS=") && line.contains(text)) {
                return;
            }
        }
    }

    /// Waits until `state` is reported; the socket's timeout is the deadline of each wait.
    fn hear(&self, state: &str) {
        let (mut buffer, began) = ([0; 1_024], std::time::Instant::now());
        loop {
            // The watchdog's messages keep coming, so that the socket's own timeout is not enough.
            assert!(began.elapsed() < Duration::from_secs(30), "nothing of the kind was told");
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
        let left = self.postgres();
        drop(self.disk.take());
        for pid in left {
            // It gets all the signals that came meanwhile, and may have ended.
            let _ = kill(pid, Signal::SIGKILL);
        }
        // It may have ended already, as it should.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
