//! What a process uses: processor time, and its own memory (its proportional share of pages, PSS).

use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;
use serde::Serialize;

/// What the process has used so far, and holds now.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Usage {
    pub cpu_seconds: f64,
    pub pss_kib: u64,
}

/// What the server's own process used, without its PostgreSQL.
#[derive(Debug, Serialize)]
pub struct Cost {
    pub pss_kib_before: u64,
    pub pss_kib_open: u64,
    pub pss_kib_end: u64,
    pub pss_bytes_per_socket: Option<f64>,
    pub pss_bytes_per_socket_end: Option<f64>,
    pub cpu_seconds: f64,
    pub cpu_micros_per_delivery: Option<f64>,
    pub cpu_micros_per_message: Option<f64>,
}

/// The server's usage before the sockets, with all open, and at the end.
pub struct Usages {
    pub before: Option<Usage>,
    pub open: Option<Usage>,
    pub end: Option<Usage>,
}

pub fn usage(pid: i32) -> Option<Usage> {
    // The process's own clock counts nanoseconds, including ended threads; /proc counts hundredths.
    let clock = clock_getcpuclockid(Pid::from_raw(pid)).ok()?.now().ok()?;
    Some(Usage {
        cpu_seconds: clock.tv_sec() as f64 + clock.tv_nsec() as f64 / 1e9,
        pss_kib: pss_kib(pid)?,
    })
}

pub fn pss_kib(pid: i32) -> Option<u64> {
    let memory = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let pss = memory.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    pss.trim().trim_end_matches(" kB").parse().ok()
}

pub fn is_zombie(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    after_name(&stat).is_none_or(|rest| rest.starts_with('Z'))
}

/// The fields after the program's name, which may contain anything.
pub fn after_name(stat: &str) -> Option<&str> {
    stat.rsplit_once(") ").map(|(_, rest)| rest)
}

/// The growth from before to now, divided by `count`.
pub fn grown(before: Option<Usage>, now: Option<Usage>, count: usize) -> Option<f64> {
    let bytes = (now?.pss_kib as f64 - before?.pss_kib as f64) * 1024.0;
    (count > 0).then(|| bytes / count as f64)
}

impl Cost {
    pub fn of(usages: &Usages, sockets: usize, deliveries: u64, messages: u64) -> Option<Self> {
        let (before, open, end) = (usages.before?, usages.open?, usages.end?);
        let cpu_seconds = end.cpu_seconds - open.cpu_seconds;
        let each = |count: u64| (count > 0).then(|| cpu_seconds * 1e6 / count as f64);
        Some(Self {
            pss_kib_before: before.pss_kib,
            pss_kib_open: open.pss_kib,
            pss_kib_end: end.pss_kib,
            pss_bytes_per_socket: grown(usages.before, usages.open, sockets),
            pss_bytes_per_socket_end: grown(usages.before, usages.end, sockets),
            cpu_seconds,
            cpu_micros_per_delivery: each(deliveries),
            cpu_micros_per_message: each(messages),
        })
    }

    pub fn rows(&self) -> Vec<(&'static str, String)> {
        let each = |bytes: Option<f64>| bytes.map(|bytes| format!(" ({bytes:.0} B a socket)"));
        let memory = format!(
            "{} KiB before, {} KiB with all open{}, {} KiB at the end{}",
            self.pss_kib_before,
            self.pss_kib_open,
            each(self.pss_bytes_per_socket).unwrap_or_default(),
            self.pss_kib_end,
            each(self.pss_bytes_per_socket_end).unwrap_or_default(),
        );
        let mut rows =
            vec![("server CPU", format!("{:.2} s", self.cpu_seconds)), ("server memory", memory)];
        rows.extend(
            self.cpu_micros_per_delivery.map(|us| ("CPU a delivery", format!("{us:.2} µs"))),
        );
        rows.extend(self.cpu_micros_per_message.map(|us| ("CPU a message", format!("{us:.1} µs"))));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usage_of_this_process_can_be_read() {
        let usage = usage(std::process::id() as i32).unwrap();
        assert!(usage.pss_kib > 100 && usage.cpu_seconds >= 0.0);
    }
}
