//! Signals: who writes, who is online, who has read. They are never stored, and a reader who is behind does
//! without them: that somebody writes is dropped, how people stand is told once the outbox is empty.

use super::connection::{Connection, Stage};
use super::worker::ShardWorker;
use crate::limits::{OWED_USERS_MAX, TYPING_CHATS_MAX, TYPING_ONLINE_MAX, TYPING_PAUSE};
use crate::model::error::FrameRefusal;
use crate::model::ids::{ChatId, Seq, UserId};
use crate::model::wire::{OnlineJson, ServerFrame, UserJson, text_frame};
use crate::registry::{ConnectionId, Known, PresenceFrame, PresenceNews, Scope, Told, Typing};
use bytes::Bytes;
use rustc_hash::FxHashSet;
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::Instant;

/// What a slow reader is to be told once nothing else waits.
#[derive(Debug, Default)]
pub struct Owed {
    /// How these stand.
    users: SmallVec<[UserId; 4]>,
    /// Whether it is to be told even if it is nobody.
    is_due: bool,
    /// How all stand whom the reader knows.
    is_all: bool,
    /// How far others have read.
    seen: SmallVec<[(ChatId, UserId, Seq); 1]>,
}

impl Owed {
    fn add_users(&mut self, users: &[OnlineJson]) {
        let new = users.iter().map(|one| one.user_id);
        let new: SmallVec<[UserId; 4]> = new.filter(|id| !self.users.contains(id)).collect();
        if self.users.len() + new.len() <= OWED_USERS_MAX {
            self.users.extend(new);
        } else {
            self.is_all = true;
        }
    }

    fn add_seen(&mut self, chat_id: ChatId, by: UserId, seq: Seq) {
        self.seen.retain(|(other, ..)| *other != chat_id);
        self.seen.push((chat_id, by, seq));
    }

    /// The chat is out of reach, and so may be those whom the reader knew by it.
    pub fn part(&mut self, chat_id: ChatId) {
        self.seen.retain(|(other, ..)| *other != chat_id);
        self.is_all |= self.is_due || !self.users.is_empty();
    }
}

/// In which chats a user has just been writing.
pub type Writing = SmallVec<[(ChatId, Instant); 1]>;

/// Whether it is passed on that a user writes in a chat.
fn may_type(writing: &mut Writing, chat_id: ChatId, now: Instant) -> bool {
    writing.retain(|(_, at)| now < *at + TYPING_PAUSE);
    let is_news = writing.iter().all(|(other, _)| *other != chat_id);
    let passes = is_news && writing.len() < TYPING_CHATS_MAX;
    if passes {
        writing.push((chat_id, now));
    }
    passes
}

impl ShardWorker {
    // ---- who writes ----

    pub(super) fn heed_typing(
        &mut self,
        index: u32,
        chat_id: Option<ChatId>,
    ) -> Result<(), FrameRefusal> {
        self.allow_control(index)?;
        let (chat_id, connection) = self.followed(index, chat_id)?;
        if !connection.shows_presence {
            return Ok(());
        }
        let viewer = Arc::clone(&connection.viewer);
        let user_id = viewer.user_id;
        if may_type(self.writing.entry(user_id).or_default(), chat_id, Instant::now()) {
            let user = UserJson { user_id, username: &viewer.username };
            let frame = text_frame(&ServerFrame::Typing { chat_id, user });
            let typing = Typing { chat_id, user_id, frame, online: 0, is_elsewhere: false };
            self.errands.rules.registry.type_on(0, typing);
        }
        Ok(())
    }

    /// Those who have stopped need not be remembered.
    pub(super) fn forget_writing(&mut self) {
        let now = Instant::now();
        self.writing.retain(|_, writing| writing.iter().any(|(_, at)| now < *at + TYPING_PAUSE));
    }

