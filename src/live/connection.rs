//! One open socket: the only code that reads from it and writes to it.
//!
//! When idle it holds no buffer: reads go through the worker's scratch buffer, writes go straight to
//! the kernel, and only what the kernel would not take, or an incomplete frame, is kept. What frames
//! mean and who receives them is up to the worker.

use super::close::Close;
use super::follow::Follow;
use super::frame_parser::Fragments;
use super::signals::Owed;
use crate::chat::AsOf;
use crate::limits::{CLOSE_DRAIN_SECS, TOLD_KEPT_MAX};
use crate::model::ids::{ChatId, Position};
use crate::model::message::Viewer;
use crate::model::waits::SocketWaits;
use crate::model::wire::{close_frame, ping_frame};
use crate::registry::{Full, Outbox, Resume, Scope, Seat, UserEvent};
use bytes::Bytes;
use mio::net::TcpStream;
use smallvec::SmallVec;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

pub struct Connection {
    stream: TcpStream,
    pub viewer: Arc<Viewer>,
    pub scope: Scope,
    /// Sorted by chat id.
    pub follows: SmallVec<[Follow; 1]>,
    replays: Option<Box<Replays>>,
    outbox: Option<Box<Outbox>>,
    pub input: Option<Box<Input>>,
    /// None once it has been welcomed.
    pub arriving: Option<Box<Arriving>>,
    pub stage: Stage,
    /// When the clock looks at it next, in seconds of the shard's clock.
    pub look_at: u32,
    heard_at: u32,
    pinged_at: Option<u32>,
    /// Since when the outbox has not moved.
    stalled_at: Option<u32>,
    expires_at: u32,
    control: (u32, u16),
    pub drafts: u16,
    pub offences: u8,
    /// Whether a database read for this connection is under way.
    pub is_reading: bool,
    /// Whether the user's chats have changed during the read, so that its answer may be outdated.
    pub is_outdated: bool,
    /// Whether it asked for `welcome` again.
    pub wants_greeting: bool,
    pub is_dirty: bool,
    /// Whether it shows who is online and who writes, and is told the same of others.
    pub shows_presence: bool,
    /// Whether it has been told who is online, so that changes mean something.
    pub knows_presence: bool,
    /// Signals that it is told once its outbox is empty.
    pub owed: Option<Box<Owed>>,
    pub seat: Seat,
}

/// What a connection needs until it has been welcomed.
pub struct Arriving {
    /// Where the client wants to resume.
    pub resume: Resume,
    /// Events that arrive before the welcome, which may be older than they are.
    pub told: Vec<UserEvent>,
    /// The poll reported that there is something to read, or the end; it does not report that twice.
    pub is_readable: bool,
}

/// Of the chats that are being replayed: what the client has of them.
#[derive(Default)]
struct Replays(Vec<(ChatId, AsOf)>);

/// What has been received but not yet parsed.
#[derive(Default)]
pub struct Input {
    /// An incomplete frame.
    pub tail: Vec<u8>,
    /// An incomplete message.
    pub fragments: Option<Box<Fragments>>,
    /// When that began, in seconds of the shard's clock.
    pub begun_at: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It is not read before it has been welcomed.
    Greeting,
    Open,
    /// Our close frame is queued or sent; whatever arrives is discarded.
    Closing {
        until: u32,
    },
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Written, or queued.
    Fine,
    TooSlow,
    Gone,
}

/// What became of a read.
pub enum Received {
    /// This many bytes; if the buffer is full, there may be more.
    Bytes(usize),
    /// Nothing at present.
    Nothing,
    Gone,
}

/// The result of a look at the clock.
#[derive(Debug, PartialEq, Eq)]
pub enum Due {
    Nothing,
    Close(Close),
    /// Cut off: its time was up.
    Gone,
}

impl Arriving {
    /// Keeps an event if it concerns this scope; it replaces an earlier event that it repeats. If there
    /// are too many, it is the `welcome` that has been too slow, not the reader.
    pub fn keep(&mut self, scope: Scope, news: &UserEvent) -> Result<(), Close> {
        let concerns = match (scope, news) {
            (Scope::All, _) => true,
            (
                Scope::One(own),
                UserEvent::Read { chat_id, .. } | UserEvent::Seen { chat_id, .. },
            ) => own == *chat_id,
            (
                Scope::One(_),
                UserEvent::Account(_)
                | UserEvent::ShowsPresence(_)
                | UserEvent::Joined { .. }
                | UserEvent::Left { .. },
            ) => false,
        };
        if concerns {
            self.told.retain(|earlier| !news.repeats(earlier));
            if self.told.len() == TOLD_KEPT_MAX {
                return Err(Close::Unavailable);
            }
            self.told.push(news.clone());
        }
        Ok(())
    }
}

