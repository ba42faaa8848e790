//! How the C library's allocator gives memory back: with `readiness`, all unsafe code there is.
//!
//! Called by `main` once at the start and by `run` now and then. With glibc's own settings a freed
//! hashing buffer (12 MiB) raises the size above which memory is mapped and unmapped at once, after
//! which such buffers stay in one of eight arenas per core; measured: 220 MB after 700 logins, against
//! 9 MB with these. With other C libraries this does nothing.

#![allow(unsafe_code)]

/// Two arenas: a process of few threads gains nothing from more, and each keeps what it once had.
#[cfg(target_env = "gnu")]
const ARENAS: i32 = 2;

/// Buffers of this size and more are mapped, and unmapped when they are freed.
#[cfg(target_env = "gnu")]
const MAPPED_BYTES_MIN: i32 = 256 * 1024;

/// To be called before other threads begin.
pub fn settle() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt only sets numbers of the allocator, and no other thread runs yet.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, ARENAS);
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_BYTES_MIN);
    }
}

/// Gives back what is free, also from the middle of the heap.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim takes the allocator's own locks and touches only memory that is free.
    unsafe {
        libc::malloc_trim(0);
    }
}
