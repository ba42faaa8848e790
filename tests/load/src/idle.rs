//! Many open, silent sockets: what does each cost? And does it cost the same after it has talked?

use crate::crowd::{Crowd, Door, GENERAL, doors, rest};
use crate::flags;
use crate::limits::CONTENT_CHARS_MAX;
use crate::report::Report;
use crate::server::Server;
use crate::stop::Result;
use crate::tally::Tally;
use crate::usage::Usages;
use crate::users::{self, User};
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

const ELSEWHERE: &str = "uWebSockets 570 B (no identity), Node 4.2 kB, nchan 9.4 kB, FastAPI 28.9 kB, \
    axum 138.8 kB";

#[derive(clap::Args)]
pub struct Args {
    /// Sockets to open
    #[arg(long, default_value_t = 1_000, value_parser = flags::sockets())]
    pub sockets: usize,
    /// Seconds before and after opening in which freed memory is given back
    #[arg(long, default_value_t = 12, value_parser = flags::settle())]
    settle: u64,
    /// Seconds to hold them; with --after-talk, from the last message to the last measurement
    #[arg(long, default_value_t = 10, value_parser = flags::seconds())]
    seconds: u64,
    /// A room for each socket, in which it sends and receives the longest message, of characters of four bytes
    #[arg(long)]
    pub after_talk: bool,
}

pub async fn run(
    args: &Args,
    server: &Server,
    users: &[User],
    tally: &Rc<Tally>,
) -> Result<Report> {
    let is_talk = args.after_talk && !server.is_floor();
    let doors = match is_talk {
        true => rooms(args.sockets, server, users, tally).await?,
        false => doors(GENERAL, args.sockets, users),
    };
    rest(Duration::from_secs(args.settle), &tally.closed).await;
    let before = server.usage();
    let crowd = Crowd::open(server.address, doors, tally).await?;
    rest(Duration::from_secs(args.settle), &tally.closed).await;
    let (open, began) = (server.usage(), Instant::now());
    if is_talk {
        crowd.say_much(CONTENT_CHARS_MAX).await?;
        crowd.drain().await;
    }
    rest(Duration::from_secs(args.seconds), &tally.closed).await;
    let usages = Usages { before, open, end: server.usage() };
    let mut report = Report::new("idle", &crowd, tally, began.elapsed(), usages);
    let each = report.server.as_ref();
    let each = each.and_then(|cost| cost.pss_bytes_per_socket.zip(cost.pss_bytes_per_socket_end));
    if let Some((idle, end)) = each {
        report.add_beside("memory of an idle socket", "B", idle, ELSEWHERE);
        if is_talk {
            report.add("memory once it has talked", "B", end);
            report.add("the same, of what it was", "%", end * 100.0 / idle.max(1.0));
        }
    }
    crowd.leave().await;
    Ok(report)
}

/// A room of its own for each socket.
async fn rooms(
    sockets: usize,
    server: &Server,
    users: &[User],
    tally: &Tally,
) -> Result<Vec<Door>> {
    let rooms = users::make_rooms(server, users, sockets, tally.run).await?;
    let door =
        |(room, user): (u64, User)| Door { path: format!("/ws/room/{room}"), token: user.token };
    Ok(rooms.into_iter().map(door).collect())
}
