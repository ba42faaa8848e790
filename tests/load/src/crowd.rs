//! The people of a run: one seat per socket, each listening, checking and, if asked, writing.
//!
//! The scenarios open a crowd, let some of it write, and wait until everybody has received
//! everything that was acknowledged.

use crate::check::Order;
use crate::frame::{self, Frame, Position};
use crate::mix::{Mix, Next, Written};
use crate::pace::{Pace, sleep_until};
use crate::socket::{Incoming, SCRATCH_BYTES, Scratch, Socket};
use crate::stop::{Result, Stop};
use crate::tally::{Tally, add};
use crate::users::User;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Enough to keep the server's accept queue busy, but never full.
const OPENING_AT_ONCE: usize = 128;
/// Below what the server allows an address by default; 60,000 sockets make 150 addresses.
const SOCKETS_PER_ADDRESS: usize = 400;
/// Messages of 16 KB under way at once.
const TALKING_AT_ONCE: usize = 64;
/// If nothing new arrives for this long, nothing more will.
const SILENCE: Duration = Duration::from_secs(3);
const LEAVE_TIMEOUT: Duration = Duration::from_secs(10);
const DRAIN_TIMEOUT: Duration = Duration::from_secs(60);
/// How often a waiting loop looks again.
const GLANCE: Duration = Duration::from_millis(20);

/// Where a socket connects to, and as which user.
pub struct Door {
    pub path: String,
    pub token: Rc<str>,
}

/// The socket of all chats.
pub const ALL_CHATS: &str = "/ws";
/// That of the general chat.
pub const GENERAL: &str = "/ws/general";

/// Sockets of this kind, shared out among the users.
pub fn doors(path: &str, sockets: usize, users: &[User]) -> Vec<Door> {
    let turns = users.iter().cycle().take(sockets);
    turns.map(|user| Door { path: path.to_owned(), token: user.token.clone() }).collect()
}

/// What limits the writing of a run.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub until: Instant,
    /// Changes, too.
    pub messages: u64,
    pub size: usize,
    pub mix: Mix,
}

/// How far a socket has come in one chat.
struct Heard {
    chat_id: u64,
    messages: Order,
    changes: Order,
}

impl From<Position> for Heard {
    fn from(Position { chat_id, last_seq, last_change }: Position) -> Self {
        Self { chat_id, messages: Order::from(last_seq), changes: Order::from(last_change) }
    }
}

pub struct Seat {
    socket: Socket,
    /// Most sockets follow only one chat.
    heard: RefCell<Vec<Heard>>,
    written: RefCell<Written>,
    under_way: RefCell<HashMap<String, u64>>,
    room: RefCell<Rc<Semaphore>>,
    is_leaving: Cell<bool>,
    /// Whether what it sends has to say for which chat it is.
    names_chats: bool,
    /// Whether it changes messages.
    changes: Cell<bool>,
}

pub struct Crowd {
    pub seats: Vec<Rc<Seat>>,
    pub opened_in: Duration,
    tally: Rc<Tally>,
}

impl Crowd {
    /// Opens all sockets and waits for each one's `welcome`.
    pub async fn open(address: SocketAddr, doors: Vec<Door>, tally: &Rc<Tally>) -> Result<Self> {
        let began = Instant::now();
        let scratch: Rc<Scratch> = Rc::new(RefCell::new(vec![0; SCRATCH_BYTES]));
        let mut seats = Vec::with_capacity(doors.len());
        let mut opening = JoinSet::new();
        let mut doors = doors.into_iter().enumerate();
        loop {
            while opening.len() < OPENING_AT_ONCE {
                let Some((place, door)) = doors.next() else { break };
                let (scratch, tally) = (scratch.clone(), tally.clone());
                opening.spawn_local(Seat::open(address, place, door, scratch, tally));
            }
            let Some(opened) = opening.join_next().await else { break };
            let opened = opened.map_err(|error| Stop::new(error.to_string()))?;
            let seat = opened
                .map_err(|stop| Stop::new(format!("after {} open sockets: {stop}", seats.len())))?;
            seats.push(seat);
            if seats.len() % 2_000 == 0 {
                eprintln!("{:>12} sockets open", seats.len());
            }
        }
        Ok(Self { seats, opened_in: began.elapsed(), tally: tally.clone() })
    }

    /// Lets these seats write until the limits are reached.
    pub async fn write(&self, writers: Vec<(Rc<Seat>, Pace)>, bounds: Bounds) -> Result<()> {
        let mut writing = JoinSet::new();
        for (seat, pace) in writers {
            writing.spawn_local(seat.write(pace, bounds, self.tally.clone()));
        }
        while let Some(written) = writing.join_next().await {
            written.map_err(|error| Stop::new(error.to_string()))?;
        }
        Ok(())
    }

