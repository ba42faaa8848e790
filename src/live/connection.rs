//! One open socket: the only code that reads from it and writes to it.
//!
//! Idle, it holds no buffer: reads go through the worker's scratch, writes go straight to the kernel,
//! and only what the kernel would not take, or what is not a whole frame yet, is kept. What frames
//! mean and who gets them is the worker's business.

use super::close::Close;
use super::follow::Follow;
use super::frame_parser::Fragments;
use crate::ids::ChatId;
use crate::limits::{
    CLOSE_DRAIN_SECS, MESSAGE_READ_SECS_MAX, PING_AFTER_SECS, PONG_WITHIN_SECS, TOLD_KEPT_MAX,
    WRITE_STALL_SECS_MAX,
};
use crate::message::Viewer;
use crate::registry::{Full, Outbox, Resume, Scope, Seat, UserEvent};
use crate::wire::{close_frame, ping_frame};
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
    /// By chat id.
    pub follows: SmallVec<[Follow; 1]>,
    outbox: Option<Box<Outbox>>,
    pub input: Option<Box<Input>>,
    /// Gone once it has been welcomed.
    pub arriving: Option<Box<Arriving>>,
    pub stage: Stage,
    /// Seconds on the shard's clock.
    pub look_at: u32,
    heard_at: u32,
    pinged_at: Option<u32>,
    /// Since when the outbox has not moved.
    stalled_at: Option<u32>,
    expires_at: u32,
    control: (u32, u16),
    pub drafts: u16,
    pub offences: u8,
    /// A read of the database for this connection is under way.
    pub is_reading: bool,
    /// What it takes part in changed meanwhile: the answer may be older than that.
    pub is_outdated: bool,
    /// It asked for `welcome` again.
    pub wants_greeting: bool,
    pub is_dirty: bool,
    _seat: Seat,
}

/// What a connection needs until it has been welcomed.
pub struct Arriving {
    /// From where the client wants to go on.
    pub resume: Resume,
    /// What it is told meanwhile: the `welcome` may be older than that.
    pub told: Vec<UserEvent>,
    /// The poll said that there is something to read, or the end, which it does not say twice.
    pub is_readable: bool,
}

/// What has been received and not yet understood.
#[derive(Default)]
pub struct Input {
    /// The beginning of a frame.
    pub tail: Vec<u8>,
    /// The beginning of a message.
    pub fragments: Option<Box<Fragments>>,
    /// When that began, in seconds of the shard's clock.
    pub begun_at: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Nothing is read from it before it has been welcomed.
    Greeting,
    Open,
    /// Our close frame is on its way, or sent; whatever comes is thrown away.
    Closing {
        until: u32,
    },
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// On its way, or waiting.
    Fine,
    TooSlow,
    Gone,
}

/// What became of a read.
pub enum Received {
    /// So many bytes; there may be more when the buffer is full.
    Bytes(usize),
    /// For now.
    Nothing,
    Gone,
}

/// What a look at the clock led to.
#[derive(Debug, PartialEq, Eq)]
pub enum Due {
    Nothing,
    Close(Close),
    /// Cut: it had its time.
    Gone,
}

