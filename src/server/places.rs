//! Places for HTTP connections: so many in all, and only a part of them for one address.
//!
//! `server` waits for a free one before it accepts, and then has it taken in the name of whoever came.
//! Sockets have none: they have seats. A place is given back when it is dropped.

use crate::chat::Subnet;
use crate::limits::{HTTP_CONNECTIONS_MAX, HTTP_CONNECTIONS_PER_ADDRESS_MAX};
use rustc_hash::FxHashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub struct Places {
    free: Arc<Semaphore>,
    taken: Mutex<FxHashMap<Subnet, usize>>,
}

/// A free place, not yet anybody's.
pub struct Free {
    _permit: Option<OwnedSemaphorePermit>,
}

pub struct Place {
    places: Arc<Places>,
    _free: Free,
    /// Nobody's when it is not counted.
    subnet: Option<Subnet>,
}

impl Places {
    pub fn new() -> Arc<Self> {
        let free = Arc::new(Semaphore::new(HTTP_CONNECTIONS_MAX));
        Arc::new(Self { free, taken: Mutex::default() })
    }

    pub async fn free(&self) -> Free {
        // The semaphore is never closed.
        Free { _permit: Arc::clone(&self.free).acquire_owned().await.ok() }
    }

    /// Whoever is trusted (a proxy, which speaks for many) may have any number. `None` when this address
    /// has its part.
    pub fn take(self: &Arc<Self>, free: Free, address: IpAddr, is_trusted: bool) -> Option<Place> {
        let subnet = (!is_trusted).then(|| Subnet::from(address));
        if let Some(subnet) = subnet {
            let mut taken = self.taken.lock().expect("no one panics while holding it");
            let count = taken.entry(subnet).or_default();
            if *count >= HTTP_CONNECTIONS_PER_ADDRESS_MAX {
                return None;
            }
            *count += 1;
        }
        Some(Place { places: Arc::clone(self), _free: free, subnet })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(subnet) = self.subnet else { return };
        let mut taken = self.places.taken.lock().expect("no one panics while holding it");
        if let Some(count) = taken.get_mut(&subnet) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&subnet);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_has_its_part_and_a_trusted_one_all() {
        let places = Places::new();
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let mut held = Vec::new();
        for _ in 0..HTTP_CONNECTIONS_PER_ADDRESS_MAX {
            held.push(places.take(places.free().await, address("192.0.2.1"), false));
        }
        assert!(held.iter().all(Option::is_some));
        let take = async |from, is_trusted| {
            places.take(places.free().await, address(from), is_trusted).is_some()
        };
        assert!(!take("192.0.2.1", false).await);
        assert!(!take("::ffff:192.0.2.1", false).await, "the same, written otherwise");
        assert!(take("192.0.2.1", true).await && take("192.0.2.2", false).await);
        held.pop();
        assert!(take("192.0.2.1", false).await, "given back");
        drop(held);
        assert!(places.taken.lock().expect("no one holds it").is_empty());
    }
}
