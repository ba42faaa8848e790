//! Searches a general chat for words from everywhere to hardly ever, while rooms are written to: how long
//! does a search take, and how much longer does storing take than without?
//!
//! With `--searchers 0` nobody searches. The words of the messages are as frequent as in a language (Zipf's
//! law): each place has the word of rank r with a probability of about 1/r. There is no floor.

use crate::crowd::{Crowd, Door, rest};
use crate::database;
use crate::flags::{self, Writing};
use crate::http::Line;
use crate::mix::Mix;
use crate::offsets::Offsets;
use crate::pace::paces;
use crate::report::Report;
use crate::server::Server;
use crate::stop::{Result, Stop};
use crate::tally::{Tally, add, histogram};
use crate::usage::Usages;
use crate::users::{self, User};
use hdrhistogram::Histogram;
use memchr::memmem;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

/// Different words.
pub const WORDS: u64 = 50_000;
/// Of each rank below this there are thousands, of each above the other a few dozens at most.
const COMMON_RANK: u64 = 100;
const RARE_RANK: u64 = 5_000;

#[derive(clap::Args)]
pub struct Args {
    /// Messages in the general chat; missing ones are created first, but only in a database of our own
    #[arg(long, default_value_t = 100_000, value_parser = flags::rows())]
    rows: u64,
    /// People who search, one search after the other
    #[arg(long, default_value_t = 1, value_parser = flags::readers())]
    searchers: usize,
    /// Rooms that are written to: with more than ten for each user, all chats are searched together
    #[arg(long, default_value_t = 20, value_parser = flags::sockets())]
    pub rooms: usize,
    /// Messages a second, in all rooms together
    #[arg(long, default_value_t = 500.0, value_parser = flags::rate)]
    rate: f64,
    #[command(flatten)]
    writing: Writing,
}

/// How long searches took, in microseconds.
struct Times {
    all: RefCell<Histogram<u64>>,
    common: RefCell<Histogram<u64>>,
    rare: RefCell<Histogram<u64>>,
}

pub async fn run(
    args: &Args,
    server: &Server,
    users: &[User],
    tally: &Rc<Tally>,
) -> Result<Report> {
    if let Some(config) = server.database.as_ref().filter(|_| server.is_ours()) {
        database::fill_words(config, args.rows as i64, WORDS).await?;
    }
    let rooms = users::make_rooms(server, users, args.rooms, tally.run).await?;
    let door = |(room, user): &(u64, User)| Door {
        path: format!("/ws/room/{room}"),
        token: user.token.clone(),
    };
    let before = server.usage();
    let crowd = Crowd::open(server.address, rooms.iter().map(door).collect(), tally).await?;
    rest(Duration::from_secs(args.writing.span.settle), &tally.closed).await;

    let (open, began) = (server.usage(), Instant::now());
    let until = began + Duration::from_secs(args.writing.span.seconds);
    let times = Rc::new(Times {
        all: RefCell::new(histogram()?),
        common: RefCell::new(histogram()?),
        rare: RefCell::new(histogram()?),
    });
    let mut searchers = Vec::new();
    for (place, user) in users.iter().take(args.searchers).enumerate() {
        let line = Line::open(server.address, &user.token).await?;
        let ranks = Offsets::new(tally.run + place as u64, 1_000_000);
        let searching = search_until(until, line, ranks, Rc::clone(&times), Rc::clone(tally));
        searchers.push(tokio::task::spawn_local(searching));
    }
    let writers = crowd.seats.iter().cloned().zip(paces(args.rooms, args.rate)).collect();
    crowd.write(writers, args.writing.bounds(began, Mix::default())).await?;
    let last = crowd.drain().await;
    let mut count = 0;
    for searching in searchers {
        count += searching.await.map_err(|error| Stop::new(error.to_string()))??;
    }
    let usages = Usages { before, open, end: server.usage() };
    let mut report = Report::new("search", &crowd, tally, last - began, usages);
    if count > 0 {
        report.count_requests(count, &times.all.borrow());
    }
    for (what, times) in [
        ("95 of 100 searches within", &times.all),
        ("95 of 100 searches for frequent words within", &times.common),
        ("95 of 100 searches for rare words within", &times.rare),
    ] {
        let times = times.borrow();
        if !times.is_empty() {
            report.add(what, "ms", times.value_at_quantile(0.95) as f64 / 1_000.0);
        }
    }
    if let Some(p99) = report.ack_micros.as_ref().map(|quantiles| quantiles.p99) {
        report.add("99 of 100 messages stored within", "ms", p99 as f64 / 1_000.0);
    }
    crowd.leave().await;
    Ok(report)
}

/// For words of every rank, one as often as ten times that. What is found must have the word.
async fn search_until(
    until: Instant,
    mut line: Line,
    mut ranks: Offsets,
    times: Rc<Times>,
    tally: Rc<Tally>,
) -> Result<u64> {
    let mut count = 0;
    while Instant::now() < until {
        let share = ranks.next() as f64 / 1_000_000.0;
        let rank = (share * (WORDS as f64).ln()).exp() as u64;
        // With an ending, so that the last word is not the beginning of others.
        let (word, asked) = (format!("w{rank}x"), Instant::now());
        let answer = line.get(&format!("/search?q={word}&limit=20")).await?;
        let micros = asked.elapsed().as_micros() as u64;
        let results = memmem::find_iter(answer, br#"{"chat":{"#).count();
        let named = memmem::find_iter(answer, word.as_bytes()).count();
        if results > named || rank <= COMMON_RANK && results < 20 {
            add(&tally.lost, 1);
        }
        times.all.borrow_mut().saturating_record(micros);
        if rank <= COMMON_RANK {
            times.common.borrow_mut().saturating_record(micros);
        } else if rank >= RARE_RANK {
            times.rare.borrow_mut().saturating_record(micros);
        }
        count += 1;
    }
    Ok(count)
}
