//! How messages reach a worker's connections: new ones are passed straight on; missed ones are read from
//! the database, at each connection's own pace.

use super::connection::{Connection, Sent, Stage};
use super::follow::{Follow, Passing, Phase};
use super::worker::ShardWorker;
use crate::limits::{HANDOVER_BYTES_MAX, QUEUED_AS_WRITTEN};
use crate::model::ids::{ChatId, Seq};
use crate::model::wire::{Run, ServerFrame, text_frame};
use crate::registry::{ConnectionId, ReplayPiece};
use bytes::Bytes;

impl ShardWorker {
    /// Messages that have just been committed, for everybody who follows their chat.
    pub(super) async fn publish(&mut self, run: &Run, gather: bool) {
        let Some(chat) = self.shard.chat(run.chat_id) else { return };
        chat.heard(run.last());
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
            match follow.passing(run.first, run.last()) {
                Passing::By => continue,
                Passing::Hole => {
                    follow.phase = Phase::Replaying { announce: false, begun: true };
                    troubled.push((index, Sent::Fine));
                    continue;
                }
                Passing::On => {}
            }
            let before = follow.seq;
            let sent = hand_over(connection, run, gather, now);
            let sent = match sent {
                Sent::Fine if count < writers.len() => connection.flush(now),
                sent => sent,
            };
            if gather && !std::mem::replace(&mut connection.is_dirty, true) {
                self.dirty.push(index);
            }
            let after = connection.follow(run.chat_id).map_or(before, |follow| follow.seq);
            delivered += after.0 - before.0;
            if sent != Sent::Fine || connection.waiting_bytes() > 0 {
                troubled.push((index, sent));
            }
        }
        if let Some(chat) = self.shard.chat(run.chat_id) {
            chat.followers = followers;
        }
        self.errands.rules.metrics.deliveries.inc_by(delivered.unsigned_abs());
        for (index, sent) in troubled {
            self.sent(index, sent);
            self.read_on(index);
        }
    }

    /// Followers that are behind read what was committed without being published.
    pub(super) fn hear_head(&mut self, chat_id: ChatId, last_seq: Seq) {
        let Some(chat) = self.shard.chat(chat_id) else { return };
        chat.heard(last_seq);
        for index in chat.followers.clone() {
            let Some(connection) = self.connections.get(index) else { continue };
            let Some(follow) = connection.follow(chat_id) else { continue };
            if follow.passing(last_seq, last_seq) != Passing::By {
                follow.phase = Phase::Replaying { announce: false, begun: true };
                self.read_on(index);
            }
        }
    }

    /// What is not stored goes to those who read in time, and is dropped for those who are behind.
    pub(super) async fn signal(&mut self, chat_id: ChatId, frame: &Bytes) {
        let Some(chat) = self.shard.chat(chat_id) else { return };
        for index in chat.followers.clone() {
            self.flush(index);
            let Some(connection) = self.connections.get(index) else { continue };
            if connection.stage == Stage::Open && connection.waiting_bytes() == 0 {
                self.send(index, frame.clone());
            }
            self.yield_in_turn().await;
        }
    }

    /// A page of a replay. If the connection is level with the chat now, it is live from here on.
    pub(super) fn replay(&mut self, to: ConnectionId, piece: &ReplayPiece) {
        let Some(index) = self.find_open(to) else { return };
        if self.errand_done(index) {
            if piece.last_seq < piece.head {
                self.go_back(piece.chat_id, piece.last_seq);
            } else {
                self.replay_piece(index, piece);
            }
        }
        self.read_on(index);
    }

    /// The database has gone back in time, as when a backup is restored: followers that are beyond its
    /// end count from there.
    fn go_back(&mut self, chat_id: ChatId, last_seq: Seq) {
        let Some(chat) = self.shard.chat(chat_id) else { return };
        tracing::warn!(chat.id = %chat_id, %last_seq, "a chat ends before its last published message");
        chat.gone_back(last_seq);
        for index in chat.followers.clone() {
            let Some(connection) = self.connections.get(index) else { continue };
            let Some(follow) = connection.follow(chat_id) else { continue };
            if follow.seq > last_seq {
                follow.seq = last_seq;
                follow.phase = Phase::Replaying { announce: false, begun: true };
                self.send(index, text_frame(&ServerFrame::Reset { chat_id, last_seq }));
                self.read_on(index);
            }
        }
    }

    fn replay_piece(&mut self, index: u32, piece: &ReplayPiece) {
        let ReplayPiece { chat_id, from, upto: seq, last_seq, .. } = *piece;
        let Some(connection) = self.connections.get(index) else { return };
        let Some(follow) = connection.follow(chat_id) else { return };
        let Phase::Replaying { announce, begun } = follow.phase else { return };
        let Some(head) = self.shard.chat(chat_id).map(|chat| chat.read(last_seq)) else { return };
        if follow.seq != from {
            return;
        }
        if !begun && follow.is_out_of_range(last_seq) {
            follow.seq = last_seq;
            follow.settle(head);
            return self.send(index, text_frame(&ServerFrame::Reset { chat_id, last_seq }));
        }
        self.errands.rules.metrics.deliveries.inc_by(piece.frames.count as u64);
        let is_level = seq >= head;
        follow.seq = seq;
        follow.phase = match is_level {
            true => Phase::Live,
            false => Phase::Replaying { announce, begun: true },
        };
        if piece.frames.count > 0 {
            self.send(index, piece.frames.bytes.clone());
        }
        if is_level && announce {
            self.send(index, text_frame(&ServerFrame::CaughtUp { chat_id, seq }));
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
        let head = self.shard.chat(follow.chat_id).map_or(Seq(0), |chat| chat.head);
        let subnet = connection.seat.subnet();
        self.errands.replay(id, &connection.viewer, follow, head, subnet);
    }
}

/// Gives a connection the part of a run that it does not have yet, as long as each piece is written at
/// once; it then reads the rest from the database at its own pace.
fn hand_over(connection: &mut Connection, run: &Run, gather: bool, now: u32) -> Sent {
    loop {
        let Some(follow) = connection.follow(run.chat_id) else { return Sent::Fine };
        let (frames, last) = run.part(follow.seq, HANDOVER_BYTES_MAX);
        follow.seq = last;
        let is_all = last == run.last();
        let sent =
            if gather { connection.queue(frames, now) } else { connection.send(frames, now) };
        if is_all || sent != Sent::Fine {
            return sent;
        }
        if connection.waiting_bytes() > 0
            && let Some(follow) = connection.follow(run.chat_id)
        {
            follow.phase = Phase::Replaying { announce: false, begun: true };
            return Sent::Fine;
        }
    }
}
