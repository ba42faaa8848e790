//! Which chats are followed on this node, and up to where their followers have been told, in order: for news of other
//! nodes, and for what must wait until that of others before it has been read.
//!
//! There is none where there are no other nodes. One lock for all shards, held for a look-up and for pushes to inboxes:
//! whoever publishes does so under it, so that what is told comes in order. Each connection still compares numbers for
//! itself (`live::follow`): here only reads are saved.

use crate::limits::HELD_RUNS_BYTES_MAX;
use crate::model::ids::{Change, ChatId, Position, Seq};
use crate::model::news::Reached;
use crate::model::wire::{Run, RunKind};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use tokio::sync::Notify;

#[derive(Default)]
pub struct FollowedChats {
    chats: Mutex<Chats>,
    gaps: Notify,
}

#[derive(Default)]
struct Chats {
    all: FxHashMap<ChatId, FollowedChat>,
    /// Those with something missing that nobody reads yet.
    behind: VecDeque<ChatId>,
    held_bytes: usize,
}

#[derive(Default)]
struct FollowedChat {
    /// How many shards have followers of it.
    shards: u16,
    /// Up to where the followers were told; unknown until the first news.
    told: ToldUpto,
    /// How far the chat reaches, as far as we have heard.
    reach: Position,
    /// What does not follow what was told.
    held: Vec<Arc<Run>>,
    /// Whether it is being read, or soon will be.
    is_reading: bool,
}

/// How far followers were told, where that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ToldUpto {
    pub seq: Option<Seq>,
    pub change: Option<Change>,
}

/// What followers have not been told, for those who read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    pub told: ToldUpto,
    pub reach: Position,
}

impl Missing {
    pub fn messages_after(&self) -> Option<Seq> {
        self.told.seq.filter(|seq| *seq < self.reach.seq)
    }

    pub fn changes_after(&self) -> Option<Change> {
        self.told.change.filter(|change| *change < self.reach.change)
    }

    fn is_nothing(&self) -> bool {
        self.messages_after().is_none() && self.changes_after().is_none()
    }
}

/// What followers are told.
pub enum Telling {
    Run(Arc<Run>),
    /// Up to where the chat reaches; each reads what it misses.
    Reach(ChatId, Position),
}

impl FollowedChats {
    pub fn follow(&self, chat_id: ChatId) {
        self.chats.lock().all.entry(chat_id).or_default().shards += 1;
    }

    pub fn unfollow(&self, chat_id: ChatId) {
        let mut chats = self.chats.lock();
        let Chats { all, held_bytes, .. } = &mut *chats;
        let Entry::Occupied(mut entry) = all.entry(chat_id) else { return };
        entry.get_mut().shards -= 1;
        if entry.get().shards == 0 {
            *held_bytes -= bytes_of(&entry.remove().held);
        }
    }

    /// Passes on what follows what was told of its chat, and what has waited for it; the rest waits until what is before
    /// it has been read. `tell` is called under the lock.
    pub fn publish(&self, runs: Vec<Arc<Run>>, tell: impl FnOnce(Vec<Telling>)) {
        let mut chats = self.chats.lock();
        let mut telling = Vec::with_capacity(runs.len());
        let mut is_behind = false;
        for run in runs {
            is_behind |= chats.pass(run, &mut telling);
        }
        tell(telling);
        drop(chats);
        if is_behind {
            self.gaps.notify_one();
        }
    }

    /// What another node has said of a chat, or what is not known to have been told here.
    pub fn hear(&self, reached: Reached, tell: impl FnOnce(Vec<Telling>)) {
        let mut chats = self.chats.lock();
        let Some(chat) = chats.all.get_mut(&reached.chat_id) else { return };
        chat.told.seq = chat.told.seq.or(reached.after_seq);
        chat.told.change = chat.told.change.or(reached.after_change);
        if chat.told == ToldUpto::default() {
            // Nobody knows where its followers are but they themselves.
            chat.told = reached.reach.into();
            chat.reach = chat.reach.max(reached.reach);
            tell(vec![Telling::Reach(reached.chat_id, reached.reach)]);
            return;
        }
        chat.reach = chat.reach.max(reached.reach);
        if chats.miss(reached.chat_id) {
            drop(chats);
            self.gaps.notify_one();
        }
    }

    /// What the followed chats were told, to be compared with the database.
    pub fn told(&self) -> Vec<(ChatId, ToldUpto)> {
        let chats = self.chats.lock();
        chats.all.iter().map(|(chat_id, chat)| (*chat_id, chat.told)).collect()
    }