impl Connection {
    pub fn new(
        stream: TcpStream,
        viewer: Arc<Viewer>,
        scope: Scope,
        resume: Resume,
        seat: Seat,
        clock: (u32, u32),
    ) -> Self {
        let (now, expires_at) = clock;
        let shows_presence = viewer.shows_presence;
        Self {
            stream,
            viewer,
            scope,
            follows: SmallVec::new(),
            replays: None,
            outbox: None,
            input: None,
            arriving: Some(Box::new(Arriving { resume, told: Vec::new(), is_readable: false })),
            stage: Stage::Greeting,
            look_at: 0,
            heard_at: now,
            pinged_at: None,
            stalled_at: None,
            expires_at,
            control: (now, 0),
            drafts: 0,
            offences: 0,
            is_reading: false,
            is_outdated: false,
            wants_greeting: false,
            is_dirty: false,
            shows_presence,
            knows_presence: false,
            owed: None,
            seat,
        }
    }

    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    pub fn follow(&mut self, chat_id: ChatId) -> Option<&mut Follow> {
        match self.follows.as_mut_slice() {
            [only] => (only.chat_id == chat_id).then_some(only),
            follows => {
                let at = follows.binary_search_by_key(&chat_id, |follow| follow.chat_id).ok()?;
                follows.get_mut(at)
            }
        }
    }

    /// What the client has of a chat that is being replayed, from its position on.
    pub fn held(&mut self, chat_id: ChatId, at: Position) -> &mut AsOf {
        let Replays(replays) = &mut **self.replays.get_or_insert_default();
        let place = replays.iter().position(|(of, _)| *of == chat_id).unwrap_or_else(|| {
            replays.push((chat_id, AsOf::new(at)));
            replays.len() - 1
        });
        &mut replays[place].1
    }

    /// A chat is not replayed any more, or from somewhere else.
    pub fn forget_held(&mut self, chat_id: ChatId) {
        let Some(replays) = &mut self.replays else { return };
        replays.0.retain(|(of, _)| *of != chat_id);
        if replays.0.is_empty() {
            self.replays = None;
        }
    }

    pub fn is_closing(&self) -> bool {
        matches!(self.stage, Stage::Closing { .. })
    }

    pub fn waiting_bytes(&self) -> usize {
        self.outbox.as_ref().map_or(0, |outbox| outbox.bytes())
    }

    /// Puts the 101 before everything else; it is sent together with the first frame.
    pub fn answer(&mut self, answer: Bytes) {
        self.outbox = Some(Box::new(Outbox::answering(answer)));
        self.is_dirty = true;
    }

    /// Sends whole frames: straight to the kernel if nothing is waiting, otherwise after what is
    /// waiting.
    pub fn send(&mut self, frames: Bytes, now: u32) -> Sent {
        if self.is_closing() {
            return Sent::Fine;
        }
        match &mut self.outbox {
            None => self.send_now(frames, now),
            Some(outbox) => match outbox.push(frames) {
                Ok(()) => Sent::Fine,
                // It may be full because of us, not because the reader is slow.
                Err(Full) => match self.flush(now) {
                    Sent::Fine if self.overflows() => Sent::TooSlow,
                    sent => sent,
                },
            },
        }
    }

    /// Queues whole frames after what is waiting; `flush` sends everything.
    pub fn queue(&mut self, frames: Bytes, now: u32) -> Sent {
        if self.outbox.is_none() {
            self.outbox = Some(Box::default());
        }
        self.send(frames, now)
    }

    fn overflows(&self) -> bool {
        self.outbox.as_ref().is_some_and(|outbox| outbox.is_full())
    }

    fn send_now(&mut self, frames: Bytes, now: u32) -> Sent {
        let mut written = 0;
        while written < frames.len() {
            match self.stream.write(&frames[written..]) {
                Ok(n) => written += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let mut outbox = Box::<Outbox>::default();
                    let pushed = outbox.push_begun(frames, written);
                    self.outbox = Some(outbox);
                    self.stalled_at = Some(now);
                    return if pushed.is_ok() { Sent::Fine } else { Sent::TooSlow };
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Sent::Gone,
            }
        }
        Sent::Fine
    }

