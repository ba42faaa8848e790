//! Rate limits (token buckets): one bounded map of keys, each with the time at which its allowance
//! will be full again (the generic cell rate algorithm, ITU-T I.371).

use crate::limits::{
    EXPORTS_PER_USER, FORGOTTEN_PER_ADDRESS, INVITE_TRIES_PER_ADDRESS, INVITE_TRIES_PER_USER,
    LINK_CHANGES_PER_USER, LOGIN_FAILURES_FROM_AFAR, LOGIN_FAILURES_PER_ADDRESS,
    LOGIN_FAILURES_PER_PAIR, LOGINS_REGARDLESS, MAILS_PER_RECIPIENT, MESSAGE_BYTES_RATE,
    MESSAGE_RATE, NEW_CHATS_PER_USER, PRESENCE_SWITCHES_PER_USER, RATE_KEYS_MAX, RENEWALS_PER_USER,
    Rate, SEARCHES_PER_USER, SIGNUPS_PER_ADDRESS,
};
use crate::model::error::{Error, Result};
use crate::model::ids::UserId;
use crate::model::subnet::{Site, Subnet};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// Said of rooms and of private chats, which share one allowance.
pub const TOO_MANY_NEW_CHATS: &str = "You are beginning many chats; wait a moment before the next.";

/// What is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    Messages(UserId),
    MessageBytes(UserId),
    NewChats(UserId),
    Searches(UserId),
    LinkChanges(UserId),
    Renewals(UserId),
    Exports(UserId),
    PresenceSwitches(UserId),
    Invites(UserId),
    InvitesFrom(Subnet),
    Signups(Subnet),
    Forgotten(Subnet),
    /// What is sent to one e-mail address.
    MailsTo(AccountHash),
    LoginFailures(Subnet),
    /// An account from one subnet.
    LoginFailuresOf(AccountHash, Subnet),
    /// The same account, from all subnets without a recent sign-in to it.
    LoginFailuresFromAfar(AccountHash),
    /// The same account, from one site that has not failed to log in to it.
    LoginsRegardless(AccountHash, Site),
}

impl Key {
    fn rate(self) -> Rate {
        match self {
            Self::Messages(_) => MESSAGE_RATE,
            Self::MessageBytes(_) => MESSAGE_BYTES_RATE,
            Self::NewChats(_) => NEW_CHATS_PER_USER,
            Self::Searches(_) => SEARCHES_PER_USER,
            Self::LinkChanges(_) => LINK_CHANGES_PER_USER,
            Self::Renewals(_) => RENEWALS_PER_USER,
            Self::Exports(_) => EXPORTS_PER_USER,
            Self::PresenceSwitches(_) => PRESENCE_SWITCHES_PER_USER,
            Self::Invites(_) => INVITE_TRIES_PER_USER,
            Self::InvitesFrom(_) => INVITE_TRIES_PER_ADDRESS,
            Self::Signups(_) => SIGNUPS_PER_ADDRESS,
            Self::Forgotten(_) => FORGOTTEN_PER_ADDRESS,
            Self::MailsTo(_) => MAILS_PER_RECIPIENT,
            Self::LoginFailures(_) => LOGIN_FAILURES_PER_ADDRESS,
            Self::LoginFailuresOf(_, _) => LOGIN_FAILURES_PER_PAIR,
            Self::LoginFailuresFromAfar(_) => LOGIN_FAILURES_FROM_AFAR,
            Self::LoginsRegardless(_, _) => LOGINS_REGARDLESS,
        }
    }
}

/// An account, whether or not it exists, by the hash of what it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccountHash(u64);

pub struct Limiter {
    on: bool,
    whole_at: Mutex<FxHashMap<Key, Instant>>,
    names: RandomState,
}

/// What was counted before an act. It stays counted, also if the act is never finished, unless it is
/// given back.
#[must_use = "what turns out not to count is given back"]
pub struct Counted<'a> {
    limiter: &'a Limiter,
    keys: SmallVec<[Key; 2]>,
}

