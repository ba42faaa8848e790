//! What travels on the bus is authentic or passed over: it carries the code (HMAC-SHA256) of a key that the nodes share by
//! their database, and a stamp against replays.
//!
//! The stamp is the time of the database in microseconds, as its sender reckons it, and never the same twice. Of a node
//! whose last stamp is known only later ones are heard; of any other only those since we listen.

use super::NodeId;
use crate::limits::{BUS_CLOCK_SLACK, BUS_LATE_MAX, BUS_NODES_MAX};
use hmac::{Hmac, KeyInit, Mac};
use rustc_hash::FxHashMap;
use sha2::Sha256;

const VERSION: u8 = 1;
const CODE_BYTES: usize = 16;

/// Why something that came on the bus is not heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassedOver {
    /// By a newer version.
    Newer,
    /// Cut off, or by another product.
    Unread,
    /// Not by one of our nodes.
    Forged,
    /// FromBus before, or so old that it may have been.
    Old,
}

impl PassedOver {
    pub const ALL: [Self; 4] = [Self::Newer, Self::Unread, Self::Forged, Self::Old];

    pub fn name(self) -> &'static str {
        match self {
            Self::Newer => "newer",
            Self::Unread => "unread",
            Self::Forged => "forged",
            Self::Old => "old",
        }
    }
}

/// The key, for one place on the bus.
#[derive(Clone)]
pub struct Seal(Hmac<Sha256>);

/// Something that is authentic.
#[derive(Debug, PartialEq, Eq)]
pub struct Unsealed<'a> {
    pub node: NodeId,
    pub stamp: i64,
    pub body: &'a [u8],
}

impl Seal {
    pub fn new(key: &[u8], place: &str) -> Self {
        let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        Self(mac.chain_update(place).chain_update([0]))
    }

    pub fn seal(&self, node: NodeId, stamp: i64, body: &[u8]) -> Vec<u8> {
        let mut sealed = vec![VERSION];
        sealed.extend(node.0.to_be_bytes());
        sealed.extend(stamp.to_be_bytes());
        sealed.extend(body);
        let code = self.0.clone().chain_update(&sealed).finalize().into_bytes();
        sealed.extend(&code[..CODE_BYTES]);
        sealed
    }

    pub fn open<'a>(&self, sealed: &'a [u8]) -> Result<Unsealed<'a>, PassedOver> {
        match sealed.first() {
            Some(&VERSION) => {}
            Some(version) if *version > VERSION => return Err(PassedOver::Newer),
            Some(_) | None => return Err(PassedOver::Unread),
        }
        let parts = || {
            let (signed, code) = sealed.split_last_chunk::<CODE_BYTES>()?;
            let (node, rest) = signed.get(1..)?.split_first_chunk()?;
            let (stamp, body) = rest.split_first_chunk()?;
            let node = NodeId(u64::from_be_bytes(*node));
            Some((signed, code, Unsealed { node, stamp: i64::from_be_bytes(*stamp), body }))
        };
        let (signed, code, opened) = parts().ok_or(PassedOver::Unread)?;
        // In constant time.
        let is_ours = self.0.clone().chain_update(signed).verify_truncated_left(code).is_ok();
        is_ours.then_some(opened).ok_or(PassedOver::Forged)
    }
}

/// The last stamps of the nodes that are heard.
pub struct Senders {
    /// Since when we listen.
    since: i64,
    last: FxHashMap<NodeId, i64>,
}

impl Senders {
    /// Who listens since then, by the clock of the database.
    pub fn since(now: i64) -> Self {
        Self { since: now - micros(BUS_CLOCK_SLACK), last: FxHashMap::default() }
    }

    /// Whether this was not heard before.
    pub fn is_new(&mut self, node: NodeId, stamp: i64, now: i64) -> bool {
        let earliest = now - micros(BUS_LATE_MAX);
        let after = self.last.get(&node).copied().unwrap_or(self.since - 1);
        if stamp <= after || stamp < earliest {
            return false;
        }
        if self.last.len() >= BUS_NODES_MAX {
            // What they said then is too late by now, whoever says it again.
            self.last.retain(|_, last| *last >= earliest);
        }
        let has_room = self.last.len() < BUS_NODES_MAX || self.last.contains_key(&node);
        if has_room {
            self.last.insert(node, stamp);
        }
        has_room
    }
}

fn micros(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId(0x0102_0304_0506_0708);

    #[test]
    fn only_what_the_key_has_sealed_in_this_place_is_opened() {
        let seal = Seal::new(&[7; 32], "here");
        let sealed = seal.seal(NODE, 12, b"body");
        assert_eq!(seal.open(&sealed), Ok(Unsealed { node: NODE, stamp: 12, body: b"body" }));
        for other in [Seal::new(&[8; 32], "here"), Seal::new(&[7; 32], "there")] {
            assert_eq!(other.open(&sealed), Err(PassedOver::Forged));
        }
        for at in 1..sealed.len() {
            let mut forged = sealed.clone();
            forged[at] ^= 1;
            assert_eq!(seal.open(&forged), Err(PassedOver::Forged), "byte {at}");
        }
    }

    #[test]
    fn what_is_no_news_of_ours_is_told_apart() {
        let seal = Seal::new(&[7; 32], "here");
        let sealed = seal.seal(NODE, 12, b"body");
        for length in 1..sealed.len() {
            let cut = seal.open(&sealed[..length]);
            assert!(matches!(cut, Err(PassedOver::Unread | PassedOver::Forged)), "{length}");
        }
        assert_eq!(seal.open(b""), Err(PassedOver::Unread));
        assert_eq!(seal.open(b"\0other product"), Err(PassedOver::Unread));
        assert_eq!(seal.open(b"\x02a newer version"), Err(PassedOver::Newer));
    }

    #[test]
    fn nothing_is_heard_twice_nor_from_before_we_listened() {
        let second = 1_000_000;
        let now = 100 * second;
        let mut senders = Senders::since(now);
        assert!(!senders.is_new(NODE, now - 2 * second, now), "from before");
        assert!(senders.is_new(NODE, now, now));
        assert!(!senders.is_new(NODE, now, now), "a replay");
        assert!(!senders.is_new(NODE, now - 1, now), "an earlier one");
        assert!(senders.is_new(NODE, now + 1, now));
        assert!(senders.is_new(NodeId(1), now - second, now), "clocks may differ a little");
        let later = now + 3 * micros(BUS_LATE_MAX);
        assert!(!senders.is_new(NODE, now + 2, later), "too late");
    }

    #[test]
    fn as_many_nodes_as_there_may_be_are_known_and_gone_ones_forgotten() {
        let (mut senders, late) = (Senders::since(0), micros(BUS_LATE_MAX));
        for node in 0..BUS_NODES_MAX as u64 {
            assert!(senders.is_new(NodeId(node), 10, 10));
        }
        assert!(!senders.is_new(NODE, 10, 10), "one too many");
        assert!(senders.is_new(NODE, late + 20, late + 20));
        assert!(!senders.is_new(NodeId(1), 10, late + 20), "forgotten, and still not heard twice");
    }
}
