//! Waiting for thousands of sockets within one task: a poll of their own, which itself is one of the files
//! that the runtime waits for.
//!
//! Registered with the runtime one by one, each socket would cost its bookkeeping there and a waker.

use crate::readiness::watch;
use mio::net::TcpStream;
use mio::{Events, Interest, Token};
use std::io;
use std::time::Duration;
use tokio::io::unix::AsyncFd;

/// Sockets of which one look tells.
const EVENTS: usize = 1_024;

pub struct Poll {
    poll: AsyncFd<mio::Poll>,
}

impl Poll {
    /// To be made within a runtime.
    pub fn new() -> io::Result<Self> {
        Ok(Self { poll: watch(mio::Poll::new()?, tokio::io::Interest::READABLE)? })
    }

    /// What `look` fills.
    pub fn events() -> Events {
        Events::with_capacity(EVENTS)
    }

    /// Tells of this socket by its `index` from now on, once each time that it becomes readable or writable.
    pub fn add(&self, stream: &mut TcpStream, index: u32) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.get_ref().registry().register(stream, Token(index as usize), interest)
    }

    /// Waits until there is something to tell, and tells it. May be dropped: what is not told yet will be.
    pub async fn look(&mut self, events: &mut Events) -> io::Result<()> {
        let mut ready = self.poll.readable_mut().await?;
        match ready.get_inner_mut().poll(events, Some(Duration::ZERO)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            looked => looked?,
        }
        // Of as many as fit in there may be more.
        if events.iter().count() < EVENTS {
            ready.clear_ready();
        }
        Ok(())
    }
}
