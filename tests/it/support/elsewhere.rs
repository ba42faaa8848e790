//! A PostgreSQL that snug did not start: on a port of its own, with the settings that the test gives it.

use super::PATIENCE;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use tokio_postgres::{Client, NoTls};

pub struct Elsewhere {
    server: Child,
    pub port: u16,
    directory: tempfile::TempDir,
}

/// A command that runs as the user of PostgreSQL, which refuses root, as PgBouncer does.
pub fn unprivileged(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
    if let Some(user) = postgres() {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command
}

fn postgres() -> Option<User> {
    geteuid().is_root().then(|| User::from_name("postgres").unwrap().unwrap())
}

/// A directory that belongs to the user of PostgreSQL.
pub fn unprivileged_directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    give(directory.path());
    directory
}

/// A file that PostgreSQL's user owns; keys must belong to it.
pub fn give(path: &Path) {
    if let Some(user) = postgres() {
        chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let places = versions.map(|version| version.path().join("bin").join(name));
    places.filter(|path| path.exists()).max().unwrap_or_else(|| name.into())
}

impl Elsewhere {
    /// With these files beside its data, and these settings and rules in the words of `postgresql.conf` and
    /// `pg_hba.conf`.
    pub async fn start(files: &[(&str, &[u8])], settings: &str, rules: &str) -> Self {
        let directory = unprivileged_directory();
        let data = directory.path().join("data");
        let status = unprivileged(program("initdb"))
            .args([
                "--no-sync",
                "--username=snug",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "-D",
            ])
            .arg(&data)
            .status();
        assert!(status.unwrap().success());
        for (name, contents) in files {
            let path = data.join(name);
            fs::write(&path, contents).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            give(&path);
        }
        let port = free_port();
        let base = format!(
            "listen_addresses='127.0.0.1'\nport={port}\nunix_socket_directories='.'\nfsync=off\n\
             full_page_writes=off\n{settings}\n"
        );
        fs::write(data.join("postgresql.conf"), base).unwrap();
        fs::write(data.join("pg_hba.conf"), format!("local all all trust\n{rules}\n")).unwrap();
        let server = unprivileged(program("postgres"))
            .arg("-D")
            .arg(&data)
            .stderr(fs::File::create(directory.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut elsewhere = Self { server, port, directory };
        let began = Instant::now();
        while elsewhere.try_client().await.is_none() {
            assert!(elsewhere.server.try_wait().unwrap().is_none(), "{}", elsewhere.log());
            assert!(began.elapsed() < PATIENCE, "{}", elsewhere.log());
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        elsewhere
    }

    /// A URL of this host, with this query.
    pub fn url(&self, host: &str, query: &str) -> String {
        format!("postgres://snug@{host}:{}/postgres{query}", self.port)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join("data").join(name)
    }

    /// A connection for the test itself, by its Unix socket.
    pub async fn client(&self) -> Client {
        self.try_client().await.unwrap()
    }

    async fn try_client(&self) -> Option<Client> {
        let mut config = tokio_postgres::Config::new();
        let data = self.directory.path().join("data");
        config.host_path(data).port(self.port).user("snug").dbname("postgres");
        let (client, connection) = config.connect(NoTls).await.ok()?;
        tokio::spawn(connection);
        Some(client)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap()
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        // At once, and with its children. It may have ended already.
        let _ = kill(Pid::from_raw(self.server.id() as i32), Signal::SIGQUIT);
        let _ = self.server.wait();
    }
}
