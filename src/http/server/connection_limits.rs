//! How many HTTP connections there may be: in all, and from one subnet.
//!
//! `server` waits for room before it accepts a connection, then admits it as a guest. A guest that has sent
//! something takes a place; if its subnet already has its share, or if all places are taken, it waits for
//! one. Only when too many guests from the same subnet are waiting is another turned away. Where room or a
//! place is missing, connections without a request under way make some (`quiet`). Sockets do not count here:
//! they have seats. Dropping a permit gives it back.

use super::place::{Place, PlacePermit};
use super::quiet::Quiet;
use crate::limits::{MAKE_ROOM_PAUSE, MemoryBounds};
use crate::model::subnet::Subnet;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub struct ConnectionLimits {
    /// One permit for each guest, whether served or waiting.
    room: Arc<Semaphore>,
    free: Arc<Semaphore>,
    shares: Mutex<FxHashMap<Subnet, AddressShare>>,
    quiet: Arc<Quiet>,
    memory: &'static MemoryBounds,
}

/// What one subnet uses.
struct AddressShare {
    guests: usize,
    free: Arc<Semaphore>,
}

/// Permission to accept one more connection, whoever it will be.
pub struct AcceptPermit {
    _permit: Option<OwnedSemaphorePermit>,
}

/// An accepted connection.
pub struct Guest {
    limits: Arc<ConnectionLimits>,
    _room: AcceptPermit,
    /// The subnet whose share it counts towards; none for a trusted proxy.
    share: Option<(Subnet, Arc<Semaphore>)>,
}

impl ConnectionLimits {
    pub fn new(memory: &'static MemoryBounds) -> Arc<Self> {
        Arc::new(Self {
            room: Arc::new(Semaphore::new(memory.http_connections + memory.http_waiting)),
            free: Arc::new(Semaphore::new(memory.http_connections)),
            shares: Mutex::default(),
            quiet: Arc::default(),
            memory,
        })
    }

    pub async fn room(&self) -> AcceptPermit {
        AcceptPermit { _permit: acquire(&self.room, || self.quiet.make_room()).await }
    }

    /// A trusted proxy speaks for many people, so its connections are not limited by subnet. `None`
    /// when too many guests from this subnet are waiting already.
    pub fn admit(
        self: &Arc<Self>,
        room: AcceptPermit,
        from: IpAddr,
        is_trusted: bool,
    ) -> Option<Guest> {
        let subnet = (!is_trusted).then(|| Subnet::from(from));
        let share = match subnet {
            Some(subnet) => Some((subnet, self.enter(subnet)?)),
            None => None,
        };
        Some(Guest { limits: Arc::clone(self), _room: room, share })
    }

    fn enter(&self, subnet: Subnet) -> Option<Arc<Semaphore>> {
        let connections = self.memory.http_connections_per_address();
        let mut shares = self.shares.lock();
        let share = shares.entry(subnet).or_insert_with(|| AddressShare {
            guests: 0,
            free: Arc::new(Semaphore::new(connections)),
        });
        if share.guests >= connections + self.memory.http_waiting_per_address() {
            return None;
        }
        share.guests += 1;
        Some(Arc::clone(&share.free))
    }
}

/// A permit, for which others are asked again and again while there is none.
async fn acquire(free: &Arc<Semaphore>, make_some: impl Fn()) -> Option<OwnedSemaphorePermit> {
    if let Ok(permit) = Arc::clone(free).try_acquire_owned() {
        return Some(permit);
    }
    // One wait, so that it keeps its turn.
    let mut acquiring = std::pin::pin!(Arc::clone(free).acquire_owned());
    loop {
        make_some();
        if let Ok(acquired) = tokio::time::timeout(MAKE_ROOM_PAUSE, &mut acquiring).await {
            // The semaphore is never closed.
            return acquired.ok();
        }
    }
}

impl Guest {
    pub fn is_trusted(&self) -> bool {
        self.share.is_none()
    }

    /// Waits until it has sent something, for which it has the time `idle`, and then for a place. `None` if
    /// it has sent nothing in time, or is asked to make room before; `Some(None)` if it gets no place.
    pub async fn place_to_speak(
        &self,
        stream: &TcpStream,
        idle: Duration,
        limit: Duration,
    ) -> Option<Option<Arc<Place>>> {
        // A new stream counts as readable until it has been tried.
        let heard = async { stream.peek(&mut [0]).await.is_ok() };
        let has_spoken = tokio::time::timeout(idle, self.speaks(heard)).await;
        if has_spoken.is_ok_and(|spoken| spoken) { Some(self.place(limit).await) } else { None }
    }

    /// Whether it sends something, as `heard` tells, before it is asked to make room.
    async fn speaks(&self, heard: impl Future<Output = bool>) -> bool {
        let Some((subnet, _)) = &self.share else { return heard.await };
        let (_mark, ask) = self.limits.quiet.note_silent(*subnet);
        tokio::select! {
            biased;
            heard = heard => heard,
            () = ask.notified() => false,
        }
    }

