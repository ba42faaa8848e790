//! Reads random pages of the general chat's history: how many a second, and how long does one take?
//!
//! Each page is checked: it must begin where its offset says and contain as many messages as were
//! requested. The floor is PostgreSQL alone, in `bare`.

use crate::bare;
use crate::cores::Cores;
use crate::database;
use crate::flags;
use crate::http::Line;
use crate::offsets::Offsets;
use crate::report::Report;
use crate::server::Server;
use crate::stop::{Result, Stop};
use crate::tally::{Tally, add};
use crate::usage::{Cost, Usages};
use crate::users::{self, User};
use memchr::memmem;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

const ELSEWHERE: &str = "FastAPI 628/s; PostgreSQL alone 43,000/s on both cores";

#[derive(clap::Args)]
pub struct Args {
    /// Messages in the chat; missing ones are created first, but only in a database of our own
    #[arg(long, default_value_t = 100_000, value_parser = flags::rows())]
    rows: u64,
    /// Connections, each with one request under way
    #[arg(long, default_value_t = 32, value_parser = flags::lines())]
    connections: usize,
    /// Messages per page
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=200))]
    pub limit: u64,
    /// Instead of random pages: skip this many of the newest messages
    #[arg(long)]
    offset: Option<u64>,
    /// Seconds to read
    #[arg(long, default_value_t = 10, value_parser = flags::seconds())]
    pub seconds: u64,
    /// The most pages to read
    #[arg(long, default_value_t = 10_000_000)]
    pub requests: u64,
}

pub async fn run(
    args: &Args,
    server: &Server,
    users: &[User],
    tally: &Rc<Tally>,
) -> Result<Report> {
    if let Some(config) = server.database.as_ref().filter(|_| server.is_ours()) {
        database::fill_general(config, args.rows as i64).await?;
    }
    let last_seq = last_seq(server, users).await?;
    if last_seq < args.limit + args.offset.unwrap_or(0) {
        return Err(Stop::new(format!("the general chat has only {last_seq} messages")));
    }
    let (open, began) = (server.usage(), Instant::now());
    let until = began + Duration::from_secs(args.seconds);
    let mut readers = JoinSet::new();
    for (place, user) in users.iter().cycle().take(args.connections).enumerate() {
        let line = Line::open(server.address, &user.token).await?;
        let offsets = match args.offset {
            Some(_) => Offsets::new(0, 0),
            None => Offsets::new(tally.run + place as u64, last_seq - args.limit),
        };
        let begin = args.offset.unwrap_or(0);
        let reader =
            Reader { line, offsets, begin, limit: args.limit, last_seq, tally: tally.clone() };
        readers.spawn_local(reader.read_until(until, args.requests / args.connections as u64));
    }
    let mut count = 0;
    while let Some(read) = readers.join_next().await {
        count += read.map_err(|error| Stop::new(error.to_string()))??;
    }
    let (end, seconds) = (server.usage(), began.elapsed().as_secs_f64());
    let mut report = Report {
        scenario: "history",
        seconds,
        lost: tally.lost.get(),
        server: Cost::of(&Usages { before: open, open, end }, 0, 0, 0),
        ..Report::default()
    };
    report.count_requests(count, &tally.ack_micros.borrow());
    report.add_beside("pages of history", "/s", report.requests_per_second, ELSEWHERE);
    if let Some(p99) = report.request_micros.as_ref().map(|quantiles| quantiles.p99) {
        report.add("99 of 100 pages within", "ms", p99 as f64 / 1_000.0);
    }
    if let Some(seconds) = report.server.as_ref().map(|cost| cost.cpu_seconds) {
        report.add("CPU per page", "µs", seconds * 1e6 / count.max(1) as f64);
    }
    Ok(report)
}

/// PostgreSQL alone, on the same rows.
pub async fn floor(
    args: &Args,
    server: &Server,
    users: &[User],
    cores: Option<&Cores>,
) -> Result<Option<Report>> {
    bare::pages(args, server, last_seq(server, users).await?, cores).await
}

async fn last_seq(server: &Server, users: &[User]) -> Result<u64> {
    let user = users.first().ok_or_else(|| Stop::new("history: needs a user"))?;
    Ok(users::general_stands(&users::client()?, server, user).await?.last_seq)
}

/// One connection.
struct Reader {
    line: Line,
    offsets: Offsets,
    begin: u64,
    limit: u64,
    last_seq: u64,
    tally: Rc<Tally>,
}

impl Reader {
    async fn read_until(mut self, until: Instant, pages: u64) -> Result<u64> {
        let mut count = 0;
        while Instant::now() < until && count < pages {
            let (asked, offset) = (Instant::now(), self.begin + self.offsets.next());
            let path = format!("/chats/general/history?limit={}&offset={offset}", self.limit);
            let page = self.line.get(&path).await?;
            let first = self.last_seq - offset - self.limit + 1;
            if !is_page(page, first, self.limit as usize) {
                add(&self.tally.lost, 1);
            }
            let micros = asked.elapsed().as_micros() as u64;
            self.tally.ack_micros.borrow_mut().saturating_record(micros);
            count += 1;
        }
        Ok(count)
    }
}

/// Whether the page begins with this message and has this many. None of our contents looks like one.
fn is_page(page: &[u8], first: u64, count: usize) -> bool {
    let seq = format!(r#""seq":{first},"#);
    let begin = memmem::find(page, br#""seq":"#);
    begin.is_some_and(|at| page[at..].starts_with(seq.as_bytes()))
        && memmem::find_iter(page, br#"{"id":"#).count() == count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_must_begin_at_its_offset_and_be_complete() {
        let page = br#"{"messages":[{"id":5,"seq":7,"x":1},{"id":6,"seq":8,"x":1}],"last_seq":9}"#;
        assert!(is_page(page, 7, 2));
        assert!(!is_page(page, 8, 2) && !is_page(page, 7, 3) && !is_page(b"{}", 7, 0));
    }
}
