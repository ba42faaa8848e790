//! Writes to chats whose row somebody else holds: they are set aside, so that one held chat delays its own
//! messages only.
//!
//! Used only by `lane`. Whatever is queued for such a chat meanwhile waits behind them, in its order. Pure.

use super::batch::QueuedWrite;
use crate::model::ids::ChatId;
use rustc_hash::FxHashSet;
use std::time::{Duration, Instant};

#[derive(Default)]
pub struct Aside {
    chats: FxHashSet<ChatId>,
    writes: Vec<QueuedWrite>,
}

impl Aside {
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    pub fn chats(&self) -> Vec<ChatId> {
        self.chats.iter().copied().collect()
    }

    /// Takes the writes of these chats, and from now on whatever else is queued for them.
    pub fn put(&mut self, held: impl IntoIterator<Item = ChatId>, queue: &mut Vec<QueuedWrite>) {
        self.chats.extend(held);
        self.take_from(queue);
    }

    /// Takes what was queued for chats whose writes are here.
    pub fn take_from(&mut self, queue: &mut Vec<QueuedWrite>) {
        if !self.chats.is_empty() {
            let held = queue.extract_if(.., |entry| self.chats.contains(&entry.chat_id()));
            self.writes.extend(held);
        }
    }

    /// The writes to these chats, which nobody holds any more.
    pub fn release(&mut self, free: &FxHashSet<ChatId>) -> Vec<QueuedWrite> {
        self.chats.retain(|chat| !free.contains(chat));
        self.writes.extract_if(.., |entry| free.contains(&entry.chat_id())).collect()
    }

    /// The writes that have waited for longer than this.
    pub fn late(&mut self, patience: Duration, now: Instant) -> Vec<QueuedWrite> {
        let is_late = |entry: &mut QueuedWrite| now.duration_since(entry.queued_at) >= patience;
        let late = self.writes.extract_if(.., is_late).collect();
        let writes = &self.writes;
        self.chats.retain(|chat| writes.iter().any(|entry| entry.chat_id() == *chat));
        late
    }
}
