//! The lane: the one place where messages and their changes are committed and published, in that order.
//!
//! Writes queue up while a batch commits; whatever has queued up by then is the next batch (group commit
//! without a timer). A batch whose outcome is unknown is run again on a fresh connection, once the old
//! connection's server process is gone; the drafts' keys make that safe, and that a change which was made
//! already is none. One bad write never takes its neighbours down.

use super::Posted;
use super::aside::Aside;
use super::batch::{self, Brought, Keys, QueuedWrite, Reply, Write};
use super::resume::Standings;
use crate::limits::{
    BATCH_DRAFTS_MAX, CROWDED_PATIENCE, LANE_ASIDE_PAUSE, LANE_DRAFTS_MAX, RECONNECT_PAUSES,
};
use crate::metrics::Metrics;
use crate::model::error::Error;
use crate::model::ids::ChatId;
use crate::model::message::{ChatType, Draft};
use crate::model::wire::error_frame;
use crate::os::backoff::Backoff;
use crate::registry::Registry;
use crate::store::{
    Altered, Backend, Batch, Committed, Outcome, Store, WriteError, WriteKind, Writer,
};
use parking_lot::Mutex;
use rustc_hash::FxHashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Queues writes for the lane's worker.
pub struct Lane {
    writes: Mutex<Option<mpsc::Sender<QueuedWrite>>>,
    worker: Mutex<Option<tokio::task::JoinHandle<()>>>,
    keys: Keys,
    state: Arc<LaneState>,
    /// Bytes of the texts of all that waits.
    bytes_max: u64,
}

/// What the watchdog asks: whether work is getting done.
#[derive(Default)]
pub struct LaneState {
    /// Counts each turn of the worker, and each write that is settled individually.
    pub turns: AtomicU64,
    /// Writes that are waiting or being written, and the bytes of their texts.
    pub waiting: AtomicU64,
    pub waiting_bytes: AtomicU64,
    /// How long it has been storing, in all, in microseconds.
    pub busy_micros: AtomicU64,
}

