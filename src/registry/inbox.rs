//! What a shard has been told and not yet taken up: one lock, held for a push or a swap, and a waker.
//!
//! Bounded where it could grow without end: publishing waits for room. What a connection asked for
//! itself, and what requests cause, is bounded by the connections and requests there are.

use super::Event;
use crate::limits::INBOX_BYTES_MAX;
use mio::Waker;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tokio::sync::Notify;

pub struct Inbox {
    queue: Mutex<Queue>,
    room: Notify,
    waker: Waker,
    connections: AtomicUsize,
    users: AtomicUsize,
}

#[derive(Default)]
struct Queue {
    events: Vec<Event>,
    bytes: usize,
    /// How often it has been emptied.
    turns: u64,
}

impl Inbox {
    pub fn new(waker: Waker) -> Self {
        Self {
            queue: Mutex::default(),
            room: Notify::new(),
            waker,
            connections: AtomicUsize::new(0),
            users: AtomicUsize::new(0),
        }
    }

    pub fn push(&self, event: Event) {
        let was_empty = {
            let mut queue = self.queue.lock().expect("no one panics while holding it");
            queue.bytes += weight(&event);
            queue.events.push(event);
            queue.events.len() == 1
        };
        if was_empty {
            self.wake();
        }
    }

    /// Waits while more bytes lie here than the bound allows.
    pub async fn push_all(&self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let mut events = Some(events);
        loop {
            let room = self.room.notified();
            if let Some(was_empty) = self.try_push_all(&mut events) {
                if was_empty {
                    self.wake();
                }
                return;
            }
            room.await;
        }
    }

    /// `None` when there is no room now; else whether it was empty before.
    fn try_push_all(&self, events: &mut Option<Vec<Event>>) -> Option<bool> {
        let mut queue = self.queue.lock().expect("no one panics while holding it");
        if queue.bytes >= INBOX_BYTES_MAX {
            return None;
        }
        let was_empty = queue.events.is_empty();
        for event in events.take().into_iter().flatten() {
            queue.bytes += weight(&event);
            queue.events.push(event);
        }
        Some(was_empty)
    }

    /// Everything there is, in the order in which it came; `spare` is kept as the new queue.
    pub fn take(&self, spare: Vec<Event>) -> Vec<Event> {
        let mut queue = self.queue.lock().expect("no one panics while holding it");
        let was_full = queue.bytes >= INBOX_BYTES_MAX;
        queue.bytes = 0;
        queue.turns += 1;
        let events = std::mem::replace(&mut queue.events, spare);
        drop(queue);
        if was_full {
            self.room.notify_waiters();
        }
        events
    }

    /// How often what lies here was taken up, and whether there is more now.
    pub fn progress(&self) -> (u64, bool) {
        let queue = self.queue.lock().expect("no one panics while holding it");
        (queue.turns, !queue.events.is_empty())
    }

    pub fn set_online(&self, connections: usize, users: usize) {
        self.connections.store(connections, Relaxed);
        self.users.store(users, Relaxed);
    }

    /// Connections and users of this shard.
    pub fn online(&self) -> (usize, usize) {
        (self.connections.load(Relaxed), self.users.load(Relaxed))
    }

    fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            tracing::error!(%error, "a shard cannot be woken");
        }
    }
}

/// What an event weighs against the bound: the bytes that it carries, and itself.
fn weight(event: &Event) -> usize {
    let carried = match event {
        Event::Published(run) => run.bytes.len(),
        Event::Replayed { piece, .. } => piece.run.as_ref().map_or(0, |run| run.bytes.len()),
        Event::Answered { frame: Some(frame), .. } => frame.len(),
        _ => 0,
    };
    carried + std::mem::size_of::<Event>()
}
