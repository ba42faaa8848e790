//! What a worker receives from a socket: bytes become frames, and frames become drafts, read positions,
//! replays and pongs, or refusals.

use super::client_frames::{self, FrameNames, Meaning};
use super::close::Close;
use super::connection::{Input, Received, Stage};
use super::frame_parser::{self, Incoming, Step};
use super::worker::ShardWorker;
use crate::limits::{CONTROL_FRAMES_PER_SEC_MAX, OFFENCES_MAX, RETRY_AT_ONCE, SOCKET_DRAFTS_MAX};
use crate::model::error::{FrameCode, FrameRefusal};
use crate::model::ids::ChatId;
use crate::model::message::{Alteration, Draft, Viewer};
use crate::model::wire::{ServerFrame, error_frame, pong_frame, text_frame};
use crate::registry::Scope;
use std::sync::Arc;

impl ShardWorker {
    /// Reads once, or before the welcome only notes that there is something to read. A connection that
    /// fills the scratch buffer gets its next turn after the others. `is_at_end` if the peer has ended
    /// the stream, which is then read to its end.
    pub(super) fn receive(&mut self, index: u32, is_at_end: bool) {
        let now = self.now();
        let Some(connection) = self.connections.get(index) else { return };
        if connection.stage == Stage::Greeting {
            if let Some(arriving) = &mut connection.arriving {
                arriving.is_readable = true;
            }
            return;
        }
        let is_closing = connection.stage != Stage::Open;
        let mut scratch = std::mem::take(&mut self.scratch);
        match connection.receive(&mut scratch) {
            Received::Nothing => {}
            Received::Gone => self.remove(index),
            Received::Bytes(count) => {
                connection.hear(now);
                // If the buffer is full, more may be left, and the end of a stream is reported only
                // once.
                if count == scratch.len() || is_at_end {
                    self.unread.push(index);
                }
                if !is_closing {
                    self.understand(index, &mut scratch[..count]);
                }
            }
        }
        self.scratch = scratch;
    }

    /// Bytes that arrived together with the handshake are kept until the connection has been welcomed.
    pub(super) fn keep_early(&mut self, index: u32, early: &[u8]) {
        let begun_at = self.now();
        if !early.is_empty()
            && let Some(connection) = self.connections.get(index)
        {
            let input = Input { tail: early.to_vec(), fragments: None, begun_at };
            connection.input = Some(Box::new(input));
        }
    }

    /// Handles what arrived before the welcome: together with the handshake, or reported by the poll
    /// since. Anything that the poll has not reported yet, it will.
    pub(super) fn hear_early(&mut self, index: u32, is_readable: bool) {
        if self.connections.get(index).is_some_and(|connection| connection.input.is_some()) {
            self.understand(index, &mut []);
        }
        if is_readable {
            self.receive(index, true);
        }
    }

    /// Handles the frames in what was kept and what was received; an incomplete last frame is kept.
    pub(super) fn understand(&mut self, index: u32, received: &mut [u8]) {
        let now = self.now();
        let Some(connection) = self.connections.get(index) else { return };
        let kept = connection.input.take();
        let mut begun_at = kept.as_ref().map_or(now, |input| input.begun_at);
        let Input { mut tail, mut fragments, .. } =
            kept.map_or_else(Input::default, |input| *input);
        let is_kept = !tail.is_empty();
        let buffer = if !is_kept {
            received
        } else {
            tail.extend_from_slice(received);
            tail.as_mut_slice()
        };
        let mut at = 0;
        while at < buffer.len() {
            match frame_parser::next(&mut buffer[at..], &mut fragments) {
                Err(close) => return self.close(index, close),
                Ok(Step::Incomplete) => break,
                Ok(Step::Frame { incoming, bytes }) => {
                    self.heed(index, incoming);
                    at += bytes;
                    if fragments.is_none() {
                        begun_at = now;
                    }
                }
            }
            let stays = self.connections.get(index).is_some_and(|c| c.stage == Stage::Open);
            if !stays {
                return;
            }
        }
        if at < buffer.len() || fragments.is_some() {
            // What was kept is not moved while it grows, however small the pieces are.
            let tail = if at == 0 && is_kept { tail } else { buffer[at..].to_vec() };
            let input = Input { tail, fragments, begun_at };
            if let Some(connection) = self.connections.get(index) {
                connection.input = Some(Box::new(input));
            }
            self.schedule(index, false);
        }
    }

    fn heed(&mut self, index: u32, incoming: Incoming<'_>) {
        match incoming {
            Incoming::Text(text) => self.heed_text(index, text.as_str()),
            Incoming::Part => {}
            Incoming::Close(code) => self.close(index, Close::Answered(code)),
            Incoming::Pong => {
                let allowed = self.allow_control(index);
                self.judge(index, &FrameNames::default(), allowed);
            }
            Incoming::Ping(payload) => {
                let allowed = self.allow_control(index);
                if allowed.is_ok() {
                    self.send(index, pong_frame(payload));
                }
                self.judge(index, &FrameNames::default(), allowed);
            }
        }
    }

    /// Refused if there are more control frames than anyone needs.
    pub(super) fn allow_control(&mut self, index: u32) -> Result<(), FrameRefusal> {
        let now = self.now();
        let Some(connection) = self.connections.get(index) else { return Ok(()) };
        if connection.count_control(now) <= CONTROL_FRAMES_PER_SEC_MAX {
            return Ok(());
        }
        let detail = "More pings, pongs and signals than anyone needs; slow down.";
        Err(FrameRefusal::too_many(detail, RETRY_AT_ONCE))
    }