    /// Counts who is there, and hands it on; it ends here if there are too many.
    pub(super) fn type_on(&mut self, mut typing: Typing) {
        if let Some(chat) = self.shard.chat(typing.chat_id) {
            let mut users: FxHashSet<UserId> = FxHashSet::default();
            for &index in &chat.followers {
                if let Some(connection) = self.connections.get(index) {
                    users.insert(connection.viewer.user_id);
                }
                if typing.online + users.len() > TYPING_ONLINE_MAX {
                    return;
                }
            }
            typing.online += users.len();
        }
        self.errands.rules.registry.type_on(usize::from(self.number) + 1, typing);
    }

    /// What is not stored goes to those who read in time, and is dropped for those who are behind.
    pub(super) async fn signal(&mut self, chat_id: ChatId, of: Option<UserId>, frame: &Bytes) {
        let Some(chat) = self.shard.chat(chat_id) else { return };
        for index in chat.followers.clone() {
            self.flush(index);
            let Some(connection) = self.connections.get(index) else { continue };
            let hears =
                of.is_none_or(|of| connection.shows_presence && connection.viewer.user_id != of);
            if connection.stage == Stage::Open && hears {
                match connection.waiting_bytes() {
                    0 => self.send_signal(index, frame.clone()),
                    _ => self.errands.rules.metrics.signals_dropped.inc(),
                }
            }
            self.yield_in_turn().await;
        }
    }

    fn send_signal(&mut self, index: u32, frame: Bytes) {
        self.errands.rules.metrics.signals.inc();
        self.send(index, frame);
    }

    // ---- who is online ----

    /// Whether a user's own presence shows is the same on all of their sockets.
    pub(super) fn switch_presence(&mut self, user_id: UserId, shows: bool) {
        self.errands.rules.registry.presence().show(user_id, shows);
        for index in self.connections_of(user_id) {
            let id = self.connections.id(index);
            let Some(connection) = self.connections.get(index) else { continue };
            if std::mem::replace(&mut connection.shows_presence, shows) == shows {
                continue;
            }
            if !shows && let Some(owed) = &mut connection.owed {
                owed.seen.clear();
            }
            if connection.scope == Scope::All && connection.stage == Stage::Open {
                // Whom the others are shown from now on, or that nobody is shown any more.
                let known = if shows { Known::Online } else { Known::All };
                self.errands.rules.registry.presence().ask(id, user_id, known);
            }
        }
    }

    /// After a `welcome` the socket is told who is online; until then it hears of no change.
    pub(super) fn ask_who_is_online(&mut self, index: u32) {
        let id = self.connections.id(index);
        let Some(connection) = self.connections.get(index) else { return };
        if connection.scope == Scope::All {
            (connection.knows_presence, connection.owed) = (false, None);
            let user_id = connection.viewer.user_id;
            self.errands.rules.registry.presence().ask(id, user_id, Known::Online);
        }
    }

    pub(super) async fn hear_presence(&mut self, presence: PresenceNews) {
        let PresenceNews { news, turn } = presence;
        for (told, frame) in &news {
            match *told {
                Told::User(user_id) => {
                    for index in self.connections_of(user_id) {
                        if self.connections.get(index).is_some_and(|c| c.knows_presence) {
                            self.tell_presence(index, frame);
                        }
                    }
                }
                Told::Connection { id, is_whole } => self.answer_presence(id, is_whole, frame),
            }
            self.yield_in_turn().await;
        }
        drop(turn);
    }

    fn answer_presence(&mut self, id: ConnectionId, is_whole: bool, frame: &PresenceFrame) {
        let Some(index) = self.find_open(id) else { return };
        let Some(connection) = self.connections.get(index) else { return };
        if is_whole {
            connection.knows_presence = true;
        }
        if connection.knows_presence {
            self.tell_presence(index, frame);
        }
    }

    /// Now, if nothing waits for the reader, or else later.
    fn tell_presence(&mut self, index: u32, told: &PresenceFrame) {
        self.flush(index);
        let Some(connection) = self.connections.get(index) else { return };
        if connection.stage != Stage::Open {
            return;
        }
        // The switch may have been turned off while this was on its way.
        let is_hidden = !connection.shows_presence && told.users.iter().any(|one| one.online);
        if connection.waiting_bytes() == 0 && !is_hidden {
            return self.send_signal(index, told.frame.clone());
        }
        let owed = connection.owed.get_or_insert_default();
        owed.is_due |= told.users.is_empty();
        owed.add_users(&told.users);
        self.errands.rules.metrics.signals_dropped.inc();
        self.pay(index);
    }

