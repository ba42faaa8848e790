//! How many HTTP connections there may be: in all, and from one address.
//!
//! `server` waits for room before it accepts a connection, then admits it as a guest. A guest whose
//! address already has its share, or who finds all places taken, waits for a place. Only when too many
//! guests from the same address are waiting is another turned away. Sockets do not count here: they
//! have seats. Dropping a permit gives it back.

use crate::limits::{
    HTTP_CONNECTIONS_MAX, HTTP_CONNECTIONS_PER_ADDRESS_MAX, HTTP_WAITING_MAX,
    HTTP_WAITING_PER_ADDRESS_MAX,
};
use crate::subnet::Subnet;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub struct ConnectionLimits {
    /// One permit for each guest, whether served or waiting.
    room: Arc<Semaphore>,
    free: Arc<Semaphore>,
    shares: Mutex<FxHashMap<Subnet, AddressShare>>,
}

/// What one address uses.
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
    /// The address whose share it counts towards; none for a trusted proxy.
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

    /// A trusted proxy speaks for many people, so its connections are not limited by address. `None`
    /// when too many guests from this address are waiting already.
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
        let mut shares = self.shares.lock();
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
    /// Waits for a place, for as long as a request may take to arrive; `None` after that.
    pub async fn place(&self, limit: Duration) -> Option<ServePermit> {
        let taking = async {
            let of_share = match &self.share {
                Some((_, free)) => Some(Arc::clone(free).acquire_owned().await.ok()?),
                None => None,
            };
            let of_all = Arc::clone(&self.limits.free).acquire_owned().await.ok()?;
            Some(ServePermit { _of_all: of_all, _of_part: of_share })
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
    use futures_util::FutureExt;

    const LIMIT: Duration = Duration::from_secs(10);

    async fn guest(limits: &Arc<ConnectionLimits>, from: &str, is_trusted: bool) -> Option<Guest> {
        limits.admit(limits.room().await, from.parse().expect("an address"), is_trusted)
    }

    #[tokio::test]
    async fn beyond_its_share_an_address_waits() {
        let limits = ConnectionLimits::new();
        let mut served = Vec::new();
        for _ in 0..HTTP_CONNECTIONS_PER_ADDRESS_MAX {
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
    async fn guests_are_turned_away_when_too_many_from_their_address_wait() {
        let limits = ConnectionLimits::new();
        let mut guests = Vec::new();
        for _ in 0..HTTP_CONNECTIONS_PER_ADDRESS_MAX + HTTP_WAITING_PER_ADDRESS_MAX {
            guests.push(guest(&limits, "192.0.2.1", false).await.expect("room"));
        }
        assert!(guest(&limits, "192.0.2.1", false).await.is_none());
        assert!(guest(&limits, "192.0.2.2", false).await.is_some());
    }
}
