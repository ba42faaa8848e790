//! The lane: the one place where messages are committed and published, in that order.
//!
//! Drafts queue up while a batch commits; whatever has queued up by then is the next batch (group commit
//! without a timer). A batch whose outcome is unknown is run again on a fresh connection, once the old
//! connection's server process is gone; the drafts' keys make that safe. One bad draft never takes its
//! neighbours down.

use super::Posted;
use super::aside::Aside;
use super::batch::{self, Keys, QueuedDraft, Reply};
use super::resume::Standings;
use crate::limits::{
    BATCH_DRAFTS_MAX, CROWDED_PATIENCE, LANE_ASIDE_PAUSE, LANE_BYTES_MAX, LANE_DRAFTS_MAX,
    RECONNECT_PAUSES,
};
use crate::metrics::Metrics;
use crate::model::error::Error;
use crate::model::ids::ChatId;
use crate::model::message::{ChatType, Draft, Message};
use crate::model::wire::error_frame;
use crate::os::backoff::Backoff;
use crate::registry::Registry;
use crate::store::{Backend, Outcome, Store, WriteError, WriteKind, Writer};
use parking_lot::Mutex;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Queues drafts for the lane's worker.
pub struct Lane {
    drafts: Mutex<Option<mpsc::Sender<QueuedDraft>>>,
    worker: Mutex<Option<tokio::task::JoinHandle<()>>>,
    keys: Keys,
    state: Arc<LaneState>,
}

/// What the watchdog asks: whether work is getting done.
#[derive(Default)]
pub struct LaneState {
    /// Counts each turn of the worker, and each draft that is settled individually.
    pub turns: AtomicU64,
    /// Drafts that are waiting or being written, and the bytes of their contents.
    pub waiting: AtomicU64,
    pub waiting_bytes: AtomicU64,
}

impl LaneState {
    fn settled(&self, drafts: u64, bytes: u64) {
        self.waiting.fetch_sub(drafts, Relaxed);
        self.waiting_bytes.fetch_sub(bytes, Relaxed);
    }
}

/// The queue is full, or the lane is closed.
pub struct Refused;

impl Lane {
    pub fn begin(
        store: Store,
        registry: Registry,
        standings: Arc<Standings>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (drafts, queue) = mpsc::channel(LANE_DRAFTS_MAX);
        let state = Arc::<LaneState>::default();
        let worker = LaneWorker {
            store,
            registry,
            standings,
            metrics,
            state: Arc::clone(&state),
            connection: WriterState::Never,
            is_away: false,
            doubted: FxHashSet::default(),
            aside: Aside::default(),
            looked_at: Instant::now(),
        };
        let worker = tokio::spawn(worker.run(queue));
        Self {
            drafts: Mutex::new(Some(drafts)),
            worker: Mutex::new(Some(worker)),
            keys: Keys::new(),
            state,
        }
    }

    pub fn push(&self, draft: Draft, reply: Reply) -> Result<(), Refused> {
        let key = self.keys.of(draft.client_id.as_deref());
        let drafts = self.drafts.lock();
        let drafts = drafts.as_ref().ok_or(Refused)?;
        let bytes = draft.content.len() as u64;
        if self.state.waiting_bytes.load(Relaxed) + bytes > LANE_BYTES_MAX {
            return Err(Refused);
        }
        let place = drafts.try_reserve().map_err(|_| Refused)?;
        // Counted before the worker can take it, so that the counts never drop below zero.
        self.state.waiting.fetch_add(1, Relaxed);
        self.state.waiting_bytes.fetch_add(bytes, Relaxed);
        place.send(QueuedDraft { draft, key, reply, queued_at: Instant::now() });
        Ok(())
    }

    pub fn state(&self) -> Arc<LaneState> {
        Arc::clone(&self.state)
    }

    /// Accepts no more drafts and waits until the queued ones are settled.
    pub async fn close(&self) {
        self.drafts.lock().take();
        let worker = self.worker.lock().take();
        if let Some(worker) = worker
            && let Err(error) = worker.await
        {
            tracing::error!(%error, "the lane ended too early");
        }
    }
}

struct LaneWorker {
    store: Store,
    registry: Registry,
    standings: Arc<Standings>,
    metrics: Arc<Metrics>,
    state: Arc<LaneState>,
    connection: WriterState,
    /// Whether the last attempt to connect failed: then the next drafts are tried once only.
    is_away: bool,
    /// Chats of batches whose outcome is or was unknown, until it is told what was stored: at most one
    /// batch's for each lost connection.
    doubted: FxHashSet<ChatId>,
    /// Drafts of chats whose row somebody else holds.
    aside: Aside,
    /// When it was last looked whether those chats are free.
    looked_at: Instant,
}

