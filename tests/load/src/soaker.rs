//! One person of a soak: stays for a while, drops the connection, resumes from where they were.

use crate::check::{Changes, Order};
use crate::crowd::source;
use crate::frame::{self, Frame};
use crate::mix::{Mix, Next, Written};
use crate::offsets::Offsets;
use crate::pace::sleep_until;
use crate::socket::{Scratch, Socket};
use crate::stop::Result;
use crate::tally::{Tally, add};
use crate::users::Stands;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

/// The longest time between two connections; the messages of that time are replayed.
const AWAY_MILLIS_MAX: u64 = 1_000;
const MESSAGE_CHARS: usize = 100;

/// How often a person says something, for how long, and how many messages all of them send together.
#[derive(Clone, Copy)]
pub struct Words {
    pub interval: Duration,
    pub until: Instant,
    pub messages: u64,
}

pub struct Soaker {
    address: SocketAddr,
    token: Rc<str>,
    place: usize,
    order: RefCell<Order>,
    changes: RefCell<Changes>,
    mix: Mix,
    written: RefCell<Written>,
    line: RefCell<Option<Rc<Socket>>>,
    /// What was sent but not yet acknowledged, by `client_id`: when it was due, and the frame.
    unanswered: RefCell<BTreeMap<String, (u64, String)>>,
    lines: Cell<u64>,
}

impl Soaker {
    pub fn new(
        address: SocketAddr,
        token: Rc<str>,
        place: usize,
        stood: &Stands,
        mix: Mix,
    ) -> Rc<Self> {
        Rc::new(Self {
            address,
            token,
            place,
            order: RefCell::new(Order::from(stood.last_seq)),
            changes: RefCell::new(Changes::from(stood.last_change)),
            mix,
            written: RefCell::default(),
            line: RefCell::default(),
            unanswered: RefCell::default(),
            lines: Cell::new(0),
        })
    }

    pub fn unacknowledged(&self) -> u64 {
        self.unanswered.borrow().len() as u64
    }

    pub fn missing(&self, seq: u64, change: u64) -> u64 {
        let changes = self.changes.borrow().missing_at_the_end(change);
        self.order.borrow().missing_at_the_end(seq) + changes
    }

    pub fn returns(&self) -> u64 {
        self.lines.get().saturating_sub(1)
    }

    /// Comes and goes until then, and then stays.
    pub async fn live(
        self: Rc<Self>,
        until: Instant,
        stay: Duration,
        scratch: Rc<Scratch>,
        tally: Rc<Tally>,
    ) {
        let mut chance = Offsets::new(tally.run + self.place as u64, 2 * stay.as_millis() as u64);
        loop {
            let leave_at = Instant::now() + Duration::from_millis(chance.next());
            let leave_at = (leave_at < until).then_some(leave_at);
            if let Err(stop) = self.be_there(leave_at, &scratch, &tally).await {
                tally.closed(stop.to_string());
            }
            self.line.replace(None);
            let away = Duration::from_millis(chance.next() % AWAY_MILLIS_MAX);
            tokio::time::sleep(away).await;
        }
    }

    /// One connection, from the last known position on. In the end it just drops, without a close frame.
    async fn be_there(
        &self,
        leave_at: Option<Instant>,
        scratch: &Scratch,
        tally: &Tally,
    ) -> Result<()> {
        let (after, change) = (self.order.borrow().last(), self.changes.borrow().last());
        let path = format!("/ws/general?after={after}&change={change}");
        let from = source(tally.run, self.place);
        let (line, mut incoming) = Socket::open(from, self.address, &path, &self.token).await?;
        let line = Rc::new(line);
        add(&self.lines, 1);
        tally.glance();
        line.begin(&mut incoming, &mut |text| self.hear(text, tally))?;
        let again: Vec<String> =
            self.unanswered.borrow().values().map(|(_, text)| text.clone()).collect();
        self.line.replace(Some(line.clone()));
        for text in again {
            line.send(&text).await?;
        }
        let leave = async {
            match leave_at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(leave);
        loop {
            let mut hear = |text: &[u8]| {
                tally.glance();
                self.hear(text, tally);
            };
            tokio::select! {
                received = line.receive(scratch, &mut incoming, &mut hear) => {
                    if !received? {
                        return Err(crate::stop::Stop::new("closed by the server without a close frame"));
                    }
                }
                () = &mut leave => return Ok(()),
            }
        }
    }

    fn hear(&self, text: &[u8], tally: &Tally) {
        match frame::read(tally.run, text) {
            Some(Frame::Message { seq, sent_nanos, .. }) => {
                let verdict = self.order.borrow_mut().see(seq);
                if let Some(change) = frame::change(text) {
                    self.changes.borrow_mut().tell(change);
                }
                tally.delivered(verdict, sent_nanos);
            }
            // A change never comes before its message.
            Some(Frame::Changed { seq, .. }) if seq > self.order.borrow().last() => {
                add(&tally.out_of_order, 1);
            }
            Some(Frame::Changed { change, .. }) => {
                let verdict = self.changes.borrow_mut().see(change);
                tally.delivered(verdict, None);
            }
            Some(Frame::CaughtUp { change }) => {
                add(&tally.lost, self.changes.borrow_mut().catch_up(change));
            }
            Some(Frame::Ack { client_id, chat_id, seq, change }) => {
                match (self.unanswered.borrow_mut().remove(&client_id), change) {
                    (Some((sent_nanos, _)), None) => {
                        tally.acknowledged(chat_id, seq, sent_nanos);
                        if self.mix.has_changes() {
                            self.written.borrow_mut().acknowledged(seq);
                        }
                    }
                    (Some((sent_nanos, _)), Some(change)) => {
                        tally.changed(chat_id, change, sent_nanos);
                    }
                    (None, _) => add(&tally.acknowledged_twice, 1),
                }
            }
            // What could not be stored now is sent again on the next connection.
            Some(Frame::Refused { code, .. }) => tally.refused(code),
            Some(Frame::Welcome { .. } | Frame::Other) => {}
            None => add(&tally.unreadable, 1),
        }
    }

    /// Says something at fixed times, connected or not.
    pub async fn write(self: Rc<Self>, start: Instant, words: Words, tally: Rc<Tally>) {
        let mut due = start;
        while due < words.until {
            sleep_until(due).await;
            if tally.sent.get() >= words.messages {
                return;
            }
            add(&tally.sent, 1);
            let name = format!("{:x}-{}", tally.run, tally.sent.get());
            let sent_nanos = tally.nanos(due);
            let (run, size) = (tally.run, MESSAGE_CHARS);
            let next = self.written.borrow_mut().next(self.mix);
            let text = match next {
                Next::Message => frame::draft(run, &name, sent_nanos, size, None),
                Next::Edit(seq) => frame::edit(run, &name, sent_nanos, size, None, seq),
                Next::Reaction(seq) => frame::reaction(&name, None, seq),
            };
            self.unanswered.borrow_mut().insert(name, (sent_nanos, text.clone()));
            let line = self.line.borrow().clone();
            if let Some(line) = line {
                // If the connection breaks here, its reader notices; the next one sends it again.
                let _broken = line.send(&text).await;
            }
            due += words.interval;
        }
    }
}
