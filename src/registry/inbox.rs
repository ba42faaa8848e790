//! What a shard has been told but has not yet dealt with: one lock, held for a push or a swap, and a
//! notification.
//!
//! It is bounded where it could grow without end: publishing waits for room (backpressure). Events
//! that a connection asked for, or that requests cause, are bounded by the connections and requests
//! there are.

use super::{Event, UserEvent};
use crate::model::message::Standing;
use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tokio::sync::Notify;

pub struct Inbox {
    /// How many bytes it may hold before publishing waits.
    bytes_max: usize,
    queue: Mutex<Queue>,
    room: Notify,
    bell: Notify,
    connections: AtomicUsize,
    users: AtomicUsize,
}

#[derive(Default)]
struct Queue {
    events: Vec<Event>,
    bytes: usize,
    /// How often it has been emptied, or some of its events were handled.
    turns: u64,
}

impl Inbox {
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            queue: Mutex::default(),
            room: Notify::new(),
            bell: Notify::new(),
            connections: AtomicUsize::default(),
            users: AtomicUsize::default(),
        }
    }

    pub fn push(&self, event: Event) {
        let was_empty = {
            let mut queue = self.queue.lock();
            queue.bytes += weight(&event);
            queue.events.push(event);
            queue.events.len() == 1
        };
        if was_empty {
            self.bell.notify_one();
        }
    }

    /// Waits while the inbox holds more bytes than the bound allows; for those who then push at once.
    pub async fn has_room(&self) {
        loop {
            let room = self.room.notified();
            if self.queue.lock().bytes < self.bytes_max {
                return;
            }
            room.await;
        }
    }

    /// Several events at once, without waiting for room.
    pub fn push_several(&self, events: impl IntoIterator<Item = Event>) {
        let has_begun = {
            let mut queue = self.queue.lock();
            let was_empty = queue.events.is_empty();
            for event in events {
                queue.bytes += weight(&event);
                queue.events.push(event);
            }
            was_empty && !queue.events.is_empty()
        };
        if has_begun {
            self.bell.notify_one();
        }
    }

    /// Waits while the inbox holds more bytes than the bound allows.
    pub async fn push_all(&self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let mut events = Some(events);
        loop {
            let room = self.room.notified();
            if let Some(was_empty) = self.try_push_all(&mut events) {
                if was_empty {
                    self.bell.notify_one();
                }
                return;
            }
            room.await;
        }
    }

    /// `None` if there is no room at present; otherwise whether it was empty before.
    fn try_push_all(&self, events: &mut Option<Vec<Event>>) -> Option<bool> {
        let mut queue = self.queue.lock();
        if queue.bytes >= self.bytes_max {
            return None;
        }
        let was_empty = queue.events.is_empty();
        for event in events.take().into_iter().flatten() {
            queue.bytes += weight(&event);
            queue.events.push(event);
        }
        Some(was_empty)
    }

    /// Waits until something arrives in the empty inbox; for the worker that empties it.
    pub async fn rings(&self) {
        self.bell.notified().await;
    }

    /// Everything in it, in order of arrival; `spare` becomes the new queue.
    pub fn take(&self, spare: Vec<Event>) -> Vec<Event> {
        let mut queue = self.queue.lock();
        let was_full = queue.bytes >= self.bytes_max;
        queue.bytes = 0;
        queue.turns += 1;
        let events = std::mem::replace(&mut queue.events, spare);
        drop(queue);
        if was_full {
            self.room.notify_waiters();
        }
        events
    }

    /// Notes that the events taken are being worked on.
    pub fn turn(&self) {
        self.queue.lock().turns += 1;
    }

    /// How often there was progress, and whether more is waiting now.
    pub fn progress(&self) -> (u64, bool) {
        let queue = self.queue.lock();
        (queue.turns, !queue.events.is_empty())
    }

    pub fn set_online(&self, connections: usize, users: usize) {
        self.connections.store(connections, Relaxed);
        self.users.store(users, Relaxed);
    }

    /// The connections and users of this shard.
    pub fn online(&self) -> (usize, usize) {
        (self.connections.load(Relaxed), self.users.load(Relaxed))
    }
}

