//! The snug under load: one that runs already, or one that we start and stop ourselves.
//!
//! Also reads what it costs from /proc. Only addresses of this machine are accepted: load on
//! somebody else's server is an attack.

use crate::stop::{Result, Stop};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, SysconfVar, sysconf};
use serde::Serialize;
use std::fs::{File, Permissions};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::Instant;

/// initdb on a slow card takes its time.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// The server promises ten seconds; then PostgreSQL stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
const GLANCE: Duration = Duration::from_millis(25);
/// More than any run opens.
const CONNECTIONS: &str = "1000000";

pub struct Server {
    pub address: SocketAddr,
    pid: Option<i32>,
    started: Option<(Child, TempDir)>,
}

/// What the process has used so far, and holds now.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Usage {
    pub cpu_seconds: f64,
    pub pss_kib: u64,
}

impl Server {
    /// One that runs already; `pid` only to see what it costs.
    pub async fn running(url: &str, pid: Option<i32>) -> Result<Self> {
        let server = Self::at(loopback(url)?, pid);
        server.ready().await?;
        Ok(server)
    }

    pub fn at(address: SocketAddr, pid: Option<i32>) -> Self {
        Self { address, pid, started: None }
    }

    /// Starts one with a database of its own that is gone afterwards.
    pub async fn start(program: &Path) -> Result<Self> {
        let data = TempDir::with_prefix("snug-load-")?;
        // PostgreSQL does not run as root: its user must be able to pass through.
        std::fs::set_permissions(data.path(), Permissions::from_mode(0o755))?;
        let log = File::create(data.path().join("log"))?;
        let address = free_address()?;
        let child = Command::new(program)
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
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Stop::new(format!("{}: {error}", program.display())))?;
        let pid = child.id().map(|id| id as i32);
        let mut server = Self { address, pid, started: Some((child, data)) };
        match server.ready().await {
            Ok(()) => Ok(server),
            Err(stop) => {
                server.stop().await?;
                Err(stop)
            }
        }
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

    /// The last line that the server wrote, which usually is the reason.
    fn log(&self) -> String {
        let log = self.started.as_ref().map(|(_, data)| data.path().join("log"));
        let text = log.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        text.lines().last().map(|line| format!("; its last line: {line}")).unwrap_or_default()
    }

    pub fn usage(&self) -> Option<Usage> {
        usage(self.pid?)
    }

    /// Stops the one that we started, politely at first.
    pub async fn stop(&mut self) -> Result<()> {
        let Some((mut child, _data)) = self.started.take() else { return Ok(()) };
        let Some(pid) = child.id() else { return Ok(()) };
        kill(Pid::from_raw(pid as i32), Signal::SIGTERM).map_err(|e| Stop::new(e.to_string()))?;
        if tokio::time::timeout(STOP_TIMEOUT, child.wait()).await.is_err() {
            child.kill().await?;
            return Err(Stop::new("snug did not stop within 20 s of SIGTERM and was killed"));
        }
        Ok(())
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

fn usage(pid: i32) -> Option<Usage> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = after_name(&stat)?.split(' ').collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    let ticks_per_second = sysconf(SysconfVar::CLK_TCK).ok()??;
    let memory = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let pss = memory.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    Some(Usage {
        cpu_seconds: ticks as f64 / ticks_per_second as f64,
        pss_kib: pss.trim().trim_end_matches(" kB").parse().ok()?,
    })
}

fn is_zombie(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    after_name(&stat).is_none_or(|rest| rest.starts_with('Z'))
}

/// The fields after the program's name, which may hold anything.
fn after_name(stat: &str) -> Option<&str> {
    stat.rsplit_once(") ").map(|(_, rest)| rest)
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

    #[test]
    fn what_this_very_process_costs_can_be_read() {
        let usage = usage(std::process::id() as i32).unwrap();
        assert!(usage.pss_kib > 100 && usage.cpu_seconds >= 0.0);
    }
}
