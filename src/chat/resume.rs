//! What sockets read from the database: their chats for `welcome`, and what a chat has after a position.
//! A few at a time; an unavailable database is waited for.

use super::{Rules, patiently};
use crate::limits::{
    BACKLOG_UNCOUNTED_BYTES_MAX, REPLAY_CHANGED_MAX, REPLAY_MESSAGES_MAX, REPLAY_PAGE_BYTES_MAX,
    REPLAY_PAGE_ROWS, SOCKET_READ_PAUSES, STANDING_CACHE_AGE,
};
use crate::model::error::{Error, Result};
use crate::model::ids::{Change, ChatId, Position, Seq, UserId};
use crate::model::message::{ChatType, Message, Standing, Viewer};
use crate::model::wire::{MessageFrames, RunKind};
use crate::registry::Scope;
use crate::store::{ChangedQuery, HistoryPage, PageQuery, PageStart};
use bytes::Bytes;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

/// What `welcome` contains.
pub struct Greeting {
    pub standings: Vec<Standing>,
    pub epoch: Arc<str>,
}

/// A chat that is to be replayed, and from where.
pub struct Wanted {
    pub chat_id: ChatId,
    pub chat_type: ChatType,
    pub from: Position,
    pub held: AsOf,
    /// Whether it is bounded: what a client has asked for is, when it begins.
    pub is_bounded: bool,
}

/// Of which change the messages are that a reader has: those up to each `seq`, of the `change` beside it.
/// Messages come as they stand, so what changed before they were read is not told again.
#[derive(Debug, Clone)]
pub struct AsOf(SmallVec<[Position; 2]>);

impl AsOf {
    pub fn new(at: Position) -> Self {
        Self(SmallVec::from_slice(&[at]))
    }

    /// More messages, up to `seq`, of this change.
    pub fn add(&mut self, upto: Position) {
        match self.0.last_mut() {
            Some(last) if last.change == upto.change => last.seq = upto.seq,
            Some(_) | None => self.0.push(upto),
        }
    }

    /// Whether the reader has an earlier state of it.
    fn is_outdated(&self, message: &Message) -> bool {
        let part = self.0.iter().find(|part| message.seq <= part.seq);
        part.is_some_and(|part| message.change() > part.change)
    }

    /// Up to where the messages are of the first change, and the change that the others are of at least.
    fn bound(&self) -> Position {
        let seq = self.0.first().map_or(Seq(0), |first| first.seq);
        Position { seq, change: self.0.get(1).map_or(Change(0), |second| second.change) }
    }
}

/// What follows a position, as much as is sent at once, and how far the chat reaches.
pub struct Replay {
    pub frames: MessageFrames,
    /// There is nothing else up to here.
    pub upto: Position,
    pub last: Position,
    /// Of which change the messages are, if it has any.
    pub held: Option<Position>,
    /// It would be too long, or begins after the end.
    pub is_out_of_range: bool,
}

impl Rules {
    /// The chats of a connection; a single chat is missing if it is out of reach.
    pub async fn greet(&self, viewer: &Viewer, scope: Scope) -> Result<Greeting> {
        self.read_patiently(async || {
            let standings = match scope {
                Scope::All => self.store.standings(viewer.user_id).await?,
                Scope::One(chat_id) => {
                    let read_at = Instant::now();
                    let standing = self.store.standing(viewer.user_id, chat_id).await?;
                    if let Some(standing) = standing
                        && standing.chat_type == ChatType::General
                    {
                        self.standings.put(viewer.user_id, standing, read_at, true);
                    }
                    standing.into_iter().collect()
                }
            };
            Ok(Greeting { standings, epoch: self.epoch().await? })
        })
        .await
    }

    /// The messages that follow, or if there are none, the changes. `None` if the chat is out of the viewer's
    /// reach. A large page is given to `hold`; if there is no room for it, only its beginning is sent.
    pub async fn replay(
        &self,
        viewer: &Viewer,
        wanted: &Wanted,
        hold: impl Fn(Bytes) -> Option<Bytes>,
    ) -> Result<Option<Replay>> {
        let Wanted { chat_id, chat_type, from, .. } = *wanted;
        let query = PageQuery { limit: REPLAY_PAGE_ROWS, from: PageStart::After(from.seq) };
        self.read_patiently(async || {
            let page = self.store.history(viewer.user_id, chat_id, chat_type, query).await?;
            let Some(page) = page else { return Ok(None) };
            if wanted.is_bounded && self.is_out_of_range(chat_id, from, page.last).await? {
                let frames = MessageFrames::within(RunKind::Message, 0, &[]);
                let (upto, last) = (page.last, page.last);
                return Ok(Some(Replay { frames, upto, last, held: None, is_out_of_range: true }));
            }
            if page.messages.is_empty() && page.last.change > from.change {
                return self.replay_changes(viewer, wanted, page.last.seq, &hold).await;
            }
            Ok(Some(replay_messages(from, &page, &hold)))
        })
        .await
    }

