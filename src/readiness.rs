//! Files that the runtime watches for one kind of readiness: with `memory`, all unsafe code there is.
//!
//! The runtime's own sockets are watched for both kinds. A Unix socket tells that it is writable each time
//! its peer has read something, and so wakes for nothing whoever waits for an answer.

#![allow(unsafe_code)]

use std::io;
use std::ops::Deref;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Lent only to be looked at: what is watched could otherwise be put in another's place.
pub struct Watched<T: AsRawFd>(AsyncFd<T>);

/// Named here, so that nobody else can add to them.
mod sealed {
    /// A value whose descriptor stays the same, and open, until it is dropped.
    pub trait File: std::os::fd::AsRawFd {}

    impl File for super::OwnedFd {}
    impl File for super::UnixStream {}
}

impl<T: sealed::File> Watched<T> {
    /// To be called within a runtime; the file must not block.
    pub fn new(file: T, interest: Interest) -> io::Result<Self> {
        // SAFETY: a file keeps its descriptor, and nobody gets hold of it but by a shared reference.
        Ok(Self(unsafe { AsyncFd::register_with_interest(file, interest) }?))
    }
}

impl<T: AsRawFd> Deref for Watched<T> {
    type Target = AsyncFd<T>;

    fn deref(&self) -> &AsyncFd<T> {
        &self.0
    }
}
