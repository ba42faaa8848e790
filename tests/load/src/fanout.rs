//! Some people write to the general chat, and everybody reads: what does a delivery cost, how long does
//! it take (`fanout`, at a rate), and how many are there flat out (`burst`, in a closed loop)?

use crate::crowd::{ALL_CHATS, Crowd, GENERAL, doors, rest};
use crate::flags::{self, Changing, Writing};
use crate::pace::{Pace, paces};
use crate::report::Report;
use crate::server::Server;
use crate::stalled::Stalled;
use crate::stop::{Result, Stop};
use crate::tally::Tally;
use crate::usage::{Usages, grown};
use crate::users::User;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

const COST_ELSEWHERE: &str = "nchan 4.9 µs, axum 4.3 µs, Node 7.6 µs, FastAPI 11.4 µs";
const SPEED_ELSEWHERE: &str = "uWebSockets 6.1 million/s (not stored), axum 260,000/s, \
    nchan 245,000/s, Node 184,000/s, FastAPI 128,000/s";

#[derive(clap::Args)]
pub struct FanoutArgs {
    #[command(flatten)]
    common: Common,
    /// How many of them also write
    #[arg(long, default_value_t = 10, value_parser = flags::sockets())]
    publishers: usize,
    /// Messages a second, by all of them together
    #[arg(long, default_value_t = 50.0, value_parser = flags::rate)]
    rate: f64,
}

#[derive(clap::Args)]
pub struct BurstArgs {
    #[command(flatten)]
    common: Common,
    /// How many of them also write
    #[arg(long, default_value_t = 100, value_parser = flags::sockets())]
    publishers: usize,
    /// Messages of each that wait for their acknowledgement at once; if more are under way than an
    /// outbox holds, the slowest reader is disconnected (1013)
    #[arg(long, default_value_t = 8, value_parser = flags::window())]
    window: usize,
}

#[derive(Clone, clap::Args)]
pub struct Common {
    /// Sockets that read
    #[arg(long, default_value_t = 1_000, value_parser = flags::sockets())]
    sockets: usize,
    /// Additional sockets that do not read before the end, and how many of them are told so (1013);
    /// everything is measured first while they do read
    #[arg(long, default_value_t = 0, value_parser = flags::stalled())]
    stalled: usize,
    /// On sockets of all chats (/ws), as browsers open them, instead of such of the general chat
    #[arg(long)]
    all_chats: bool,
    #[command(flatten)]
    writing: Writing,
    #[command(flatten)]
    changing: Changing,
}

impl Common {
    fn path(&self) -> &'static str {
        if self.all_chats { ALL_CHATS } else { GENERAL }
    }

    /// The floor waits for every reader, so it would wait forever.
    fn stalled_at(&self, server: &Server) -> usize {
        if server.is_floor() { 0 } else { self.stalled }
    }
}

pub async fn run(
    args: &FanoutArgs,
    server: &Server,
    users: &[User],
    tally: &Rc<Tally>,
) -> Result<Report> {
    let publishers = args.publishers.min(args.common.sockets);
    let rate = args.rate;
    let pace = || paces(publishers, rate).collect();
    let stalled = args.common.stalled_at(server);
    let calm = match stalled {
        0 => None,
        _ => Some(while_all_read("fanout", &args.common, pace, server, users).await?),
    };
    let mut report = broadcast("fanout", &args.common, stalled, pace, server, users, tally).await?;
    let cost = report.server.as_ref().and_then(|cost| cost.cpu_micros_per_delivery);
    if let Some(micros) = cost {
        report.add_beside("CPU per delivery", "µs", micros, COST_ELSEWHERE);
    }
    if let Some(p99) = report.delivery_micros.as_ref().map(|quantiles| quantiles.p99) {
        report.add("99 of 100 deliveries within", "ms", p99 as f64 / 1_000.0);
    }
    if let Some(calm) = calm {
        compare(&mut report, calm);
    }
    Ok(report)
}

