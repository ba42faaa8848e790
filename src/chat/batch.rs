//! Batches of drafts: which belong together, what they become, and who is told what. Pure, except for
//! the keys that it generates.
//!
//! Used only by `lane`, which does all the waiting.

use super::Posted;
use crate::limits::BATCH_BYTES_MAX;
use crate::model::error::{Error, FrameCode, FrameRefusal, NOT_FOUND};
use crate::model::ids::{ChatId, UserId};
use crate::model::message::{Draft, Message};
use crate::model::text::ClientId;
use crate::model::wire::{Micros, Run, ServerFrame, error_frame, text_frame};
use crate::registry::ConnectionId;
use crate::store::{Outcome, Stored};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;
use tokio::sync::oneshot;

/// Who is told what became of a draft.
pub enum Reply {
    Connection(ConnectionId),
    Caller(oneshot::Sender<Result<Posted, Error>>),
}

/// A draft that is waiting to be stored.
pub struct QueuedDraft {
    pub draft: Draft,
    /// The key by which the database recognises it.
    pub key: String,
    pub reply: Reply,
    pub queued_at: Instant,
}

/// Generates the keys of drafts: `c` and the client's own id, or `s` and one that no other draft of any
/// process has.
pub struct Keys {
    process: u64,
    next: AtomicU64,
}

impl Keys {
    pub fn new() -> Self {
        let process =
            getrandom::u64().unwrap_or_else(|_| jiff::Timestamp::now().as_nanosecond() as u64);
        Self { process, next: AtomicU64::new(0) }
    }

    pub fn of(&self, client_id: Option<&str>) -> String {
        match client_id {
            Some(client_id) => format!("c{client_id}"),
            None => format!("s{:x}.{:x}", self.process, self.next.fetch_add(1, Relaxed)),
        }
    }
}

pub fn unavailable() -> FrameRefusal {
    FrameRefusal::new(
        FrameCode::Unavailable,
        "The message may not have been stored; send it again with the same client_id.",
    )
}

/// As many drafts as fit into one transaction; of two with the same key, the second waits for the next.
pub fn next(waiting: &mut Vec<QueuedDraft>) -> Vec<QueuedDraft> {
    let mut names: FxHashSet<(ChatId, UserId, ClientId)> = FxHashSet::default();
    let (mut batch, mut later) = (Vec::with_capacity(waiting.len()), Vec::new());
    let mut bytes = 0;
    for entry in waiting.drain(..) {
        let draft = &entry.draft;
        // Keys of our own never repeat.
        let is_repeated = draft.client_id.as_ref().is_some_and(|client_id| {
            !names.insert((draft.chat_id, draft.sender.user_id, client_id.clone()))
        });
        // Nothing may overtake a draft that has to wait.
        if is_repeated || bytes >= BATCH_BYTES_MAX || !later.is_empty() {
            later.push(entry);
        } else {
            bytes += draft.content.len();
            batch.push(entry);
        }
    }
    *waiting = later;
    batch
}

/// How many drafts, and the bytes of their contents.
pub fn size(batch: &[QueuedDraft]) -> (u64, u64) {
    (batch.len() as u64, batch.iter().map(|entry| entry.draft.content.len() as u64).sum())
}

pub fn posted(draft: &Draft, outcome: Outcome) -> Result<Posted, FrameRefusal> {
    match outcome {
        Outcome::Stored(stored) => Ok(Posted::New(message(draft, stored))),
        Outcome::Known(stored) => Ok(Posted::Known(message(draft, stored))),
        Outcome::KeyReused => Err(FrameRefusal::new(
            FrameCode::ClientIdReused,
            "This client_id belongs to a message with different content; choose a new one.",
        )),
        Outcome::Unreachable => Err(FrameRefusal::new(FrameCode::NotFound, NOT_FOUND)),
        Outcome::NoRoom => Err(FrameRefusal::storage_full()),
    }
}

fn message(draft: &Draft, stored: Stored) -> Message {
    Message {
        id: stored.id,
        seq: stored.seq,
        chat_id: draft.chat_id,
        chat_type: stored.chat_type,
        sender_id: draft.sender.user_id,
        receiver_id: stored.receiver_id,
        username: Arc::clone(&draft.sender.username),
        content: draft.content.share(),
        timestamp: stored.timestamp,
        client_id: draft.client_id.as_ref().map(ClientId::share),
    }
}

