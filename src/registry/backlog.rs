//! The backlog: bytes that wait for readers, bounded in all and fairly between subnets, and between the
//! users of each.
//!
//! `http` holds its larger answers here and `live` the larger pages of replays, each until the kernel has
//! taken the last of it. What is small need not be held: as many of those as there may be connections fit
//! into memory.

use crate::model::ids::UserId;
use crate::model::subnet::Subnet;
use bytes::Bytes;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::Arc;

pub struct Backlog {
    bytes_max: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    total: usize,
    subnets: FxHashMap<Subnet, usize>,
    users: FxHashMap<Waiting, usize>,
}

/// Who waits: a user in a subnet, or whoever else is there.
type Waiting = (Subnet, Option<UserId>);

/// Bytes that count until they are dropped.
struct HeldBytes {
    bytes: Bytes,
    counted: usize,
    waiting: Waiting,
    backlog: Arc<Backlog>,
}

impl Backlog {
    pub fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { bytes_max, held: Mutex::default() })
    }

    /// The same bytes, which count until the last reference to them is gone; `None` if there is no room for
    /// them. There is room while what the user, the subnet and all hold comes to no more than the bound: so
    /// each takes a part of what the others leave, and the next user and the next subnet have one, too.
    pub fn hold(
        self: &Arc<Self>,
        subnet: Subnet,
        user: Option<UserId>,
        bytes: Bytes,
    ) -> Option<Bytes> {
        // What is larger than any share passes when nothing else waits.
        let counted = bytes.len().min(self.bytes_max / 3);
        let waiting = (subnet, user);
        self.held.lock().add(waiting, counted, self.bytes_max)?;
        let backlog = Arc::clone(self);
        Some(Bytes::from_owner(HeldBytes { bytes, counted, waiting, backlog }))
    }
}

impl Held {
    fn add(&mut self, waiting: Waiting, counted: usize, bytes_max: usize) -> Option<()> {
        let of_user = self.users.get(&waiting).copied().unwrap_or(0) + counted;
        let of_subnet = self.subnets.get(&waiting.0).copied().unwrap_or(0) + counted;
        let total = self.total + counted;
        if of_user + of_subnet + total > bytes_max {
            return None;
        }
        self.users.insert(waiting, of_user);
        self.subnets.insert(waiting.0, of_subnet);
        self.total = total;
        Some(())
    }

    fn remove(&mut self, waiting: Waiting, counted: usize) {
        take_from(&mut self.users, waiting, counted);
        take_from(&mut self.subnets, waiting.0, counted);
        self.total -= counted;
    }
}

/// Those who hold nothing have no entry.
fn take_from<K: Hash + Eq>(held: &mut FxHashMap<K, usize>, of: K, counted: usize) {
    if let Entry::Occupied(mut bytes) = held.entry(of) {
        *bytes.get_mut() -= counted;
        if *bytes.get() == 0 {
            bytes.remove();
        }
    }
}

impl AsRef<[u8]> for HeldBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        self.backlog.held.lock().remove(self.waiting, self.counted);
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

    fn fill(backlog: &Arc<Backlog>, subnet: Subnet, user: i64) -> Vec<Bytes> {
        std::iter::from_fn(|| backlog.hold(subnet, Some(UserId(user)), bytes(1))).collect()
    }

    #[test]
    fn each_user_and_each_subnet_has_a_part_of_what_the_others_leave() {
        let backlog = Backlog::new(243);
        let held = [(1, 1), (1, 2), (1, 3), (2, 1), (2, 4), (3, 5)]
            .map(|(of, user)| fill(&backlog, subnet(of), user));
        assert_eq!(held.each_ref().map(Vec::len), [81, 27, 9, 42, 14, 23]);
        assert!(fill(&backlog, subnet(1), 1).is_empty());
        drop(held);
        let held = backlog.held.lock();
        assert!(held.users.is_empty() && held.subnets.is_empty() && held.total == 0);
    }

    #[test]
    fn bytes_count_until_the_last_part_of_them_is_gone() {
        let backlog = Backlog::new(15);
        let whole = backlog.hold(subnet(1), None, bytes(5)).expect("room");
        let part = whole.slice(2..);
        drop(whole);
        assert!(backlog.hold(subnet(1), None, bytes(1)).is_none());
        drop(part);
        assert!(backlog.hold(subnet(1), None, bytes(1)).is_some());
    }

    #[test]
    fn what_is_larger_than_any_share_passes_when_nothing_else_waits() {
        let backlog = Backlog::new(15);
        let small = backlog.hold(subnet(1), None, bytes(1)).expect("room");
        assert!(backlog.hold(subnet(2), None, bytes(100)).is_none());
        drop(small);
        let large = backlog.hold(subnet(2), None, bytes(100)).expect("room");
        assert_eq!(large.len(), 100);
        assert!(backlog.hold(subnet(3), None, bytes(4)).is_none());
    }
}
