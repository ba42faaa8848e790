//! The bus that PostgreSQL has by itself: NOTIFY, for a few nodes. Positions only, for a payload has to be small.
//!
//! Run by `process::run`. Two connections of its own, so that nothing is said in a transaction that stores something. After
//! a commit there is a pause, in which others gather; the first after a silence is said at once.

use super::{Bus, FromBus, PassedOver, Seal, Senders};
use crate::limits::{
    BUS_LOOK_PAUSE, BUS_PAUSES, NOTIFIES_AT_ONCE, NOTIFY_BODY_BYTES_MAX, NOTIFY_BYTES_MAX,
    NOTIFY_GATHER,
};
use crate::model::error::{Error, Result};
use crate::model::news::News;
use crate::os::backoff::Backoff;
use crate::store::{Listening, Notifying, Store};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;
use tokio::time::sleep;

/// Says and hears, for as long as it is not dropped and somebody wants to hear it.
pub async fn serve(bus: Arc<Bus>, store: Store, heard: mpsc::Sender<FromBus>) {
    let (mut backoff, mut is_away) = (Backoff::new(BUS_PAUSES), false);
    loop {
        let error = match BusLine::connect(&bus, &store).await {
            Ok(mut line) => {
                if std::mem::take(&mut is_away) {
                    tracing::info!("the bus is back: other nodes are heard at once");
                }
                backoff = Backoff::new(BUS_PAUSES);
                bus.metrics.bus_connected.set(1);
                if heard.send(FromBus::Connected).await.is_err() {
                    return;
                }
                let ended = line.serve(&heard).await;
                bus.metrics.bus_connected.set(0);
                match ended {
                    Ok(()) => return,
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        bus.forget_signals();
        if !std::mem::replace(&mut is_away, true) {
            tracing::warn!(%error, "the bus is away: what other nodes do is seen some seconds later");
        }
        backoff.pause().await;
    }
}

/// Both connections, and what belongs to them.
struct BusLine<'a> {
    bus: &'a Bus,
    listening: Listening,
    notifying: Notifying,
    channel: String,
    seal: Seal,
    senders: Senders,
    clock: Clock,
}

/// The clock of the database, as we reckon it.
struct Clock(Mutex<Reckoned>);

struct Reckoned {
    /// What it was, and when.
    time: i64,
    at: Instant,
    /// The last that was given out.
    last: i64,
}

impl Clock {
    fn new(time: i64) -> Self {
        Self(Mutex::new(Reckoned { time, at: Instant::now(), last: 0 }))
    }

    fn set(&self, time: i64) {
        let mut reckoned = self.0.lock();
        (reckoned.time, reckoned.at) = (time, Instant::now());
    }

    fn now(&self) -> i64 {
        self.0.lock().now()
    }

    /// Never the same twice.
    fn stamp(&self) -> i64 {
        let mut reckoned = self.0.lock();
        reckoned.last = reckoned.now().max(reckoned.last + 1);
        reckoned.last
    }
}

impl Reckoned {
    fn now(&self) -> i64 {
        let passed = i64::try_from(self.at.elapsed().as_micros()).unwrap_or(i64::MAX);
        self.time.saturating_add(passed)
    }
}

impl<'a> BusLine<'a> {
    async fn connect(bus: &'a Bus, store: &Store) -> Result<Self> {
        let terms = store.bus_terms().await?;
        let channel = format!("snug_{}", terms.place);
        let listening = store.listen(&channel).await?;
        let notifying = store.notifying().await?;
        let now = listening.time().await?;
        let seal = Seal::new(&terms.key, &terms.place);
        let (senders, clock) = (Senders::since(now), Clock::new(now));
        Ok(Self { bus, listening, notifying, channel, seal, senders, clock })
    }

    /// Until one of the connections is lost, or nobody hears any more.
    async fn serve(&mut self, heard: &mpsc::Sender<FromBus>) -> Result<()> {
        let Self { bus, listening, notifying, channel, seal, senders, clock } = self;
        let (notes, client) = listening.parts();
        let hearing = async {
            while let Some(payload) = notes.recv().await {
                match open(&payload, bus, seal, senders, clock.now()) {
                    Ok(None) => {}
                    Ok(Some(news)) => {
                        if heard.send(news).await.is_err() {
                            return Ok(());
                        }
                    }
                    Err(why) => bus.pass_over(why),
                }
            }
            Err(Error::unavailable("the bus", "the connection that listens ended"))
        };
        let saying = async {
            loop {
                bus.has_news().await;
                let bodies = bus.take(NOTIFY_BODY_BYTES_MAX, NOTIFIES_AT_ONCE);
                let seal = |body: &Vec<u8>| seal.seal(bus.node, clock.stamp(), body);
                let payloads: Vec<String> =
                    bodies.iter().map(seal).map(|sealed| STANDARD_NO_PAD.encode(sealed)).collect();
                debug_assert!(payloads.iter().all(|payload| payload.len() <= NOTIFY_BYTES_MAX));
                notifying.notify(channel, &payloads).await?;
                sleep(NOTIFY_GATHER).await;
            }
        };
        let looking = async {
            loop {
                sleep(BUS_LOOK_PAUSE).await;
                clock.set(client.time().await?);
            }
        };
        tokio::select! {
            ended = hearing => ended,
            failed = saying => failed,
            failed = looking => failed,
        }
    }
}

/// What somebody else has said, unless it was ourselves.
fn open(
    payload: &str,
    bus: &Bus,
    seal: &Seal,
    senders: &mut Senders,
    now: i64,
) -> Result<Option<FromBus>, PassedOver> {
    let sealed = STANDARD_NO_PAD.decode(payload).map_err(|_| PassedOver::Unread)?;
    let opened = seal.open(&sealed)?;
    if opened.node == bus.node {
        return Ok(None);
    }
    if !senders.is_new(opened.node, opened.stamp, now) {
        return Err(PassedOver::Old);
    }
    let mut news = Vec::new();
    for piece in News::each(opened.body) {
        match piece {
            Some(piece) => news.push(piece),
            None => bus.pass_over(PassedOver::Unread),
        }
    }
    bus.metrics.bus_heard.inc_by(news.len() as u64);
    Ok(Some(FromBus::News { from: opened.node, news }))
}