/// The writing connection, or what became of the last one.
enum WriterState {
    Never,
    Up(Box<Writer>),
    /// The outcome of its last batch is unknown.
    Doubtful(Backend),
    /// There is none, and nothing is in doubt.
    Down,
}

impl LaneWorker {
    async fn run(mut self, mut queue: mpsc::Receiver<QueuedDraft>) {
        let mut waiting = Vec::new();
        loop {
            if waiting.is_empty() {
                let receiving = queue.recv_many(&mut waiting, BATCH_DRAFTS_MAX);
                // While something is in doubt or set aside, drafts are not the only thing to wait for.
                let pause = match (self.aside.is_empty(), self.doubted.is_empty()) {
                    (true, true) => Duration::MAX,
                    (true, false) => RECONNECT_PAUSES.longest,
                    (false, _) => LANE_ASIDE_PAUSE,
                };
                match tokio::time::timeout(pause, receiving).await {
                    Ok(0) if self.aside.is_empty() => return,
                    // Nothing comes any more, but something is still set aside.
                    Ok(0) => tokio::time::sleep(LANE_ASIDE_PAUSE).await,
                    Ok(_) => {}
                    Err(_) if !self.doubted.is_empty() => self.settle_doubts().await,
                    Err(_) => {}
                }
            }
            while waiting.len() < BATCH_DRAFTS_MAX {
                let Ok(entry) = queue.try_recv() else { break };
                waiting.push(entry);
            }
            self.look_aside(&mut waiting).await;
            self.state.turns.fetch_add(1, Relaxed);
            if !waiting.is_empty() {
                let batch = batch::next(&mut waiting);
                self.settle(batch, Instant::now()).await;
                self.state.turns.fetch_add(1, Relaxed);
            }
        }
    }

    /// Sets aside what was queued for held chats, and takes back, in front of it, what is held no longer.
    async fn look_aside(&mut self, waiting: &mut Vec<QueuedDraft>) {
        self.aside.take_from(waiting);
        if self.aside.is_empty() || self.looked_at.elapsed() < LANE_ASIDE_PAUSE {
            return;
        }
        match self.store.free_chats(&self.aside.chats()).await {
            Ok(free) => {
                let released = self.aside.release(&free.into_iter().collect());
                waiting.splice(..0, released);
            }
            Err(error) => tracing::debug!(%error, "cannot find out whether chats are still held"),
        }
        self.looked_at = Instant::now();
        let late = self.aside.late(self.store.waits.settle, self.looked_at);
        if !late.is_empty() {
            self.fail(late, Error::unavailable("PostgreSQL", "somebody holds the row of a chat"));
        }
    }