    /// Waits for a place, for as long as a request may take to arrive; `None` after that.
    pub async fn place(&self, limit: Duration) -> Option<Arc<Place>> {
        let ConnectionLimits { free, quiet, .. } = &*self.limits;
        let taking = async {
            let subnet = self.share.as_ref().map(|(subnet, _)| *subnet);
            let of_part = match &self.share {
                Some((_, free)) => Some(acquire(free, || quiet.make_place(subnet)).await?),
                None => None,
            };
            let of_all = acquire(free, || quiet.make_place(None)).await?;
            Some(Place::new(quiet, subnet, PlacePermit { _of_all: of_all, _of_part: of_part }))
        };
        tokio::time::timeout(limit, taking).await.ok()?
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let Some((subnet, _)) = &self.share else { return };
        let mut shares = self.limits.shares.lock();
        if let Some(share) = shares.get_mut(subnet) {
            share.guests -= 1;
            if share.guests == 0 {
                shares.remove(subnet);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{HTTP_QUIET_MIN, SMALL};
    use futures_util::FutureExt;

    const LIMIT: Duration = Duration::from_secs(10);

    async fn guest(limits: &Arc<ConnectionLimits>, from: &str, is_trusted: bool) -> Option<Guest> {
        limits.admit(limits.room().await, from.parse().expect("an address"), is_trusted)
    }

    #[tokio::test]
    async fn beyond_its_share_an_address_waits() {
        let limits = ConnectionLimits::new(&SMALL);
        let mut served = Vec::new();
        for _ in 0..SMALL.http_connections_per_address() {
            let guest = guest(&limits, "192.0.2.1", false).await.expect("room");
            let place = guest.place(LIMIT).await.expect("a place");
            served.push((guest, place));
        }
        let waiting = guest(&limits, "::ffff:192.0.2.1", false).await.expect("room");
        assert!(
            waiting.place(LIMIT).now_or_never().is_none(),
            "the same address, written differently"
        );
        let other = guest(&limits, "192.0.2.2", false).await.expect("room");
        let trusted = guest(&limits, "192.0.2.1", true).await.expect("room");
        assert!(other.place(LIMIT).await.is_some() && trusted.place(LIMIT).await.is_some());
        let (place, ()) = tokio::join!(waiting.place(LIMIT), async { drop(served.pop()) });
        assert!(place.is_some(), "given back");
        drop((served, waiting, other));
        assert!(limits.shares.lock().is_empty());
    }

    #[tokio::test]
    async fn a_quiet_connection_makes_room_and_one_with_a_request_does_not() {
        let limits = ConnectionLimits::new(&SMALL);
        let mut served = Vec::new();
        for _ in 0..SMALL.http_connections_per_address() {
            let guest = guest(&limits, "192.0.2.1", false).await.expect("room");
            let place = guest.place(LIMIT).await.expect("a place");
            let under_way = place.begin();
            assert!(!under_way.is_late && !place.is_quiet());
            served.push((guest, place, under_way));
        }
        let waiting = guest(&limits, "192.0.2.1", false).await.expect("room");
        let all_are_busy = waiting.place(HTTP_QUIET_MIN + MAKE_ROOM_PAUSE).await.is_none();
        assert!(all_are_busy);
        let (guest, place, under_way) = served.pop().expect("one");
        let next = place.begin();
        drop(under_way);
        assert!(!place.is_quiet(), "the next one is under way already");
        drop(next);
        let leaving = async {
            place.asked().await;
            assert!(place.is_quiet() && place.begin().is_late);
            drop((guest, place));
        };
        let (place, ()) = tokio::join!(waiting.place(LIMIT), leaving);
        assert!(place.is_some());
        drop((served, waiting, place));
        assert!(limits.quiet.is_empty());
    }

    #[tokio::test]
    async fn a_silent_guest_makes_room_first() {
        let limits = ConnectionLimits::new(&SMALL);
        let [silent, served] = ["192.0.2.1", "192.0.2.2"].map(|from| guest(&limits, from, false));
        let (silent, served) = (silent.await.expect("room"), served.await.expect("room"));
        let place = served.place(LIMIT).await.expect("a place");
        let speaking = silent.speaks(std::future::pending());
        let asking = async {
            tokio::time::sleep(HTTP_QUIET_MIN).await;
            drop(place.begin());
            limits.quiet.make_room();
        };
        let (spoke, ()) = tokio::join!(speaking, asking);
        assert!(!spoke);
        assert!(place.asked().now_or_never().is_none(), "it had a request a moment ago");
    }

    #[tokio::test]
    async fn guests_are_turned_away_when_too_many_from_their_address_wait() {
        let limits = ConnectionLimits::new(&SMALL);
        let mut guests = Vec::new();
        for _ in 0..SMALL.http_connections_per_address() + SMALL.http_waiting_per_address() {
            guests.push(guest(&limits, "192.0.2.1", false).await.expect("room"));
        }
        assert!(guest(&limits, "192.0.2.1", false).await.is_none());
        assert!(guest(&limits, "192.0.2.2", false).await.is_some());
    }
}
