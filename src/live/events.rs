//! What a worker does with an event from its inbox: arrivals, answers, messages, replays, departures.

use super::close::Close;
use super::connection::Connection;
use super::follow::{Follow, Phase};
use super::worker::ShardWorker;
use crate::limits::ENDED_SECS;
use crate::model::ids::{ChatId, Position};
use crate::model::message::{ChatType, Standing};
use crate::model::wire::{PROTOCOL, ServerFrame, StandingJson, text_frame};
use crate::registry::{Admitted, Arrival, ConnectionId, Event, Resume, Scope, UserEvent};
use bytes::Bytes;
use mio::net::TcpStream;
use std::sync::Arc;

impl ShardWorker {
    /// `gather` if more messages follow immediately: they are written together at the end.
    pub(super) async fn hear_of(&mut self, event: Event, gather: bool) {
        match event {
            Event::Arrived(arrival) => self.arrive(*arrival),
            Event::Published(run) => self.publish(&run, gather).await,
            Event::Heard { chat_id, last } => self.hear_head(chat_id, last),
            Event::Signalled { chat_id, of, frame } => self.signal(chat_id, of, &frame).await,
            Event::Removed { chat_id, frame } => self.part_all(chat_id, frame).await,
            Event::Typing(typing) => self.type_on(typing),
            Event::Presence(presence) => self.hear_presence(presence).await,
            Event::Answered { to, frame } => self.answer(to, frame),
            Event::Greeted { to, standings, epoch } => self.welcome(to, &standings, &epoch),
            Event::Confirmed { to, standings } => self.confirm(to, &standings),
            Event::Replayed { to, piece } => self.replay(to, &piece),
            Event::Unreachable { to, chat_id } => {
                if let Some(index) = self.find_open(to) {
                    if self.errand_done(index) {
                        self.part(index, chat_id, None);
                    }
                    self.read_on(index);
                }
            }
            Event::GaveUp { to } => {
                if let Some(index) = self.connections.find(to) {
                    self.close(index, Close::Unavailable);
                }
            }
            Event::Told { user_id, event: UserEvent::ShowsPresence(shows) } => {
                self.switched.insert(user_id, (shows, self.now() + ENDED_SECS));
                self.switch_presence(user_id, shows);
            }
            Event::Told { user_id, event } => {
                if let UserEvent::Left { chat_id, .. } = event {
                    self.left.insert((user_id, chat_id), self.now() + ENDED_SECS);
                }
                for index in self.connections_of(user_id) {
                    self.tell(index, &event);
                }
            }
            Event::SessionEnded { user_id, session } => {
                self.ended.insert(session, self.now() + ENDED_SECS);
                for index in self.connections_of(user_id) {
                    let ended = |c: &mut Connection| c.viewer.session == session;
                    if self.connections.get(index).is_some_and(ended) {
                        self.close(index, Close::SessionEnded);
                    }
                }
            }
            Event::Stopped => self.stop(),
        }
    }

    /// A new socket. It follows its one chat at once, is welcomed when its chats are known, and is not
    /// read before that.
    fn arrive(&mut self, arrival: Arrival) {
        let Arrival { stream, answer, early, admitted } = arrival;
        let Admitted { viewer, expires_at, scope, standing, resume, seat } = admitted;
        let has_ended = self.ended.contains_key(&viewer.session);
        // If the user left the chat while the upgrade was under way, they must not have it, unless
        // they are back: read it to be certain.
        let is_certain = match scope {
            Scope::One(chat_id) => !self.left.contains_key(&(viewer.user_id, chat_id)),
            Scope::All => true,
        };
        let clock = (self.now(), self.second_of(expires_at));
        let stream = TcpStream::from_std(stream);
        let mut connection = Connection::new(stream, viewer, scope, resume, seat, clock);
        connection.answer(answer);
        if let Some((shows, _)) = self.switched.get(&connection.viewer.user_id) {
            connection.shows_presence = *shows;
        }
        let Some(index) = self.insert(connection) else { return };
        self.dirty.push(index);
        if has_ended {
            return self.close(index, Close::SessionEnded);
        }
        if self.is_stopping() {
            return self.close(index, Close::GoingAway);
        }
        self.keep_early(index, &early);
        if let Scope::One(chat_id) = scope {
            let nowhere = Position::default();
            self.follow(index, chat_id, ChatType::General, nowhere, Phase::Joining);
        }
        match standing.filter(|_| is_certain).and_then(|standing| self.known(standing)) {
            Some((standing, epoch)) => {
                self.welcome(self.connections.id(index), &[standing], &epoch)
            }
            None => self.greet(index),
        }
    }

