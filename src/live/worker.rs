//! A shard's worker: one task, one poll, and the only code that touches the shard's sockets and maps.
//!
//! It waits for sockets, its inbox and the clock, and for nothing else: whatever needs the database goes
//! out as an errand and comes back as an event. When there is much to write it yields from time to time,
//! so that a message to thousands does not hold up everybody else on its core. What events mean is in
//! `events`, what frames mean in `incoming`.

use super::close::Close;
use super::connection::{Connection, Due, Sent};
use super::errands::Errands;
use super::poll::Poll;
use super::signals::Writing;
use super::slab::Slab;
use super::wheel::{self, Wheel};
use crate::chat::Rules;
use crate::limits::{SCRATCH_BYTES, SHARD_TURN, STOP_PATIENCE, STOP_SPREAD};
use crate::model::ids::{ChatId, UserId};
use crate::model::message::SessionId;
use crate::model::waits::SocketWaits;
use crate::registry::{Backlog, Event, Inbox, Shard};
use bytes::Bytes;
use mio::Events;
use rustc_hash::FxHashMap;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio::time::Sleep;

/// The clock's resolution.
const TICK: Duration = Duration::from_secs(1);
/// How often some connections are closed while stopping.
const STOP_STEP: Duration = Duration::from_millis(20);

/// Starts a worker per shard. They end after `Registry::stop`, once everybody has been disconnected.
pub fn begin(
    inboxes: &[Arc<Inbox>],
    rules: &Arc<Rules>,
    backlog: &Arc<Backlog>,
    waits: SocketWaits,
) -> io::Result<Vec<JoinHandle<()>>> {
    let begin = |(number, inbox): (usize, &Arc<Inbox>)| {
        let poll = Poll::new()?;
        let errands = Errands { rules: Arc::clone(rules), backlog: Arc::clone(backlog) };
        let worker = ShardWorker::new(number as u16, poll, Arc::clone(inbox), errands, waits);
        Ok(tokio::spawn(live_or_die(worker)))
    };
    inboxes.iter().enumerate().map(begin).collect()
}

/// A dead shard would leave its sockets hanging: no process is better than half a process.
async fn live_or_die(worker: ShardWorker) {
    let ended = tokio::spawn(worker.run()).await;
    if ended.is_err_and(|error| error.is_panic()) {
        std::process::abort();
    }
}

pub(super) struct ShardWorker {
    pub(super) number: u16,
    poll: Poll,
    inbox: Arc<Inbox>,
    pub(super) errands: Errands,
    waits: SocketWaits,
    pub(super) shard: Shard,
    pub(super) connections: Slab,
    wheel: Wheel,
    pub(super) scratch: Box<[u8]>,
    /// Connections with more to read than fits into one turn.
    pub(super) unread: Vec<u32>,
    /// Connections with something queued in this turn.
    pub(super) dirty: Vec<u32>,
    /// Sessions that have ended, and how long to remember that.
    pub(super) ended: FxHashMap<SessionId, u32>,
    /// Who left which chat, and how long to remember that.
    pub(super) left: FxHashMap<(UserId, ChatId), u32>,
    /// Who switched whether their presence shows, and how long to remember that.
    pub(super) switched: FxHashMap<UserId, (bool, u32)>,
    pub(super) writing: FxHashMap<UserId, Writing>,
    began: Instant,
    stopping: Option<Instant>,
    /// Sockets read and written since it last yielded.
    since_yield: u32,
}

impl ShardWorker {
    fn new(
        number: u16,
        poll: Poll,
        inbox: Arc<Inbox>,
        errands: Errands,
        waits: SocketWaits,
    ) -> Self {
        // The clock's seconds begin when those of the system clock do, so that a token ends exactly at
        // its `exp`.
        let unix = jiff::Timestamp::now();
        let since_second = Duration::from_nanos(unix.subsec_nanosecond().unsigned_abs().into());
        let shard = Shard::new(errands.rules.registry.followed());
        Self {
            number,
            poll,
            inbox,
            errands,
            waits,
            shard,
            connections: Slab::new(number),
            wheel: Wheel::new(),
            scratch: vec![0; SCRATCH_BYTES].into(),
            unread: Vec::new(),
            dirty: Vec::new(),
            ended: FxHashMap::default(),
            left: FxHashMap::default(),
            switched: FxHashMap::default(),
            writing: FxHashMap::default(),
            began: Instant::now().checked_sub(since_second).unwrap_or_else(Instant::now),
            stopping: None,
            since_yield: 0,
        }
    }

