//! Seats: how many sockets there are in all, per user and per subnet, the limits on them, and which
//! sessions have sockets.
//!
//! A seat is taken before the handshake is answered, and given back when it is dropped.

use crate::model::ids::UserId;
use crate::model::message::{SessionId, Viewer};
use crate::model::subnet::Subnet;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::net::IpAddr;
use std::sync::Arc;

#[derive(Debug, Clone, Copy)]
pub struct SeatLimits {
    pub total: usize,
    pub per_user: usize,
    pub per_address: usize,
}

/// Which limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoSeat {
    Total,
    User,
    Address,
}

pub struct Seats {
    limits: SeatLimits,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    total: usize,
    users: FxHashMap<UserId, u32>,
    subnets: FxHashMap<Subnet, u32>,
    sessions: FxHashMap<(UserId, SessionId), u32>,
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seat").field("user_id", &self.viewer.user_id).finish_non_exhaustive()
    }
}

/// Permission for one open socket; given back when dropped.
pub struct Seat {
    seats: Arc<Seats>,
    viewer: Arc<Viewer>,
    address: IpAddr,
}

impl Seats {
    pub fn new(limits: SeatLimits) -> Arc<Self> {
        Arc::new(Self { limits, taken: Mutex::default() })
    }

    pub fn take(self: &Arc<Self>, viewer: &Arc<Viewer>, address: IpAddr) -> Result<Seat, NoSeat> {
        let (user_id, subnet) = (viewer.user_id, Subnet::from(address));
        let mut taken = self.taken.lock();
        let count = |n: Option<&u32>| n.copied().unwrap_or(0) as usize;
        if taken.total >= self.limits.total {
            return Err(NoSeat::Total);
        }
        if count(taken.users.get(&user_id)) >= self.limits.per_user {
            return Err(NoSeat::User);
        }
        if count(taken.subnets.get(&subnet)) >= self.limits.per_address {
            return Err(NoSeat::Address);
        }
        taken.total += 1;
        *taken.users.entry(user_id).or_default() += 1;
        *taken.subnets.entry(subnet).or_default() += 1;
        *taken.sessions.entry((user_id, viewer.session)).or_default() += 1;
        Ok(Seat { seats: Arc::clone(self), viewer: Arc::clone(viewer), address })
    }

    /// The sessions that have a seat, each listed once.
    pub fn sessions(&self) -> Vec<(UserId, SessionId)> {
        let taken = self.taken.lock();
        taken.sessions.keys().copied().collect()
    }
}

impl Seat {
    /// Where its socket comes from.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    pub fn subnet(&self) -> Subnet {
        self.address.into()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.lock();
        taken.total -= 1;
        give_back(&mut taken.users, self.viewer.user_id);
        give_back(&mut taken.subnets, self.subnet());
        give_back(&mut taken.sessions, (self.viewer.user_id, self.viewer.session));
    }
}

fn give_back<K: std::hash::Hash + Eq>(counts: &mut FxHashMap<K, u32>, key: K) {
    if let std::collections::hash_map::Entry::Occupied(mut entry) = counts.entry(key) {
        *entry.get_mut() -= 1;
        if *entry.get() == 0 {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::message::Role;

    #[test]
    fn a_seat_is_given_back_when_dropped() {
        let seats = Seats::new(SeatLimits { total: 3, per_user: 2, per_address: 2 });
        let [ada, bob, cyd] = [1, 2, 3].map(|id| {
            let (user_id, session) = (UserId(id), SessionId([id as u8; 16]));
            Arc::new(Viewer {
                user_id,
                username: "".into(),
                role: Role::Member,
                shows_presence: true,
                session,
            })
        });
        let [here, there] = [1, 2].map(|last| IpAddr::from([127, 0, 0, last]));
        let first = seats.take(&ada, here).expect("a seat");
        let _second = seats.take(&ada, there).expect("a seat");
        assert_eq!(seats.take(&ada, here).err(), Some(NoSeat::User));
        let third = seats.take(&bob, here).expect("a seat");
        assert_eq!(seats.take(&cyd, there).err(), Some(NoSeat::Total));
        assert_eq!(seats.sessions().len(), 2);
        drop(first);
        assert!(seats.take(&ada, here).is_ok());
        drop(third);
        assert_eq!(seats.sessions(), [(ada.user_id, ada.session)]);
    }
}