    /// A chat reaches up to here in the database, which was asked when `then` had been told; whether nobody had said so.
    pub fn compare(
        &self,
        chat_id: ChatId,
        then: ToldUpto,
        last: Position,
        tell: impl FnOnce(Vec<Telling>),
    ) -> bool {
        let mut chats = self.chats.lock();
        let Some(chat) = chats.all.get_mut(&chat_id) else { return false };
        let has_gone_back = |told: ToldUpto| {
            told.seq.is_some_and(|seq| seq > last.seq)
                || told.change.is_some_and(|change| change > last.change)
        };
        if has_gone_back(then) && chat.told == then {
            // A backup was restored: followers find out when they read.
            (chat.told, chat.reach) = (ToldUpto::default(), Position::default());
            return false;
        }
        let unknown = Position {
            seq: if chat.told.seq.is_none() { last.seq } else { Seq(0) },
            change: if chat.told.change.is_none() { last.change } else { Change(0) },
        };
        chat.told.seq = chat.told.seq.or(Some(last.seq));
        chat.told.change = chat.told.change.or(Some(last.change));
        chat.reach = chat.reach.max(last);
        if unknown != Position::default() {
            tell(vec![Telling::Reach(chat_id, unknown)]);
        }
        let is_news = chats.miss(chat_id);
        drop(chats);
        if is_news {
            self.gaps.notify_one();
        }
        is_news
    }

    /// The next chat of which something is to be read; whoever takes it calls `missing` until there is nothing, or
    /// `give_up`.
    pub async fn next_behind(&self) -> ChatId {
        loop {
            let news = self.gaps.notified();
            let next = {
                let mut chats = self.chats.lock();
                let next = chats.behind.pop_front();
                if !chats.behind.is_empty() {
                    self.gaps.notify_one();
                }
                next
            };
            match next {
                Some(chat_id) => return chat_id,
                None => news.await,
            }
        }
    }

    /// What is to be read next of a chat. If there is nothing, or nothing came of the last read, nobody reads it any
    /// more, and what had to wait for it is told.
    pub fn missing(
        &self,
        chat_id: ChatId,
        before: Option<Missing>,
        tell: impl FnOnce(Vec<Telling>),
    ) -> Option<Missing> {
        let mut chats = self.chats.lock();
        let Chats { all, held_bytes, .. } = &mut *chats;
        let chat = all.get_mut(&chat_id)?;
        let missing = Missing { told: chat.told, reach: chat.reach };
        if !missing.is_nothing() && before != Some(missing) {
            return Some(missing);
        }
        chat.is_reading = false;
        chat.forget_reach();
        let held = std::mem::take(&mut chat.held);
        *held_bytes -= bytes_of(&held);
        let mut telling = Vec::new();
        held.into_iter().for_each(|run| chat.tell(run, &mut telling));
        if !telling.is_empty() {
            tell(telling);
        }
        None
    }

    /// It cannot be read: its followers may try, each for itself.
    pub fn give_up(&self, chat_id: ChatId, tell: impl FnOnce(Vec<Telling>)) {
        let mut chats = self.chats.lock();
        let Chats { all, held_bytes, .. } = &mut *chats;
        let Some(chat) = all.get_mut(&chat_id) else { return };
        chat.is_reading = false;
        *held_bytes -= bytes_of(&std::mem::take(&mut chat.held));
        chat.told = chat.reach.into();
        tell(vec![Telling::Reach(chat_id, chat.reach)]);
    }
}

impl Chats {
    /// Whether its chat has something missing that nobody reads.
    fn pass(&mut self, run: Arc<Run>, telling: &mut Vec<Telling>) -> bool {
        let chat_id = run.chat_id;
        // Nobody here follows it: those who begin to read what is there.
        let Some(chat) = self.all.get_mut(&chat_id) else { return false };
        chat.reach = chat.reach.max(run.reach);
        if chat.has_gap_before(&run) {
            if self.held_bytes + run.bytes.len() <= HELD_RUNS_BYTES_MAX {
                self.held_bytes += run.bytes.len();
                chat.held.push(run);
            }
            return self.miss(chat_id);
        }
        chat.tell(run, telling);
        while let Some(at) = chat.held.iter().position(|run| !chat.has_gap_before(run)) {
            let run = chat.held.remove(at);
            self.held_bytes -= run.bytes.len();
            if !chat.has_been_told(&run) {
                chat.tell(run, telling);
            }
        }
        false
    }

