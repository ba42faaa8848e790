//! Who is connected: the only code that knows. It is sharded by user, so that all sockets of a user meet
//! in one place.
//!
//! A shard's maps belong to its worker alone; what others have to tell it goes into its inbox, under one
//! lock that is held only for a push or a swap. `chat` publishes through `Registry`; `live` owns a
//! `Shard` per worker. Nothing here touches a socket or the database.

mod backlog;
mod elsewhere;
mod followed;
mod inbox;
mod outbox;
mod presence;
mod seats;
mod shard;

pub use backlog::Backlog;
pub use followed::{FollowedChats, Missing, ToldUpto};
pub use inbox::Inbox;
pub use outbox::{Full, Outbox};
pub use presence::{Asked, Known, Presence, Untold};
pub use seats::{NoSeat, Seat, SeatLimits, Seats};
pub use shard::{Followers, Shard};

use crate::bus::Bus;
use crate::model::ids::{Change, ChatId, Position, Seq, UserId};
use crate::model::message::{ChatType, SessionId, Standing, Viewer};
use crate::model::news::{News, Reached};
use crate::model::wire::{MessageFrames, OnlineJson, Run, ServerFrame, text_frame};
use bytes::Bytes;
use followed::Telling;
use std::net::TcpStream;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Names one connection for as long as it lives: its place, and which of the place's occupants it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionId {
    pub shard: u16,
    pub index: u32,
    pub generation: u32,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// `/ws`: everything the user takes part in, and the account's own events.
    All,
    One(ChatId),
}

/// A socket that has been upgraded and now belongs to a shard.
pub struct Arrival {
    pub stream: TcpStream,
    /// The 101 response, which is sent together with the first frame.
    pub answer: Bytes,
    /// Bytes that the client sent right after its request.
    pub early: Bytes,
    pub admitted: Admitted,
}

/// Whose socket it is, and what it may see.
pub struct Admitted {
    pub viewer: Arc<Viewer>,
    /// When the token expires, in seconds since 1970.
    pub expires_at: i64,
    pub scope: Scope,
    /// What the viewer may do in the one chat, if that is already known.
    pub standing: Option<Standing>,
    pub resume: Resume,
    pub seat: Seat,
}

/// Where a client wants to resume.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resume {
    /// Without a change, what changed before the `welcome` is not told.
    pub after: Vec<(ChatId, Seq, Option<Change>)>,
    pub epoch: Option<Box<str>>,
}

/// What a shard's worker is told.
pub enum Event {
    Arrived(Box<Arrival>),
    Published(Arc<Run>),
    /// A chat reaches up to here, though its last messages and changes may not have been published: followers
    /// read what they are missing.
    Heard {
        chat_id: ChatId,
        last: Position,
    },
    /// Something that is not stored happened in a chat: those who follow it and read in time are told.
    Signalled {
        chat_id: ChatId,
        /// Whose presence it gives away: not for themself, nor for those who do not see that of others.
        of: Option<UserId>,
        frame: Bytes,
    },
    /// The chat is gone: whoever follows it takes part in it no longer.
    Removed {
        chat_id: ChatId,
        frame: Bytes,
    },
    /// Somebody writes in a chat. It goes from shard to shard, which count who is there.
    Typing(Typing),
    /// Who is online, for some users and connections.
    Presence(PresenceNews),
    /// The answer to a write of this connection; none if one without a `client_id` was carried out.
    Answered {
        to: ConnectionId,
        frame: Option<Bytes>,
    },
    /// The chats for the `welcome` that a connection asked for, and the epoch they belong to.
    Greeted {
        to: ConnectionId,
        standings: Vec<Standing>,
        epoch: Arc<str>,
    },
    /// A connection's chats, read once more after it began to follow them.
    Confirmed {
        to: ConnectionId,
        standings: Vec<Standing>,
    },
    Replayed {
        to: ConnectionId,
        piece: ReplayPiece,
    },
    /// The chat is out of this connection's reach now.
    Unreachable {
        to: ConnectionId,
        chat_id: ChatId,
    },
    /// What the connection asked for could not be read.
    GaveUp {
        to: ConnectionId,
    },
    Told {
        user_id: UserId,
        event: UserEvent,
    },
    SessionEnded {
        user_id: UserId,
        session: SessionId,
    },
    /// The server is stopping: everybody is disconnected.
    Stopped,
}

/// That somebody writes in a chat.
pub struct Typing {
    pub chat_id: ChatId,
    pub user_id: UserId,
    pub frame: Bytes,
    /// How many users follow the chat in the shards that have counted, and on the node where they write.
    pub online: usize,
    /// Whether they write on another node.
    pub is_elsewhere: bool,
}

/// What one shard is told in a round.
pub struct PresenceNews {
    pub news: Vec<(Told, PresenceFrame)>,
    /// The next round begins when all shards have done with this one.
    pub turn: OwnedSemaphorePermit,
}

