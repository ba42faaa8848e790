//! The backlog: bytes that wait for readers, bounded in all and fairly between subnets.
//!
//! `http` holds its larger answers here and `live` the larger pages of replays, each until the kernel has
//! taken the last of it. What is small need not be held: as many of those as there may be connections fit
//! into memory.

use crate::subnet::Subnet;
use bytes::Bytes;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::sync::Arc;

pub struct Backlog {
    bytes_max: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    total: usize,
    subnets: FxHashMap<Subnet, usize>,
}

/// Bytes that count until they are dropped.
struct HeldBytes {
    bytes: Bytes,
    counted: usize,
    subnet: Subnet,
    backlog: Arc<Backlog>,
}

impl Backlog {
    pub fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { bytes_max, held: Mutex::default() })
    }

    /// The same bytes, which count until the last reference to them is gone. A subnet may hold as much as
    /// it leaves free, so however many have taken their share, the next one has a share, too. `None` beyond
    /// that.
    pub fn hold(self: &Arc<Self>, subnet: Subnet, bytes: Bytes) -> Option<Bytes> {
        // What is larger than any share passes when nothing else waits.
        let counted = bytes.len().min(self.bytes_max / 2);
        let mut held = self.held.lock();
        let total = held.total + counted;
        let own = held.subnets.get(&subnet).copied().unwrap_or(0) + counted;
        if own + total > self.bytes_max {
            return None;
        }
        held.total = total;
        held.subnets.insert(subnet, own);
        drop(held);
        let backlog = Arc::clone(self);
        Some(Bytes::from_owner(HeldBytes { bytes, counted, subnet, backlog }))
    }
}

impl AsRef<[u8]> for HeldBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        let mut held = self.backlog.held.lock();
        held.total -= self.counted;
        if let Some(own) = held.subnets.get_mut(&self.subnet) {
            *own -= self.counted;
            if *own == 0 {
                held.subnets.remove(&self.subnet);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn subnet(last: u8) -> Subnet {
        IpAddr::from([192, 0, 2, last]).into()
    }

    fn bytes(count: usize) -> Bytes {
        vec![b'x'; count].into()
    }

    #[test]
    fn a_subnet_holds_as_much_as_it_leaves_free() {
        let backlog = Backlog::new(120);
        let mut held = Vec::new();
        let mut fill = |of: u8| {
            let before = held.len();
            while let Some(bytes) = backlog.hold(subnet(of), bytes(1)) {
                held.push(bytes);
            }
            held.len() - before
        };
        assert_eq!([1, 2, 3, 4].map(&mut fill), [60, 30, 15, 7]);
        assert_eq!(fill(1), 0);
        held.truncate(60);
        assert_eq!(backlog.held.lock().subnets.len(), 1);
        held.clear();
        assert!(backlog.held.lock().subnets.is_empty() && backlog.held.lock().total == 0);
    }

    #[test]
    fn bytes_count_until_the_last_part_of_them_is_gone() {
        let backlog = Backlog::new(10);
        let whole = backlog.hold(subnet(1), bytes(5)).expect("room");
        let part = whole.slice(2..);
        drop(whole);
        assert!(backlog.hold(subnet(1), bytes(1)).is_none());
        drop(part);
        assert!(backlog.hold(subnet(1), bytes(1)).is_some());
    }

    #[test]
    fn what_is_larger_than_any_share_passes_when_nothing_else_waits() {
        let backlog = Backlog::new(10);
        let small = backlog.hold(subnet(1), bytes(1)).expect("room");
        assert!(backlog.hold(subnet(2), bytes(100)).is_none());
        drop(small);
        let large = backlog.hold(subnet(2), bytes(100)).expect("room");
        assert_eq!(large.len(), 100);
        assert!(backlog.hold(subnet(3), bytes(6)).is_none());
    }
}
