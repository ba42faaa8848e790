//! What is under load: a snug that is already running, or one that we start and stop ourselves; and
//! the floor, which we always start.
//!
//! Only addresses of this machine are accepted: load on somebody else's server is an attack.

use crate::cores::Cores;
use crate::stop::{Result, Stop};
use crate::usage::{Usage, is_zombie, usage};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::cell::Cell;
use std::fs::{File, Permissions};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::Instant;

/// initdb takes a while on a slow card.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// The server promises to stop within ten seconds; then PostgreSQL stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
const GLANCE: Duration = Duration::from_millis(25);
/// Between two readings of the server's memory, each of which costs it some milliseconds.
const LOOK_PAUSE: Duration = Duration::from_millis(500);
/// More than any run opens.
const CONNECTIONS: &str = "1000000";

pub struct Server {
    pub address: SocketAddr,
    /// The address of its database, if we may use it.
    pub database: Option<tokio_postgres::Config>,
    pid: Option<i32>,
    started: Option<Started>,
}

struct Started {
    child: Child,
    /// Its data and its log; the floor has neither.
    data: Option<TempDir>,
}

impl Server {
    /// A server that is already running; `pid` is only for measuring what it uses.
    pub async fn running(url: &str, pid: Option<i32>, database: Option<&str>) -> Result<Self> {
        let mut server = Self::at(loopback(url)?, pid);
        server.database = database.map(database_at).transpose()?;
        server.ready().await?;
        Ok(server)
    }

    pub fn at(address: SocketAddr, pid: Option<i32>) -> Self {
        Self { address, database: None, pid, started: None }
    }

    /// Starts a server with its own database, which is removed afterwards.
    pub async fn start(program: &Path, cores: Option<&Cores>) -> Result<Self> {
        let data = TempDir::with_prefix("snug-load-")?;
        // PostgreSQL does not run as root: its user must be able to enter this directory.
        std::fs::set_permissions(data.path(), Permissions::from_mode(0o755))?;
        let log = File::create(data.path().join("log"))?;
        let address = free_address()?;
        let mut command = Command::new(program);
        command
            .env_remove("SNUG_DATABASE_URL")
            .env_remove("DATABASE_URL")
            .env("SNUG_DATA_DIR", data.path().join("data"))
            .env("SNUG_LISTEN", address.to_string())
            .env("SNUG_RATE_LIMITS", "off")
            .env("SNUG_MAX_CONNECTIONS_PER_USER", CONNECTIONS)
            .env("SNUG_MAX_CONNECTIONS_PER_ADDRESS", CONNECTIONS)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        let child = spawn(&mut command, cores)?;
        let pid = child.id().map(|id| id as i32);
        let mut database = tokio_postgres::Config::new();
        database.host_path(data.path().join("data/postgres")).user("snug").dbname("snug");
        let started = Some(Started { child, data: Some(data) });
        let mut server = Self { address, database: Some(database), pid, started };
        if let Err(stop) = server.ready().await {
            server.stop().await?;
            return Err(stop);
        }
        if let (Some(cores), Some(pid)) = (cores, pid) {
            cores.release_children(pid);
        }
        Ok(server)
    }