/// The same while the later stalled readers do read; reported separately.
async fn while_all_read(
    scenario: &'static str,
    common: &Common,
    pace: impl FnOnce() -> Vec<Pace>,
    server: &Server,
    users: &[User],
) -> Result<Report> {
    let tally = Tally::new()?;
    let telling = tokio::task::spawn_local(tally.clone().tell());
    let all = Common { sockets: common.sockets + common.stalled, ..common.clone() };
    let calm = broadcast(scenario, &all, 0, pace, server, users, &tally).await;
    telling.abort();
    calm
}

/// What stalled readers cost the others, and the server in memory.
fn compare(report: &mut Report, calm: Report) {
    let p99 = |report: &Report| report.delivery_micros.as_ref().map(|quantiles| quantiles.p99);
    if let (Some(before), Some(now)) = (p99(&calm), p99(report)) {
        report.add("the same while all read", "ms", before as f64 / 1_000.0);
        report.add("of what it was", "%", now as f64 * 100.0 / before.max(1) as f64);
    }
    if let Some(bytes) = report.stalled_bytes {
        report.add("memory for each of the stalled", "B", bytes);
    }
    report.add("of the stalled closed with 1013", "", report.stalled_told as f64);
    report.blame(&calm);
}

pub async fn flat_out(
    args: &BurstArgs,
    server: &Server,
    users: &[User],
    tally: &Rc<Tally>,
) -> Result<Report> {
    let publishers = args.publishers.min(args.common.sockets);
    let pace = || vec![Pace::Window(args.window); publishers];
    let stalled = args.common.stalled_at(server);
    let mut report = broadcast("burst", &args.common, stalled, pace, server, users, tally).await?;
    let speed = report.deliveries_per_second;
    report.add_beside("deliveries flat out", "/s", speed, SPEED_ELSEWHERE);
    report.add("messages flat out", "/s", report.acknowledged_per_second);
    Ok(report)
}

/// Calls `pace` when the writing begins; it gives one pace per publisher.
async fn broadcast(
    scenario: &'static str,
    common: &Common,
    stalled: usize,
    pace: impl FnOnce() -> Vec<Pace>,
    server: &Server,
    users: &[User],
    tally: &Rc<Tally>,
) -> Result<Report> {
    let mix = common.changing.mix(server)?;
    let before = server.usage();
    let crowd =
        Crowd::open(server.address, doors(common.path(), common.sockets, users), tally).await?;
    let never_read =
        Stalled::open(common.path(), stalled, common.sockets, server, users, tally).await?;
    rest(Duration::from_secs(common.writing.span.settle), &tally.closed).await;
    let snapshot = common.writing.snapshot(server, tally).await?;
    let (open, began) = (server.usage(), Instant::now());

    let paces = pace();
    // Spread across the crowd, so that they are different users on different shards.
    let writers: Vec<_> =
        crowd.seats.iter().step_by(common.sockets / paces.len()).cloned().zip(paces).collect();
    let bounds = common.writing.bounds(began, mix);
    let (peak, writing) = (Cell::new(open), async {
        crowd.write(writers, bounds).await?;
        Ok::<_, Stop>(crowd.drain().await)
    });
    let last = match stalled {
        0 => writing.await?,
        _ => tokio::select! {
            last = writing => last?,
            () = server.watch(&peak) => return Err(Stop::new("the server is gone")),
        },
    };

    let usages = Usages { before, open, end: server.usage() };
    let mut report = Report::new(scenario, &crowd, tally, last - began, usages);
    let told = never_read.told().await;
    report.stalled = stalled as u64;
    (report.stalled_told, report.stalled_misled) = (told.too_slow, told.otherwise);
    report.stalled_bytes = grown(open, peak.get(), stalled);
    report.add_rates(snapshot, last, tally).await?;
    crowd.leave().await;
    Ok(report)
}
