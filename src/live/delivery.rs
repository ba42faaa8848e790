//! How messages and their changes reach a worker's connections: new ones are passed straight on; missed ones
//! are read from the database, at each connection's own pace.

use super::connection::{Connection, Sent, Stage};
use super::events::reset_frame;
use super::follow::{Follow, Passing, Phase};
use super::worker::ShardWorker;
use crate::chat::Wanted;
use crate::limits::{HANDOVER_BYTES_MAX, QUEUED_AS_WRITTEN};
use crate::model::ids::{ChatId, Position};
use crate::model::wire::{Run, ServerFrame, text_frame};
use crate::registry::{ConnectionId, ReplayPiece};

impl ShardWorker {
    /// What has just been committed, for everybody who follows their chat.
    pub(super) async fn publish(&mut self, run: &Run, gather: bool) {
        let Some(chat) = self.shard.chat(run.chat_id) else { return };
        chat.heard(run.reach);
        let followers = std::mem::take(&mut chat.followers);
        let (mut now, mut delivered, mut troubled) = (self.now(), 0, Vec::new());
        // Those who wait for their ack come first: it is queued, and leaves with the message in one write.
        let writers = if gather { Vec::new() } else { self.dirty.clone() };
        for (count, &index) in writers.iter().chain(&followers).enumerate() {
            let counts = !gather || count % QUEUED_AS_WRITTEN == 0;
            if counts && self.yield_in_turn().await {
                now = self.now();
            }
            let Some(connection) = self.connections.get(index) else { continue };
            let Some(follow) = connection.follow(run.chat_id) else { continue };
            match follow.passing(run) {
                Passing::By => continue,
                Passing::Hole => {
                    follow.phase = Phase::Replaying { announce: false, begun: true };
                    troubled.push((index, Sent::Fine));
                    continue;
                }
                Passing::On => {}
            }
            let (sent, count_sent) = hand_over(connection, run, gather, now);
            let sent = match sent {
                Sent::Fine if count < writers.len() => connection.flush(now),
                sent => sent,
            };
            if gather && !std::mem::replace(&mut connection.is_dirty, true) {
                self.dirty.push(index);
            }
            delivered += count_sent as u64;
            if sent != Sent::Fine || connection.waiting_bytes() > 0 {
                troubled.push((index, sent));
            }
        }
        if let Some(chat) = self.shard.chat(run.chat_id) {
            chat.followers = followers;
        }
        self.errands.rules.metrics.deliveries.inc_by(delivered);
        for (index, sent) in troubled {
            self.sent(index, sent);
            self.read_on(index);
        }
    }

    /// Followers that are behind read what was committed without being published.
    pub(super) fn hear_head(&mut self, chat_id: ChatId, last: Position) {
        let Some(chat) = self.shard.chat(chat_id) else { return };
        chat.heard(last);
        for index in chat.followers.clone() {
            let Some(connection) = self.connections.get(index) else { continue };
            let Some(follow) = connection.follow(chat_id) else { continue };
            if follow.is_behind(last) {
                follow.phase = Phase::Replaying { announce: false, begun: true };
                self.read_on(index);
            }
        }
    }

    /// A page of a replay. If the connection is level with the chat now, it is live from here on.
    pub(super) fn replay(&mut self, to: ConnectionId, piece: &ReplayPiece) {
        let Some(index) = self.find_open(to) else { return };
        if self.errand_done(index) {
            if !piece.head.is_within(piece.last) {
                self.go_back(piece.chat_id, piece.last);
            } else {
                self.replay_piece(index, piece);
            }
        }
        self.read_on(index);
    }

    /// The database has gone back in time, as when a backup is restored: followers that are beyond its
    /// end count from there.
    fn go_back(&mut self, chat_id: ChatId, last: Position) {
        let Some(chat) = self.shard.chat(chat_id) else { return };
        tracing::warn!(chat.id = %chat_id, last_seq = %last.seq, last_change = %last.change,
            "a chat ends before its last published message or change");
        chat.gone_back(last);
        for index in chat.followers.clone() {
            let Some(connection) = self.connections.get(index) else { continue };
            let Some(follow) = connection.follow(chat_id) else { continue };
            if !follow.at.is_within(last) {
                follow.at = last;
                follow.phase = Phase::Replaying { announce: false, begun: true };
                connection.forget_held(chat_id);
                self.send(index, reset_frame(chat_id, last));
                self.read_on(index);
            }
        }
    }

