//! What other nodes that share the database have done: heard on the bus, and looked for in the database, because news may
//! be lost.
//!
//! Run by `process::run` where there is a bus. News causes reads and tells those who are connected here; nothing is
//! stored because of it.

use super::Rules;
use super::read_positions::seen_event;
use crate::bus::{FromBus, NodeId};
use crate::limits::{
    CHAT_READS_MAX, CHATS_COMPARED_MAX, REACH_CHANGES_MAX, REACH_CHANGES_SLACK, REPLAY_PAGE_ROWS,
};
use crate::model::error::Result;
use crate::model::ids::{Change, ChatId, Position, Seq, UserId};
use crate::model::news::News;
use crate::model::wire::Run;
use crate::registry::{Missing, ToldUpto, UserEvent};
use crate::store::ReachChange;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::timeout;

impl Rules {
    /// Hears what the bus brings, for as long as it brings anything; `looks` is told when it is there again.
    pub async fn hear_elsewhere(
        self: Arc<Self>,
        mut heard: mpsc::Receiver<FromBus>,
        looks: Arc<Notify>,
    ) {
        while let Some(event) = heard.recv().await {
            match event {
                FromBus::Connected => looks.notify_one(),
                FromBus::News { from, news } => {
                    for news in news {
                        self.hear_news(from, news).await;
                    }
                }
            }
        }
    }

    async fn hear_news(self: &Arc<Self>, from: NodeId, news: News) {
        let (registry, now) = (&self.registry, Instant::now());
        match news {
            News::Reached(reached) => registry.hear_of(reached),
            News::Ran(run) => registry.pass_on(vec![Arc::new(run)]).await,
            News::Account { user_id, frame } => {
                registry.tell_here(user_id, UserEvent::Account(frame));
            }
            News::Read { user_id, chat_id, seq } => {
                registry.tell_here(user_id, self.read_event(user_id, chat_id, seq, None));
            }
            News::Seen { user_id, chat_id, by, seq } => {
                registry.tell_here(user_id, seen_event(chat_id, by, seq));
            }
            News::ShowsPresence { user_id, shows } => {
                registry.tell_here(user_id, UserEvent::ShowsPresence(shows));
            }
            News::Standing { user_id, chat_id } => self.reread_reach(user_id, chat_id, false),
            News::Anew { user_id, chat_id } => self.reread_reach(user_id, chat_id, true),
            News::SessionEnded { user_id, session } => self.end_session_here(user_id, session),
            News::Signalled { chat_id, of, frame } => registry.signal_here(chat_id, of, frame),
            News::Typing { chat_id, user_id, online, frame } => {
                registry.typing_heard(chat_id, user_id, online as usize, frame);
            }
            News::Here(users) => {
                for (user_id, shows) in users {
                    registry.presence().is_there(from, user_id, shows, now);
                }
            }
            News::Gone(users) => {
                users.into_iter().for_each(|user_id| registry.presence().is_gone(from, user_id));
            }
        }
    }

    /// Reads what other nodes wrote to chats that are followed here, once for all who follow them.
    pub async fn read_followed(self: Arc<Self>) {
        let Some(followed) = self.registry.followed() else { return };
        let reads = Arc::new(Semaphore::new(CHAT_READS_MAX));
        loop {
            let Ok(read) = Arc::clone(&reads).acquire_owned().await else { return };
            let chat_id = followed.next_behind().await;
            let rules = Arc::clone(&self);
            tokio::spawn(async move {
                let _read = read;
                rules.read_chat(chat_id).await;
            });
        }
    }

    /// Until its followers are level with what is there.
    async fn read_chat(&self, chat_id: ChatId) {
        let mut before = None;
        while let Some(missing) = self.registry.missing(chat_id, before) {
            before = Some(missing);
            self.metrics.chat_reads.inc();
            match self.read_missing(chat_id, missing).await {
                Ok(runs) => self.registry.pass_on(runs).await,
                Err(error) => {
                    tracing::debug!(%error, chat.id = %chat_id, "cannot read what other nodes wrote");
                    return self.registry.give_up(chat_id);
                }
            }
        }
    }