    /// A standing that is level with what this shard knows of its chat, so that nothing has to be read;
    /// `None` if nobody here has followed the chat long enough, or if something has come since.
    fn known(&mut self, standing: Standing) -> Option<(Standing, Arc<str>)> {
        let last = self.shard.chat(standing.chat_id)?.last()?;
        let epoch = self.errands.rules.recent_epoch()?;
        // What has come since may name the user.
        (standing.last == last).then_some((standing, epoch))
    }

    /// All who follow the chat leave it.
    async fn part_all(&mut self, chat_id: ChatId, frame: Bytes) {
        let Some(chat) = self.shard.chat(chat_id) else { return };
        let left = UserEvent::Left { chat_id, frame };
        for index in chat.followers.clone() {
            self.tell(index, &left);
            self.yield_in_turn().await;
        }
    }

    pub(super) fn greet(&mut self, index: u32) {
        let id = self.connections.id(index);
        let Some(connection) = self.connections.get(index) else { return };
        connection.is_reading = true;
        self.errands.greet(id, &connection.viewer, connection.scope);
    }

    /// The first frame of a socket, or a repeated one that it asked for.
    fn welcome(&mut self, to: ConnectionId, standings: &[Standing], epoch: &str) {
        let now = self.now();
        let Some(index) = self.find_open(to) else { return };
        if !self.errand_done(index) {
            return self.greet(index);
        }
        if standings.is_empty() {
            return self.close(index, Close::NotMember);
        }
        let Some(connection) = self.connections.get(index) else { return };
        let chats: Vec<StandingJson> = standings.iter().copied().map(Into::into).collect();
        let welcome = text_frame(&ServerFrame::Welcome {
            protocol: PROTOCOL,
            user_id: connection.viewer.user_id,
            username: &connection.viewer.username,
            epoch,
            chats: &chats,
        });
        let scope = connection.scope;
        let arriving = connection.arriving.take();
        if arriving.is_some() {
            connection.open(now);
            self.schedule(index, false);
        }
        self.send(index, welcome);
        self.ask_who_is_online(index);
        if let Some(arriving) = arriving {
            self.begin_to_follow(index, standings, epoch, &arriving.resume);
            for event in &arriving.told {
                self.tell(index, event);
            }
            self.hear_early(index, arriving.is_readable);
        } else if scope == Scope::All {
            self.follow_anew(index, standings);
        }
        self.read_on(index);
    }

    /// Where each chat resumes: at the client's position, or now.
    fn begin_to_follow(
        &mut self,
        index: u32,
        standings: &[Standing],
        epoch: &str,
        resume: &Resume,
    ) {
        let Some(connection) = self.connections.get(index) else { return };
        let scope = connection.scope;
        let is_other_epoch = resume.epoch.as_deref().is_some_and(|theirs| theirs != epoch);
        for standing in standings {
            let Standing { chat_id, last, .. } = *standing;
            let after = resume.after.iter().find(|(id, ..)| *id == chat_id);
            let (at, phase) = match after {
                Some((_, seq, change)) if !is_other_epoch => {
                    let at = Position { seq: *seq, change: change.unwrap_or(last.change) };
                    (at, Phase::Replaying { announce: true, begun: false })
                }
                Some(_) | None => (last, Phase::Joining),
            };
            if is_other_epoch {
                self.send(index, reset_frame(chat_id, last));
            }
            match scope {
                Scope::All => self.follow(index, chat_id, standing.chat_type, at, phase),
                Scope::One(_) => self.begin_one(index, *standing, at, phase),
            }
        }
        for (chat_id, ..) in &resume.after {
            if !standings.iter().any(|standing| standing.chat_id == *chat_id) {
                let removed = ServerFrame::ChatRemoved { chat_id: *chat_id };
                self.send(index, text_frame(&removed));
            }
        }
        if scope == Scope::All {
            self.look_again(index);
        }
    }