    /// Answers every draft of the batch: stored, refused, or (after the deadline, which counts from
    /// when the whole batch `began`) unknown.
    async fn settle(&mut self, batch: Vec<QueuedDraft>, began: Instant) {
        let drafts: Vec<(&Draft, &str)> =
            batch.iter().map(|entry| (&entry.draft, entry.key.as_str())).collect();
        let was_away = self.is_away;
        let mut has_room = self.store.has_room(WriteKind::Content);
        let mut backoff = Backoff::new(RECONNECT_PAUSES);
        loop {
            match self.write(&drafts, has_room).await {
                Ok(outcomes) => {
                    if has_room {
                        self.metrics.committed(drafts.len(), began.elapsed());
                    }
                    if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Stored(_))) {
                        self.store.wrote(bytes_of(&drafts));
                    }
                    self.publish(batch, outcomes).await;
                    if !self.doubted.is_empty() {
                        self.settle_doubts().await;
                    }
                    return;
                }
                Err(WriteError::Held(error)) => return self.set_aside(batch, began, error).await,
                // Some may have been stored earlier; for all others this is a definite no.
                Err(WriteError::Failed(error)) if has_room && error.is_storage_full() => {
                    self.store.refused_for_want_of_room();
                    has_room = false;
                    continue;
                }
                Err(WriteError::Failed(error)) if batch.len() == 1 => {
                    return self.fail(batch, error);
                }
                Err(WriteError::Failed(error)) => {
                    tracing::warn!(%error, drafts = batch.len(), "storing a failed batch one by one");
                    return Box::pin(self.settle_one_by_one(batch, began)).await;
                }
                Err(WriteError::Unknown(error)) => {
                    // What became of a batch in doubt is found out later.
                    let patience = match error.is_crowded() {
                        true => CROWDED_PATIENCE,
                        false => self.store.waits.settle,
                    };
                    if began.elapsed() >= patience || was_away {
                        return self.fail(batch, error);
                    }
                }
            }
            backoff.pause().await;
        }
    }

    /// Sets aside the drafts of those chats that are held, and settles the others.
    async fn set_aside(&mut self, mut batch: Vec<QueuedDraft>, began: Instant, error: Error) {
        let chats: FxHashSet<ChatId> = batch.iter().map(|entry| entry.draft.chat_id).collect();
        let all: Vec<ChatId> = chats.iter().copied().collect();
        let free: FxHashSet<ChatId> = match self.store.free_chats(&all).await {
            Ok(free) => free.into_iter().collect(),
            Err(_) => FxHashSet::default(),
        };
        tracing::debug!(%error, chats = chats.len(), free = free.len(), "chats are held");
        // The lock was not a chat's, or it is gone already: all of them are tried again soon.
        if free.len() == chats.len() {
            self.aside.put(chats, &mut batch);
            return;
        }
        self.aside.put(chats.difference(&free).copied(), &mut batch);
        if !batch.is_empty() {
            Box::pin(self.settle(batch, began)).await;
        }
    }

    /// Within the batch's deadline: otherwise one draft that is refused late, because somebody holds a
    /// lock on its chat, would make all the others wait once more.
    async fn settle_one_by_one(&mut self, batch: Vec<QueuedDraft>, began: Instant) {
        let mut entries = batch.into_iter();
        while let Some(entry) = entries.next() {
            if began.elapsed() >= self.store.waits.settle {
                let late = Error::unavailable("PostgreSQL", "the drafts took too long");
                return self.fail(std::iter::once(entry).chain(entries).collect(), late);
            }
            self.settle(vec![entry], began).await;
            self.state.turns.fetch_add(1, Relaxed);
        }
    }

    /// One attempt at the batch, on the present connection or a new one. Without room it is only looked
    /// up: on the same connection, so that nothing that is in doubt can be stored afterwards.
    async fn write(
        &mut self,
        drafts: &[(&Draft, &str)],
        has_room: bool,
    ) -> Result<Vec<Outcome>, WriteError> {
        let writer = match std::mem::replace(&mut self.connection, WriterState::Down) {
            WriterState::Up(writer) => writer,
            before => self.connect(before).await.map_err(WriteError::Unknown)?,
        };
        let written = match has_room {
            true => writer.store(drafts).await,
            false => writer.look_up(drafts).await,
        };
        self.connection = match &written {
            Ok(_) | Err(WriteError::Failed(_) | WriteError::Held(_)) => WriterState::Up(writer),
            Err(WriteError::Unknown(error)) => {
                tracing::warn!(%error, "the outcome of a batch is unknown");
                self.doubted.extend(drafts.iter().map(|(draft, _)| draft.chat_id));
                WriterState::Doubtful(writer.backend())
            }
        };
        written
    }

    /// A new connection. One in doubt is terminated first, so that what it did can no longer change.
    async fn connect(&mut self, before: WriterState) -> Result<Box<Writer>, Error> {
        let is_first = matches!(before, WriterState::Never);
        let connected = self.try_connect(before).await;
        let was_away = std::mem::replace(&mut self.is_away, connected.is_err());
        match &connected {
            Ok(_) if !is_first => tracing::info!("messages can be stored again"),
            Err(error) if !was_away => {
                tracing::warn!(%error, "messages cannot be stored at present")
            }
            Ok(_) | Err(_) => {}
        }
        connected
    }

    async fn try_connect(&mut self, before: WriterState) -> Result<Box<Writer>, Error> {
        if let WriterState::Doubtful(backend) = before {
            let ended = self.store.end_backend(backend).await;
            if !matches!(ended, Ok(true)) {
                self.connection = WriterState::Doubtful(backend);
                let ending =
                    || Error::unavailable("PostgreSQL", "the last connection is still ending");
                return Err(ended.err().filter(Error::is_crowded).unwrap_or_else(ending));
            }
        }
        Ok(Box::new(Writer::connect(&self.store).await?))
    }

    /// Batches that were given up may have been stored without anybody having seen them: followers of
    /// those chats read them now. Only once the old connection is gone can that no longer change.
    async fn settle_doubts(&mut self) {
        match std::mem::replace(&mut self.connection, WriterState::Down) {
            WriterState::Up(writer) => self.connection = WriterState::Up(writer),
            before => match self.connect(before).await {
                Ok(writer) => self.connection = WriterState::Up(writer),
                Err(_) => return,
            },
        }
        let chats: Vec<ChatId> = self.doubted.iter().copied().collect();
        match self.store.last_seqs(&chats).await {
            Ok(last_seqs) => {
                self.doubted.clear();
                for (chat_id, last_seq) in last_seqs {
                    self.registry.hear(chat_id, last_seq);
                }
            }
            Err(error) => tracing::debug!(%error, "cannot find out yet what was stored"),
        }
    }

    /// Called after the commit, and only then: followers see the messages, senders get their answers.
    /// Messages that were stored by an earlier attempt are published, too, because that attempt may
    /// not have got this far; followers that have them ignore them.
    async fn publish(&self, batch: Vec<QueuedDraft>, outcomes: Vec<Outcome>) {
        let mut messages: FxHashMap<ChatId, Vec<Message>> = FxHashMap::default();
        let mut answers = Vec::with_capacity(batch.len());
        let mut callers = Vec::new();
        let (count, bytes) = batch::size(&batch);
        for (entry, outcome) in batch.into_iter().zip(outcomes) {
            let QueuedDraft { draft, reply, .. } = entry;
            let posted = batch::posted(&draft, outcome);
            match &posted {
                Ok(Posted::New(message)) => {
                    self.metrics.messages.inc();
                    if message.chat_type == ChatType::General {
                        self.standings.moved(message.sender_id, message.chat_id, message.seq);
                    }
                    messages.entry(message.chat_id).or_default().push(message.clone());
                }
                Ok(Posted::Known(message)) => {
                    messages.entry(message.chat_id).or_default().push(message.clone());
                }
                Err(_) => {}
            }
            match reply {
                Reply::Connection(to) => answers.push((to, batch::answer(&draft, &posted))),
                Reply::Caller(caller) => callers.push((caller, posted.map_err(Error::from))),
            }
        }
        self.registry.publish(batch::runs(messages), answers).await;
        self.state.settled(count, bytes);
        for (caller, posted) in callers {
            // The caller may have left; the message is stored all the same.
            let _left = caller.send(posted);
        }
    }

    /// Nothing is known to be stored: sockets are told `unavailable`, and so are callers but the first, who
    /// gets the error itself.
    fn fail(&self, batch: Vec<QueuedDraft>, error: Error) {
        let (count, bytes) = batch::size(&batch);
        self.state.settled(count, bytes);
        let has_caller = batch.iter().any(|entry| matches!(entry.reply, Reply::Caller(_)));
        // What a caller is told is logged where it is answered.
        if matches!(error, Error::Broken(_)) && !has_caller {
            tracing::error!(%error, "cannot store a draft");
        }
        let mut error = Some(error);
        for QueuedDraft { draft, reply, .. } in batch {
            match reply {
                Reply::Connection(to) => {
                    let client_id = draft.client_id.as_deref();
                    let frame = error_frame(&batch::unavailable(), client_id, Some(draft.chat_id));
                    self.registry.answer(to, Some(frame));
                }
                Reply::Caller(caller) => {
                    let unknown = || Error::unavailable("PostgreSQL", "the outcome is unknown");
                    let _left = caller.send(Err(error.take().unwrap_or_else(unknown)));
                }
            }
        }
    }
}

