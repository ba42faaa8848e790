//! Batches of writes: which belong together, what they become, and who is told what. Pure, except for
//! the keys that it generates.
//!
//! Used only by `lane`, which does all the waiting.

use super::Posted;
use crate::limits::BATCH_BYTES_MAX;
use crate::model::error::{Error, FrameCode, FrameRefusal, NOT_FOUND};
use crate::model::ids::{Change, ChatId, Seq, UserId};
use crate::model::message::{Alteration, Draft, Message};
use crate::model::text::ClientId;
use crate::model::wire::{Micros, Run, ServerFrame, error_frame, text_frame};
use crate::registry::ConnectionId;
use crate::store::{Altered, Batch, NewDraft, Outcome, Stored};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;
use tokio::sync::oneshot;

/// Who is told what became of a write.
pub enum Reply<T> {
    Connection(ConnectionId),
    Caller(oneshot::Sender<Result<T, Error>>),
}

/// What is to be written.
pub enum Write {
    Post {
        draft: Draft,
        /// By which the database recognises it.
        key: String,
        /// Those in it, if it has any.
        names: Option<String>,
        reply: Reply<Posted>,
    },
    Alter {
        alteration: Alteration,
        /// Those in its new text.
        names: Option<String>,
        /// By which its answer names it; it is not stored.
        client_id: Option<ClientId>,
        reply: Reply<Altered>,
    },
}

/// A write that is waiting.
pub struct QueuedWrite {
    pub write: Write,
    pub queued_at: Instant,
}

impl QueuedWrite {
    pub fn chat_id(&self) -> ChatId {
        match &self.write {
            Write::Post { draft, .. } => draft.chat_id,
            Write::Alter { alteration, .. } => alteration.chat_id,
        }
    }

    /// Of its text.
    pub fn bytes(&self) -> usize {
        match &self.write {
            Write::Post { draft, .. } => draft.content.len(),
            Write::Alter { alteration, .. } => alteration.kind.text().map_or(0, str::len),
        }
    }

    pub fn has_caller(&self) -> bool {
        match &self.write {
            Write::Post { reply, .. } => matches!(reply, Reply::Caller(_)),
            Write::Alter { reply, .. } => matches!(reply, Reply::Caller(_)),
        }
    }
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

const PERHAPS_CHANGED: &str = "The message may not have been changed; send it again.";

/// Nobody knows whether it was committed.
pub fn unavailable(write: &Write) -> FrameRefusal {
    let detail = match write {
        Write::Post { .. } => {
            "The message may not have been stored; send it again with the same client_id."
        }
        Write::Alter { .. } => PERHAPS_CHANGED,
    };
    FrameRefusal::new(FrameCode::Unavailable, detail)
}

/// As many writes as fit into one transaction; of two drafts with the same key, the second waits for the next.
pub fn next(waiting: &mut Vec<QueuedWrite>) -> Vec<QueuedWrite> {
    let mut names: FxHashSet<(ChatId, UserId, ClientId)> = FxHashSet::default();
    let (mut batch, mut later) = (Vec::with_capacity(waiting.len()), Vec::new());
    let mut bytes = 0;
    for entry in waiting.drain(..) {
        // Keys of our own never repeat.
        let is_repeated = match &entry.write {
            Write::Post { draft, .. } => draft.client_id.as_ref().is_some_and(|client_id| {
                !names.insert((draft.chat_id, draft.sender.user_id, client_id.clone()))
            }),
            Write::Alter { .. } => false,
        };
        // Nothing may overtake a write that has to wait.
        if is_repeated || bytes >= BATCH_BYTES_MAX || !later.is_empty() {
            later.push(entry);
        } else {
            bytes += entry.bytes();
            batch.push(entry);
        }
    }
    *waiting = later;
    batch
}

/// The writes as the store takes them.
pub fn of(writes: &[QueuedWrite]) -> Batch<'_> {
    let (mut drafts, mut alterations) = (Vec::with_capacity(writes.len()), Vec::new());
    for entry in writes {
        match &entry.write {
            Write::Post { draft, key, names, .. } => {
                drafts.push(NewDraft { draft, key, names: names.as_deref() });
            }
            Write::Alter { alteration, names, .. } => {
                alterations.push((alteration, names.as_deref()));
            }
        }
    }
    Batch { drafts, alterations, is_again: false }
}