    /// Whether a replay up to `last` would be too long, or begins after it.
    async fn is_out_of_range(
        &self,
        chat_id: ChatId,
        from: Position,
        last: Position,
    ) -> Result<bool> {
        if !from.is_within(last) || last.seq.0 - from.seq.0 > REPLAY_MESSAGES_MAX {
            return Ok(true);
        }
        // As many numbers may be of fewer messages.
        let is_many = last.change.0 - from.change.0 > REPLAY_CHANGED_MAX;
        let limit = REPLAY_CHANGED_MAX + 1;
        Ok(is_many && self.store.count_changed(chat_id, from, limit).await? == limit)
    }

    /// Changes of messages up to `seq`, which the reader has. If the chat has got longer meanwhile, some are
    /// passed over, and come with the messages that follow.
    async fn replay_changes(
        &self,
        viewer: &Viewer,
        wanted: &Wanted,
        seq: Seq,
        hold: &impl Fn(Bytes) -> Option<Bytes>,
    ) -> Result<Option<Replay>> {
        let (seq, limit) = (seq.max(wanted.from.seq), REPLAY_PAGE_ROWS);
        let held = wanted.held.bound();
        let query = ChangedQuery { after: wanted.from.change, upto: seq, held, limit };
        let page = self.store.changed_messages(viewer.user_id, wanted.chat_id, query).await?;
        let Some(mut page) = page else { return Ok(None) };
        let last_read = page.messages.last().map(Message::change);
        page.messages.retain(|message| wanted.held.is_outdated(message));
        let frames = within(RunKind::Changed, &page.messages, hold);
        let change = match page.messages[..frames.count].last() {
            Some(sent) if frames.count < page.messages.len() => sent.change(),
            Some(_) | None => last_read.filter(|_| page.has_more).unwrap_or(page.last.change),
        };
        let upto = Position { seq, change };
        Ok(Some(Replay { frames, upto, last: page.last, held: None, is_out_of_range: false }))
    }

    /// The viewer's standing in the general chat, if it was read at most a second ago.
    pub fn recent_standing(&self, viewer: &Viewer) -> Option<Standing> {
        self.standings.get(viewer.user_id)
    }

    /// A few reads at a time, each tried again while PostgreSQL is unavailable; those that pause hold up no
    /// others.
    pub(super) async fn read_patiently<T, F: Future<Output = Result<T>>>(
        &self,
        read: impl Fn() -> F,
    ) -> Result<T> {
        patiently(self.store.waits.read_patience, SOCKET_READ_PAUSES, async || {
            let permit = self.resumes.acquire().await;
            let _permit = permit.map_err(|error| Error::broken("the reads of sockets", error))?;
            read().await
        })
        .await
    }
}

fn replay_messages(
    from: Position,
    page: &HistoryPage,
    hold: &impl Fn(Bytes) -> Option<Bytes>,
) -> Replay {
    let frames = within(RunKind::Message, &page.messages, hold);
    let goes_on = page.has_more || frames.count < page.messages.len();
    let seq = match page.messages[..frames.count].last() {
        Some(last) if goes_on => last.seq,
        Some(_) | None => page.last.seq.max(from.seq),
    };
    let held = Some(Position { seq, change: page.last.change });
    let upto = Position { seq, change: from.change };
    Replay { frames, upto, last: page.last, held, is_out_of_range: false }
}

/// As many of the first messages as a page may have; if `hold` has no room for them, as many as need not be
/// held.
fn within(
    kind: RunKind,
    messages: &[Message],
    hold: &impl Fn(Bytes) -> Option<Bytes>,
) -> MessageFrames {
    let MessageFrames { bytes, count } =
        MessageFrames::within(kind, REPLAY_PAGE_BYTES_MAX, messages);
    if bytes.len() <= BACKLOG_UNCOUNTED_BYTES_MAX {
        return MessageFrames { bytes, count };
    }
    match hold(bytes) {
        Some(bytes) => MessageFrames { bytes, count },
        None => MessageFrames::within(kind, BACKLOG_UNCOUNTED_BYTES_MAX, messages),
    }
}

/// The users' standings in the general chat, as last read or moved: if a user opens many sockets at
/// once, one read is enough.
pub struct Standings {
    entries: Mutex<FxHashMap<UserId, CachedStanding>>,
    /// How many it may hold.
    most: usize,
}

struct CachedStanding {
    standing: Standing,
    read_at: Instant,
    /// Whether it is known how many messages name the user that they have not read.
    is_counted: bool,
}

impl Standings {
    pub fn new(most: usize) -> Self {
        Self { entries: Mutex::default(), most }
    }

    fn get(&self, user_id: UserId) -> Option<Standing> {
        let entries = self.entries.lock();
        let cached = entries.get(&user_id)?;
        let is_usable = cached.is_counted && cached.read_at.elapsed() < STANDING_CACHE_AGE;
        is_usable.then_some(cached.standing)
    }

