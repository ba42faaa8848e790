//! A few write to the general chat, and everybody reads: how much does a delivery cost, and how
//! long does it take?

use crate::crowd::{Bounds, Crowd, Pace, paces, rest};
use crate::idle::doors;
use crate::report::{Report, Usages};
use crate::server::Server;
use crate::stop::Result;
use crate::tally::Tally;
use crate::users::User;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

#[derive(clap::Args)]
pub struct Args {
    /// Sockets that read
    #[arg(long, default_value_t = 1_000, value_parser = super::sockets())]
    sockets: usize,
    /// How many of them also write
    #[arg(long, default_value_t = 10, value_parser = super::sockets())]
    publishers: usize,
    /// Messages a second, by all of them together
    #[arg(long, default_value_t = 50.0, value_parser = super::rate)]
    rate: f64,
    /// Instead of a rate: as fast as acknowledgements come, with so many under way a publisher
    #[arg(long, conflicts_with = "rate", value_parser = super::window())]
    window: Option<usize>,
    /// Seconds to let it settle before anything is measured
    #[arg(long, default_value_t = 2, value_parser = super::settle())]
    settle: u64,
    /// Seconds to write
    #[arg(long, default_value_t = 10, value_parser = super::seconds())]
    seconds: u64,
    /// Messages at the most
    #[arg(long, default_value_t = 10_000_000)]
    messages: u64,
    /// Characters a message
    #[arg(long, default_value_t = 100, value_parser = super::size())]
    size: usize,
}

pub async fn run(
    args: &Args,
    server: &Server,
    users: &[User],
    tally: &Rc<Tally>,
) -> Result<Report> {
    let before = server.usage();
    let crowd = Crowd::open(server.address, doors(args.sockets, users), tally).await?;
    rest(Duration::from_secs(args.settle), &tally.closed).await;
    let (open, began) = (server.usage(), Instant::now());

    let publishers = args.publishers.min(args.sockets);
    // Spread over the crowd, so that they are different users on different shards.
    let seats = crowd.seats.iter().step_by(args.sockets / publishers).take(publishers).cloned();
    let writers: Vec<_> = match args.window {
        Some(window) => seats.map(|seat| (seat, Pace::Window(window))).collect(),
        None => seats.zip(paces(publishers, args.rate)).collect(),
    };
    let until = began + Duration::from_secs(args.seconds);
    let bounds = Bounds { until, messages: args.messages, size: args.size };
    crowd.write(&writers, bounds).await?;
    let span = crowd.drain().await - began;

    let usages = Usages { before, open, end: server.usage() };
    Ok(Report::new("fanout", &crowd, tally, span, usages))
}
