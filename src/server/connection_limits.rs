//! ConnectionLimits for HTTP connections: so many in all, and only a share of them for one address.
//!
//! `server` waits for room before it accepts, and lets whoever came in as a guest. A guest whose address
//! has its share already, or who finds all limits taken, waits for one; only who comes when too many of
//! the same address wait is turned away. Sockets have no place: they have seats. What is given up is
//! given back when it is dropped.

use crate::chat::Subnet;
use crate::limits::{
    HTTP_CONNECTIONS_MAX, HTTP_CONNECTIONS_PER_ADDRESS_MAX, HTTP_WAITING_MAX,
    HTTP_WAITING_PER_ADDRESS_MAX, REQUEST_READ_TIMEOUT,
};
use rustc_hash::FxHashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub struct ConnectionLimits {
    /// For who is served and who waits.
    room: Arc<Semaphore>,
    free: Arc<Semaphore>,
    shares: Mutex<FxHashMap<Subnet, AddressShare>>,
}

/// What one address has.
struct AddressShare {
    guests: usize,
    free: Arc<Semaphore>,
}

/// AcceptPermit for one more, not yet anybody's.
pub struct AcceptPermit {
    _permit: Option<OwnedSemaphorePermit>,
}

/// Whoever was accepted.
pub struct Guest {
    limits: Arc<ConnectionLimits>,
    _room: AcceptPermit,
    /// Whose share it is; nobody's when it is not counted.
    share: Option<(Subnet, Arc<Semaphore>)>,
}

pub struct ServePermit {
    _of_all: OwnedSemaphorePermit,
    _of_part: Option<OwnedSemaphorePermit>,
}

impl ConnectionLimits {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            room: Arc::new(Semaphore::new(HTTP_CONNECTIONS_MAX + HTTP_WAITING_MAX)),
            free: Arc::new(Semaphore::new(HTTP_CONNECTIONS_MAX)),
            shares: Mutex::default(),
        })
    }

    pub async fn room(&self) -> AcceptPermit {
        // The semaphore is never closed.
        AcceptPermit { _permit: Arc::clone(&self.room).acquire_owned().await.ok() }
    }

    /// Whoever is trusted (a proxy, which speaks for many) may come in any number. `None` when too many of
    /// this address wait already.
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
        let mut shares = self.shares.lock().expect("no one panics while holding it");
        let share = shares.entry(subnet).or_insert_with(|| AddressShare {
            guests: 0,
            free: Arc::new(Semaphore::new(HTTP_CONNECTIONS_PER_ADDRESS_MAX)),
        });
        if share.guests >= HTTP_CONNECTIONS_PER_ADDRESS_MAX + HTTP_WAITING_PER_ADDRESS_MAX {
            return None;
        }
        share.guests += 1;
        Some(Arc::clone(&share.free))
    }
}

impl Guest {
    /// `None` when there was none in the time that a request may take to come.
    pub async fn place(&self) -> Option<ServePermit> {
        let taking = async {
            let of_share = match &self.share {
                Some((_, free)) => Some(Arc::clone(free).acquire_owned().await.ok()?),
                None => None,
            };
            let of_all = Arc::clone(&self.limits.free).acquire_owned().await.ok()?;
            Some(ServePermit { _of_all: of_all, _of_part: of_share })
        };
        tokio::time::timeout(REQUEST_READ_TIMEOUT, taking).await.ok()?
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let Some((subnet, _)) = &self.share else { return };
        let mut shares = self.limits.shares.lock().expect("no one panics while holding it");
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
    use futures_util::FutureExt;

    async fn guest(limits: &Arc<ConnectionLimits>, from: &str, is_trusted: bool) -> Option<Guest> {
        limits.admit(limits.room().await, from.parse().expect("an address"), is_trusted)
    }

    #[tokio::test]
    async fn an_address_has_its_part_and_its_others_wait() {
        let limits = ConnectionLimits::new();
        let mut served = Vec::new();
        for _ in 0..HTTP_CONNECTIONS_PER_ADDRESS_MAX {
            let guest = guest(&limits, "192.0.2.1", false).await.expect("room");
            let place = guest.place().await.expect("a place");
            served.push((guest, place));
        }
        let waiting = guest(&limits, "::ffff:192.0.2.1", false).await.expect("room");
        assert!(waiting.place().now_or_never().is_none(), "the same address, written otherwise");
        let other = guest(&limits, "192.0.2.2", false).await.expect("room");
        let trusted = guest(&limits, "192.0.2.1", true).await.expect("room");
        assert!(other.place().await.is_some() && trusted.place().await.is_some());
        let (place, ()) = tokio::join!(waiting.place(), async { drop(served.pop()) });
        assert!(place.is_some(), "given back");
        drop((served, waiting, other));
        assert!(limits.shares.lock().expect("no one holds it").is_empty());
    }

    #[tokio::test]
    async fn who_comes_when_too_many_of_an_address_wait_is_turned_away() {
        let limits = ConnectionLimits::new();
        let mut guests = Vec::new();
        for _ in 0..HTTP_CONNECTIONS_PER_ADDRESS_MAX + HTTP_WAITING_PER_ADDRESS_MAX {
            guests.push(guest(&limits, "192.0.2.1", false).await.expect("room"));
        }
        assert!(guest(&limits, "192.0.2.1", false).await.is_none());
        assert!(guest(&limits, "192.0.2.2", false).await.is_some());
    }
}
