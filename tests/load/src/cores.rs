//! Which core runs what: the server on one, the load on another, PostgreSQL wherever there is room.
//!
//! A server that is started on one core sees one core and sizes itself for it. Its own child processes
//! would inherit that binding, so they are released from it again.

use crate::stop::{Result, Stop};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// The machine's cores, as far as this process may use them, and the two with a role of their own.
#[derive(Clone, Copy)]
pub struct Cores {
    all: CpuSet,
    server: CpuSet,
    load: CpuSet,
}

impl Cores {
    /// `None` if there is only one core: then nothing is bound.
    pub fn choose() -> Result<Option<Self>> {
        let all = sched_getaffinity(Pid::from_raw(0)).map_err(failed)?;
        let mut usable = (0..CpuSet::count()).filter(|core| all.is_set(*core).unwrap_or(false));
        let (Some(server), Some(load)) = (usable.next(), usable.next()) else { return Ok(None) };
        Ok(Some(Self { all, server: only(server)?, load: only(load)? }))
    }

    pub fn count(&self) -> usize {
        (0..CpuSet::count()).filter(|core| self.all.is_set(*core).unwrap_or(false)).count()
    }

    /// Lets this thread run wherever there is room.
    pub fn release_thread(&self) -> Result<()> {
        sched_setaffinity(Pid::from_raw(0), &self.all).map_err(failed)
    }

    /// Runs `start` on the server's core, then moves this thread to the load's own core.
    pub fn starting<T>(&self, start: impl FnOnce() -> Result<T>) -> Result<T> {
        sched_setaffinity(Pid::from_raw(0), &self.server).map_err(failed)?;
        let started = start();
        sched_setaffinity(Pid::from_raw(0), &self.load).map_err(failed)?;
        started
    }

    /// Releases the processes that `parent` started, its PostgreSQL above all.
    pub fn release_children(&self, parent: i32) {
        for child in descendants(parent) {
            for thread in numbers(&format!("/proc/{child}/task")) {
                // It may have ended since it was listed.
                let _gone = sched_setaffinity(Pid::from_raw(thread), &self.all);
            }
        }
    }
}

fn only(core: usize) -> Result<CpuSet> {
    let mut set = CpuSet::new();
    set.set(core).map_err(failed)?;
    Ok(set)
}

/// Children, their children, and so on.
fn descendants(ancestor: i32) -> Vec<i32> {
    let pairs: Vec<(i32, i32)> =
        numbers("/proc").into_iter().filter_map(|pid| Some((pid, parent(pid)?))).collect();
    let mut family = vec![ancestor];
    let mut at = 0;
    while at < family.len() {
        let elder = family[at];
        family.extend(pairs.iter().filter(|(_, parent)| *parent == elder).map(|(pid, _)| *pid));
        at += 1;
    }
    family.split_off(1)
}

fn parent(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    crate::usage::after_name(&stat)?.split(' ').nth(1)?.parse().ok()
}

/// The entries of a directory whose names are numbers.
fn numbers(directory: &str) -> Vec<i32> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn failed(error: nix::Error) -> Stop {
    Stop::new(format!("choosing a core: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_found_and_released() {
        let Some(cores) = Cores::choose().unwrap() else { return };
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = Pid::from_raw(child.id() as i32);
        sched_setaffinity(pid, &cores.server).unwrap();
        assert!(descendants(std::process::id() as i32).contains(&pid.as_raw()));
        cores.release_children(std::process::id() as i32);
        assert_eq!(sched_getaffinity(pid).unwrap(), cores.all);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
