//! What comes from other nodes, or must be compared with what they do: told here as if it had happened here, and not said
//! again.

use super::followed::Telling;
use super::{Event, FollowedChats, Missing, Registry, ToldUpto, Typing, UserEvent};
use crate::limits::HERE_USERS_AT_ONCE;
use crate::model::ids::{ChatId, Position, UserId};
use crate::model::message::SessionId;
use crate::model::news::{News, Reached};
use crate::model::wire::Run;
use bytes::Bytes;
use std::sync::Arc;

impl Registry {
    /// Which chats are followed here; none where there are no other nodes, and nobody has to know.
    pub fn followed(&self) -> Option<Arc<FollowedChats>> {
        self.elsewhere.as_ref().map(|elsewhere| Arc::clone(&elsewhere.followed))
    }

    /// Tells every shard about these runs, each once what comes before it has been told. Waits while a shard's inbox is
    /// full, but neither for a reader nor for what comes before.
    pub async fn pass_on(&self, runs: Vec<Arc<Run>>) {
        if !runs.is_empty() {
            self.pass_on_with(self.inboxes.iter().map(|_| Vec::new()).collect(), runs).await;
        }
    }

    /// The same, after what each shard is told besides: in one go, so that an answer leaves together with the message.
    pub(super) async fn pass_on_with(&self, before: Vec<Vec<Event>>, runs: Vec<Arc<Run>>) {
        let Some(elsewhere) = &self.elsewhere else { return };
        for inbox in self.inboxes.iter() {
            inbox.has_room().await;
        }
        elsewhere.followed.publish(runs, |telling| {
            for (inbox, before) in self.inboxes.iter().zip(before) {
                inbox.push_several(before.into_iter().chain(telling.iter().map(event)));
            }
        });
    }

    /// A chat reaches up to here: what its followers have not been told is read once for all of them.
    pub fn hear_of(&self, reached: Reached) {
        if let Some(elsewhere) = &self.elsewhere {
            elsewhere.followed.hear(reached, |telling| self.tell_followers(telling));
        }
    }

    /// The same of a chat that was compared with the database; whether nobody had said so.
    pub fn compare(&self, chat_id: ChatId, then: ToldUpto, last: Position) -> bool {
        self.elsewhere.as_ref().is_some_and(|elsewhere| {
            elsewhere.followed.compare(chat_id, then, last, |telling| self.tell_followers(telling))
        })
    }

    /// What is to be read next of a chat, after what was to be read before.
    pub fn missing(&self, chat_id: ChatId, before: Option<Missing>) -> Option<Missing> {
        let elsewhere = self.elsewhere.as_ref()?;
        elsewhere.followed.missing(chat_id, before, |telling| self.tell_followers(telling))
    }

    /// What is missing of a chat cannot be read for all who follow it.
    pub fn give_up(&self, chat_id: ChatId) {
        if let Some(elsewhere) = &self.elsewhere {
            elsewhere.followed.give_up(chat_id, |telling| self.tell_followers(telling));
        }
    }

    /// Tells the other nodes, if there are any.
    pub(super) fn say(&self, news: impl FnOnce() -> News) {
        if let Some(elsewhere) = &self.elsewhere {
            elsewhere.bus.say(&news());
        }
    }

    /// Tells them that a user's chat has become another one for them.
    pub fn say_anew(&self, user_id: UserId, chat_id: ChatId) {
        self.say(|| News::Anew { user_id, chat_id });
    }

    /// Tells them who has come and gone here, or who is here at all.
    pub fn say_presence(&self, is_whole: bool) {
        if self.elsewhere.is_none() {
            return;
        }
        let (here, gone) = self.presence.take_unsaid(is_whole);
        for some in here.chunks(HERE_USERS_AT_ONCE) {
            self.say(|| News::Here(some.to_vec()));
        }
        for some in gone.chunks(HERE_USERS_AT_ONCE) {
            self.say(|| News::Gone(some.to_vec()));
        }
    }

    /// To a user's connections on this node.
    pub fn tell_here(&self, user_id: UserId, event: UserEvent) {
        self.push(user_id, Event::Told { user_id, event });
    }

    pub fn end_session_here(&self, user_id: UserId, session: SessionId) {
        self.push(user_id, Event::SessionEnded { user_id, session });
    }

    /// That somebody writes on another node, where so many are online.
    pub fn typing_heard(&self, chat_id: ChatId, user_id: UserId, online: usize, frame: Bytes) {
        self.type_on(0, Typing { chat_id, user_id, frame, online, is_elsewhere: true });
    }

    pub(super) fn tell_followers(&self, telling: Vec<Telling>) {
        for inbox in self.inboxes.iter() {
            inbox.push_several(telling.iter().map(event));
        }
    }
}

fn event(telling: &Telling) -> Event {
    match telling {
        Telling::Run(run) => Event::Published(Arc::clone(run)),
        Telling::Reach(chat_id, last) => Event::Heard { chat_id: *chat_id, last: *last },
    }
}

/// How other nodes are told of it. What only the database says for certain is read there.
pub(super) fn news_of(user_id: UserId, event: &UserEvent) -> News {
    match event {
        UserEvent::Account(frame) => News::Account { user_id, frame: frame.clone() },
        UserEvent::Read { chat_id, seq, .. } => {
            News::Read { user_id, chat_id: *chat_id, seq: *seq }
        }
        UserEvent::Seen { chat_id, by, seq, .. } => {
            News::Seen { user_id, chat_id: *chat_id, by: *by, seq: *seq }
        }
        UserEvent::ShowsPresence(shows) => News::ShowsPresence { user_id, shows: *shows },
        UserEvent::Joined { chat_id, .. } | UserEvent::Left { chat_id, .. } => {
            News::Standing { user_id, chat_id: *chat_id }
        }
    }
}
