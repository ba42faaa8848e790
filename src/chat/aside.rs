//! Drafts of chats whose row somebody else holds: they are set aside, so that one held chat delays its own
//! messages only.
//!
//! Used only by `lane`. Whatever is queued for such a chat meanwhile waits behind them, in its order. Pure.

use super::batch::QueuedDraft;
use crate::model::ids::ChatId;
use rustc_hash::FxHashSet;
use std::time::{Duration, Instant};

#[derive(Default)]
pub struct Aside {
    chats: FxHashSet<ChatId>,
    drafts: Vec<QueuedDraft>,
}

impl Aside {
    pub fn is_empty(&self) -> bool {
        self.drafts.is_empty()
    }

    pub fn chats(&self) -> Vec<ChatId> {
        self.chats.iter().copied().collect()
    }

    /// Takes the drafts of these chats, and from now on whatever else is queued for them.
    pub fn put(&mut self, held: impl IntoIterator<Item = ChatId>, queue: &mut Vec<QueuedDraft>) {
        self.chats.extend(held);
        self.take_from(queue);
    }

    /// Takes what was queued for chats whose drafts are here.
    pub fn take_from(&mut self, queue: &mut Vec<QueuedDraft>) {
        if !self.chats.is_empty() {
            let held = queue.extract_if(.., |entry| self.chats.contains(&entry.draft.chat_id));
            self.drafts.extend(held);
        }
    }

    /// The drafts of these chats, which nobody holds any more.
    pub fn release(&mut self, free: &FxHashSet<ChatId>) -> Vec<QueuedDraft> {
        self.chats.retain(|chat| !free.contains(chat));
        self.drafts.extract_if(.., |entry| free.contains(&entry.draft.chat_id)).collect()
    }

    /// The drafts that have waited for longer than this.
    pub fn late(&mut self, patience: Duration, now: Instant) -> Vec<QueuedDraft> {
        let is_late = |entry: &mut QueuedDraft| now.duration_since(entry.queued_at) >= patience;
        let late = self.drafts.extract_if(.., is_late).collect();
        let drafts = &self.drafts;
        self.chats.retain(|chat| drafts.iter().any(|entry| entry.draft.chat_id == *chat));
        late
    }
}