impl Arriving {
    /// Keeps what concerns a connection of this scope; the latest takes the place of what it repeats.
    /// Where there is too much, the `welcome` is what has been too slow, not the reader.
    pub fn keep(&mut self, scope: Scope, news: &UserEvent) -> Result<(), Close> {
        let concerns = match (scope, news) {
            (Scope::All, _) => true,
            (Scope::One(own), UserEvent::Read { chat_id, .. }) => own == *chat_id,
            (
                Scope::One(_),
                UserEvent::Account(_) | UserEvent::Joined { .. } | UserEvent::Left { .. },
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
        Self {
            stream,
            viewer,
            scope,
            follows: SmallVec::new(),
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
            _seat: seat,
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

    pub fn is_closing(&self) -> bool {
        matches!(self.stage, Stage::Closing { .. })
    }

    pub fn waiting_bytes(&self) -> usize {
        self.outbox.as_ref().map_or(0, |outbox| outbox.bytes())
    }

    /// Puts the 101 before everything else; it leaves with the first frame.
    pub fn answer(&mut self, answer: Bytes) {
        self.outbox = Some(Box::new(Outbox::answering(answer)));
        self.is_dirty = true;
    }

    /// Sends whole frames: to the kernel at once when nothing waits, else behind what waits.
    pub fn send(&mut self, frames: Bytes, now: u32) -> Sent {
        if self.is_closing() {
            return Sent::Fine;
        }
        match &mut self.outbox {
            None => self.send_now(frames, now),
            Some(outbox) => match outbox.push(frames) {
                Ok(()) => Sent::Fine,
                // It may have been filled by us rather than left by the reader.
                Err(Full) => match self.flush(now) {
                    Sent::Fine if self.overflows() => Sent::TooSlow,
                    sent => sent,
                },
            },
        }
    }

    /// Puts whole frames behind what waits; `flush` sends them with everything else.
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

    /// Writes what waits, as much as the kernel takes.
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
            // The peer may be gone already; then there is nothing left to end.
            let _gone = self.stream.shutdown(Shutdown::Write);
        }
        Sent::Fine
    }

    /// Sends a close frame behind the frame in progress; all else that the kernel does not take now is
    /// dropped.
    pub fn close(&mut self, close: Close, now: u32) -> Sent {
        if self.is_closing() {
            return Sent::Fine;
        }
        if self.flush(now) == Sent::Gone {
            return Sent::Gone;
        }
        let mut outbox = self.outbox.take().unwrap_or_default();
        outbox.keep_begun();
        // One short frame behind at most one other always fits.
        let _fits = outbox.push(close_frame(close.code(), close.reason()));
        self.outbox = Some(outbox);
        self.input = None;
        self.stage = Stage::Closing { until: now + WRITE_STALL_SECS_MAX };
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

    /// It is welcomed now, and read from now on.
    pub fn open(&mut self, now: u32) {
        self.stage = Stage::Open;
        self.heard_at = now;
        if let Some(input) = &mut self.input {
            input.begun_at = now;
        }
    }

    /// Something came: the peer lives.
    pub fn hear(&mut self, now: u32) {
        self.heard_at = now;
        self.pinged_at = None;
    }

    /// Counts a control frame; how many there were in this second.
    pub fn count_control(&mut self, now: u32) -> u16 {
        let (second, count) = &mut self.control;
        if *second != now {
            (*second, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count
    }

    /// What the clock asks for; pings a connection that has been silent.
    pub fn look(&mut self, now: u32) -> Due {
        if let Stage::Closing { until } = self.stage {
            return if now >= until { Due::Gone } else { Due::Nothing };
        }
        if now >= self.expires_at {
            return Due::Close(Close::SessionEnded);
        }
        if self.message_due().is_some_and(|due| now >= due) {
            return Due::Close(Close::Silent);
        }
        if self.stalled_at.is_some_and(|since| now >= since + WRITE_STALL_SECS_MAX) {
            return Due::Close(Close::TooSlow);
        }
        if self.stage == Stage::Greeting {
            return Due::Nothing;
        }
        match self.pinged_at {
            Some(pinged_at) if now >= pinged_at + PONG_WITHIN_SECS => Due::Close(Close::Silent),
            Some(_) => Due::Nothing,
            None if now >= self.heard_at + PING_AFTER_SECS => {
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

    /// The next second in which the clock may ask for something.
    pub fn next_look(&self) -> u32 {
        if let Stage::Closing { until } = self.stage {
            return until;
        }
        let life = match self.pinged_at {
            _ if self.stage == Stage::Greeting => None,
            Some(pinged_at) => Some(pinged_at + PONG_WITHIN_SECS),
            None => Some(self.heard_at + PING_AFTER_SECS),
        };
        let stall = self.stalled_at.map(|since| since + WRITE_STALL_SECS_MAX);
        let dues = [life, self.message_due(), stall].into_iter().flatten();
        dues.fold(self.expires_at, u32::min)
    }

    /// None before the welcome: the peer is not read, so that neither its pongs nor its message can come.
    fn message_due(&self) -> Option<u32> {
        let input = self.input.as_ref().filter(|_| self.stage != Stage::Greeting)?;
        Some(input.begun_at + MESSAGE_READ_SECS_MAX)
    }
}

#[cfg(test)]
mod tests;
