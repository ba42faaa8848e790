//! The memory of the whole appliance: the server, and the processes of the PostgreSQL that it has started.

use crate::report::Report;
use crate::server::Server;
use crate::usage::{after_name, pss_kib};
use std::cell::Cell;
use std::time::Duration;

/// Between two looks at all its processes, each of which costs them some milliseconds.
const LOOK_PAUSE: Duration = Duration::from_secs(1);

/// Proportional shares (PSS), so that pages that several processes have count once.
#[derive(Debug, Clone, Copy, Default)]
pub struct Appliance {
    pub server_kib: u64,
    pub database_kib: u64,
    pub processes: usize,
}

/// What the figures of one moment are called, each by a name of its own: of the server, of PostgreSQL, of both, its
/// processes.
pub type Names = [&'static str; 4];

pub const IDLE: Names = [
    "memory of snug, idle",
    "of its PostgreSQL, idle",
    "of both, idle",
    "processes of PostgreSQL, idle",
];
pub const BUSY: Names = [
    "memory of snug, online",
    "of its PostgreSQL, online",
    "of both, online",
    "processes of PostgreSQL, online",
];

impl Appliance {
    pub fn look(server: &Server) -> Option<Self> {
        let pid = server.pid()?;
        let database = descendants(pid);
        // A process that has ended meanwhile has no memory.
        let database_kib = database.iter().filter_map(|pid| pss_kib(*pid)).sum();
        Some(Self { server_kib: pss_kib(pid)?, database_kib, processes: database.len() })
    }

    /// Records the most there was; it is to be dropped when enough is seen.
    pub async fn watch(server: &Server, most: &Cell<Option<Self>>) {
        loop {
            let now = Self::look(server);
            if now.map_or(0, Self::kib) > most.get().map_or(0, Self::kib) {
                most.set(now);
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    }

    fn kib(self) -> u64 {
        self.server_kib + self.database_kib
    }

    pub fn add_to(self, report: &mut Report, names: Names) {
        let [server, database, together, processes] = names;
        for (what, kib) in
            [(server, self.server_kib), (database, self.database_kib), (together, self.kib())]
        {
            report.add(what, "MB", kib as f64 * 1_024.0 / 1e6);
        }
        report.add(processes, "", self.processes as f64);
    }
}

/// All processes below this one.
fn descendants(of: i32) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pairs: Vec<(i32, i32)> = entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            Some((pid, after_name(&stat)?.split(' ').nth(1)?.parse().ok()?))
        })
        .collect();
    let mut found = vec![of];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(pairs.iter().filter(|(_, above)| *above == parent).map(|(pid, _)| *pid));
        at += 1;
    }
    found.split_off(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn children_of_children_are_found() {
        let script = "sh -c 'echo; read _; :'; :";
        let mut shell = Command::new("sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // By the first line, both are there.
        let mut line = [0];
        std::io::Read::read_exact(shell.stdout.as_mut().unwrap(), &mut line).unwrap();
        let found = descendants(shell.id() as i32);
        assert_eq!(found.len(), 1);
        assert!(descendants(std::process::id() as i32).contains(&found[0]));
        assert!(pss_kib(found[0]).is_some_and(|kib| kib > 0));
        drop(shell.stdin.take());
        assert!(shell.wait().unwrap().success());
    }
}
