//! How far people have read. Positions from sockets are gathered (debounced) and written at most once a
//! second per user and chat, then sent to the user's other sockets and to the other one of a private chat.

use super::Rules;
use crate::limits::{READ_BATCH_MAX, READ_PAUSE, READS_PENDING_MAX};
use crate::model::error::{Error, FrameRefusal, Result};
use crate::model::ids::{ChatId, Seq, UserId};
use crate::model::message::Viewer;
use crate::model::wire::{ServerFrame, text_frame};
use crate::registry::{ConnectionId, UserEvent};
use crate::store::{HasRead, Moved, WriteKind};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::sync::{Arc, Weak};
use tokio::sync::Notify;

type Pending = FxHashMap<(UserId, ChatId), (Seq, ConnectionId)>;

#[derive(Default)]
pub struct Reads {
    pending: Mutex<Pending>,
    news: Notify,
}

impl Reads {
    fn note(&self, user_id: UserId, chat_id: ChatId, seq: Seq, from: ConnectionId) {
        let mut pending = self.pending.lock();
        if pending.len() >= READS_PENDING_MAX && !pending.contains_key(&(user_id, chat_id)) {
            return;
        }
        let entry = pending.entry((user_id, chat_id)).or_insert((seq, from));
        if seq > entry.0 {
            *entry = (seq, from);
        }
        drop(pending);
        self.news.notify_one();
    }

    /// Writes everything pending; what could not be written stays pending.
    pub async fn flush(&self, rules: &Rules) {
        let taken = std::mem::take(&mut *self.pending.lock());
        let taken: Vec<_> = taken.into_iter().collect();
        let mut parts = taken.chunks(READ_BATCH_MAX);
        while let Some(part) = parts.next() {
            let reads: Vec<HasRead> = part
                .iter()
                .map(|((user_id, chat_id), (seq, _))| HasRead {
                    user_id: *user_id,
                    chat_id: *chat_id,
                    seq: *seq,
                })
                .collect();
            match rules.store.advance_read_positions(&reads).await {
                Ok(moved) => {
                    let from: Pending = part.iter().copied().collect();
                    for moved in moved {
                        let key = (moved.read.user_id, moved.read.chat_id);
                        let origin = from.get(&key).map(|(_, from)| *from);
                        rules.tell_read(moved, origin);
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "cannot write read positions; will try again");
                    for ((user_id, chat_id), (seq, from)) in part.iter().chain(parts.flatten()) {
                        self.note(*user_id, *chat_id, *seq, *from);
                    }
                    return;
                }
            }
        }
    }
}

/// Writes read positions as they arrive, with pauses in between, for as long as the rules exist.
pub async fn write(rules: Weak<Rules>) {
    loop {
        let Some(strong) = rules.upgrade() else { return };
        let waiting = tokio::time::timeout(READ_PAUSE, strong.reads.news.notified());
        if waiting.await.is_ok() {
            strong.reads.flush(&strong).await;
        }
        drop(strong);
        tokio::time::sleep(READ_PAUSE).await;
    }
}

impl Rules {
    /// A `read` frame: written soon. The connection must follow the chat.
    pub fn note_read(
        &self,
        viewer: &Viewer,
        chat_id: ChatId,
        seq: Seq,
        from: ConnectionId,
    ) -> Result<(), FrameRefusal> {
        if !self.store.has_room(WriteKind::Content) {
            return Err(FrameRefusal::storage_full());
        }
        self.reads.note(viewer.user_id, chat_id, seq, from);
        Ok(())
    }

    /// Returns once the position is written.
    pub async fn mark_read(
        self: &Arc<Self>,
        viewer: &Viewer,
        chat_id: ChatId,
        seq: Seq,
    ) -> Result<()> {
        let standing = self.store.standing(viewer.user_id, chat_id).await?;
        standing.ok_or_else(Error::not_found)?;
        let read = HasRead { user_id: viewer.user_id, chat_id, seq };
        let rules = Arc::clone(self);
        self.to_the_end(async move {
            for moved in rules.store.advance_read_positions(&[read]).await? {
                rules.tell_read(moved, None);
            }
            Ok(())
        })
        .await
    }

    fn tell_read(&self, moved: Moved, but: Option<ConnectionId>) {
        let Moved { read, seen_by } = moved;
        let HasRead { user_id, chat_id, seq } = read;
        self.registry.tell(user_id, self.read_event(user_id, chat_id, seq, but));
        if let Some(other) = seen_by {
            self.registry.tell(other, seen_event(chat_id, user_id, seq));
        }
    }

    /// A user has read so far; notes it where it is kept for a moment.
    pub(super) fn read_event(
        &self,
        user_id: UserId,
        chat_id: ChatId,
        seq: Seq,
        but: Option<ConnectionId>,
    ) -> UserEvent {
        if self.general.get() == Some(&chat_id) {
            self.standings.has_read(user_id, chat_id, seq);
        }
        let frame = text_frame(&ServerFrame::Read { chat_id, seq });
        UserEvent::Read { chat_id, seq, but, frame }
    }
}

/// The other one of a private chat has read so far.
pub fn seen_event(chat_id: ChatId, by: UserId, seq: Seq) -> UserEvent {
    let frame = text_frame(&ServerFrame::Seen { chat_id, user_id: by, seq });
    UserEvent::Seen { chat_id, by, seq, frame }
}