    // ---- who has read ----

    pub(super) fn tell_seen(
        &mut self,
        index: u32,
        (chat_id, by, seq): (ChatId, UserId, Seq),
        frame: &Bytes,
    ) {
        self.flush(index);
        let Some(connection) = self.connections.get(index) else { return };
        if !connection.shows_presence || connection.follow(chat_id).is_none() {
            return;
        }
        if connection.waiting_bytes() == 0 {
            return self.send_signal(index, frame.clone());
        }
        connection.owed.get_or_insert_default().add_seen(chat_id, by, seq);
        self.errands.rules.metrics.signals_dropped.inc();
    }

    // ---- later ----

    /// Tells a reader that has caught up what it is owed.
    pub(super) fn pay(&mut self, index: u32) {
        let id = self.connections.id(index);
        let Some(connection) = self.connections.get(index) else { return };
        if connection.waiting_bytes() > 0 || connection.stage != Stage::Open {
            return;
        }
        let Some(owed) = connection.owed.take() else { return };
        let Owed { users, is_due, is_all, seen } = *owed;
        let (shows, user_id) = (connection.shows_presence, connection.viewer.user_id);
        let frames = seen_frames(connection, &seen);
        let rules = Arc::clone(&self.errands.rules);
        let presence = rules.registry.presence();
        if is_all {
            presence.ask(id, user_id, Known::All);
        } else if is_due || !users.is_empty() {
            let stands =
                |user_id| OnlineJson { user_id, online: shows && presence.is_online(user_id) };
            let told = PresenceFrame::of(users.into_iter().map(stands).collect());
            self.send_signal(index, told.frame);
        }
        for frame in frames {
            self.send_signal(index, frame);
        }
    }
}

fn seen_frames(connection: &mut Connection, seen: &[(ChatId, UserId, Seq)]) -> Vec<Bytes> {
    if !connection.shows_presence {
        return Vec::new();
    }
    let followed = seen.iter().filter(|(chat_id, ..)| connection.follow(*chat_id).is_some());
    let frame = |&(chat_id, user_id, seq): &(ChatId, UserId, Seq)| {
        text_frame(&ServerFrame::Seen { chat_id, user_id, seq })
    };
    followed.map(frame).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_somebody_writes_passes_once_in_a_while_in_each_chat_and_in_few_chats() {
        let (mut writing, now) = (Writing::default(), Instant::now());
        let mut types = |chat, at| may_type(&mut writing, ChatId(chat), at);
        assert!(types(1, now));
        assert!(!types(1, now + TYPING_PAUSE / 2));
        for chat in 2..=TYPING_CHATS_MAX as i64 {
            assert!(types(chat, now));
        }
        assert!(!types(100, now), "in too many chats at once");
        assert!(types(100, now + TYPING_PAUSE));
        assert!(types(1, now + TYPING_PAUSE));
    }

    #[test]
    fn what_a_slow_reader_is_owed_is_bounded() {
        let mut owed = Owed::default();
        let one = |id| [OnlineJson { user_id: UserId(id), online: true }];
        for id in 0..OWED_USERS_MAX as i64 {
            owed.add_users(&one(id));
            owed.add_users(&one(id));
        }
        assert!(!owed.is_all && owed.users.len() == OWED_USERS_MAX);
        owed.add_users(&one(-1));
        assert!(owed.is_all && owed.users.len() == OWED_USERS_MAX);
        for seq in 1..=3 {
            owed.add_seen(ChatId(7), UserId(1), Seq(seq));
        }
        assert_eq!(owed.seen[..], [(ChatId(7), UserId(1), Seq(3))]);
        owed.part(ChatId(7));
        assert!(owed.seen.is_empty());
    }
}