/// Whom something is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Told {
    /// All connections of the user that know how others stand.
    User(UserId),
    /// One that has asked. If it asked about everybody it knows that from now on.
    Connection { id: ConnectionId, is_whole: bool },
}

/// Who is online and who is not, and the frame that says so.
#[derive(Debug, Clone)]
pub struct PresenceFrame {
    pub users: Arc<[OnlineJson]>,
    pub frame: Bytes,
}

impl PresenceFrame {
    pub fn of(users: Vec<OnlineJson>) -> Self {
        let frame = text_frame(&ServerFrame::Presence { users: &users });
        Self { users: users.into(), frame }
    }
}

/// A page of a replay: what a chat has after `from`, if anything, and how far it reached.
pub struct ReplayPiece {
    pub chat_id: ChatId,
    pub from: Position,
    /// How far the chat reached, as the shard knew when it asked.
    pub head: Position,
    pub frames: MessageFrames,
    /// There is nothing else up to here.
    pub upto: Position,
    pub last: Position,
    /// Of which change its messages are, if it has any.
    pub held: Option<Position>,
    /// It would be too long, or begins after the end.
    pub is_out_of_range: bool,
}

/// An event that concerns one user.
#[derive(Debug, Clone)]
pub enum UserEvent {
    /// A frame for `/ws` only.
    Account(Bytes),
    /// The user has read further in this chat, on a connection other than `but`.
    Read { chat_id: ChatId, seq: Seq, but: Option<ConnectionId>, frame: Bytes },
    /// The other user of a private chat has read so far.
    Seen { chat_id: ChatId, by: UserId, seq: Seq, frame: Bytes },
    /// Whether the user shows their presence, and sees that of others, from now on.
    ShowsPresence(bool),
    /// The user takes part in this chat from now on, beginning after `last`.
    Joined { chat_id: ChatId, chat_type: ChatType, last: Position, frame: Bytes },
    /// The user no longer takes part.
    Left { chat_id: ChatId, frame: Bytes },
}

impl UserEvent {
    /// Whether it repeats an earlier event, or replaces it with the newer state.
    pub fn repeats(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (Self::Account(frame), Self::Account(other)) => frame == other,
            (Self::Read { chat_id, .. }, Self::Read { chat_id: other, .. })
            | (Self::Seen { chat_id, .. }, Self::Seen { chat_id: other, .. })
            | (Self::Joined { chat_id, .. }, Self::Joined { chat_id: other, .. })
            | (Self::Left { chat_id, .. }, Self::Left { chat_id: other, .. }) => chat_id == other,
            (Self::ShowsPresence(_), Self::ShowsPresence(_)) => true,
            (
                Self::Account(_)
                | Self::Read { .. }
                | Self::Seen { .. }
                | Self::ShowsPresence(_)
                | Self::Joined { .. }
                | Self::Left { .. },
                _,
            ) => false,
        }
    }
}

/// Sends events to the shards.
#[derive(Clone)]
pub struct Registry {
    inboxes: Arc<[Arc<Inbox>]>,
    presence: Arc<Presence>,
    /// A permit for each shard.
    turns: Arc<Semaphore>,
    elsewhere: Option<Elsewhere>,
}

/// For other nodes, and because of them.
#[derive(Clone)]
struct Elsewhere {
    bus: Arc<Bus>,
    followed: Arc<FollowedChats>,
}

impl Registry {
    /// Without a bus there are no other nodes.
    pub fn new(inboxes: Vec<Arc<Inbox>>, bus: Option<Arc<Bus>>) -> Self {
        let turns = Arc::new(Semaphore::new(inboxes.len()));
        let presence = Arc::new(Presence::new(bus.is_some()));
        let elsewhere = bus.map(|bus| Elsewhere { bus, followed: Arc::default() });
        Self { inboxes: inboxes.into(), presence, turns, elsewhere }
    }

    pub fn arrive(&self, arrival: Arrival) {
        self.push(arrival.admitted.viewer.user_id, Event::Arrived(Box::new(arrival)));
    }

    /// Tells every shard about these runs, then each connection its answers. Waits while a shard's
    /// inbox is full, but never for a reader.
    pub async fn publish(&self, runs: Vec<Arc<Run>>, answers: Vec<(ConnectionId, Option<Bytes>)>) {
        let mut events: Vec<Vec<Event>> = self.inboxes.iter().map(|_| Vec::new()).collect();
        for (to, frame) in answers {
            events[usize::from(to.shard)].push(Event::Answered { to, frame });
        }
        if let Some(elsewhere) = &self.elsewhere {
            for run in &runs {
                elsewhere.bus.say(&News::Reached(Reached::of(run)));
            }
            return self.pass_on_with(events, runs).await;
        }
        for run in &runs {
            for events in &mut events {
                events.push(Event::Published(Arc::clone(run)));
            }
        }
        for (inbox, events) in self.inboxes.iter().zip(events) {
            inbox.push_all(events).await;
        }
    }

