//! Readers that open a socket and never read: what do they cost the others?
//!
//! The server must give each no more than its bounded outbox and tell it to come back later (1013). To
//! hear that, they read at last; whoever was not told so is a fault.

use crate::crowd::{doors, source};
use crate::server::Server;
use crate::socket::{Incoming, Reader, SCRATCH_BYTES, Scratch, Socket};
use crate::stop::Result;
use crate::tally::Tally;
use crate::users::User;
use std::cell::RefCell;
use std::time::Duration;
use tokio::time::Instant;

/// What has piled up for all of them is read within this time.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

pub struct Stalled(Vec<(Socket, Incoming)>);

impl Stalled {
    /// Places come after those of the crowd.
    pub async fn open(
        count: usize,
        place: usize,
        server: &Server,
        users: &[User],
        tally: &Tally,
    ) -> Result<Self> {
        let mut sockets = Vec::with_capacity(count);
        for (number, door) in doors(count, users).into_iter().enumerate() {
            let from = source(tally.run, place + number);
            let (socket, incoming) =
                Socket::open_for(Reader::Stalled, from, server.address, &door.path, &door.token)
                    .await?;
            sockets.push((socket, incoming));
        }
        Ok(Self(sockets))
    }

    /// Reads all that there is; how many were told that they are too slow.
    pub async fn told(self) -> u64 {
        let scratch: Scratch = RefCell::new(vec![0; SCRATCH_BYTES]);
        let (deadline, mut told) = (Instant::now() + READ_TIMEOUT, 0);
        for (socket, mut incoming) in self.0 {
            let reading = async {
                loop {
                    match socket.receive(&scratch, &mut incoming, &mut |_| {}).await {
                        Ok(true) => {}
                        Ok(false) => break false,
                        Err(stop) => break stop.to_string().starts_with("closed with 1013"),
                    }
                }
            };
            told += u64::from(tokio::time::timeout_at(deadline, reading).await.unwrap_or(false));
        }
        told
    }
}