    fn heed_text(&mut self, index: u32, text: &str) {
        if self.is_stopping() {
            return;
        }
        let (names, meaning) = client_frames::read(text);
        let heeded = meaning.and_then(|meaning| self.carry_out(index, meaning));
        if heeded.is_ok() {
            self.forgive(index);
        }
        self.judge(index, &names, heeded);
    }

    /// A valid frame makes up for an invalid one.
    fn forgive(&mut self, index: u32) {
        if let Some(connection) = self.connections.get(index) {
            connection.offences = connection.offences.saturating_sub(1);
        }
    }

    /// Sends a refusal for a frame that was not carried out; a client that persists is disconnected.
    fn judge(&mut self, index: u32, names: &FrameNames, heeded: Result<(), FrameRefusal>) {
        let Some(connection) = self.connections.get(index) else { return };
        if let Err(refusal) = heeded {
            // That the disk is full is not the client's fault.
            if refusal.code != FrameCode::StorageFull {
                connection.offences += 1;
            }
            let persists = connection.offences >= OFFENCES_MAX;
            self.send(index, error_frame(&refusal, names.client_id.as_deref(), names.chat_id));
            if persists {
                self.close(index, Close::Policy);
            }
        }
    }

    fn carry_out(&mut self, index: u32, meaning: Meaning) -> Result<(), FrameRefusal> {
        match meaning {
            Meaning::Message { chat_id, content, client_id, reply_to } => {
                let Some((chat_id, sender)) = self.writer(index, chat_id)? else { return Ok(()) };
                let draft = Draft { chat_id, sender, content, client_id, reply_to };
                self.errands.rules.post_from(self.connections.id(index), draft)?;
                self.await_answer(index);
                Ok(())
            }
            Meaning::Alter { chat_id, seq, kind, client_id } => {
                let Some((chat_id, by)) = self.writer(index, chat_id)? else { return Ok(()) };
                let alteration = Alteration { chat_id, seq, by, kind };
                let id = self.connections.id(index);
                self.errands.rules.alter_from(id, alteration, client_id)?;
                self.await_answer(index);
                Ok(())
            }
            Meaning::Read { chat_id, seq } => {
                let id = self.connections.id(index);
                let (chat_id, connection) = self.followed(index, chat_id)?;
                let viewer = Arc::clone(&connection.viewer);
                self.errands.rules.note_read(&viewer, chat_id, seq, id)
            }
            Meaning::Typing { chat_id } => self.heed_typing(index, chat_id),
            Meaning::Welcome => {
                if let Some(connection) = self.connections.get(index) {
                    connection.wants_greeting = true;
                }
                self.read_on(index);
                Ok(())
            }
            Meaning::Back { chat_id, after, change } => {
                let (chat_id, connection) = self.followed(index, chat_id)?;
                if let Some(follow) = connection.follow(chat_id) {
                    follow.at.seq = after;
                    follow.at.change = change.unwrap_or(follow.at.change);
                    follow.replay(true);
                }
                connection.forget_held(chat_id);
                self.read_on(index);
                Ok(())
            }
            Meaning::Ping => {
                self.allow_control(index)?;
                self.send(index, text_frame(&ServerFrame::Pong));
                Ok(())
            }
        }
    }

    /// The chat that a frame writes to, and who writes; refused if too much of this socket waits already.
    fn writer(
        &mut self,
        index: u32,
        chat_id: Option<ChatId>,
    ) -> Result<Option<(ChatId, Arc<Viewer>)>, FrameRefusal> {
        let Some(connection) = self.connections.get(index) else { return Ok(None) };
        let chat_id = chat_of(connection.scope, chat_id)?;
        if connection.drafts >= SOCKET_DRAFTS_MAX {
            let detail = "Too many messages from this socket are waiting to be stored; wait for their answers.";
            return Err(FrameRefusal::too_many(detail, RETRY_AT_ONCE));
        }
        Ok(Some((chat_id, Arc::clone(&connection.viewer))))
    }

    fn await_answer(&mut self, index: u32) {
        if let Some(connection) = self.connections.get(index) {
            connection.drafts += 1;
        }
    }

    /// The chat that a frame refers to, if this connection follows it.
    pub(super) fn followed(
        &mut self,
        index: u32,
        chat_id: Option<ChatId>,
    ) -> Result<(ChatId, &mut super::connection::Connection), FrameRefusal> {
        let unknown = || FrameRefusal::new(FrameCode::NotFound, "There is no such chat.");
        let connection = self.connections.get(index).ok_or_else(unknown)?;
        let meant = chat_of(connection.scope, chat_id)?;
        match connection.follow(meant) {
            Some(_) => Ok((meant, connection)),
            None => Err(unknown()),
        }
    }
}

/// On a single-chat socket, a frame may name the chat, which must then be that one; on `/ws` it must
/// name one.
fn chat_of(scope: Scope, named: Option<ChatId>) -> Result<ChatId, FrameRefusal> {
    match (scope, named) {
        (Scope::All, Some(chat_id)) => Ok(chat_id),
        (Scope::One(own), None) => Ok(own),
        (Scope::One(own), Some(chat_id)) if own == chat_id => Ok(own),
        (Scope::All, None) => {
            Err(FrameRefusal::new(FrameCode::BadFrame, "On /ws, a frame must have a chat_id."))
        }
        (Scope::One(_), Some(_)) => {
            Err(FrameRefusal::new(FrameCode::BadFrame, "This socket is for another chat."))
        }
    }
}
