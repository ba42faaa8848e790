//! How large is this machine? Many people online, and more and more messages a second to all of them,
//! until they arrive late.

use crate::appliance::{Appliance, BUSY, IDLE};
use crate::crowd::{Bounds, Crowd, GENERAL, doors, rest};
use crate::flags::{self, Span};
use crate::mix::Mix;
use crate::pace::paces;
use crate::report::Report;
use crate::server::Server;
use crate::stop::{Result, Stop};
use crate::tally::Tally;
use crate::usage::Usages;
use crate::users::User;
use nix::sys::resource::{Resource, getrlimit};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

/// Messages a second to all, one step after another.
const STEPS: [f64; 14] =
    [1.0, 2.0, 5.0, 10.0, 20.0, 35.0, 50.0, 75.0, 100.0, 150.0, 200.0, 300.0, 500.0, 1_000.0];
/// How much is said while the memory is looked at, and to how many.
const MEMORY_STEP: f64 = 20.0;
const MEMORY_SOCKETS: usize = 1_000;
/// Files that are not sockets: ours, and those that the server reserves for itself.
const FILES_RESERVED: u64 = 250;
const SIZE: usize = 100;
const PUBLISHERS: usize = 10;

#[derive(clap::Args)]
#[command(mut_arg("settle", |settle| settle.default_value("3")))]
#[command(mut_arg("seconds", |seconds| seconds.default_value("4").help("Seconds per step")))]
pub struct Args {
    /// People online; by default 18,000, or as many as the file limit allows
    #[arg(long, value_parser = flags::sockets())]
    sockets: Option<usize>,
    #[command(flatten)]
    pub span: Span,
    /// Milliseconds within which 99 of 100 deliveries must arrive
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    p99_millis: u64,
    /// Instead, tell the memory of snug and of its PostgreSQL: idle, and with 1,000 people online at 20 messages
    /// a second
    #[arg(long)]
    report_memory: bool,
}

pub async fn run(
    args: &Args,
    server: &Server,
    users: &[User],
    tally: &Rc<Tally>,
) -> Result<Report> {
    let sockets = match args.sockets {
        Some(sockets) => sockets,
        None if args.report_memory => MEMORY_SOCKETS,
        None => affordable()?,
    };
    if args.report_memory {
        // Signing up takes memory, which is given back.
        rest(Duration::from_secs(args.span.settle), &tally.closed).await;
    }
    let (before, idle) = (server.usage(), Appliance::look(server));
    let crowd = Crowd::open(server.address, doors(GENERAL, sockets, users), tally).await?;
    rest(Duration::from_secs(args.span.settle), &tally.closed).await;
    let (open, began) = (server.usage(), Instant::now());

    let mut best = None;
    let step_of = sockets.div_ceil(PUBLISHERS);
    let most = Cell::new(None);
    let steps = if args.report_memory { &[MEMORY_STEP][..] } else { &STEPS };
    for rate in steps.iter().copied() {
        // A step that is cut short by this would prove nothing.
        if tally.sent.get() as f64 + rate * args.span.seconds as f64 > args.span.messages as f64 {
            break;
        }
        tally.forget_times();
        let seats = crowd.seats.iter().step_by(step_of).cloned();
        let writers: Vec<_> = seats.zip(paces(sockets.div_ceil(step_of), rate)).collect();
        let until = Instant::now() + Duration::from_secs(args.span.seconds);
        let bounds =
            Bounds { until, messages: args.span.messages, size: SIZE, mix: Mix::default() };
        let writing = crowd.write(writers, bounds);
        match args.report_memory {
            false => writing.await?,
            true => tokio::select! {
                written = writing => written?,
                () = Appliance::watch(server, &most) => {}
            },
        }
        crowd.settle().await;
        let p99 = tally.delivery_micros.borrow().value_at_quantile(0.99);
        eprintln!("{rate:>12} messages a second to all: p99 {:.1} ms", p99 as f64 / 1_000.0);
        if p99 > args.p99_millis * 1_000 || crowd.unacknowledged() > 0 || tally.closed.get() > 0 {
            break;
        }
        best = Some((rate, p99));
    }
    let span = crowd.drain().await - began;

    let usages = Usages { before, open, end: server.usage() };
    let mut report = Report::new("size", &crowd, tally, span, usages);
    report.summary = Some(summary(sockets, best));
    if let Some((rate, p99)) = best {
        report.add("people online", "", sockets as f64);
        report.add("messages to all", "/s", rate);
        report.add("99 of 100 deliveries within", "ms", p99 as f64 / 1_000.0);
    }
    for (memory, names) in [(idle, IDLE), (most.get(), BUSY)] {
        if let Some(memory) = memory.filter(|_| args.report_memory && !server.is_floor()) {
            memory.add_to(&mut report, names);
        }
    }
    crowd.leave().await;
    Ok(report)
}

/// Up to 18,000 sockets, within the file limits of both sides.
fn affordable() -> Result<usize> {
    let (soft, _) =
        getrlimit(Resource::RLIMIT_NOFILE).map_err(|error| Stop::new(error.to_string()))?;
    Ok(soft.saturating_sub(FILES_RESERVED).clamp(1, 18_000) as usize)
}

fn summary(sockets: usize, best: Option<(f64, u64)>) -> String {
    let people = match sockets {
        0..1_000 => sockets.to_string(),
        _ => format!("{},{:03}", sockets / 1_000, sockets % 1_000),
    };
    match best {
        Some((rate, p99)) => format!(
            "this machine: {people} people online, {rate} messages/s to all, p99 {:.0} ms",
            (p99 as f64 / 1_000.0).max(1.0)
        ),
        None => format!("this machine: {people} people online are too many to talk to at once"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_says_how_large_the_machine_is() {
        assert_eq!(
            summary(18_000, Some((300.0, 12_345))),
            "this machine: 18,000 people online, 300 messages/s to all, p99 12 ms"
        );
        assert!(summary(50, None).starts_with("this machine: 50 people online are too many"));
    }
}