    /// Follows the chats that this `welcome` of `/ws` shows and no event has announced, and leaves
    /// those that it no longer shows.
    fn follow_anew(&mut self, index: u32, standings: &[Standing]) {
        let Some(connection) = self.connections.get(index) else { return };
        let followed: Vec<ChatId> =
            connection.follows.iter().map(|follow| follow.chat_id).collect();
        let is_shown = |chat_id: &ChatId| {
            standings.binary_search_by_key(chat_id, |standing| standing.chat_id).is_ok()
        };
        for chat_id in followed.iter().filter(|chat_id| !is_shown(chat_id)) {
            self.part(index, *chat_id, None);
        }
        let is_new = |standing: &&Standing| followed.binary_search(&standing.chat_id).is_err();
        let mut has_new = false;
        for Standing { chat_id, chat_type, last, .. } in standings.iter().filter(is_new) {
            self.follow(index, *chat_id, *chat_type, *last, Phase::Joining);
            has_new = true;
        }
        if has_new {
            self.look_again(index);
        }
    }

    fn look_again(&mut self, index: u32) {
        let id = self.connections.id(index);
        let Some(connection) = self.connections.get(index) else { return };
        connection.is_reading = true;
        self.errands.confirm(id, &connection.viewer);
    }

    /// A single-chat socket followed its chat before that was read, so it needs no second read.
    fn begin_one(&mut self, index: u32, standing: Standing, at: Position, phase: Phase) {
        let Standing { chat_id, chat_type, last, .. } = standing;
        let Some(chat) = self.shard.chat(chat_id) else { return };
        let head = chat.read(last);
        let Some(connection) = self.connections.get(index) else { return };
        let Some(follow) = connection.follow(chat_id) else { return };
        (follow.chat_type, follow.at, follow.phase) = (chat_type, at, phase);
        if phase == Phase::Joining {
            follow.settle(head);
        }
    }

    /// The second read of the chats of `/ws`, begun after they were followed: what was committed in
    /// between is read, and chats that are out of reach by now are left.
    fn confirm(&mut self, to: ConnectionId, standings: &[Standing]) {
        let Some(index) = self.find_open(to) else { return };
        if !self.errand_done(index) {
            return self.look_again(index);
        }
        let Some(connection) = self.connections.get(index) else { return };
        let is_joining = |follow: &&Follow| follow.phase == Phase::Joining;
        let joining: Vec<ChatId> =
            connection.follows.iter().filter(is_joining).map(|follow| follow.chat_id).collect();
        for chat_id in joining {
            let found = standings.binary_search_by_key(&chat_id, |standing| standing.chat_id);
            let Ok(at) = found else {
                self.part(index, chat_id, None);
                continue;
            };
            let head = self.shard.chat(chat_id).map(|chat| chat.read(standings[at].last));
            let follow = self.connections.get(index).and_then(|c| c.follow(chat_id));
            if let (Some(head), Some(follow)) = (head, follow) {
                follow.settle(head);
            }
        }
        self.read_on(index);
    }

    /// Whether the answer is reliable: no event since may be newer.
    pub(super) fn errand_done(&mut self, index: u32) -> bool {
        let Some(connection) = self.connections.get(index) else { return false };
        connection.is_reading = false;
        !std::mem::take(&mut connection.is_outdated)
    }

    /// A connection that is still alive and not about to end.
    pub(super) fn find_open(&mut self, id: ConnectionId) -> Option<u32> {
        let index = self.connections.find(id)?;
        let connection = self.connections.get(index)?;
        (!connection.is_closing()).then_some(index)
    }