/// How many writes, and the bytes of their texts.
pub fn size(batch: &[QueuedWrite]) -> (u64, u64) {
    (batch.len() as u64, batch.iter().map(|entry| entry.bytes() as u64).sum())
}

pub fn posted(draft: &Draft, outcome: Outcome) -> Result<Posted, FrameRefusal> {
    match outcome {
        Outcome::Stored(stored) => Ok(Posted::New(message(draft, stored))),
        Outcome::Known(message) => Ok(Posted::Known(message)),
        Outcome::KeyReused => Err(FrameRefusal::new(
            FrameCode::ClientIdReused,
            "This client_id belongs to a message with different content; choose a new one.",
        )),
        Outcome::BadReply => Err(FrameRefusal::bad_reply()),
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
        more: stored.more,
    }
}

/// The message as it stands, if what was wanted is so now.
pub fn altered(alteration: &Alteration, altered: Altered) -> Result<Message, FrameRefusal> {
    let (code, detail) = match altered {
        Altered::Changed(_, message) | Altered::Same(message) => return Ok(message),
        Altered::Unreachable => (FrameCode::NotFound, NOT_FOUND),
        Altered::Forbidden(_) => (FrameCode::NotAuthor, "Only its author may do this."),
        Altered::Deleted => (FrameCode::Deleted, "The message is deleted."),
        Altered::Outdated => {
            (FrameCode::Changed, "The message has changed meanwhile; look at it first.")
        }
        Altered::LimitReached => (FrameCode::LimitReached, "There are as many as there may be."),
        Altered::NoRoom => return Err(FrameRefusal::storage_full()),
        Altered::InDoubt => (FrameCode::Unavailable, PERHAPS_CHANGED),
        Altered::Invalid => {
            let broken = || FrameRefusal::new(FrameCode::ContentInvalid, "The text is missing.");
            return Err(alteration.kind.fault().cloned().unwrap_or_else(broken));
        }
    };
    Err(FrameRefusal::new(code, detail))
}

/// What the sending socket is told: nothing if the draft was stored and had no `client_id`.
pub fn answer(draft: &Draft, posted: &Result<Posted, FrameRefusal>) -> Option<bytes::Bytes> {
    match posted {
        Ok(Posted::New(message) | Posted::Known(message)) => {
            let client_id = draft.client_id.as_deref()?;
            Some(text_frame(&ServerFrame::Ack {
                client_id,
                chat_id: message.chat_id,
                id: Some(message.id),
                seq: message.seq,
                timestamp: Some(Micros(message.timestamp)),
                change: None,
            }))
        }
        Err(refusal) => Some(error_frame(refusal, draft.client_id.as_deref(), Some(draft.chat_id))),
    }
}

/// The same of an alteration.
pub fn answer_alteration(
    chat_id: ChatId,
    client_id: Option<&str>,
    altered: &Result<Message, FrameRefusal>,
) -> Option<bytes::Bytes> {
    match altered {
        Ok(message) => Some(text_frame(&ServerFrame::Ack {
            client_id: client_id?,
            chat_id,
            id: None,
            seq: message.seq,
            timestamp: None,
            change: Some(message.change()),
        })),
        Err(refusal) => Some(error_frame(refusal, client_id, Some(chat_id))),
    }
}

/// What a batch brings its chats: messages, and changes after them.
#[derive(Default)]
pub struct Brought {
    messages: FxHashMap<ChatId, Vec<Message>>,
    changes: FxHashMap<ChatId, Changes>,
}

/// The changes of one chat in a batch.
struct Changes {
    first: Change,
    /// Each once, as it stands after the batch.
    messages: FxHashMap<Seq, Message>,
}

impl Brought {
    pub fn add(&mut self, message: &Message) {
        self.messages.entry(message.chat_id).or_default().push(message.clone());
    }

    pub fn add_change(&mut self, number: Change, message: &Message) {
        let changes = self.changes.entry(message.chat_id);
        let changes =
            changes.or_insert_with(|| Changes { first: number, messages: FxHashMap::default() });
        changes.first = changes.first.min(number);
        changes.messages.entry(message.seq).or_insert_with(|| message.clone());
    }

