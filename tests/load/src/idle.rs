//! Many sockets on the general chat, and nobody says a word: what does each cost?

use crate::crowd::{Crowd, Door, rest};
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
    /// Sockets to open
    #[arg(long, default_value_t = 1_000, value_parser = super::sockets())]
    sockets: usize,
    /// Seconds to let it settle before anything is measured
    #[arg(long, default_value_t = 2, value_parser = super::settle())]
    settle: u64,
    /// Seconds to hold them
    #[arg(long, default_value_t = 10, value_parser = super::seconds())]
    seconds: u64,
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
    rest(Duration::from_secs(args.seconds), &tally.closed).await;
    let usages = Usages { before, open, end: server.usage() };
    Ok(Report::new("idle", &crowd, tally, began.elapsed(), usages))
}

/// Sockets on the general chat, shared out among the users.
pub fn doors(sockets: usize, users: &[User]) -> Vec<Door> {
    let turns = users.iter().cycle().take(sockets);
    turns.map(|user| Door { path: "/ws/general".to_owned(), token: user.token.clone() }).collect()
}