    /// The user has sent this message of the general chat, and so has read all of it up to there.
    pub fn sent(&self, user_id: UserId, chat_id: ChatId, seq: Seq) {
        self.put(user_id, moved(chat_id, seq), Instant::now(), true);
    }

    /// The user has read up to this message of the general chat. What comes after it may name them.
    pub fn has_read(&self, user_id: UserId, chat_id: ChatId, seq: Seq) {
        self.put(user_id, moved(chat_id, seq), Instant::now(), false);
    }

    /// A standing that was read, or moved, at that time. Positions only grow, so if two of them cross,
    /// the larger one is right.
    fn put(&self, user_id: UserId, standing: Standing, read_at: Instant, is_counted: bool) {
        let mut entries = self.entries.lock();
        if let Some(known) = entries.get_mut(&user_id)
            && (known.read_at >= read_at || known.read_at.elapsed() < STANDING_CACHE_AGE)
        {
            if standing.read_seq >= known.standing.read_seq {
                known.standing.read_seq = standing.read_seq;
                known.standing.mentioned = standing.mentioned;
                known.is_counted = is_counted;
            }
            let Position { seq, change } = standing.last;
            let last = known.standing.last;
            known.standing.last =
                Position { seq: last.seq.max(seq), change: last.change.max(change) };
            known.read_at = read_at.max(known.read_at);
            return;
        }
        if entries.len() >= self.most {
            entries.retain(|_, cached| cached.read_at.elapsed() < STANDING_CACHE_AGE);
        }
        if entries.len() < self.most {
            entries.insert(user_id, CachedStanding { standing, read_at, is_counted });
        }
    }
}

fn moved(chat_id: ChatId, seq: Seq) -> Standing {
    let (chat_type, last) = (ChatType::General, Position { seq, change: Change(0) });
    Standing { chat_id, chat_type, last, read_seq: seq, mentioned: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::MessageId;
    use crate::model::more::More;

    #[test]
    fn what_changed_before_its_message_was_read_is_not_told_again() {
        let at = |seq, change| Position { seq: Seq(seq), change: Change(change) };
        let mut held = AsOf::new(at(5, 10));
        held.add(at(8, 12));
        held.add(at(9, 12));
        held.add(at(11, 13));
        assert_eq!(held.bound(), at(5, 12));
        let is_outdated = |seq, change| {
            let more = More { change: Some(Change(change)), ..More::default() };
            held.is_outdated(&message(seq, more))
        };
        for (seq, change, expected) in [
            (5, 10, false),
            (5, 11, true),
            (6, 12, false),
            (9, 12, false),
            (9, 13, true),
            (11, 13, false),
            (11, 14, true),
            (12, 14, false),
        ] {
            assert_eq!(is_outdated(seq, change), expected, "{seq} at {change}");
        }
    }

    fn message(seq: i64, more: More) -> Message {
        Message {
            id: MessageId(seq),
            seq: Seq(seq),
            chat_id: ChatId(1),
            chat_type: ChatType::General,
            sender_id: UserId(1),
            receiver_id: None,
            username: "ada".into(),
            content: "x".into(),
            timestamp: jiff::Timestamp::UNIX_EPOCH,
            client_id: None,
            more: Some(Box::new(more)),
        }
    }

    #[test]
    fn a_position_that_moved_during_a_read_wins() {
        let (standings, user_id, chat_id) = (Standings::new(10), UserId(1), ChatId(1));
        let position = || standings.get(user_id).map(|standing| standing.read_seq.0);
        let read_at = Instant::now();
        standings.sent(user_id, chat_id, Seq(7));
        let (last, chat_type) = (Position { seq: Seq(9), change: Change(0) }, ChatType::General);
        let read = |seq| Standing { chat_id, chat_type, last, read_seq: Seq(seq), mentioned: 2 };
        standings.put(user_id, read(3), read_at, true);
        assert_eq!(position(), Some(7));
        standings.put(user_id, read(8), read_at, true);
        standings.sent(user_id, chat_id, Seq(6));
        assert_eq!(position(), Some(8));
    }

    #[test]
    fn a_standing_is_used_only_if_it_says_what_names_the_user() {
        let (standings, user_id, chat_id) = (Standings::new(10), UserId(1), ChatId(1));
        let mentioned = || standings.get(user_id).map(|standing| standing.mentioned);
        let read = Standing { read_seq: Seq(3), mentioned: 2, ..moved(chat_id, Seq(9)) };
        standings.put(user_id, read, Instant::now(), true);
        assert_eq!(mentioned(), Some(2));
        standings.has_read(user_id, chat_id, Seq(5));
        assert_eq!(mentioned(), None);
        standings.put(user_id, read, Instant::now(), true);
        assert_eq!(mentioned(), None, "read before it moved");
        let read = Standing { read_seq: Seq(5), mentioned: 1, ..read };
        standings.put(user_id, read, Instant::now(), true);
        assert_eq!(mentioned(), Some(1));
        standings.sent(user_id, chat_id, Seq(10));
        assert_eq!(mentioned(), Some(0));
    }
}