    /// Some chats twice.
    pub fn chats(&self) -> impl Iterator<Item = ChatId> {
        self.messages.keys().chain(self.changes.keys()).copied()
    }

    /// The messages of each chat in order, as runs without gaps, and then its changes.
    pub fn runs(self) -> Vec<Arc<Run>> {
        let mut runs = Vec::with_capacity(self.messages.len() + self.changes.len());
        for mut messages in self.messages.into_values() {
            messages.sort_unstable_by_key(|message| message.seq);
            let consecutive = |a: &Message, b: &Message| a.seq.next() == b.seq;
            runs.extend(messages.chunk_by(consecutive).filter_map(Run::of).map(Arc::new));
        }
        for Changes { first, messages } in self.changes.into_values() {
            let mut messages: Vec<Message> = messages.into_values().collect();
            messages.sort_unstable_by_key(Message::change);
            runs.extend(Run::of_changes(first, &messages).map(Arc::new));
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::CONTENT_CHARS_MAX;
    use crate::model::ids::MessageId;
    use crate::model::message::{ChatType, Role, SessionId, Viewer};
    use crate::model::more::More;
    use crate::model::text::Content;

    fn draft(content: &str, client_id: Option<&str>) -> Draft {
        let sender = Viewer {
            user_id: UserId(1),
            username: "ada".into(),
            role: Role::Member,
            shows_presence: true,
            session: SessionId([0; 16]),
        };
        Draft {
            chat_id: ChatId(1),
            sender: Arc::new(sender),
            content: Content::parse(content).expect("a content"),
            client_id: client_id.map(|id| ClientId::parse(id).expect("a name")),
            reply_to: None,
        }
    }

    fn entry(content: &str, client_id: Option<&str>) -> QueuedWrite {
        let key = client_id.map_or_else(|| format!("s{content}"), |id| format!("c{id}"));
        let reply = Reply::Connection(ConnectionId { shard: 0, index: 0, generation: 0 });
        let write = Write::Post { draft: draft(content, client_id), key, names: None, reply };
        QueuedWrite { write, queued_at: Instant::now() }
    }

    fn contents(entries: &[QueuedWrite]) -> Vec<&str> {
        of(entries).drafts.into_iter().map(|new| &*new.draft.content).collect()
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

    fn stored(seq: i64, change: Option<i64>) -> Message {
        let stored = Stored {
            id: MessageId(seq),
            seq: Seq(seq),
            timestamp: jiff::Timestamp::UNIX_EPOCH,
            chat_type: ChatType::General,
            receiver_id: None,
            more: None,
        };
        let more = change.map(|change| More { change: Some(Change(change)), ..More::default() });
        Message { more: more.map(Box::new), ..message(&draft("a", None), stored) }
    }

    #[test]
    fn runs_are_in_order_and_without_gaps() {
        let mut news = Brought::default();
        for seq in [3, 1, 2, 7] {
            news.add(&stored(seq, None));
        }
        let spans: Vec<_> = news.runs().iter().map(|run| (run.first, run.last())).collect();
        assert_eq!(spans, [(1, 3), (7, 7)]);
    }

    #[test]
    fn changes_come_after_messages_and_each_message_once() {
        let mut news = Brought::default();
        for (number, seq, change) in [(31, 5, 34), (32, 9, 33), (33, 9, 33), (34, 5, 34)] {
            news.add_change(Change(number), &stored(seq, Some(change)));
        }
        news.add(&stored(10, None));
        let runs = news.runs();
        let numbers = |run: &Run| run.ends.iter().map(|(number, _)| *number).collect::<Vec<_>>();
        let runs: Vec<_> = runs.iter().map(|run| (run.first, numbers(run))).collect();
        assert_eq!(runs, [(10, vec![10]), (31, vec![33, 34])]);
    }

    #[test]
    fn generated_keys_never_repeat() {
        let keys = Keys::new();
        assert_ne!(keys.of(None), keys.of(None));
        assert_eq!(keys.of(Some("x")), "cx");
    }
}