fn bytes_of(drafts: &[(&Draft, &str)]) -> u64 {
    drafts.iter().map(|(draft, _)| draft.content.len() as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::CONTENT_CHARS_MAX;
    use crate::model::ids::UserId;
    use crate::model::message::{Role, SessionId, Viewer};
    use crate::model::text::Content;
    use crate::model::waits::DatabaseWaits;
    use crate::registry::ConnectionId;

    /// On one thread and without an await, the worker gets no turn, so everything queued keeps waiting.
    #[tokio::test]
    async fn the_queue_is_limited_in_bytes() {
        let store = Store::new(tokio_postgres::Config::new(), DatabaseWaits::default());
        let metrics = Arc::new(Metrics::new().expect("nothing is counted twice"));
        let lane = Lane::begin(store, Registry::new(Vec::new()), Arc::default(), metrics);
        let user_id = UserId(1);
        let sender = Viewer {
            user_id,
            username: "ada".into(),
            role: Role::Member,
            session: SessionId([0; 16]),
        };
        let longest = Draft {
            chat_id: ChatId(1),
            sender: Arc::new(sender),
            content: Content::parse(&"😀".repeat(CONTENT_CHARS_MAX)).expect("the longest"),
            client_id: None,
        };
        let to = ConnectionId { shard: 0, index: 0, generation: 0 };
        let taken = (0..LANE_DRAFTS_MAX)
            .take_while(|_| lane.push(longest.clone(), Reply::Connection(to)).is_ok())
            .count() as u64;
        let each = longest.content.len() as u64;
        assert_eq!(taken, LANE_BYTES_MAX / each);
        let waiting = (&lane.state.waiting, &lane.state.waiting_bytes);
        assert_eq!((waiting.0.load(Relaxed), waiting.1.load(Relaxed)), (taken, taken * each));
        let short = Draft { content: Content::parse("x").expect("a short one"), ..longest };
        assert!(lane.push(short, Reply::Connection(to)).is_ok(), "there is room for a short one");
    }
}
