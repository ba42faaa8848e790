//! Readers that open a socket and never read: what do they cost the others?
//!
//! The server must hold no more for each than its bounded outbox, and then tell it to come back later
//! (1013). To receive that, they do read at the end, and soon enough. The kernels buffer some of what is
//! not read: a reader that is still connected, or that answered no ping in the meantime (4408), was
//! simply not slow enough for the outbox.

use crate::crowd::{doors, source};
use crate::server::Server;
use crate::socket::{Incoming, Reader, SCRATCH_BYTES, Scratch, Socket};
use crate::stop::Result;
use crate::tally::Tally;
use crate::users::User;
use std::cell::RefCell;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// What has piled up for all of them is read within this time.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

pub struct Stalled(Vec<(Socket, Incoming)>);

impl Stalled {
    /// Their indexes come after those of the crowd.
    pub async fn open(
        path: &str,
        count: usize,
        place: usize,
        server: &Server,
        users: &[User],
        tally: &Tally,
    ) -> Result<Self> {
        let mut sockets = Vec::with_capacity(count);
        for (number, door) in doors(path, count, users).into_iter().enumerate() {
            let from = source(tally.run, place + number);
            let (socket, incoming) =
                Socket::open_for(Reader::Stalled, from, server.address, &door.path, &door.token)
                    .await?;
            sockets.push((socket, incoming));
        }
        Ok(Self(sockets))
    }

    /// Reads everything there is; returns what each was told.
    pub async fn told(self) -> Told {
        let deadline = Instant::now() + READ_TIMEOUT;
        let mut reading = JoinSet::new();
        for (socket, incoming) in self.0 {
            reading.spawn_local(tokio::time::timeout_at(deadline, end_of(socket, incoming)));
        }
        let mut told = Told::default();
        while let Some(end) = reading.join_next().await {
            match end {
                Ok(Ok(why)) if why.starts_with("closed with 1013") => told.too_slow += 1,
                Ok(Ok(why)) if why.starts_with("closed with 4408") => {}
                Ok(Ok(why)) if why.starts_with("closed with") => told.otherwise += 1,
                // Still connected, or cut off because it did not take the close frame either.
                Ok(Ok(_) | Err(_)) | Err(_) => {}
            }
        }
        told
    }
}

/// How many were told that they are too slow, and how many were told something untrue.
#[derive(Default)]
pub struct Told {
    pub too_slow: u64,
    pub otherwise: u64,
}

/// Reads to the end and says how it ended.
async fn end_of(socket: Socket, mut incoming: Incoming) -> String {
    let scratch: Scratch = RefCell::new(vec![0; SCRATCH_BYTES]);
    loop {
        match socket.receive(&scratch, &mut incoming, &mut |_| {}).await {
            Ok(true) => {}
            Ok(false) => return "ended without a close frame".to_owned(),
            Err(stop) => return stop.to_string(),
        }
    }
}