    fn follow(
        &mut self,
        index: u32,
        chat_id: ChatId,
        chat_type: ChatType,
        at: Position,
        phase: Phase,
    ) {
        let Some(connection) = self.connections.get(index) else { return };
        if connection.is_closing() {
            return;
        }
        let found = connection.follows.binary_search_by_key(&chat_id, |follow| follow.chat_id);
        let Err(free) = found else { return };
        let place = self.shard.follow(chat_id, index);
        connection.follows.insert(free, Follow { chat_id, at, place, chat_type, phase });
    }

    /// The chat is out of this connection's reach from now on; nothing more of it follows.
    fn part(&mut self, index: u32, chat_id: ChatId, frame: Option<&Bytes>) {
        let Some(connection) = self.connections.get(index) else { return };
        if connection.scope == Scope::One(chat_id) {
            return self.close(index, Close::NotMember);
        }
        let at = connection.follows.binary_search_by_key(&chat_id, |follow| follow.chat_id);
        let Ok(at) = at else { return };
        let follow = connection.follows.remove(at);
        connection.forget_held(chat_id);
        if let Some(owed) = &mut connection.owed {
            owed.part(chat_id);
        }
        self.unfollow_at(chat_id, follow.place);
        let frame = frame.cloned();
        self.send(
            index,
            frame.unwrap_or_else(|| text_frame(&ServerFrame::ChatRemoved { chat_id })),
        );
    }

    // ---- answers, and what concerns one user ----

    fn answer(&mut self, to: ConnectionId, frame: Option<Bytes>) {
        let Some(index) = self.connections.find(to) else { return };
        if let Some(connection) = self.connections.get(index) {
            connection.drafts = connection.drafts.saturating_sub(1);
        }
        if let Some(frame) = frame {
            self.queue(index, frame);
        }
    }

    fn tell(&mut self, index: u32, event: &UserEvent) {
        let id = self.connections.id(index);
        let Some(connection) = self.connections.get(index) else { return };
        if connection.is_closing() {
            return;
        }
        let scope = connection.scope;
        if let Some(arriving) = &mut connection.arriving {
            let is_gone =
                matches!(event, UserEvent::Left { chat_id, .. } if scope == Scope::One(*chat_id));
            if !is_gone {
                if let Err(close) = arriving.keep(scope, event) {
                    self.close(index, close);
                }
                return;
            }
        }
        match event {
            UserEvent::Account(frame) if scope == Scope::All => self.send(index, frame.clone()),
            UserEvent::Account(_) => {}
            UserEvent::Read { chat_id, but, frame, .. } => {
                if connection.follow(*chat_id).is_some() && *but != Some(id) {
                    self.send(index, frame.clone());
                }
            }
            UserEvent::Seen { chat_id, by, seq, frame } => {
                self.tell_seen(index, (*chat_id, *by, *seq), frame);
            }
            // Told to all of the user's connections at once.
            UserEvent::ShowsPresence(_) => {}
            UserEvent::Joined { chat_id, last, chat_type, frame } if scope == Scope::All => {
                if connection.follow(*chat_id).is_none() {
                    connection.is_outdated = connection.is_reading;
                    let user_id = connection.viewer.user_id;
                    self.send(index, frame.clone());
                    let phase = Phase::Replaying { announce: false, begun: true };
                    self.follow(index, *chat_id, *chat_type, *last, phase);
                    self.read_on(index);
                    self.errands.rules.registry.presence().ask_about(id, user_id, *chat_id);
                }
            }
            UserEvent::Joined { .. } => {}
            UserEvent::Left { chat_id, frame } => {
                if connection.follow(*chat_id).is_some() {
                    connection.is_outdated = connection.is_reading;
                }
                self.part(index, *chat_id, Some(frame));
            }
        }
    }
}

/// The client counts from here on.
pub(super) fn reset_frame(chat_id: ChatId, last: Position) -> Bytes {
    let Position { seq: last_seq, change: last_change } = last;
    text_frame(&ServerFrame::Reset { chat_id, last_seq, last_change })
}
