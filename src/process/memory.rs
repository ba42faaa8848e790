//! How the C library's allocator gives memory back, and how much there is. All unsafe code is here and in `readiness`.
//!
//! Called by `main` once at the start and by `run` from time to time. With glibc's defaults, freeing a
//! hashing buffer (12 MiB) raises the threshold above which memory is mapped and unmapped directly;
//! from then on, such buffers stay in one of eight arenas per core. Measured: 220 MB after 700 logins,
//! against 9 MB with these settings. With other C libraries this does nothing.

#![allow(unsafe_code)]

use std::path::Path;

/// Two arenas: a process with few threads gains nothing from more, and each arena keeps its peak size.
#[cfg(target_env = "gnu")]
const ARENAS: i32 = 2;

/// Buffers of at least this size are mapped directly, and unmapped when they are freed.
#[cfg(target_env = "gnu")]
const MAPPED_BYTES_MIN: i32 = 256 * 1024;

/// Must be called before other threads start.
pub fn settle() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt only sets parameters of the allocator, and no other thread is running yet.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, ARENAS);
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_BYTES_MIN);
    }
}

/// Gives back free memory, including memory in the middle of the heap.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim takes the allocator's own locks and touches only free memory.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// A figure of a file under `/proc` such as `MemTotal:  8 kB`, in bytes.
pub fn figure(path: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number = line.trim_start_matches(':').split_whitespace().next()?;
    number.parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

/// How much there is for this process: the machine's, or less if a control group bounds it, as in a container
/// or by `MemoryMax=` in a unit. What cannot be found out is taken for plenty.
pub fn available() -> u64 {
    let machine = figure("/proc/meminfo", "MemTotal").unwrap_or(u64::MAX);
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    machine.min(bound_of_groups(Path::new("/sys/fs/cgroup"), &groups))
}

/// The smallest bound of a control group and those that it is in (version 2, whose line begins so).
fn bound_of_groups(root: &Path, groups: &str) -> u64 {
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    let bound = |group: &Path| {
        let text = std::fs::read_to_string(root.join(group).join("memory.max")).ok()?;
        text.trim().parse::<u64>().ok()
    };
    Path::new(own).ancestors().filter_map(bound).min().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_group_or_one_around_it_bounds_the_memory() {
        let root = tempfile::tempdir().unwrap();
        let bound = |groups: &str| bound_of_groups(root.path(), groups);
        std::fs::create_dir_all(root.path().join("system.slice/snug.service")).unwrap();
        let put = |group: &str, text: &str| {
            std::fs::write(root.path().join(group).join("memory.max"), text).unwrap();
        };
        let own = "12:pids:/elsewhere\n0::/system.slice/snug.service\n";
        assert_eq!(bound(own), u64::MAX);
        put("system.slice/snug.service", "max\n");
        assert_eq!(bound(own), u64::MAX);
        put("system.slice", "1000000\n");
        assert_eq!(bound(own), 1_000_000);
        put("system.slice/snug.service", "500000\n");
        assert_eq!(bound(own), 500_000);
        assert_eq!(bound("0::/\n"), u64::MAX);
        put("", "2000\n");
        assert_eq!([bound("0::/\n"), bound(own), bound("")], [2_000; 3]);
    }
}