    /// Writes as much of what is waiting as the kernel takes.
    pub fn flush(&mut self, now: u32) -> Sent {
        let Some(outbox) = &mut self.outbox else { return Sent::Fine };
        while !outbox.is_empty() {
            let written = self.stream.write_vectored(&outbox.slices());
            match written {
                Ok(n) => {
                    outbox.advance(n);
                    self.stalled_at = Some(now);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stalled_at.get_or_insert(now);
                    return Sent::Fine;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Sent::Gone,
            }
        }
        self.outbox = None;
        self.stalled_at = None;
        if let Stage::Closing { until } = &mut self.stage {
            *until = now + CLOSE_DRAIN_SECS + 1;
            // If the peer is already gone, there is nothing left to end.
            let _gone = self.stream.shutdown(Shutdown::Write);
        }
        Sent::Fine
    }

    /// Sends a close frame after the frame in progress; everything else that the kernel does not take
    /// now is dropped.
    pub fn close(&mut self, close: Close, now: u32, waits: &SocketWaits) -> Sent {
        if self.is_closing() {
            return Sent::Fine;
        }
        if self.flush(now) == Sent::Gone {
            return Sent::Gone;
        }
        let mut outbox = self.outbox.take().unwrap_or_default();
        outbox.keep_begun();
        // One short frame after at most one other always fits.
        let _fits = outbox.push(close_frame(close.code(), &close.reason()));
        self.outbox = Some(outbox);
        self.input = None;
        self.stage = Stage::Closing { until: now + waits.write_stall_secs };
        self.flush(now)
    }

    pub fn receive(&mut self, buffer: &mut [u8]) -> Received {
        loop {
            return match self.stream.read(buffer) {
                Ok(0) => Received::Gone,
                Ok(n) => Received::Bytes(n),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Received::Nothing,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => Received::Gone,
            };
        }
    }

    /// It has been welcomed and is read from now on.
    pub fn open(&mut self, now: u32) {
        self.stage = Stage::Open;
        self.heard_at = now;
        if let Some(input) = &mut self.input {
            input.begun_at = now;
        }
    }

    /// Something arrived, so the peer is alive.
    pub fn hear(&mut self, now: u32) {
        self.heard_at = now;
        self.pinged_at = None;
    }

    /// Counts a control frame; returns how many there were in this second.
    pub fn count_control(&mut self, now: u32) -> u16 {
        let (second, count) = &mut self.control;
        if *second != now {
            (*second, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count
    }

    /// Does what the clock demands; pings a connection that has been silent.
    pub fn look(&mut self, now: u32, waits: &SocketWaits) -> Due {
        if let Stage::Closing { until } = self.stage {
            return if now >= until { Due::Gone } else { Due::Nothing };
        }
        if now >= self.expires_at {
            return Due::Close(Close::SessionEnded);
        }
        if self.message_due(waits).is_some_and(|due| now >= due) {
            return Due::Close(Close::Silent);
        }
        if self.stalled_at.is_some_and(|since| now >= since + waits.write_stall_secs) {
            return Due::Close(Close::TooSlow);
        }
        if self.stage == Stage::Greeting {
            return Due::Nothing;
        }
        match self.pinged_at {
            Some(pinged_at) if now >= pinged_at + waits.pong_within_secs => {
                Due::Close(Close::Silent)
            }
            Some(_) => Due::Nothing,
            None if now >= self.heard_at + waits.ping_after_secs => {
                self.pinged_at = Some(now);
                match self.send(ping_frame(), now) {
                    Sent::Fine => Due::Nothing,
                    Sent::TooSlow => Due::Close(Close::TooSlow),
                    Sent::Gone => Due::Gone,
                }
            }
            None => Due::Nothing,
        }
    }

    /// The next second in which the clock may demand something.
    pub fn next_look(&self, waits: &SocketWaits) -> u32 {
        if let Stage::Closing { until } = self.stage {
            return until;
        }
        let life = match self.pinged_at {
            _ if self.stage == Stage::Greeting => None,
            Some(pinged_at) => Some(pinged_at + waits.pong_within_secs),
            None => Some(self.heard_at + waits.ping_after_secs),
        };
        let stall = self.stalled_at.map(|since| since + waits.write_stall_secs);
        let dues = [life, self.message_due(waits), stall].into_iter().flatten();
        dues.fold(self.expires_at, u32::min)
    }

    /// None before the welcome: the peer is not read until then, so neither a pong nor the rest of its
    /// message could arrive.
    fn message_due(&self, waits: &SocketWaits) -> Option<u32> {
        let input = self.input.as_ref().filter(|_| self.stage != Stage::Greeting)?;
        Some(input.begun_at + waits.message_secs)
    }
}

#[cfg(test)]
mod tests;
