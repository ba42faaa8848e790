//! Whether work is getting done: the watchdog asks this about the lane and each shard.
//!
//! A part is stuck if something is waiting for it and it has made no turn for a long time. A slow
//! database is not its fault: a part that waits for the database keeps turning.

use crate::chat::Rules;
use crate::limits::STUCK_AFTER;
use crate::registry::Inbox;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Since when a part has not moved although something was waiting.
struct Still {
    turns: u64,
    since: Instant,
}

impl Still {
    /// Takes a part's count of turns and whether something waits for the next one. Returns how long the
    /// part has not moved.
    fn look(&mut self, (turns, is_awaited): (u64, bool), now: Instant) -> Duration {
        if !is_awaited || turns != self.turns {
            *self = Self { turns, since: now };
        }
        now.duration_since(self.since)
    }
}

/// Returns a function that says, each time it is called, whether every part is doing its work.
pub fn watch(rules: &Rules, inboxes: Vec<Arc<Inbox>>) -> impl Fn() -> bool + Send + Sync + 'static {
    let lane = rules.lane_state();
    let since = Instant::now();
    let stills: Vec<_> = (0..=inboxes.len()).map(|_| Still { turns: 0, since }).collect();
    let stills = Mutex::new(stills);
    move || {
        let lane = (lane.turns.load(Relaxed), lane.waiting.load(Relaxed) > 0);
        let parts = std::iter::once(lane).chain(inboxes.iter().map(|inbox| inbox.progress()));
        let now = Instant::now();
        let mut stills = stills.lock();
        // Every part is looked at, whatever the others are doing.
        let longest = stills.iter_mut().zip(parts).map(|(still, part)| still.look(part, now)).max();
        longest.is_none_or(|longest| longest < STUCK_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::SMALL;

    #[test]
    fn a_part_is_stuck_if_something_waits_and_it_does_not_turn() {
        let began = Instant::now();
        let mut still = Still { turns: 0, since: began };
        let mut look = |secs, turns, is_awaited| {
            still.look((turns, is_awaited), began + Duration::from_secs(secs)).as_secs()
        };
        assert_eq!(look(10, 0, false), 0, "nothing to do");
        assert_eq!(look(20, 0, true), 10);
        assert_eq!(look(50, 0, true), 40);
        assert_eq!(look(60, 1, true), 0, "it turned");
        assert_eq!(look(70, 1, true), 10);
    }

    #[test]
    fn a_shard_that_does_not_turn_is_noticed() {
        let inbox = Inbox::new(SMALL.inbox_bytes);
        assert_eq!(inbox.progress(), (0, false));
        inbox.push(crate::registry::Event::Stopped);
        assert_eq!(inbox.progress(), (0, true));
        inbox.take(Vec::new());
        assert_eq!(inbox.progress(), (1, false));
    }
}
