//! Many rooms are written to at once, each by its creator: how many messages are stored a second?
//!
//! Afterwards every room is asked how many messages it holds: an acknowledgement that is not
//! backed by one is a loss.

use crate::crowd::{Bounds, Crowd, Door, Pace, rest};
use crate::report::{Report, Usages};
use crate::server::Server;
use crate::stop::Result;
use crate::tally::{Tally, add};
use crate::users::{self, User};
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

#[derive(clap::Args)]
pub struct Args {
    /// Rooms to make and to write to
    #[arg(long, default_value_t = 200, value_parser = super::sockets())]
    rooms: usize,
    /// Messages under way in each
    #[arg(long, default_value_t = 8, value_parser = super::window())]
    window: usize,
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
    let client = users::client()?;
    let mut rooms = Vec::with_capacity(args.rooms);
    for (place, user) in users.iter().cycle().take(args.rooms).enumerate() {
        let name = format!("load {:x}-{place}", tally.run);
        rooms.push((users::make_room(&client, server, user, &name).await?, user));
    }
    let door = |(room, user): &(u64, &User)| Door {
        path: format!("/ws/room/{room}"),
        token: user.token.clone(),
    };
    let before = server.usage();
    let crowd = Crowd::open(server.address, rooms.iter().map(door).collect(), tally).await?;
    rest(Duration::from_secs(args.settle), &tally.closed).await;

    let (open, began) = (server.usage(), Instant::now());
    let writers: Vec<_> =
        crowd.seats.iter().map(|seat| (seat.clone(), Pace::Window(args.window))).collect();
    let until = began + Duration::from_secs(args.seconds);
    let bounds = Bounds { until, messages: args.messages, size: args.size };
    crowd.write(&writers, bounds).await?;
    let span = crowd.drain().await - began;
    let usages = Usages { before, open, end: server.usage() };

    let ends = tally.ends.borrow().clone();
    for (room, user) in &rooms {
        let acknowledged = ends.get(room).copied().unwrap_or(0);
        let stored = users::last_seq(&client, server, user, *room).await?;
        add(&tally.lost, acknowledged.saturating_sub(stored));
    }
    Ok(Report::new("ingest", &crowd, tally, span, usages))
}
