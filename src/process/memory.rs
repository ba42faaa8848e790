//! How the C library's allocator gives memory back, and how much there is. All unsafe code is here and in `readiness`.
//!
//! Called by `main` once at the start and by `run` from time to time. With glibc's defaults, freeing a
//! hashing buffer (12 MiB) raises the threshold above which memory is mapped and unmapped directly;
//! from then on, such buffers stay in one of eight arenas per core. Measured: 220 MB after 700 logins,
//! against 9 MB with these settings. With other C libraries this does nothing.

#![allow(unsafe_code)]

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
