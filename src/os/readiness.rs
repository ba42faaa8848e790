//! Files that the runtime watches for one kind of readiness. All unsafe code is here and in `memory`.
//!
//! The runtime watches its own sockets for both kinds. A Unix socket becomes writable each time its peer
//! has read something, so a task that only waits for an answer would be woken for nothing.

#![allow(unsafe_code)]

use std::io;
use std::ops::Deref;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Only shared references are given out: with an exclusive one, the watched file could be swapped for
/// another.
pub struct Watched<T: AsRawFd>(AsyncFd<T>);

/// Sealed, so that no other module can implement the trait.
mod sealed {
    /// A value whose descriptor stays the same, and open, until it is dropped.
    pub trait File: std::os::fd::AsRawFd {}

    impl File for super::OwnedFd {}
    impl File for super::UnixStream {}
}

impl<T: sealed::File> Watched<T> {
    /// Call this within a runtime. The file must be non-blocking.
    pub fn new(file: T, interest: Interest) -> io::Result<Self> {
        // SAFETY: a file keeps its descriptor, and only shared references to it are ever given out.
        Ok(Self(unsafe { AsyncFd::register_with_interest(file, interest) }?))
    }
}

impl<T: AsRawFd> Deref for Watched<T> {
    type Target = AsyncFd<T>;

    fn deref(&self) -> &AsyncFd<T> {
        &self.0
    }
}