    /// Waits as `settle` does, then counts what never arrived. Returns the moment of the last arrival.
    pub async fn drain(&self) -> Instant {
        let last = self.settle().await;
        add(&self.tally.lost, self.missing());
        last
    }

    /// Waits until every reader has received everything acknowledged, or nothing moves any more.
    pub async fn settle(&self) -> Instant {
        let deadline = Instant::now() + DRAIN_TIMEOUT;
        let mut moved = (0, 0, Instant::now());
        loop {
            let acknowledged = self.tally.acknowledged.get() + self.tally.changed.get();
            let arrived = (self.tally.deliveries.get(), acknowledged);
            if arrived != (moved.0, moved.1) {
                moved = (arrived.0, arrived.1, Instant::now());
            }
            let done = self.unacknowledged() == 0 && self.missing() == 0;
            if done || moved.2.elapsed() > SILENCE || Instant::now() > deadline {
                break;
            }
            tokio::time::sleep(GLANCE).await;
        }
        moved.2
    }

    /// Each seat in turn sends one of the longest messages, a few seats at a time.
    pub async fn say_much(&self, characters: usize) -> Result<()> {
        for seats in self.seats.chunks(TALKING_AT_ONCE) {
            for (place, seat) in seats.iter().enumerate() {
                let client_id = format!("{:x}-w{}-{place}", self.tally.run, self.tally.sent.get());
                let text = frame::wide_draft(&client_id, characters);
                seat.put(client_id, self.tally.nanos(Instant::now()), &text, &self.tally).await?;
            }
            self.settle().await;
        }
        Ok(())
    }

    /// Closes all sockets, and waits until the last is gone.
    pub async fn leave(self) {
        for seat in &self.seats {
            seat.is_leaving.set(true);
            // A socket that is already gone needs no close frame.
            let _gone = seat.socket.close().await;
        }
        let deadline = Instant::now() + LEAVE_TIMEOUT;
        let is_open = |seat: &Rc<Seat>| Rc::strong_count(seat) > 1;
        while self.seats.iter().any(is_open) && Instant::now() < deadline {
            tokio::time::sleep(GLANCE).await;
        }
    }

    pub fn unacknowledged(&self) -> u64 {
        self.seats.iter().map(|seat| seat.under_way.borrow().len() as u64).sum()
    }

    fn missing(&self) -> u64 {
        let (ends, change_ends) = (self.tally.ends.borrow(), self.tally.change_ends.borrow());
        let missing = |heard: &Heard| {
            let of = |order: &Order, ends: &HashMap<u64, u64>| {
                ends.get(&heard.chat_id).map_or(0, |end| order.missing_at_the_end(*end))
            };
            of(&heard.messages, &ends) + of(&heard.changes, &change_ends)
        };
        self.seats.iter().map(|s| s.heard.borrow().iter().map(missing).sum::<u64>()).sum()
    }
}

impl Seat {
    async fn open(
        address: SocketAddr,
        place: usize,
        door: Door,
        scratch: Rc<Scratch>,
        tally: Rc<Tally>,
    ) -> Result<Rc<Self>> {
        let source = source(tally.run, place);
        let (socket, mut incoming) = Socket::open(source, address, &door.path, &door.token).await?;
        let seat = Rc::new(Self {
            socket,
            heard: RefCell::default(),
            written: RefCell::default(),
            under_way: RefCell::default(),
            room: RefCell::new(Rc::new(Semaphore::new(0))),
            is_leaving: Cell::new(false),
            names_chats: door.path == ALL_CHATS,
            changes: Cell::new(false),
        });
        seat.socket.begin(&mut incoming, &mut |text| seat.hear(text, &tally))?;
        while seat.heard.borrow().is_empty() {
            let mut hear = |text: &[u8]| seat.hear(text, &tally);
            if !seat.socket.receive(&scratch, &mut incoming, &mut hear).await? {
                return Err(Stop::new("closed before the welcome"));
            }
        }
        // A task never gives memory back, so the one that listens must not be the one that opened.
        tokio::task::spawn_local(seat.clone().listen(incoming, scratch, tally));
        Ok(seat)
    }

    async fn listen(
        self: Rc<Self>,
        mut incoming: Incoming,
        scratch: Rc<Scratch>,
        tally: Rc<Tally>,
    ) {
        let why = loop {
            let mut is_first = true;
            let mut hear = |text: &[u8]| {
                if std::mem::take(&mut is_first) {
                    tally.glance();
                }
                self.hear(text, &tally);
            };
            match self.socket.receive(&scratch, &mut incoming, &mut hear).await {
                Ok(true) => {}
                Ok(false) => break "closed by the server without a close frame".to_owned(),
                Err(stop) => break stop.to_string(),
            }
        };
        if !self.is_leaving.get() {
            tally.closed(why);
        }
        self.room.borrow().close();
    }

