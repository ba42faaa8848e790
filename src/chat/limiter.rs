//! Rate limits (token buckets): one bounded map of keys, each with the time at which its allowance
//! will be full again (the generic cell rate algorithm, ITU-T I.371).

use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::limits::{RATE_KEYS_MAX, Rate};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// What is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    Messages(UserId),
    Invites(UserId),
    Signups(Subnet),
    LoginFailures(Subnet),
    /// An account, by the hash of its name, from one subnet.
    LoginFailuresOf(u64, Subnet),
    /// The same account, from all subnets without a recent sign-in to it.
    LoginFailuresFromAfar(u64),
}

/// What one customer of a provider has: an IPv4 address, or an IPv6 /64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subnet(u64);

impl From<IpAddr> for Subnet {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.to_bits().into()),
            IpAddr::V6(address) => Self((address.to_bits() >> 64) as u64),
        }
    }
}

impl Subnet {
    /// The form that the database stores.
    pub fn number(self) -> i64 {
        self.0.cast_signed()
    }
}

pub struct Limiter {
    on: bool,
    whole_at: Mutex<FxHashMap<Key, Instant>>,
    names: RandomState,
}

impl Limiter {
    pub fn new(on: bool) -> Self {
        Self { on, whole_at: Mutex::default(), names: RandomState::new() }
    }

    /// The key for failed logins to an account, whether or not it exists.
    pub fn login_key(&self, username: &str, subnet: Subnet) -> Key {
        Key::LoginFailuresOf(self.hash(username), subnet)
    }

    /// The key for failed logins to an account from everywhere, whether or not it exists.
    pub fn afar_key(&self, username: &str) -> Key {
        Key::LoginFailuresFromAfar(self.hash(username))
    }

    fn hash(&self, username: &str) -> u64 {
        self.names.hash_one(username.to_ascii_lowercase())
    }

    /// Counts one; refused if nothing is left.
    pub fn take(&self, key: Key, rate: Rate, refusal: &'static str) -> Result<()> {
        self.try_take(key, rate).map_err(|wait| Error::too_many(refusal, wait))
    }

    /// As `take`; answers how long to wait.
    pub fn try_take(&self, key: Key, rate: Rate) -> Result<(), Duration> {
        self.at(key, rate, true, Instant::now())
    }

    /// Undoes a `take` that turned out not to count.
    pub fn give_back(&self, key: Key, rate: Rate) {
        let mut whole_at = self.whole_at.lock();
        if let Some(then) = whole_at.get_mut(&key) {
            *then = then.checked_sub(rate.period).unwrap_or(*then);
        }
    }

    /// Refused if nothing is left, but counts nothing.
    pub fn check(&self, key: Key, rate: Rate, refusal: &'static str) -> Result<()> {
        self.at(key, rate, false, Instant::now()).map_err(|wait| Error::too_many(refusal, wait))
    }

    fn at(&self, key: Key, rate: Rate, count: bool, now: Instant) -> Result<(), Duration> {
        if !self.on {
            return Ok(());
        }
        let mut whole_at = self.whole_at.lock();
        let then = whole_at.get(&key).map_or(now, |then| (*then).max(now)) + rate.period;
        let allowed = now + rate.period * rate.burst;
        if then > allowed {
            return Err(then - allowed);
        }
        if count {
            if whole_at.len() >= RATE_KEYS_MAX {
                whole_at.retain(|_, then| *then > now);
            }
            if whole_at.len() < RATE_KEYS_MAX || whole_at.contains_key(&key) {
                whole_at.insert(key, then);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MESSAGE_RATE;

    #[test]
    fn a_burst_is_allowed_and_then_a_steady_rate() {
        let limiter = Limiter::new(true);
        let (key, start) = (Key::Messages(UserId(1)), Instant::now());
        for _ in 0..MESSAGE_RATE.burst {
            assert_eq!(limiter.at(key, MESSAGE_RATE, true, start), Ok(()));
        }
        assert_eq!(limiter.at(key, MESSAGE_RATE, true, start), Err(MESSAGE_RATE.period));
        let later = start + MESSAGE_RATE.period;
        assert_eq!(limiter.at(key, MESSAGE_RATE, false, later), Ok(()));
        assert_eq!(limiter.at(key, MESSAGE_RATE, true, later), Ok(()));
        assert!(limiter.at(key, MESSAGE_RATE, true, later).is_err());
        limiter.give_back(key, MESSAGE_RATE);
        assert_eq!(limiter.at(key, MESSAGE_RATE, true, later), Ok(()));
        assert_eq!(limiter.at(Key::Messages(UserId(2)), MESSAGE_RATE, true, start), Ok(()));
    }

    #[test]
    fn an_ipv6_customer_is_their_64() {
        let subnet = |text: &str| Subnet::from(text.parse::<IpAddr>().expect("an address"));
        assert_eq!(subnet("2001:db8::1"), subnet("2001:db8::ffff"));
        assert_ne!(subnet("2001:db8::1"), subnet("2001:db8:0:1::1"));
        assert_eq!(subnet("::ffff:10.0.0.1"), subnet("10.0.0.1"));
    }
}