    /// Tells every shard how far a chat reaches when its end may not have been published.
    pub fn hear(&self, chat_id: ChatId, last: Position) {
        match &self.elsewhere {
            None => self.tell_followers(vec![Telling::Reach(chat_id, last)]),
            Some(elsewhere) => {
                let reached = Reached::upto(chat_id, last);
                elsewhere.bus.say(&News::Reached(reached));
                self.hear_of(reached);
            }
        }
    }

    /// Tells every shard, of all nodes, what happened in a chat; a hint, which readers may miss.
    pub fn signal(&self, chat_id: ChatId, of: Option<UserId>, frame: Bytes) {
        self.say(|| News::Signalled { chat_id, of, frame: frame.clone() });
        self.signal_here(chat_id, of, frame);
    }

    /// The same on this node only.
    pub fn signal_here(&self, chat_id: ChatId, of: Option<UserId>, frame: Bytes) {
        for inbox in self.inboxes.iter() {
            inbox.push(Event::Signalled { chat_id, of, frame: frame.clone() });
        }
    }

    /// Has the next shard count who is there; after the last one, everybody is told.
    pub fn type_on(&self, shard: usize, typing: Typing) {
        match self.inboxes.get(shard) {
            Some(inbox) => inbox.push(Event::Typing(typing)),
            None => {
                let Typing { chat_id, user_id, frame, online, is_elsewhere } = typing;
                if !is_elsewhere {
                    let online = u32::try_from(online).unwrap_or(u32::MAX);
                    self.say(|| News::Typing { chat_id, user_id, online, frame: frame.clone() });
                }
                self.signal_here(chat_id, Some(user_id), frame);
            }
        }
    }

    /// Who is online.
    pub fn presence(&self) -> &Presence {
        &self.presence
    }

    /// Tells who is online, once all shards have done with what they were told before.
    pub async fn tell_presence(&self, news: Vec<(Told, PresenceFrame)>) {
        let shards = self.inboxes.len();
        let permits = u32::try_from(shards).unwrap_or(u32::MAX);
        let Ok(mut turns) = Arc::clone(&self.turns).acquire_many_owned(permits).await else {
            return;
        };
        let mut parts: Vec<Vec<_>> = (0..shards).map(|_| Vec::new()).collect();
        for (told, frame) in news {
            let shard = match told {
                Told::User(user_id) => self.shard_of(user_id),
                Told::Connection { id, .. } => Some(usize::from(id.shard)),
            };
            if let Some(part) = shard.and_then(|shard| parts.get_mut(shard)) {
                part.push((told, frame));
            }
        }
        for (inbox, news) in self.inboxes.iter().zip(parts) {
            if let Some(turn) = turns.split(1).filter(|_| !news.is_empty()) {
                inbox.push(Event::Presence(PresenceNews { news, turn }));
            }
        }
    }

    /// Tells every shard that a chat is gone. Each node finds that out for itself.
    pub fn remove(&self, chat_id: ChatId, frame: Bytes) {
        for inbox in self.inboxes.iter() {
            inbox.push(Event::Removed { chat_id, frame: frame.clone() });
        }
    }

    pub fn answer(&self, to: ConnectionId, frame: Option<Bytes>) {
        self.post(to, Event::Answered { to, frame });
    }

    /// For events that a connection asked for itself.
    pub fn post(&self, to: ConnectionId, event: Event) {
        self.inboxes[usize::from(to.shard)].push(event);
    }

    /// Tells a user's connections, on all nodes.
    pub fn tell(&self, user_id: UserId, event: UserEvent) {
        self.say(|| elsewhere::news_of(user_id, &event));
        self.tell_here(user_id, event);
    }

    pub fn end_session(&self, user_id: UserId, session: SessionId) {
        self.say(|| News::SessionEnded { user_id, session });
        self.end_session_here(user_id, session);
    }

    /// Disconnects everybody, and everybody who arrives later.
    pub fn stop(&self) {
        for inbox in self.inboxes.iter() {
            inbox.push(Event::Stopped);
        }
    }

    /// Connections and users online, in all shards.
    pub fn online(&self) -> (usize, usize) {
        let add = |(a, b), (c, d)| (a + c, b + d);
        self.inboxes.iter().map(|inbox| inbox.online()).fold((0, 0), add)
    }

    /// To the shard of this user. A command has none, and nobody is connected to it.
    fn push(&self, user_id: UserId, event: Event) {
        if let Some(inbox) = self.shard_of(user_id).and_then(|shard| self.inboxes.get(shard)) {
            inbox.push(event);
        }
    }

    fn shard_of(&self, user_id: UserId) -> Option<usize> {
        (user_id.0.unsigned_abs() as usize).checked_rem(self.inboxes.len())
    }
}