    /// Whether it has something missing that nobody reads, and somebody should now.
    fn miss(&mut self, chat_id: ChatId) -> bool {
        let Some(chat) = self.all.get_mut(&chat_id) else { return false };
        let is_level = Missing { told: chat.told, reach: chat.reach }.is_nothing();
        if is_level || std::mem::replace(&mut chat.is_reading, true) {
            return false;
        }
        self.behind.push_back(chat_id);
        true
    }
}

impl FollowedChat {
    fn has_gap_before(&self, run: &Run) -> bool {
        let lacks_message = || self.told.seq.is_some_and(|seq| run.reach.seq > seq);
        match run.kind {
            RunKind::Message => self.told.seq.is_some_and(|seq| run.first > seq.0 + 1),
            RunKind::Changed => {
                self.told.change.is_some_and(|change| run.first > change.0 + 1) || lacks_message()
            }
        }
    }

    fn has_been_told(&self, run: &Run) -> bool {
        match run.kind {
            RunKind::Message => self.told.seq.is_some_and(|seq| run.last() <= seq.0),
            RunKind::Changed => self.told.change.is_some_and(|change| run.last() <= change.0),
        }
    }

    fn tell(&mut self, run: Arc<Run>, telling: &mut Vec<Telling>) {
        match run.kind {
            RunKind::Message => self.told.seq = self.told.seq.max(Some(Seq(run.last()))),
            RunKind::Changed => self.told.change = self.told.change.max(Some(Change(run.last()))),
        }
        telling.push(Telling::Run(run));
    }

    /// There was less than we had heard of.
    fn forget_reach(&mut self) {
        self.reach = Position {
            seq: self.told.seq.unwrap_or(self.reach.seq),
            change: self.told.change.unwrap_or(self.reach.change),
        };
    }
}

impl From<Position> for ToldUpto {
    fn from(position: Position) -> Self {
        Self { seq: Some(position.seq), change: Some(position.change) }
    }
}

