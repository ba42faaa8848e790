//! Exponential backoff: the growing pauses between attempts at something that is unavailable.
//!
//! Called by `chat`, `process` and `postgres`. There is no jitter, because each of these retries
//! alone, except the reads for sockets, of which a few run at once. What to retry, and for how long,
//! is up to the caller.

use crate::limits::Pauses;
use std::time::Duration;

/// The pauses in one series of attempts, each longer than the one before, up to a limit.
#[derive(Debug)]
pub struct Backoff {
    pauses: Pauses,
    next: Duration,
}

impl Backoff {
    pub fn new(pauses: Pauses) -> Self {
        Self { pauses, next: pauses.first }
    }

    /// Waits before the next attempt.
    pub async fn pause(&mut self) {
        tokio::time::sleep(self.step()).await;
    }

    fn step(&mut self) -> Duration {
        let pause = self.next;
        self.next = pause.mul_f64(self.pauses.growth).min(self.pauses.longest);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_limit() {
        let steps = |pauses, count| {
            let mut backoff = Backoff::new(pauses);
            (0..count).map(|_| backoff.step().as_millis()).collect::<Vec<_>>()
        };
        let (first, longest) = (Duration::from_millis(50), Duration::from_millis(300));
        assert_eq!(steps(Pauses::doubling(first, longest), 5), [50, 100, 200, 300, 300]);
        let slowly = Pauses { first, longest, growth: 1.5 };
        assert_eq!(steps(slowly, 6), [50, 75, 112, 168, 253, 300]);
    }
}
