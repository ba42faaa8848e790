//! Waits for thousands of sockets within one task: they have a poll (epoll) of their own, which itself
//! is one of the files that the runtime watches.
//!
//! If each socket were registered with the runtime, it would cost bookkeeping there, and a waker.

use crate::limits::POLL_EVENTS_MAX;
use crate::os::readiness::Watched;
use mio::net::TcpStream;
use mio::{Events, Interest, Token};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

pub struct Poll {
    poll: mio::Poll,
    /// The same poll, as a file.
    watched: Watched<OwnedFd>,
}

impl Poll {
    /// Must be called within a runtime.
    pub fn new() -> io::Result<Self> {
        let poll = mio::Poll::new()?;
        let file = poll.registry().as_fd().try_clone_to_owned()?;
        Ok(Self { poll, watched: Watched::new(file, tokio::io::Interest::READABLE)? })
    }

    /// The buffer that `look` fills.
    pub fn events() -> Events {
        Events::with_capacity(POLL_EVENTS_MAX)
    }

    /// Reports this socket by its `index` from now on, each time that it becomes readable or writable
    /// (edge-triggered).
    pub fn add(&self, stream: &mut TcpStream, index: u32) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(stream, Token(index as usize), interest)
    }

    /// Waits until there is something to report, and reports it. Cancellation-safe: what has not been
    /// reported yet will be.
    pub async fn look(&mut self, events: &mut Events) -> io::Result<()> {
        let mut ready = self.watched.readable().await?;
        match self.poll.poll(events, Some(Duration::ZERO)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            looked => looked?,
        }
        // If the buffer is full, there may be more.
        if events.iter().count() < POLL_EVENTS_MAX {
            ready.clear_ready();
        }
        Ok(())
    }
}
