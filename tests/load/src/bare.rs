//! The floors that PostgreSQL sets: the server's statements, without a server around them.
//!
//! For `ingest`, its batch transaction in a loop; for `history`, its page, read directly. Both run
//! on the database of the server that has just been measured.

use crate::cores::Cores;
use crate::database::{connect, failed};
use crate::history;
use crate::ingest;
use crate::limits::{BATCH_BYTES_MAX, BATCH_DRAFTS_MAX, MEDIUM, PAGES_PER_CONNECTION};
use crate::offsets::Offsets;
use crate::pace::sleep_until;
use crate::report::{Quantiles, Report};
use crate::server::Server;
use crate::stop::{Result, Stop};
use crate::tally::{Tally, histogram};
use hdrhistogram::Histogram;
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::Instant;
use tokio_postgres::Config;
use tokio_postgres::types::ToSql;

const STORE: &str = include_str!("../../../sql/messages/store.sql");
const PAGE: &str = include_str!("../../../sql/messages/history.sql");

/// As many messages as one connection stores in the same time (or in the given number), one at a
/// time; `None` without a database.
pub async fn transactions(args: &ingest::Args, server: &Server) -> Result<Option<Report>> {
    let Some(config) = &server.database else { return Ok(None) };
    let mut config = config.clone();
    config.options("-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off");
    let client = connect(&config).await?;
    let tally = Tally::new()?;
    let rooms = "select id, creator_id from chat_rooms order by id desc limit $1";
    let rooms = client.query(rooms, &[&(args.rooms as i64)]).await.map_err(failed)?;
    let rooms: Vec<(i64, i64)> = rooms.iter().map(|row| (row.get(0), row.get(1))).collect();
    let store = client.prepare(STORE).await.map_err(failed)?;
    let batch = match args.rate {
        Some(_) => 1,
        None => args
            .under_way()
            .min(BATCH_DRAFTS_MAX)
            .min(BATCH_BYTES_MAX / args.writing.size.max(1) + 1),
    };
    let mut micros = tally.ack_micros.borrow().clone();
    let (began, content) = (Instant::now(), "x".repeat(args.writing.size));
    let until = began + Duration::from_secs(args.writing.span.seconds);
    let mut stored = 0;
    while Instant::now() < until && stored < args.writing.span.messages {
        let turn = |n: usize| rooms[(stored as usize + n) % rooms.len()];
        let chats: Vec<i64> = (0..batch).map(|n| turn(n).0).collect();
        let senders: Vec<i64> = (0..batch).map(|n| turn(n).1).collect();
        let keys: Vec<String> =
            (0..batch as u64).map(|n| format!("sbare-{:x}-{}", tally.run, stored + n)).collect();
        let contents = vec![content.as_str(); batch];
        let hash = |text: &&str| Sha256::digest(text.as_bytes())[..16].to_vec();
        let hashes: Vec<Vec<u8>> = contents.iter().map(hash).collect();
        let params: [&(dyn ToSql + Sync); 5] = [&chats, &senders, &keys, &contents, &hashes];
        let due = match args.rate {
            Some(rate) => began + Duration::from_secs_f64(stored as f64 / rate),
            None => Instant::now(),
        };
        sleep_until(due).await;
        let rows = client.query(&store, &params).await.map_err(failed)?;
        micros.saturating_record(due.elapsed().as_micros() as u64);
        stored += rows.len() as u64;
    }
    let seconds = began.elapsed().as_secs_f64();
    let mut report = Report { scenario: "ingest", seconds, ..Report::default() };
    report.add("messages stored", "/s", stored as f64 / seconds);
    if args.rate.is_some() {
        report.ack_micros = Quantiles::of(&micros);
        report.add_waits();
    }
    Ok(Some(report))
}

/// As many pages as PostgreSQL returns in the same time, on all cores: one connection per core, with
/// several pages under way. The answers are counted but not checked.
pub async fn pages(
    args: &history::Args,
    server: &Server,
    last_seq: u64,
    cores: Option<&Cores>,
) -> Result<Option<Report>> {
    let Some(config) = &server.database else { return Ok(None) };
    let all = || std::thread::available_parallelism().map_or(1, usize::from);
    let count = cores.map_or_else(all, Cores::count).min(MEDIUM.pages_connections);
    let mut config = config.clone();
    config.options("-c plan_cache_mode=force_generic_plan -c jit=off");
    let began = Instant::now();
    let mut readers = JoinSet::new();
    for place in 0..count {
        let reader = Reader {
            config: config.clone(),
            seed: u64::from(std::process::id()) + place as u64,
            furthest: last_seq.saturating_sub(args.limit),
            limit: args.limit,
            pages: args.requests.div_ceil((count * PAGES_PER_CONNECTION) as u64),
            until: began + Duration::from_secs(args.seconds),
        };
        let cores = cores.copied();
        // On threads of their own, where nothing else of this program runs.
        readers.spawn_blocking(move || {
            cores.map_or(Ok(()), |cores| cores.release_thread())?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            LocalSet::new().block_on(&runtime, reader.read())
        });
    }
    let (mut count, mut micros) = (0, histogram()?);
    while let Some(read) = readers.join_next().await {
        let (pages, times) = read.map_err(|error| Stop::new(error.to_string()))??;
        count += pages;
        micros.add(times).map_err(|error| Stop::new(error.to_string()))?;
    }
    let seconds = began.elapsed().as_secs_f64();
    let mut report = Report { scenario: "history", seconds, ..Report::default() };
    report.count_requests(count, &micros);
    report.add("pages of history", "/s", report.requests_per_second);
    Ok(Some(report))
}

/// One connection to PostgreSQL.
struct Reader {
    config: Config,
    seed: u64,
    furthest: u64,
    limit: u64,
    /// The most pages that each of those under way at once reads.
    pages: u64,
    until: Instant,
}

impl Reader {
    /// The number of pages, and how many microseconds each one took.
    async fn read(self) -> Result<(u64, Histogram<u64>)> {
        let client = Rc::new(connect(&self.config).await?);
        let page = client.prepare(PAGE).await.map_err(failed)?;
        let micros = Rc::new(RefCell::new(histogram()?));
        let mut reading = JoinSet::new();
        for place in 0..PAGES_PER_CONNECTION as u64 {
            let (client, page, micros) = (Rc::clone(&client), page.clone(), Rc::clone(&micros));
            let mut offsets = Offsets::new(self.seed + place * 1_000, self.furthest);
            let (limit, pages, until) = (self.limit as i64, self.pages, self.until);
            reading.spawn_local(async move {
                let (mut count, none) = (0, None::<i64>);
                while Instant::now() < until && count < pages {
                    let (asked, offset) = (Instant::now(), offsets.next() as i64);
                    let params: [&(dyn ToSql + Sync); 6] =
                        [&1i64, &1i64, &limit, &offset, &none, &none];
                    let rows = client.execute(&page, &params).await.map_err(failed)?;
                    if rows != limit as u64 {
                        return Err(Stop::new(format!("a page of {rows} messages")));
                    }
                    micros.borrow_mut().saturating_record(asked.elapsed().as_micros() as u64);
                    count += 1;
                }
                Ok::<u64, Stop>(count)
            });
        }
        let mut count = 0;
        while let Some(read) = reading.join_next().await {
            count += read.map_err(|error| Stop::new(error.to_string()))??;
        }
        let micros = micros.borrow().clone();
        Ok((count, micros))
    }
}