    async fn run(mut self) {
        let mut events = Poll::events();
        let mut spare = Vec::new();
        let mut clock = pin!(tokio::time::sleep(Duration::ZERO));
        while !self.is_done() {
            self.wait(&mut events, clock.as_mut()).await;
            spare = self.take_news(spare).await;
            for event in &events {
                let index = event.token().0 as u32;
                if event.is_writable() {
                    self.flush(index);
                }
                let is_at_end = event.is_read_closed() || event.is_error();
                if event.is_readable() || is_at_end {
                    self.receive(index, is_at_end);
                }
                self.yield_in_turn().await;
            }
            for index in std::mem::take(&mut self.unread) {
                self.receive(index, true);
                self.yield_in_turn().await;
            }
            self.flush_dirty().await;
            if clock.is_elapsed() {
                self.turn_wheel().await;
                self.send_some_away().await;
            }
        }
    }

    /// Waits until there is something to do. `events` holds the sockets' events, if it is about those.
    async fn wait(&mut self, events: &mut Events, mut clock: Pin<&mut Sleep>) {
        events.clear();
        if clock.is_elapsed() || self.is_stopping() {
            let next = (Instant::now() + self.until_tick()).into();
            // The steps of a stop are shorter, and none may be postponed.
            if clock.is_elapsed() || clock.deadline() > next {
                clock.as_mut().reset(next);
            }
        }
        tokio::select! {
            biased;
            looked = self.poll.look(events) => {
                looked.unwrap_or_else(|error| panic!("the poll of a shard failed: {error}"));
            }
            () = self.inbox.rings() => {}
            () = clock, if self.connections.len() > 0 || self.stopping.is_some() => {}
            () = tokio::task::yield_now(), if !self.unread.is_empty() => {}
        }
    }

    /// How long the clock may wait: there is something to do every second, and more often while
    /// stopping.
    fn until_tick(&self) -> Duration {
        match self.stopping {
            Some(_) => STOP_STEP,
            None => TICK - Duration::from_nanos(self.began.elapsed().subsec_nanos().into()),
        }
    }

    /// Call this with every socket that is read or written: it yields from time to time, so that
    /// others get a turn. Returns whether it did.
    pub(super) async fn yield_in_turn(&mut self) -> bool {
        self.since_yield += 1;
        let is_due = self.since_yield >= SHARD_TURN;
        if is_due {
            self.since_yield = 0;
            tokio::task::yield_now().await;
            self.inbox.turn();
        }
        is_due
    }

    /// Handles what is in the inbox; returns its empty list for the next time.
    async fn take_news(&mut self, spare: Vec<Event>) -> Vec<Event> {
        let mut news = self.inbox.take(spare);
        // Several runs at once are gathered and written together; a single one is written at once.
        let runs = news.iter().filter(|event| matches!(event, Event::Published(_))).count();
        for event in news.drain(..) {
            self.hear_of(event, runs > 1).await;
            self.yield_in_turn().await;
        }
        if news.capacity() > 4_096 { Vec::new() } else { news }
    }

    // ---- the clock ----

    /// Whole seconds since the worker began.
    pub(super) fn now(&self) -> u32 {
        self.began.elapsed().as_secs() as u32
    }

    /// A Unix time, on the worker's clock.
    pub(super) fn second_of(&self, unix: i64) -> u32 {
        wheel::second_of(unix, jiff::Timestamp::now(), self.began.elapsed())
    }

    async fn turn_wheel(&mut self) {
        let now = self.now();
        while let Some(due) = self.wheel.take(now) {
            let second = self.wheel.now();
            for index in due {
                self.look(index, second, now);
                self.yield_in_turn().await;
            }
            self.ended.retain(|_, until| *until > now);
            self.left.retain(|_, until| *until > now);
            self.switched.retain(|_, (_, until)| *until > now);
        }
        self.forget_writing();
    }

    fn look(&mut self, index: u32, second: u32, now: u32) {
        let Some(connection) = self.connections.get(index) else { return };
        if connection.look_at != second {
            return;
        }
        match connection.look(now, &self.waits) {
            Due::Nothing => {}
            Due::Close(close) => return self.close(index, close),
            Due::Gone => return self.remove(index),
        }
        self.schedule(index, true);
    }

    /// Makes sure that the clock looks at the connection in time.
    pub(super) fn schedule(&mut self, index: u32, is_new: bool) {
        let Some(connection) = self.connections.get(index) else { return };
        let next = connection.next_look(&self.waits);
        if is_new || next < connection.look_at {
            connection.look_at = self.wheel.add(index, next);
        }
    }

    // ---- writing ----

    pub(super) fn send(&mut self, index: u32, frames: Bytes) {
        let now = self.now();
        let Some(connection) = self.connections.get(index) else { return };
        let sent = connection.send(frames, now);
        self.sent(index, sent);
    }

    /// Queues frames that are sent together with everything else of this turn.
    pub(super) fn queue(&mut self, index: u32, frames: Bytes) {
        let now = self.now();
        let Some(connection) = self.connections.get(index) else { return };
        let sent = connection.queue(frames, now);
        if !std::mem::replace(&mut connection.is_dirty, true) {
            self.dirty.push(index);
        }
        self.sent(index, sent);
    }