impl LaneState {
    fn settled(&self, writes: u64, bytes: u64) {
        self.waiting.fetch_sub(writes, Relaxed);
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
        bytes_max: u64,
    ) -> Self {
        let (writes, queue) = mpsc::channel(LANE_DRAFTS_MAX);
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
            writes: Mutex::new(Some(writes)),
            worker: Mutex::new(Some(worker)),
            keys: Keys::new(),
            state,
            bytes_max,
        }
    }

    /// The key by which the database recognises a draft.
    pub fn key_of(&self, draft: &Draft) -> String {
        self.keys.of(draft.client_id.as_deref())
    }

    pub fn push(&self, write: Write) -> Result<(), Refused> {
        let entry = QueuedWrite { write, queued_at: Instant::now() };
        let writes = self.writes.lock();
        let writes = writes.as_ref().ok_or(Refused)?;
        let bytes = entry.bytes() as u64;
        if self.state.waiting_bytes.load(Relaxed) + bytes > self.bytes_max {
            return Err(Refused);
        }
        let place = writes.try_reserve().map_err(|_| Refused)?;
        // Counted before the worker can take it, so that the counts never drop below zero.
        self.state.waiting.fetch_add(1, Relaxed);
        self.state.waiting_bytes.fetch_add(bytes, Relaxed);
        place.send(entry);
        Ok(())
    }

    pub fn state(&self) -> Arc<LaneState> {
        Arc::clone(&self.state)
    }

    /// Accepts no more writes and waits until the queued ones are settled.
    pub async fn close(&self) {
        self.writes.lock().take();
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
    /// Whether the last attempt to connect failed: then the next writes are tried once only.
    is_away: bool,
    /// Chats of batches whose outcome is or was unknown, until it is told what was stored: at most one
    /// batch's for each lost connection.
    doubted: FxHashSet<ChatId>,
    /// Writes to chats whose row somebody else holds.
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
    async fn run(mut self, mut queue: mpsc::Receiver<QueuedWrite>) {
        let mut waiting = Vec::new();
        loop {
            if waiting.is_empty() {
                let receiving = queue.recv_many(&mut waiting, BATCH_DRAFTS_MAX);
                // While something is in doubt or set aside, writes are not the only thing to wait for.
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
                let began = Instant::now();
                self.settle(batch, Attempts::begin()).await;
                self.state.busy_micros.fetch_add(began.elapsed().as_micros() as u64, Relaxed);
                self.state.turns.fetch_add(1, Relaxed);
            }
        }
    }

    /// Sets aside what was queued for held chats, and takes back, in front of it, what is held no longer.
    async fn look_aside(&mut self, waiting: &mut Vec<QueuedWrite>) {
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

    /// Answers every write of the batch: done, refused, or (after the deadline, which counts from when the
    /// whole batch began) unknown.
    async fn settle(&mut self, batch: Vec<QueuedWrite>, mut attempts: Attempts) {
        let mut writes = batch::of(&batch);
        let was_away = self.is_away;
        let mut has_room = self.store.has_room(WriteKind::Content);
        let mut backoff = Backoff::new(RECONNECT_PAUSES);
        loop {
            writes.is_again = attempts.is_again;
            match self.write(&writes, has_room).await {
                Ok(written) => {
                    if has_room {
                        self.metrics.committed(batch.len(), attempts.began.elapsed());
                    }
                    if changed_something(&written) {
                        self.store.wrote(batch::size(&batch).1);
                    }
                    self.publish(batch, written).await;
                    if !self.doubted.is_empty() {
                        self.settle_doubts().await;
                    }
                    return;
                }
                Err(WriteError::Held(error)) => {
                    return self.set_aside(batch, attempts, error).await;
                }
                // Drafts may have been stored earlier; for all others this is a definite no. So it is for
                // changes that have not been tried before.
                Err(WriteError::Failed(error)) if has_room && error.is_storage_full() => {
                    self.store.refused_for_want_of_room();
                    has_room = false;
                    continue;
                }
                Err(WriteError::Failed(error)) if batch.len() == 1 => {
                    return self.fail(batch, error);
                }
                Err(WriteError::Failed(error)) => {
                    tracing::warn!(%error, writes = batch.len(), "storing a failed batch one by one");
                    return Box::pin(self.settle_one_by_one(batch, attempts)).await;
                }
                Err(WriteError::Unknown(error)) => {
                    attempts.is_again = true;
                    // What became of a batch in doubt is found out later.
                    let patience = match error.is_crowded() {
                        true => CROWDED_PATIENCE,
                        false => self.store.waits.settle,
                    };
                    if attempts.began.elapsed() >= patience || was_away {
                        return self.fail(batch, error);
                    }
                }
            }
            backoff.pause().await;
        }
    }

    /// Sets aside the writes to those chats that are held, and settles the others.
    async fn set_aside(&mut self, mut batch: Vec<QueuedWrite>, attempts: Attempts, error: Error) {
        let chats: FxHashSet<ChatId> = batch.iter().map(QueuedWrite::chat_id).collect();
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
            Box::pin(self.settle(batch, attempts)).await;
        }
    }

    /// Within the batch's deadline: otherwise one write that is refused late, because somebody holds a
    /// lock on its chat, would make all the others wait once more.
    async fn settle_one_by_one(&mut self, batch: Vec<QueuedWrite>, attempts: Attempts) {
        let mut entries = batch.into_iter();
        while let Some(entry) = entries.next() {
            if attempts.began.elapsed() >= self.store.waits.settle {
                let late = Error::unavailable("PostgreSQL", "the writes took too long");
                return self.fail(std::iter::once(entry).chain(entries).collect(), late);
            }
            self.settle(vec![entry], attempts).await;
            self.state.turns.fetch_add(1, Relaxed);
        }
    }

    /// One attempt at the batch, on the present connection or a new one. Without room it is only looked
    /// up: on the same connection, so that nothing that is in doubt can be stored afterwards.
    async fn write(&mut self, batch: &Batch<'_>, has_room: bool) -> Result<Committed, WriteError> {
        let writer = match std::mem::replace(&mut self.connection, WriterState::Down) {
            WriterState::Up(writer) => writer,
            before => self.connect(before).await.map_err(WriteError::Unknown)?,
        };
        let written = match has_room {
            true => writer.write(batch).await,
            false => writer.look_up(batch).await,
        };
        self.connection = match &written {
            Ok(_) | Err(WriteError::Failed(_) | WriteError::Held(_)) => WriterState::Up(writer),
            Err(WriteError::Unknown(error)) => {
                tracing::warn!(%error, "the outcome of a batch is unknown");
                self.doubted.extend(batch.chats());
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
        match self.store.ends(&chats).await {
            Ok(ends) => {
                self.doubted.clear();
                for (chat_id, last) in ends {
                    self.registry.hear(chat_id, last);
                }
            }
            Err(error) => tracing::debug!(%error, "cannot find out yet what was stored"),
        }
    }

    /// Called after the commit, and only then: followers see the messages and changes, senders get their
    /// answers. Messages that were stored by an earlier attempt are published, too, because that attempt may
    /// not have got this far; followers that have them ignore them.
    async fn publish(&self, batch: Vec<QueuedWrite>, written: Committed) {
        let mut news = Brought::default();
        let mut answers = Vec::with_capacity(batch.len());
        let mut callers: Vec<Box<dyn FnOnce() + Send>> = Vec::new();
        let (count, bytes) = batch::size(&batch);
        let (mut drafts, mut alterations) =
            (written.drafts.into_iter(), written.alterations.into_iter());
        for QueuedWrite { write, .. } in batch {
            match write {
                Write::Post { draft, reply, .. } => {
                    let Some(outcome) = drafts.next() else { continue };
                    let posted = batch::posted(&draft, outcome);
                    if let Ok(Posted::New(message) | Posted::Known(message)) = &posted {
                        news.add(message);
                    }
                    if let Ok(Posted::New(message)) = &posted {
                        self.metrics.messages.inc();
                        if message.chat_type == ChatType::General {
                            self.standings.sent(message.sender_id, message.chat_id, message.seq);
                        }
                    }
                    match reply {
                        Reply::Connection(to) => answers.push((to, batch::answer(&draft, &posted))),
                        Reply::Caller(caller) => callers.push(Box::new(move || {
                            // The caller may have left; the message is stored all the same.
                            let _left = caller.send(posted.map_err(Error::from));
                        })),
                    }
                }
                Write::Alter { alteration, client_id, reply, .. } => {
                    let Some(altered) = alterations.next() else { continue };
                    if let Altered::Changed(number, message) = &altered {
                        news.add_change(*number, message);
                    }
                    match reply {
                        Reply::Connection(to) => {
                            let altered = batch::altered(&alteration, altered);
                            let (chat_id, client_id) = (alteration.chat_id, client_id.as_deref());
                            answers
                                .push((to, batch::answer_alteration(chat_id, client_id, &altered)));
                        }
                        Reply::Caller(caller) => callers.push(Box::new(move || {
                            let _left = caller.send(Ok(altered));
                        })),
                    }
                }
            }
        }
        self.store.has_news(news.chats());
        self.registry.publish(news.runs(), answers).await;
        self.state.settled(count, bytes);
        for answer in callers {
            answer();
        }
    }

    /// Nothing is known to be stored: sockets are told `unavailable`, and so are callers but the first, who
    /// gets the error itself.
    fn fail(&self, batch: Vec<QueuedWrite>, error: Error) {
        let (count, bytes) = batch::size(&batch);
        self.state.settled(count, bytes);
        let has_caller = batch.iter().any(QueuedWrite::has_caller);
        // What a caller is told is logged where it is answered.
        if matches!(error, Error::Broken(_)) && !has_caller {
            tracing::error!(%error, "cannot write to a chat");
        }
        let mut error = Some(error);
        let mut unknown = || {
            let unknown = || Error::unavailable("PostgreSQL", "the outcome is unknown");
            error.take().unwrap_or_else(unknown)
        };
        for entry in batch {
            let (chat_id, refusal) = (entry.chat_id(), batch::unavailable(&entry.write));
            let (to, client_id) = match entry.write {
                Write::Post { reply: Reply::Caller(caller), .. } => {
                    let _left = caller.send(Err(unknown()));
                    continue;
                }
                Write::Alter { reply: Reply::Caller(caller), .. } => {
                    let _left = caller.send(Err(unknown()));
                    continue;
                }
                Write::Post { draft, reply: Reply::Connection(to), .. } => (to, draft.client_id),
                Write::Alter { client_id, reply: Reply::Connection(to), .. } => (to, client_id),
            };
            let frame = error_frame(&refusal, client_id.as_deref(), Some(chat_id));
            self.registry.answer(to, Some(frame));
        }
    }
}

/// Since when a batch is tried, and whether it may have been committed already.
#[derive(Clone, Copy)]
struct Attempts {
    began: Instant,
    is_again: bool,
}

impl Attempts {
    fn begin() -> Self {
        Self { began: Instant::now(), is_again: false }
    }
}

fn changed_something(written: &Committed) -> bool {
    written.drafts.iter().any(|outcome| matches!(outcome, Outcome::Stored(_)))
        || written.alterations.iter().any(|altered| matches!(altered, Altered::Changed(..)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{CONTENT_CHARS_MAX, SMALL};
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
        let standings = Arc::new(Standings::new(1));
        let (registry, bytes_max) = (Registry::new(Vec::new(), None), SMALL.lane_bytes);
        let lane = Lane::begin(store, registry, standings, metrics, bytes_max);
        let user_id = UserId(1);
        let sender = Viewer {
            user_id,
            username: "ada".into(),
            role: Role::Member,
            shows_presence: true,
            session: SessionId([0; 16]),
        };
        let longest = Draft {
            chat_id: ChatId(1),
            sender: Arc::new(sender),
            content: Content::parse(&"😀".repeat(CONTENT_CHARS_MAX)).expect("the longest"),
            client_id: None,
            reply_to: None,
        };
        let to = ConnectionId { shard: 0, index: 0, generation: 0 };
        let post = |draft: &Draft| {
            let (draft, key, reply) = (draft.clone(), lane.key_of(draft), Reply::Connection(to));
            Write::Post { draft, key, names: None, reply }
        };
        let taken =
            (0..LANE_DRAFTS_MAX).take_while(|_| lane.push(post(&longest)).is_ok()).count() as u64;
        let each = longest.content.len() as u64;
        assert_eq!(taken, bytes_max / each);
        let waiting = (&lane.state.waiting, &lane.state.waiting_bytes);
        assert_eq!((waiting.0.load(Relaxed), waiting.1.load(Relaxed)), (taken, taken * each));
        let short = Draft { content: Content::parse("x").expect("a short one"), ..longest };
        assert!(lane.push(post(&short)).is_ok(), "there is room for a short one");
    }
}