    fn replay_piece(&mut self, index: u32, piece: &ReplayPiece) {
        let ReplayPiece { chat_id, from, upto, last, .. } = *piece;
        let Some(connection) = self.connections.get(index) else { return };
        let Some(follow) = connection.follow(chat_id) else { return };
        let Phase::Replaying { announce, begun } = follow.phase else { return };
        let Some(head) = self.shard.chat(chat_id).map(|chat| chat.read(last)) else { return };
        if follow.at != from {
            return;
        }
        if !begun && piece.is_out_of_range {
            follow.at = last;
            follow.settle(head);
            connection.forget_held(chat_id);
            return self.send(index, reset_frame(chat_id, last));
        }
        self.errands.rules.metrics.deliveries.inc_by(piece.frames.count as u64);
        let is_level = head.is_within(upto);
        follow.at = upto;
        follow.phase = match is_level {
            true => Phase::Live,
            false => Phase::Replaying { announce, begun: true },
        };
        if is_level {
            connection.forget_held(chat_id);
        } else if let Some(held) = piece.held {
            connection.held(chat_id, from).add(held);
        }
        if piece.frames.count > 0 {
            self.send(index, piece.frames.bytes.clone());
        }
        if is_level && announce {
            let Position { seq, change } = upto;
            self.send(index, text_frame(&ServerFrame::CaughtUp { chat_id, seq, change }));
        }
    }

    /// Reads what the connection is waiting for, once its previous page is written: what the kernel has
    /// taken of a page is free only then.
    pub(super) fn read_on(&mut self, index: u32) {
        let id = self.connections.id(index);
        let Some(connection) = self.connections.get(index) else { return };
        let is_busy = connection.is_reading || connection.waiting_bytes() > 0;
        if is_busy || connection.stage != Stage::Open {
            return;
        }
        if std::mem::take(&mut connection.wants_greeting) {
            return self.greet(index);
        }
        let is_replaying = |follow: &&Follow| matches!(follow.phase, Phase::Replaying { .. });
        let Some(follow) = connection.follows.iter().find(is_replaying).copied() else { return };
        connection.is_reading = true;
        let Follow { chat_id, chat_type, at: from, phase, .. } = follow;
        let wanted = Wanted {
            chat_id,
            chat_type,
            from,
            held: connection.held(chat_id, from).clone(),
            is_bounded: matches!(phase, Phase::Replaying { begun: false, .. }),
        };
        let head = self.shard.chat(chat_id).map_or(Position::default(), |chat| chat.head);
        let subnet = connection.seat.subnet();
        self.errands.replay(id, &connection.viewer, wanted, head, subnet);
    }
}

/// Gives a connection the part of a run that it does not have yet, as long as each piece is written at
/// once; it then reads the rest from the database at its own pace. Also returns how many frames it was given.
fn hand_over(connection: &mut Connection, run: &Run, gather: bool, now: u32) -> (Sent, usize) {
    let mut given = 0;
    loop {
        let Some(follow) = connection.follow(run.chat_id) else { return (Sent::Fine, given) };
        let (frames, last, count) = run.part(follow.number(run.kind), HANDOVER_BYTES_MAX);
        follow.passed(run.kind, last);
        given += count;
        let is_all = last == run.last();
        let sent =
            if gather { connection.queue(frames, now) } else { connection.send(frames, now) };
        if is_all || sent != Sent::Fine {
            return (sent, given);
        }
        if connection.waiting_bytes() > 0
            && let Some(follow) = connection.follow(run.chat_id)
        {
            follow.phase = Phase::Replaying { announce: false, begun: true };
            return (Sent::Fine, given);
        }
    }
}
