//! Many rooms are written to at once, each by its creator: how many messages are stored a second?
//!
//! Afterwards every room is asked how many messages it holds, and how many changes it has counted: an acknowledgement
//! without one is a loss. The floor is the bare transaction in `bare`.

use crate::crowd::{Crowd, Door, rest};
use crate::flags::{self, Changing, Writing};
use crate::pace::{Pace, paces};
use crate::report::Report;
use crate::server::Server;
use crate::stop::Result;
use crate::tally::{Tally, add};
use crate::usage::Usages;
use crate::users::{self, User};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

const ELSEWHERE: &str = "one commit each: 5,800/s";

#[derive(clap::Args)]
pub struct Args {
    /// Rooms to create and to write to
    #[arg(long, default_value_t = 200, value_parser = flags::sockets())]
    pub rooms: usize,
    /// Messages under way in each
    #[arg(long, default_value_t = 8, value_parser = flags::window())]
    pub window: usize,
    /// Instead: messages under way in all rooms together, taking each room in turn
    #[arg(long, conflicts_with = "window", value_parser = flags::under_way())]
    pub under_way: Option<usize>,
    /// Instead of a closed loop: messages a second, by all creators together
    #[arg(long, conflicts_with_all = ["window", "under_way"], value_parser = flags::rate)]
    pub rate: Option<f64>,
    #[command(flatten)]
    pub writing: Writing,
    #[command(flatten)]
    changing: Changing,
}

impl Args {
    /// Messages under way at once, if it is a closed loop.
    pub fn under_way(&self) -> usize {
        self.under_way.unwrap_or(self.rooms * self.window)
    }
}

pub async fn run(
    args: &Args,
    server: &Server,
    users: &[User],
    tally: &Rc<Tally>,
) -> Result<Report> {
    let mix = args.changing.mix(server)?;
    let rooms = users::make_rooms(server, users, args.rooms, tally.run).await?;
    let door = |(room, user): &(u64, User)| Door {
        path: format!("/ws/room/{room}"),
        token: user.token.clone(),
    };
    let before = server.usage();
    let crowd = Crowd::open(server.address, rooms.iter().map(door).collect(), tally).await?;
    rest(Duration::from_secs(args.writing.span.settle), &tally.closed).await;

    let snapshot = args.writing.snapshot(server, tally).await?;
    let (open, began) = (server.usage(), Instant::now());
    let seats = crowd.seats.iter().cloned();
    let writers: Vec<_> = match (args.rate, args.under_way) {
        (Some(rate), _) => seats.zip(paces(args.rooms, rate)).collect(),
        (None, None) => seats.map(|seat| (seat, Pace::Window(args.window))).collect(),
        (None, Some(count)) => {
            let room = Rc::new(Semaphore::new(count));
            seats.map(|seat| (seat, Pace::Shared(room.clone()))).collect()
        }
    };
    crowd.write(writers, args.writing.bounds(began, mix)).await?;
    let last = crowd.drain().await;
    let usages = Usages { before, open, end: server.usage() };

    let client = users::client()?;
    let (ends, change_ends) = (tally.ends.borrow().clone(), tally.change_ends.borrow().clone());
    for (room, user) in &rooms {
        let end = |ends: &HashMap<u64, u64>| ends.get(room).copied().unwrap_or(0);
        let stored = users::stands(&client, server, user, *room).await?;
        add(&tally.lost, end(&ends).saturating_sub(stored.last_seq));
        add(&tally.lost, end(&change_ends).saturating_sub(stored.last_change));
    }
    let mut report = Report::new("ingest", &crowd, tally, last - began, usages);
    let speed = report.acknowledged_per_second;
    report.add_beside("messages stored", "/s", speed, ELSEWHERE);
    if report.changed > 0 {
        let speed = report.changed_per_second;
        report.add("changes stored beside them", "/s", speed);
    }
    report.add_rates(snapshot, last, tally).await?;
    report.add_waits();
    report.add_slowest();
    crowd.leave().await;
    Ok(report)
}
