//! Files that the runtime watches for one kind of readiness: with `memory`, all unsafe code there is.
//!
//! The runtime's own sockets are watched for both kinds. A Unix socket tells that it is writable each time
//! its peer has read something, and so wakes for nothing whoever waits for an answer.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Owns its file: the descriptor stays the same, and open, until the value is dropped.
pub trait File: AsRawFd + sealed::Sealed {}

impl File for mio::Poll {}
impl File for UnixStream {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for mio::Poll {}
    impl Sealed for super::UnixStream {}
}

/// To be called within a runtime; the file must not block.
pub fn watch<T: File>(file: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    // SAFETY: each `File` keeps its descriptor, which is what registering it asks for.
    Ok(unsafe { AsyncFd::register_with_interest(file, interest) }?)
}
