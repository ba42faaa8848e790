//! When to look at which connection again: one timer wheel per shard, in steps of a second, instead of a
//! timer per connection.
//!
//! A connection's own `look_at` says which of its entries counts; outdated ones are ignored.

use std::time::Duration;

/// How many seconds the wheel spans; no entry is later than this.
const SPAN: u32 = 64;
/// Two clocks read one after the other differ by less than this, unless one of them was set.
const CLOCKS_APART_MS: i64 = 100;

/// When a Unix time arrives, in seconds of a clock that shows `elapsed` while the system clock shows
/// `now`. They are compared each time, because the system clock may be set; a fraction of a second
/// counts as a whole one.
pub fn second_of(unix: i64, now: jiff::Timestamp, elapsed: Duration) -> u32 {
    let left = unix.saturating_mul(1_000).saturating_sub(now.as_millisecond());
    let at = left.saturating_add(elapsed.as_millis() as i64).saturating_sub(CLOCKS_APART_MS);
    // Later than the clock will ever show: halved, so that something can be added to it.
    u32::try_from(at.max(0).unsigned_abs().div_ceil(1_000)).unwrap_or(u32::MAX / 2)
}

pub struct Wheel {
    slots: Vec<Vec<u32>>,
    /// The last second that was taken.
    now: u32,
}

impl Wheel {
    pub fn new() -> Self {
        Self { slots: (0..SPAN).map(|_| Vec::new()).collect(), now: 0 }
    }

    pub fn now(&self) -> u32 {
        self.now
    }

    /// The second in which the entry will come up: `at`, limited to the span, and never the present
    /// second.
    pub fn add(&mut self, connection: u32, at: u32) -> u32 {
        let at = at.clamp(self.now + 1, self.now + SPAN - 1);
        self.slots[(at % SPAN) as usize].push(connection);
        at
    }

    /// The entries of the next second, if it has arrived by `now`.
    pub fn take(&mut self, now: u32) -> Option<Vec<u32>> {
        if self.now >= now {
            return None;
        }
        self.now += 1;
        Some(std::mem::take(&mut self.slots[(self.now % SPAN) as usize]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_found_even_if_the_system_clock_is_set() {
        let at = |unix: i64, now: &str, elapsed: f64| {
            let now = now.parse().expect("a timestamp");
            second_of(unix, now, Duration::from_secs_f64(elapsed))
        };
        assert_eq!(at(110, "1970-01-01T00:01:40Z", 7.0), 17);
        // The clocks run at the same rate but are not read at the same moment.
        assert_eq!(at(110, "1970-01-01T00:01:40.250Z", 7.251), 17);
        assert_eq!(at(110, "1970-01-01T00:01:40.251Z", 7.25), 17);
        // The system clock was set by an hour and a bit: better late than early.
        assert_eq!(at(3_710, "1970-01-01T01:01:40.5Z", 7.25), 17);
        assert_eq!(at(3_710, "1970-01-01T01:01:40.25Z", 7.5), 18);
        assert_eq!(at(90, "1970-01-01T00:01:40Z", 7.0), 0);
        assert_eq!(at(i64::MAX, "1970-01-01T00:01:40Z", 7.0), u32::MAX / 2);
    }

    #[test]
    fn an_entry_comes_up_in_its_second() {
        let mut wheel = Wheel::new();
        assert_eq!(wheel.add(7, 3), 3);
        assert_eq!(wheel.add(8, 0), 1);
        assert_eq!(wheel.add(9, 1_000), SPAN - 1);
        assert_eq!(wheel.take(3), Some(vec![8]));
        assert_eq!(wheel.take(3), Some(vec![]));
        assert_eq!(wheel.take(3), Some(vec![7]));
        assert_eq!(wheel.take(3), None);
    }
}