    pub(super) fn sent(&mut self, index: u32, sent: Sent) {
        match sent {
            Sent::Fine => {}
            Sent::TooSlow => {
                self.errands.rules.metrics.outbox_overflows.inc();
                return self.close(index, Close::TooSlow);
            }
            Sent::Gone => return self.remove(index),
        }
        if self.connections.get(index).is_some_and(|connection| connection.waiting_bytes() > 0) {
            self.schedule(index, false);
        }
    }

    pub(super) fn flush(&mut self, index: u32) {
        let now = self.now();
        let Some(connection) = self.connections.get(index) else { return };
        if connection.waiting_bytes() > 0 {
            let sent = connection.flush(now);
            self.sent(index, sent);
            self.read_on(index);
        }
        self.pay(index);
    }

    async fn flush_dirty(&mut self) {
        for index in std::mem::take(&mut self.dirty) {
            if let Some(connection) = self.connections.get(index) {
                connection.is_dirty = false;
            }
            self.flush(index);
            self.yield_in_turn().await;
        }
    }

    // ---- coming and going ----

    pub(super) fn insert(&mut self, connection: Connection) -> Option<u32> {
        let user_id = connection.viewer.user_id;
        let index = self.connections.insert(connection);
        let stream = self.connections.get(index)?.stream();
        if let Err(error) = self.poll.add(stream, index) {
            tracing::warn!(%error, "cannot poll a socket");
            self.connections.remove(index);
            return None;
        }
        if self.shard.connect(user_id, index) {
            let shows = self.connections.get(index)?.shows_presence;
            self.errands.rules.registry.presence().came(user_id, shows);
        }
        self.schedule(index, true);
        self.count();
        Some(index)
    }

    /// Says why, and takes the connection off all lists; it is removed once that has been read.
    pub(super) fn close(&mut self, index: u32, close: Close) {
        let now = self.now();
        self.unfollow_all(index);
        let Some(connection) = self.connections.get(index) else { return };
        if connection.is_closing() {
            return;
        }
        tracing::debug!(
            user.id = %connection.viewer.user_id,
            address = %connection.seat.address(),
            code = close.code(),
            "closing a socket"
        );
        match connection.close(close, now, &self.waits) {
            Sent::Fine | Sent::TooSlow => self.schedule(index, true),
            Sent::Gone => self.remove(index),
        }
    }

    pub(super) fn remove(&mut self, index: u32) {
        self.unfollow_all(index);
        if let Some(connection) = self.connections.remove(index) {
            let user_id = connection.viewer.user_id;
            if self.shard.disconnect(user_id, index) {
                let patience = Duration::from_secs(self.waits.offline_after_secs.into());
                let presence = self.errands.rules.registry.presence();
                presence.left(user_id, Instant::now() + patience);
            }
            self.count();
        }
    }

    fn count(&self) {
        self.inbox.set_online(self.connections.len(), self.shard.users());
    }

    fn unfollow_all(&mut self, index: u32) {
        let Some(connection) = self.connections.get(index) else { return };
        for follow in std::mem::take(&mut connection.follows) {
            self.unfollow_at(follow.chat_id, follow.place);
        }
    }

    /// Frees a follower's index, and updates the follower that moved there.
    pub(super) fn unfollow_at(&mut self, chat_id: ChatId, place: u32) {
        if let Some(moved) = self.shard.unfollow(chat_id, place)
            && let Some(connection) = self.connections.get(moved)
            && let Some(follow) = connection.follow(chat_id)
        {
            follow.place = place;
        }
    }

    pub(super) fn connections_of(&self, user_id: UserId) -> impl Iterator<Item = u32> + use<> {
        self.shard.connections_of(user_id).into_iter()
    }

    // ---- stopping ----

    pub(super) fn stop(&mut self) {
        self.stopping.get_or_insert_with(Instant::now);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    fn is_done(&self) -> bool {
        self.stopping.is_some_and(|since| {
            let is_late = since.elapsed() > STOP_PATIENCE + STOP_SPREAD;
            is_late || self.connections.len() == 0
        })
    }

    /// Closes some of the remaining connections, so that not all return to the next process at once.
    /// Those waiting for a commit are spared for as long as there is time.
    async fn send_some_away(&mut self) {
        let Some(since) = self.stopping else { return };
        let is_late = since.elapsed() > STOP_PATIENCE;
        let steps = (STOP_SPREAD.as_millis() / STOP_STEP.as_millis()).max(1) as usize;
        let open: Vec<u32> = self.connections.indexes();
        let mut closes_left = open.len().div_ceil(steps).max(8);
        for index in open {
            let Some(connection) = self.connections.get(index) else { continue };
            if connection.is_closing() || (connection.drafts > 0 && !is_late) {
                continue;
            }
            self.close(index, Close::GoingAway);
            self.yield_in_turn().await;
            closes_left = closes_left.saturating_sub(1);
            if closes_left == 0 && !is_late {
                return;
            }
        }
    }
}