impl Counted<'_> {
    pub fn give_back(self) {
        let mut whole_at = self.limiter.whole_at.lock();
        for key in self.keys {
            if let Some(then) = whole_at.get_mut(&key) {
                *then = then.checked_sub(key.rate().period).unwrap_or(*then);
            }
        }
    }
}

impl Limiter {
    pub fn new(on: bool) -> Self {
        Self { on, whole_at: Mutex::default(), names: RandomState::new() }
    }

    /// The account that is called this, in the form in which names are compared.
    pub fn account(&self, folded: &str) -> AccountHash {
        AccountHash(self.names.hash_one(folded))
    }

    /// Counts one of each, before the act that is counted; refused, and nothing counted, if nothing is
    /// left of one of them.
    pub fn count(&self, keys: &[Key], refusal: &'static str) -> Result<Counted<'_>> {
        let amounts: SmallVec<[(Key, u32); 2]> = keys.iter().map(|key| (*key, 1)).collect();
        self.take(&amounts).map_err(|wait| Error::too_many(refusal, wait))?;
        Ok(Counted { limiter: self, keys: keys.into() })
    }

    /// Counts so much of each, or nothing at all if one of them has less left; answers how long to wait.
    pub fn take(&self, amounts: &[(Key, u32)]) -> Result<(), Duration> {
        self.take_at(amounts, Instant::now())
    }

    /// Whether all of its allowance is there.
    pub fn is_whole(&self, key: Key) -> bool {
        self.whole_at.lock().get(&key).is_none_or(|then| *then <= Instant::now())
    }

    fn take_at(&self, amounts: &[(Key, u32)], now: Instant) -> Result<(), Duration> {
        if !self.on {
            return Ok(());
        }
        let mut whole_at = self.whole_at.lock();
        let mut taken: SmallVec<[(Key, Instant); 2]> = SmallVec::new();
        let mut wait = Duration::ZERO;
        for &(key, amount) in amounts {
            let Rate { burst, period } = key.rate();
            let then = whole_at.get(&key).map_or(now, |then| (*then).max(now)) + period * amount;
            wait = wait.max(then.saturating_duration_since(now + period * burst));
            taken.push((key, then));
        }
        if wait > Duration::ZERO {
            return Err(wait);
        }
        if whole_at.len() + taken.len() > RATE_KEYS_MAX {
            whole_at.retain(|_, then| *then > now);
        }
        for (key, then) in taken {
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

    #[test]
    fn a_burst_is_allowed_and_then_a_steady_rate() {
        let limiter = Limiter::new(true);
        let (key, start) = (Key::Messages(UserId(1)), Instant::now());
        let one = [(key, 1)];
        for _ in 0..MESSAGE_RATE.burst {
            assert_eq!(limiter.take_at(&one, start), Ok(()));
        }
        assert_eq!(limiter.take_at(&one, start), Err(MESSAGE_RATE.period));
        let later = start + MESSAGE_RATE.period;
        assert_eq!(limiter.take_at(&one, later), Ok(()));
        assert!(limiter.take_at(&one, later).is_err());
        Counted { limiter: &limiter, keys: [key].as_slice().into() }.give_back();
        assert_eq!(limiter.take_at(&one, later), Ok(()));
        assert_eq!(limiter.take_at(&[(Key::Messages(UserId(2)), 1)], start), Ok(()));
    }

    #[test]
    fn of_two_allowances_both_are_taken_or_neither() {
        let limiter = Limiter::new(true);
        let (user, start) = (UserId(1), Instant::now());
        let (messages, bytes) = (Key::Messages(user), Key::MessageBytes(user));
        let all = MESSAGE_BYTES_RATE.burst;
        assert!(limiter.is_whole(bytes));
        assert_eq!(limiter.take_at(&[(messages, 1), (bytes, all)], start), Ok(()));
        assert!(!limiter.is_whole(bytes));
        let wait = limiter.take_at(&[(messages, 1), (bytes, 100)], start);
        assert_eq!(wait, Err(MESSAGE_BYTES_RATE.period * 100));
        // The refused ones did not use up messages.
        assert_eq!(limiter.take_at(&[(messages, MESSAGE_RATE.burst - 1)], start), Ok(()));
    }
}