/// What an event counts for against the bound: itself and the bytes that it carries.
fn weight(event: &Event) -> usize {
    let carried = match event {
        Event::Arrived(arrival) => arrival.answer.len() + arrival.early.len(),
        Event::Published(run) => run.bytes.len(),
        Event::Signalled { frame, .. } | Event::Removed { frame, .. } => frame.len(),
        Event::Typing(typing) => typing.frame.len(),
        Event::Presence(presence) => {
            presence.news.iter().map(|(_, told)| told.frame.len() + size_of_val(&*told.users)).sum()
        }
        Event::Answered { frame, .. } => frame.as_ref().map_or(0, Bytes::len),
        Event::Greeted { standings, .. } | Event::Confirmed { standings, .. } => {
            standings.len() * size_of::<Standing>()
        }
        Event::Replayed { piece, .. } => piece.frames.bytes.len(),
        Event::Told { event, .. } => match event {
            UserEvent::Account(frame)
            | UserEvent::Read { frame, .. }
            | UserEvent::Seen { frame, .. }
            | UserEvent::Joined { frame, .. }
            | UserEvent::Left { frame, .. } => frame.len(),
            UserEvent::ShowsPresence(_) => 0,
        },
        Event::Heard { .. }
        | Event::Unreachable { .. }
        | Event::GaveUp { .. }
        | Event::SessionEnded { .. }
        | Event::Stopped => 0,
    };
    carried + size_of::<Event>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::SMALL;
    use crate::model::ids::{ChatId, Position, Seq, UserId};
    use crate::model::wire::{Run, RunKind};
    use crate::registry::ConnectionId;
    use std::sync::Arc;
    use std::task::{Context, Poll};

    fn bytes(inbox: &Inbox) -> usize {
        inbox.queue.lock().bytes
    }

    #[test]
    fn publishing_waits_while_the_inbox_is_too_full() {
        let inbox = Inbox::new(SMALL.inbox_bytes);
        const PIECE: usize = 1024 * 1024;
        let run = Arc::new(Run {
            chat_id: ChatId(1),
            kind: RunKind::Message,
            first: 1,
            reach: Position { seq: Seq(1), ..Position::default() },
            ends: [(1, PIECE as u32)].into(),
            bytes: vec![0; PIECE].into(),
        });
        let publish = || inbox.push_all(vec![Event::Published(Arc::clone(&run))]);
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut published = 0;
        let mut waiting = loop {
            let mut publishing = Box::pin(publish());
            match publishing.as_mut().poll(&mut context) {
                Poll::Ready(()) => published += 1,
                Poll::Pending => break publishing,
            }
            assert!(bytes(&inbox) < SMALL.inbox_bytes + PIECE + size_of::<Event>());
        };
        assert_eq!(published, SMALL.inbox_bytes / PIECE);
        assert_eq!(inbox.take(Vec::new()).len(), published);
        assert!(waiting.as_mut().poll(&mut context).is_ready(), "there is room again");
        assert_eq!(inbox.take(Vec::new()).len(), 1);
        assert_eq!(bytes(&inbox), 0);
    }

    #[test]
    fn the_bytes_an_event_carries_count() {
        let frame = Bytes::from_static(&[0; 1_000]);
        let to = ConnectionId { shard: 0, index: 0, generation: 0 };
        let chat_id = ChatId(1);
        let told = |event| Event::Told { user_id: UserId(1), event };
        let (chat_type, last) = (crate::model::message::ChatType::Room, Position::default());
        let standing = Standing { chat_id, chat_type, last, read_seq: Seq(0), mentioned: 0 };
        for event in [
            Event::Answered { to, frame: Some(frame.clone()) },
            Event::Signalled { chat_id, of: None, frame: frame.clone() },
            Event::Removed { chat_id, frame: frame.clone() },
            told(UserEvent::Account(frame.clone())),
            told(UserEvent::Read { chat_id, seq: Seq(0), but: None, frame: frame.clone() }),
            told(UserEvent::Joined { chat_id, chat_type, last, frame: frame.clone() }),
            told(UserEvent::Left { chat_id, frame }),
            Event::Greeted { to, standings: vec![standing; 100], epoch: "".into() },
            Event::Confirmed { to, standings: vec![standing; 100] },
        ] {
            assert!(weight(&event) >= 1_000 + size_of::<Event>());
        }
        assert_eq!(weight(&Event::GaveUp { to }), size_of::<Event>());
    }
}