    /// This same program as the floor.
    pub async fn floor(cores: Option<&Cores>) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["floor", "--port", "0"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = spawn(command.kill_on_drop(true), cores)?;
        let pid = child.id().map(|id| id as i32);
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line).await?;
        }
        let address =
            line.trim().parse().map_err(|_| Stop::new("the floor did not say where it listens"))?;
        let started = Some(Started { child, data: None });
        Ok(Self { address, database: None, pid, started })
    }

    /// Whether we started it; then it is removed afterwards, including its database.
    pub fn is_ours(&self) -> bool {
        self.started.as_ref().is_some_and(|started| started.data.is_some())
    }

    pub fn is_floor(&self) -> bool {
        self.started.as_ref().is_some_and(|started| started.data.is_none())
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn ready(&self) -> Result<()> {
        let client = crate::users::client()?;
        let deadline = Instant::now() + READY_TIMEOUT;
        loop {
            let answer = client.get(self.url("/readyz")).send().await;
            let why = match answer {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                Ok(answer) => format!("it answers {}", answer.status()),
                Err(_) if self.is_gone() => "it has ended".to_owned(),
                Err(error) => Stop::from(error).to_string(),
            };
            if self.is_gone() || self.started.is_none() || Instant::now() > deadline {
                let line = format!("snug at {} is not ready: {why}{}", self.address, self.log());
                return Err(Stop::new(line));
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    fn is_gone(&self) -> bool {
        self.pid.is_some_and(|pid| kill(Pid::from_raw(pid), None).is_err() || is_zombie(pid))
    }

    /// The last line that the server wrote, which usually says why.
    fn log(&self) -> String {
        let data = self.started.as_ref().and_then(|started| started.data.as_ref());
        let log = data.map(|data| data.path().join("log"));
        let text = log.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        text.lines().last().map(|line| format!("; its last line: {line}")).unwrap_or_default()
    }

    pub fn pid(&self) -> Option<i32> {
        self.pid
    }

    pub fn usage(&self) -> Option<Usage> {
        usage(self.pid?)
    }

    /// Records peak usage; ends when there is nothing more to see.
    pub async fn watch(&self, peak: &Cell<Option<Usage>>) {
        let pss = |usage: Option<Usage>| usage.map_or(0, |usage| usage.pss_kib);
        loop {
            let usage = self.usage();
            if usage.is_none() && self.is_gone() {
                return;
            }
            if pss(usage) > pss(peak.get()) {
                peak.set(usage);
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    }

    /// Stops a server that we started; first with SIGTERM.
    pub async fn stop(&mut self) -> Result<()> {
        let Some(Started { mut child, data: _data }) = self.started.take() else { return Ok(()) };
        let Some(pid) = child.id() else { return Ok(()) };
        kill(Pid::from_raw(pid as i32), Signal::SIGTERM).map_err(|e| Stop::new(e.to_string()))?;
        if tokio::time::timeout(STOP_TIMEOUT, child.wait()).await.is_err() {
            child.kill().await?;
            return Err(Stop::new("the server did not stop within 20 s of SIGTERM and was killed"));
        }
        Ok(())
    }
}

fn spawn(command: &mut Command, cores: Option<&Cores>) -> Result<Child> {
    let mut start = || {
        command.spawn().map_err(|error| {
            let program = command.as_std().get_program();
            Stop::new(format!("{}: {error}", Path::new(program).display()))
        })
    };
    match cores {
        Some(cores) => cores.starting(start),
        None => start(),
    }
}

/// Where a database is, if it is on this machine.
fn database_at(url: &str) -> Result<tokio_postgres::Config> {
    use tokio_postgres::config::Host;
    let config: tokio_postgres::Config = url.parse().map_err(|_| {
        Stop::new("cannot parse --database; write it like postgres:///snug?host=/run/postgresql")
    })?;
    let is_here = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
        }
    };
    match config.get_hosts().iter().all(is_here) {
        true => Ok(config),
        false => Err(Stop::new("--database: load only goes to this machine")),
    }
}

/// The address in `http://127.0.0.1:8000`, if it is one of this machine.
fn loopback(url: &str) -> Result<SocketAddr> {
    let wrong = || Stop::new(format!("{url}: expected http://127.0.0.1:PORT"));
    let parsed = reqwest::Url::parse(url).map_err(|_| wrong())?;
    let port = parsed.port_or_known_default().filter(|_| parsed.scheme() == "http");
    let host = parsed.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let address = match host {
        "localhost" => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        literal => literal.parse().ok(),
    };
    match (address, port) {
        (Some(address), Some(port)) if address.is_loopback() => Ok((address, port).into()),
        (_, Some(_)) => {
            Err(Stop::new(format!("{url}: load only goes to this machine (127.0.0.1)")))
        }
        (_, None) => Err(wrong()),
    }
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_only_goes_to_this_machine() {
        assert_eq!(loopback("http://127.0.0.1:8000").unwrap().to_string(), "127.0.0.1:8000");
        assert_eq!(loopback("http://localhost:81/").unwrap().to_string(), "127.0.0.1:81");
        assert_eq!(loopback("http://[::1]:8000").unwrap().to_string(), "[::1]:8000");
        for refused in ["http://192.0.2.1:8000", "http://example.org", "https://127.0.0.1", "x"] {
            assert!(loopback(refused).is_err(), "{refused}");
        }
    }
}