fn bytes_of(held: &[Arc<Run>]) -> usize {
    held.iter().map(|run| run.bytes.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    const CHAT: ChatId = ChatId(7);

    fn at(seq: i64, change: i64) -> Position {
        Position { seq: Seq(seq), change: Change(change) }
    }

    fn run(kind: RunKind, first: i64, last: i64, reach: Position) -> Arc<Run> {
        let ends = [(last, 10)].into();
        Arc::new(Run {
            chat_id: CHAT,
            kind,
            first,
            reach,
            ends,
            bytes: Bytes::from_static(&[0; 10]),
        })
    }

    fn messages(first: i64, last: i64) -> Arc<Run> {
        run(RunKind::Message, first, last, at(last, 0))
    }

    /// What followers are told, as (first, last) of runs, or how far it reaches.
    fn told(telling: Vec<Telling>) -> Vec<(i64, i64)> {
        let numbers = |telling: &Telling| match telling {
            Telling::Run(run) => (run.first, run.last()),
            Telling::Reach(_, last) => (-last.seq.0, -last.change.0),
        };
        telling.iter().map(numbers).collect()
    }

    fn publish(chats: &FollowedChats, run: Arc<Run>) -> Vec<(i64, i64)> {
        let mut all = Vec::new();
        chats.publish(vec![run], |telling| all = told(telling));
        all
    }

    fn followed() -> FollowedChats {
        let chats = FollowedChats::default();
        chats.follow(CHAT);
        chats
    }

    fn nothing(telling: Vec<Telling>) {
        assert_eq!(told(telling), []);
    }

    #[test]
    fn what_comes_after_a_gap_waits_until_that_is_read() {
        let chats = followed();
        assert_eq!(publish(&chats, messages(5, 6)), [(5, 6)]);
        assert_eq!(publish(&chats, messages(9, 9)), []);
        assert_eq!(publish(&chats, messages(10, 11)), []);
        let missing = chats.missing(CHAT, None, nothing).expect("7 and 8");
        assert_eq!((missing.messages_after(), missing.reach), (Some(Seq(6)), at(11, 0)));
        assert_eq!(publish(&chats, messages(7, 8)), [(7, 8), (9, 9), (10, 11)]);
        assert_eq!(chats.missing(CHAT, Some(missing), nothing), None);
        assert_eq!(chats.chats.lock().held_bytes, 0);
    }

    #[test]
    fn what_was_read_together_with_the_gap_is_not_told_twice() {
        let chats = followed();
        publish(&chats, messages(5, 6));
        publish(&chats, messages(8, 8));
        assert_eq!(publish(&chats, messages(7, 8)), [(7, 8)]);
        assert_eq!(publish(&chats, messages(9, 9)), [(9, 9)]);
        assert_eq!(chats.chats.lock().held_bytes, 0);
    }

    #[test]
    fn a_change_waits_for_its_message_and_for_those_before_it() {
        let chats = followed();
        publish(&chats, messages(5, 6));
        let changed = |first, last, seq| run(RunKind::Changed, first, last, at(seq, last));
        assert_eq!(publish(&chats, changed(3, 3, 6)), [(3, 3)]);
        assert_eq!(publish(&chats, changed(4, 4, 7)), []);
        assert_eq!(publish(&chats, changed(6, 6, 2)), []);
        assert_eq!(publish(&chats, messages(7, 7)), [(7, 7), (4, 4)]);
        assert_eq!(publish(&chats, changed(5, 5, 2)), [(5, 5), (6, 6)]);
    }

    #[test]
    fn news_of_a_chat_is_read_once_from_where_followers_are() {
        let chats = followed();
        let news =
            |after, seq| Reached { after_seq: Some(Seq(after)), ..Reached::upto(CHAT, at(seq, 0)) };
        chats.hear(news(5, 6), nothing);
        chats.hear(news(6, 8), nothing);
        assert_eq!(chats.chats.lock().behind.len(), 1);
        let missing = chats.missing(CHAT, None, nothing).expect("three messages");
        assert_eq!((missing.messages_after(), missing.changes_after()), (Some(Seq(5)), None));
        publish(&chats, messages(6, 8));
        assert_eq!(chats.missing(CHAT, Some(missing), nothing), None);
        chats.hear(news(5, 8), nothing);
        assert_eq!(chats.missing(CHAT, None, nothing), None, "it has been told");
        chats.hear(Reached::upto(ChatId(8), at(9, 9)), nothing);
    }

    #[test]
    fn where_nobody_knows_where_followers_are_they_look_themselves() {
        let chats = followed();
        let mut all = Vec::new();
        chats.hear(Reached::upto(CHAT, at(9, 4)), |telling| all = told(telling));
        assert_eq!(all, [(-9, -4)]);
        chats.hear(Reached::upto(CHAT, at(9, 4)), nothing);
        assert_eq!(publish(&chats, messages(10, 10)), [(10, 10)]);
    }

    #[test]
    fn more_than_there_is_and_what_cannot_be_read_hold_nothing_up() {
        let chats = followed();
        publish(&chats, messages(5, 6));
        publish(&chats, messages(9, 9));
        let missing = chats.missing(CHAT, None, nothing).expect("a gap");
        // Nothing came of it.
        let mut all = Vec::new();
        assert_eq!(chats.missing(CHAT, Some(missing), |telling| all = told(telling)), None);
        assert_eq!(all, [(9, 9)]);
        assert_eq!(publish(&chats, messages(10, 10)), [(10, 10)]);
        publish(&chats, messages(12, 12));
        chats.give_up(CHAT, |telling| all = told(telling));
        assert_eq!(all, [(-12, 0)]);
        assert_eq!(publish(&chats, messages(13, 13)), [(13, 13)]);
        assert_eq!(chats.chats.lock().held_bytes, 0);
    }

    #[test]
    fn looking_finds_what_nobody_has_said_and_a_history_that_has_gone_back() {
        let chats = followed();
        let then = || chats.told()[0].1;
        let mut all = Vec::new();
        assert!(!chats.compare(CHAT, then(), at(4, 2), |telling| all = told(telling)));
        assert_eq!(all, [(-4, -2)], "nothing was known");
        assert!(!chats.compare(CHAT, then(), at(4, 2), nothing));
        assert!(chats.compare(CHAT, then(), at(5, 2), nothing));
        let before = then();
        publish(&chats, messages(5, 5));
        assert!(!chats.compare(CHAT, before, at(4, 2), nothing), "told since it was asked");
        assert_eq!(then().seq, Some(Seq(5)));
        assert!(!chats.compare(CHAT, then(), at(1, 0), nothing));
        assert_eq!(then(), ToldUpto::default());
    }

    #[test]
    fn a_chat_is_forgotten_with_its_last_follower() {
        let chats = followed();
        chats.follow(CHAT);
        publish(&chats, messages(5, 6));
        publish(&chats, messages(9, 9));
        chats.unfollow(CHAT);
        assert_eq!(chats.told().len(), 1);
        chats.unfollow(CHAT);
        assert!(chats.told().is_empty());
        assert_eq!(chats.chats.lock().held_bytes, 0);
        assert_eq!(publish(&chats, messages(10, 10)), [], "nobody is there");
    }
}