    /// A page of what is missing: messages first, then changes of those that have been told.
    async fn read_missing(&self, chat_id: ChatId, missing: Missing) -> Result<Vec<Arc<Run>>> {
        let (mut runs, limit) = (Vec::new(), REPLAY_PAGE_ROWS);
        let mut upto = missing.told.seq.unwrap_or(missing.reach.seq);
        if let Some(after) = missing.messages_after() {
            let messages = self.store.messages_after(chat_id, after, limit).await?;
            let Some(run) = Run::after(after, &messages) else { return Ok(runs) };
            upto = Seq(run.last());
            runs.push(Arc::new(run));
            if messages.len() as i64 >= limit {
                return Ok(runs);
            }
        }
        if let Some(after) = missing.changes_after() {
            let changed = self.store.changed_after(chat_id, after, upto, limit).await?;
            runs.extend(Run::of_changes(after.next(), &changed).map(Arc::new));
        }
        Ok(runs)
    }

    /// Looks at the database again and again, and at once when the bus is there again: for what nobody has told us.
    pub async fn look_elsewhere(self: Arc<Self>, looks: Arc<Notify>) {
        let (mut looked_at, mut joined) = (Instant::now(), Joined::default());
        loop {
            self.registry.say_presence(true);
            if let Err(error) = self.compare_chats().await {
                tracing::debug!(%error, "cannot see what other nodes wrote; will try again");
            }
            let began = Instant::now();
            match self.compare_reach(looked_at.elapsed(), &mut joined).await {
                Ok(()) => looked_at = began,
                Err(error) => {
                    tracing::debug!(%error, "cannot see who takes part in what; will try again");
                }
            }
            // Several nodes that lost the same database come back at different times.
            let _at_once = timeout(self.store.waits.look, looks.notified()).await;
        }
    }

    /// Tells those who are here which chats they have come into or left within this time, and some time before it. Whoever
    /// left is told with each look, for they may have been arriving; whoever came, once.
    async fn compare_reach(self: &Arc<Self>, within: Duration, joined: &mut Joined) -> Result<()> {
        let within = within + REACH_CHANGES_SLACK;
        let changes = self.store.reach_changes(within, REACH_CHANGES_MAX).await?;
        let mut now_joined = Joined::default();
        for ReachChange { chat_id, user_id, at, is_in } in changes {
            if !is_in {
                self.registry.tell_here(user_id, self.row_event(chat_id, None));
            } else if self.registry.presence().is_here(user_id) {
                let change = (chat_id, user_id, at);
                if !joined.contains(&change) {
                    self.reread_reach(user_id, chat_id, false);
                }
                now_joined.insert(change);
            }
        }
        *joined = now_joined;
        Ok(())
    }

    async fn compare_chats(&self) -> Result<()> {
        let Some(followed) = self.registry.followed() else { return Ok(()) };
        for part in followed.told().chunks(CHATS_COMPARED_MAX) {
            let told: FxHashMap<ChatId, ToldUpto> = part.iter().copied().collect();
            let known: Vec<_> =
                part.iter().map(|(chat_id, told)| (*chat_id, where_known(*told))).collect();
            for (chat_id, last) in self.store.differing_chats(&known).await? {
                let then = told.get(&chat_id).copied().unwrap_or_default();
                if self.registry.compare(chat_id, then, last) {
                    self.metrics.chats_healed.inc();
                }
            }
        }
        Ok(())
    }
}

/// Those who have come into a chat, and have been told.
type Joined = FxHashSet<(ChatId, UserId, SystemTime)>;

/// What is not known differs from everything.
fn where_known(told: ToldUpto) -> Position {
    Position { seq: told.seq.unwrap_or(Seq(-1)), change: told.change.unwrap_or(Change(-1)) }
}
