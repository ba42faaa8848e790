//! A mixed load for as long as one likes: people who write, read history, drop their connection in the
//! middle of things and resume from their position. Nothing may be lost or duplicated at any seam.
//!
//! A message or a change whose acknowledgement was lost with its connection is sent again. At the end the chat must
//! have grown by exactly the number of messages acknowledged, and of changes, so nobody else may write in the
//! meantime.

use crate::flags::{self, Changing};
use crate::http::Line;
use crate::report::Report;
use crate::server::Server;
use crate::soaker::{Soaker, Words};
use crate::socket::{SCRATCH_BYTES, Scratch};
use crate::stop::{Result, Stop};
use crate::tally::{Tally, add};
use crate::usage::{Cost, Usages};
use crate::users::{self, User};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Everybody must be up to date within this time after the last message.
const LEVEL_TIMEOUT: Duration = Duration::from_secs(30);
const GLANCE: Duration = Duration::from_millis(20);

#[derive(clap::Args)]
pub struct Args {
    /// People in the general chat
    #[arg(long, default_value_t = 200, value_parser = flags::sockets())]
    pub sockets: usize,
    /// How many of them also write
    #[arg(long, default_value_t = 20, value_parser = flags::sockets())]
    publishers: usize,
    /// Messages a second, by all of them together
    #[arg(long, default_value_t = 50.0, value_parser = flags::gentle_rate)]
    rate: f64,
    /// The most messages to send
    #[arg(long, default_value_t = 10_000_000)]
    messages: u64,
    #[command(flatten)]
    pub changing: Changing,
    /// Average seconds that a person stays before the connection drops
    #[arg(long, default_value_t = 5, value_parser = flags::seconds())]
    stay: u64,
    /// Connections that read history in the meantime, one page every 100 ms
    #[arg(long, default_value_t = 4, value_parser = flags::readers())]
    readers: usize,
    /// Seconds of all this
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
}

pub async fn run(
    args: &Args,
    server: &Server,
    users: &[User],
    tally: &Rc<Tally>,
) -> Result<Report> {
    let client = users::client()?;
    let first = users.first().ok_or_else(|| Stop::new("soak: needs a user"))?;
    let mix = args.changing.mix(server)?;
    let stood = users::general_stands(&client, server, first).await?;
    let before = server.usage();
    let scratch: Rc<Scratch> = Rc::new(RefCell::new(vec![0; SCRATCH_BYTES]));
    let began = Instant::now();
    let until = began + Duration::from_secs(args.seconds);
    let stay = Duration::from_secs(args.stay);

    let mut living = JoinSet::new();
    let mut people = Vec::with_capacity(args.sockets);
    for (place, user) in users.iter().cycle().take(args.sockets).enumerate() {
        let soaker = Soaker::new(server.address, user.token.clone(), place, &stood, mix);
        living.spawn_local(soaker.clone().live(until, stay, scratch.clone(), tally.clone()));
        people.push(soaker);
    }
    let publishers = args.publishers.min(args.sockets);
    let interval = Duration::from_secs_f64(publishers as f64 / args.rate);
    let words = Words { interval, until, messages: args.messages };
    for (place, soaker) in people.iter().step_by(args.sockets / publishers).enumerate() {
        let start = began + interval.mul_f64(place as f64 / publishers as f64);
        living.spawn_local(soaker.clone().write(start, words, tally.clone()));
    }
    let reads = Tally::new()?;
    for user in users.iter().cycle().take(args.readers) {
        let line = Line::open(server.address, &user.token).await?;
        living.spawn_local(read(line, until, tally.clone(), reads.clone()));
    }
    let open = server.usage();
    tokio::time::sleep_until(until).await;
    wait_until_level(&people, tally).await;
    living.shutdown().await;

    let stands = users::general_stands(&client, server, first).await?;
    let (acknowledged, changed) = (tally.acknowledged.get(), tally.changed.get());
    for (acknowledged, stored) in [
        (acknowledged, stands.last_seq - stood.last_seq),
        (changed, stands.last_change - stood.last_change),
    ] {
        add(&tally.lost, acknowledged.saturating_sub(stored));
        add(&tally.doubled, stored.saturating_sub(acknowledged));
    }
    add(&tally.lost, missing(&people, tally));
    let usages = Usages { before, open, end: server.usage() };
    let mut report = Report {
        sockets: people.len(),
        unacknowledged: unacknowledged(&people),
        reconnects: people.iter().map(|soaker| soaker.returns()).sum(),
        server: Cost::of(&usages, people.len(), tally.deliveries.get(), acknowledged + changed),
        ..Report::counted("soak", tally, until - began)
    };
    report.count_requests(reads.acknowledged.get(), &reads.ack_micros.borrow());
    report.add("reconnects", "", report.reconnects as f64);
    if let Some(p99) = report.delivery_micros.as_ref().map(|quantiles| quantiles.p99) {
        report.add("99 of 100 deliveries within", "ms", p99 as f64 / 1_000.0);
    }
    Ok(report)
}

async fn wait_until_level(people: &[Rc<Soaker>], tally: &Tally) {
    let deadline = Instant::now() + LEVEL_TIMEOUT;
    while Instant::now() < deadline && (unacknowledged(people) > 0 || missing(people, tally) > 0) {
        tokio::time::sleep(GLANCE).await;
    }
}

fn unacknowledged(people: &[Rc<Soaker>]) -> u64 {
    people.iter().map(|soaker| soaker.unacknowledged()).sum()
}

/// How many messages and changes were acknowledged to somebody but have not reached everybody.
fn missing(people: &[Rc<Soaker>], tally: &Tally) -> u64 {
    let end =
        |ends: &RefCell<HashMap<u64, u64>>| ends.borrow().values().copied().max().unwrap_or(0);
    let (seq, change) = (end(&tally.ends), end(&tally.change_ends));
    people.iter().map(|soaker| soaker.missing(seq, change)).sum()
}

/// Reads the newest page repeatedly, at a leisurely pace.
async fn read(mut line: Line, until: Instant, tally: Rc<Tally>, reads: Rc<Tally>) {
    while Instant::now() < until {
        let asked = Instant::now();
        if let Err(stop) = line.get("/chats/general/history").await {
            return tally.closed(stop.to_string());
        }
        add(&reads.acknowledged, 1);
        reads.ack_micros.borrow_mut().saturating_record(asked.elapsed().as_micros() as u64);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