/// What the sending socket is told: nothing if the draft was stored and had no `client_id`.
pub fn answer(draft: &Draft, posted: &Result<Posted, FrameRefusal>) -> Option<bytes::Bytes> {
    match posted {
        Ok(Posted::New(message) | Posted::Known(message)) => {
            let client_id = draft.client_id.as_deref()?;
            Some(text_frame(&ServerFrame::Ack {
                client_id,
                chat_id: message.chat_id,
                id: message.id,
                seq: message.seq,
                timestamp: Micros(message.timestamp),
            }))
        }
        Err(refusal) => Some(error_frame(refusal, draft.client_id.as_deref(), Some(draft.chat_id))),
    }
}

/// The messages of each chat in order, as runs without gaps.
pub fn runs(messages: FxHashMap<ChatId, Vec<Message>>) -> Vec<Arc<Run>> {
    let mut runs = Vec::with_capacity(messages.len());
    for mut messages in messages.into_values() {
        messages.sort_unstable_by_key(|message| message.seq);
        let consecutive = |a: &Message, b: &Message| a.seq.next() == b.seq;
        runs.extend(messages.chunk_by(consecutive).filter_map(Run::of).map(Arc::new));
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::CONTENT_CHARS_MAX;
    use crate::model::ids::{MessageId, Seq};
    use crate::model::message::{ChatType, Role, SessionId, Viewer};
    use crate::model::text::Content;

    fn entry(content: &str, client_id: Option<&str>) -> QueuedDraft {
        let sender = Viewer {
            user_id: UserId(1),
            username: "ada".into(),
            role: Role::Member,
            session: SessionId([0; 16]),
        };
        QueuedDraft {
            draft: Draft {
                chat_id: ChatId(1),
                sender: Arc::new(sender),
                content: Content::parse(content).expect("a content"),
                client_id: client_id.map(|id| ClientId::parse(id).expect("a name")),
            },
            key: client_id.map_or_else(|| format!("s{content}"), |id| format!("c{id}")),
            queued_at: Instant::now(),
            reply: Reply::Connection(ConnectionId { shard: 0, index: 0, generation: 0 }),
        }
    }

    fn contents(entries: &[QueuedDraft]) -> Vec<&str> {
        entries.iter().map(|entry| &*entry.draft.content).collect()
    }

    #[test]
    fn a_repeated_key_and_everything_after_it_wait_for_the_next_batch() {
        let mut waiting =
            vec![entry("a", Some("1")), entry("b", None), entry("c", Some("1")), entry("d", None)];
        assert_eq!(contents(&next(&mut waiting)), ["a", "b"]);
        assert_eq!(contents(&waiting), ["c", "d"]);
        assert_eq!(contents(&next(&mut waiting)), ["c", "d"]);
        assert!(waiting.is_empty());
    }

    #[test]
    fn a_batch_is_limited_in_bytes() {
        let longest = "😀".repeat(CONTENT_CHARS_MAX);
        let all = BATCH_BYTES_MAX / longest.len() * 2;
        let mut waiting: Vec<_> = (0..all).map(|_| entry(&longest, None)).collect();
        let mut batches = 0;
        while !waiting.is_empty() {
            let bytes = contents(&next(&mut waiting)).iter().map(|text| text.len()).sum::<usize>();
            // The draft that reaches the limit is the last.
            assert!(bytes > 0 && bytes < BATCH_BYTES_MAX + longest.len(), "{bytes}");
            batches += 1;
        }
        assert_eq!(batches, 2);
    }

    #[test]
    fn runs_are_in_order_and_without_gaps() {
        let stored = |seq| Stored {
            id: MessageId(seq),
            seq: Seq(seq),
            timestamp: jiff::Timestamp::UNIX_EPOCH,
            chat_type: ChatType::General,
            receiver_id: None,
        };
        let draft = entry("a", None).draft;
        let messages = [3, 1, 2, 7].map(|seq| message(&draft, stored(seq))).to_vec();
        let runs = runs(FxHashMap::from_iter([(ChatId(1), messages)]));
        let spans: Vec<_> = runs.iter().map(|run| (run.first, run.last())).collect();
        assert_eq!(spans, [(Seq(1), Seq(3)), (Seq(7), Seq(7))]);
    }

    #[test]
    fn generated_keys_never_repeat() {
        let keys = Keys::new();
        assert_ne!(keys.of(None), keys.of(None));
        assert_eq!(keys.of(Some("x")), "cx");
    }
}