    fn hear(&self, text: &[u8], tally: &Tally) {
        match frame::read(tally.run, text) {
            Some(Frame::Message { chat_id, seq, sent_nanos }) => {
                let mut heard = self.heard.borrow_mut();
                match heard.iter_mut().find(|heard| heard.chat_id == chat_id) {
                    Some(heard) => tally.delivered(heard.messages.see(seq), sent_nanos),
                    None => add(&tally.unreadable, 1),
                }
            }
            Some(Frame::Changed { chat_id, seq, change }) => {
                let mut heard = self.heard.borrow_mut();
                match heard.iter_mut().find(|heard| heard.chat_id == chat_id) {
                    // A change never comes before its message.
                    Some(heard) if seq > heard.messages.last() => add(&tally.out_of_order, 1),
                    Some(heard) => tally.delivered(heard.changes.see(change), None),
                    None => add(&tally.unreadable, 1),
                }
            }
            Some(Frame::Welcome { positions }) => {
                *self.heard.borrow_mut() = positions.into_iter().map(Heard::from).collect();
            }
            Some(Frame::Ack { client_id, chat_id, seq, change }) => {
                match (self.under_way.borrow_mut().remove(&client_id), change) {
                    (Some(sent_nanos), None) => {
                        tally.acknowledged(chat_id, seq, sent_nanos);
                        if self.changes.get() {
                            self.written.borrow_mut().acknowledged(seq);
                        }
                    }
                    (Some(sent_nanos), Some(change)) => tally.changed(chat_id, change, sent_nanos),
                    (None, _) => add(&tally.acknowledged_twice, 1),
                }
                self.room.borrow().add_permits(1);
            }
            Some(Frame::Refused { code, client_id }) => {
                client_id.and_then(|id| self.under_way.borrow_mut().remove(&id));
                tally.refused(code);
                self.room.borrow().add_permits(1);
            }
            Some(Frame::CaughtUp { .. } | Frame::Other) => {}
            None => add(&tally.unreadable, 1),
        }
    }

    async fn write(self: Rc<Self>, pace: Pace, bounds: Bounds, tally: Rc<Tally>) {
        let (mut due, interval) = match pace {
            Pace::Every { first, interval } => (first, Some(interval)),
            Pace::Window(window) => {
                self.room.borrow().add_permits(window);
                (Instant::now(), None)
            }
            Pace::Shared(room) => {
                self.room.replace(room);
                (Instant::now(), None)
            }
        };
        let room = self.room.borrow().clone();
        self.changes.set(bounds.mix.has_changes());
        while due < bounds.until {
            match interval {
                Some(_) => sleep_until(due).await,
                None => {
                    let turn = tokio::time::timeout_at(bounds.until, room.acquire()).await;
                    let Ok(Ok(permit)) = turn else { return };
                    permit.forget();
                    due = Instant::now();
                }
            }
            if tally.sent.get() >= bounds.messages {
                return;
            }
            // When it was due, not when it was sent: a late writer must not hide a wait (coordinated
            // omission).
            if self.post(tally.nanos(due), bounds, &tally).await.is_err() {
                return;
            }
            due += interval.unwrap_or_default();
        }
    }

    async fn post(&self, sent_nanos: u64, bounds: Bounds, tally: &Tally) -> Result<()> {
        let client_id = format!("{:x}-{}", tally.run, tally.sent.get());
        // The first one in its `welcome` is the general chat.
        let first = self.heard.borrow().first().map(|heard| heard.chat_id);
        let chat_id = first.filter(|_| self.names_chats);
        let (run, size) = (tally.run, bounds.size);
        let next = self.written.borrow_mut().next(bounds.mix);
        let text = match next {
            Next::Message => frame::draft(run, &client_id, sent_nanos, size, chat_id),
            Next::Edit(seq) => frame::edit(run, &client_id, sent_nanos, size, chat_id, seq),
            Next::Reaction(seq) => frame::reaction(&client_id, chat_id, seq),
        };
        self.put(client_id, sent_nanos, &text, tally).await
    }

    async fn put(&self, name: String, sent_nanos: u64, text: &str, tally: &Tally) -> Result<()> {
        add(&tally.sent, 1);
        self.under_way.borrow_mut().insert(name, sent_nanos);
        self.socket.send(text).await
    }
}

/// The source address of the socket with this index. One address has 28,000 ports, which take longer
/// and longer to find as they fill, and stay taken until a minute after a run.
pub fn source(run: u64, place: usize) -> Ipv4Addr {
    let [high, low, ..] = run.to_le_bytes();
    Ipv4Addr::new(127, high | 1, low, (1 + place / SOCKETS_PER_ADDRESS) as u8)
}

/// Lets a phase of the run pass.
pub async fn rest(duration: Duration, unless: &Cell<u64>) {
    let end = Instant::now() + duration;
    while Instant::now() < end && unless.get() == 0 {
        tokio::time::sleep(GLANCE.min(end - Instant::now())).await;
    }
}
