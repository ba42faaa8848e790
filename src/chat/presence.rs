//! Who is online: told in rounds, one at a time, to those who know them and are online themselves.
//!
//! Whom a user knows is read from the database each time, so that nobody hears of people whom they no longer
//! share a chat with. Never in the way of messages: a round waits until all shards have done with the one
//! before, and what happens meanwhile is gathered.

use super::Rules;
use crate::limits::{
    PRESENCE_PAUSE, PRESENCE_READ_AT_ONCE, PRESENCE_ROUND_PAIRS_MAX, PRESENCE_ROUND_USERS_MAX,
    PRESENCE_TICK,
};
use crate::model::error::Result;
use crate::model::ids::{ChatId, UserId};
use crate::model::wire::OnlineJson;
use crate::registry::{Asked, ConnectionId, Known, PresenceFrame, Told, Untold};
use rustc_hash::FxHashMap;
use std::sync::Weak;
use std::time::Instant;

/// What somebody is told, and how much of it there is in all.
#[derive(Default)]
struct Round {
    news: FxHashMap<Told, Vec<OnlineJson>>,
    pairs: usize,
}

impl Round {
    fn add(&mut self, told: Told, news: OnlineJson) {
        self.news.entry(told).or_default().push(news);
        self.pairs += 1;
    }

    fn is_full(&self) -> bool {
        self.pairs >= PRESENCE_ROUND_PAIRS_MAX
    }

    /// Most are told of the same user: that frame is made once.
    fn frames(self) -> Vec<(Told, PresenceFrame)> {
        let mut single: FxHashMap<(UserId, bool), PresenceFrame> = FxHashMap::default();
        let frame = |(told, news): (Told, Vec<OnlineJson>)| {
            let frame = match news[..] {
                [one] => {
                    let made = single.entry((one.user_id, one.online));
                    made.or_insert_with(|| PresenceFrame::of(news)).clone()
                }
                _ => PresenceFrame::of(news),
            };
            (told, frame)
        };
        self.news.into_iter().map(frame).collect()
    }
}

/// Tells who comes and goes, for as long as the rules exist.
pub async fn tell(rules: Weak<Rules>) {
    loop {
        let Some(strong) = rules.upgrade() else { return };
        let presence = strong.registry.presence();
        // In vain where nobody has come: somebody may be gone long enough.
        let _in_time = tokio::time::timeout(PRESENCE_TICK, presence.has_news()).await;
        let untold = presence.take(Instant::now(), PRESENCE_ROUND_USERS_MAX);
        strong.registry.say_presence(false);
        if !untold.is_empty() {
            strong.tell_presence(untold).await;
        }
        drop(strong);
        tokio::time::sleep(PRESENCE_PAUSE).await;
    }
}

impl Rules {
    /// What cannot be told now, or is too much for one round, is told in a later one.
    async fn tell_presence(&self, mut untold: Untold) {
        let mut round = Round::default();
        if let Err(error) = self.fill(&mut round, &mut untold).await {
            tracing::debug!(%error, "cannot tell who is online; will try again");
        }
        if !untold.is_empty() {
            self.registry.presence().put_back(untold);
        }
        self.registry.tell_presence(round.frames()).await;
    }

    /// Takes what it has read from what is untold.
    async fn fill(&self, round: &mut Round, untold: &mut Untold) -> Result<()> {
        let presence = self.registry.presence();
        while !untold.changed.is_empty() && !round.is_full() {
            let some: Vec<UserId> =
                untold.changed.iter().copied().take(PRESENCE_READ_AT_ONCE).collect();
            for (user_id, known) in self.store.known(&some).await? {
                if presence.is_online(known) {
                    round.add(Told::User(known), self.stands(user_id));
                }
            }
            untold.changed.retain(|user_id| !some.contains(user_id));
        }
        while let Some((user_id, room_id)) = untold.introduced.iter().next().copied()
            && !round.is_full()
        {
            if presence.is_online(user_id) {
                for known in self.store.known_by(user_id, room_id).await? {
                    if presence.is_online(known) {
                        round.add(Told::User(known), self.stands(user_id));
                    }
                }
            }
            untold.introduced.remove(&(user_id, room_id));
        }
        while !untold.asked.is_empty() && !round.is_full() {
            let some: Vec<(ConnectionId, Asked)> = untold
                .asked
                .iter()
                .map(|(id, asked)| (*id, asked.clone()))
                .take(PRESENCE_READ_AT_ONCE)
                .collect();
            self.answer_asked(round, &some).await?;
            untold.asked.retain(|id, _| !some.iter().any(|(done, _)| done == id));
        }
        Ok(())
    }

    async fn answer_asked(&self, round: &mut Round, some: &[(ConnectionId, Asked)]) -> Result<()> {
        let askers = some.iter().filter(|(_, asked)| asked.known.is_some());
        let askers: Vec<UserId> = askers.map(|(_, asked)| asked.user_id).collect();
        let mut known: FxHashMap<UserId, Vec<UserId>> = FxHashMap::default();
        if !askers.is_empty() {
            for (user_id, other) in self.store.known(&askers).await? {
                known.entry(user_id).or_default().push(other);
            }
        }
        for (id, asked) in some {
            let Asked { user_id, known: which, chats } = asked;
            if let Some(which) = which {
                let told = Told::Connection { id: *id, is_whole: true };
                // Told also if it is nobody.
                round.news.entry(told).or_default();
                for other in known.get(user_id).into_iter().flatten() {
                    let news = self.stands_to(*user_id, *other);
                    if news.online || *which == Known::All {
                        round.add(told, news);
                    }
                }
            }
            for chat_id in chats {
                self.answer_about(round, *id, *user_id, *chat_id).await?;
            }
        }
        Ok(())
    }

    async fn answer_about(
        &self,
        round: &mut Round,
        id: ConnectionId,
        user_id: UserId,
        chat_id: ChatId,
    ) -> Result<()> {
        for other in self.store.known_by(user_id, chat_id).await? {
            let news = self.stands_to(user_id, other);
            if news.online {
                round.add(Told::Connection { id, is_whole: false }, news);
            }
        }
        Ok(())
    }

    fn stands(&self, user_id: UserId) -> OnlineJson {
        OnlineJson { user_id, online: self.registry.presence().is_online(user_id) }
    }

    /// To those who do not show their own presence, nobody is online.
    fn stands_to(&self, viewer: UserId, user_id: UserId) -> OnlineJson {
        let stands = self.stands(user_id);
        OnlineJson { online: stands.online && self.registry.presence().is_online(viewer), ..stands }
    }
}
