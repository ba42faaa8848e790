//! Exponential backoff: the pauses between the tries of something that is away.
//!
//! Called by `chat`, `process` and `postgres`. Without jitter: each of these tries alone, but for reads of
//! sockets, of which a few run at once. What is worth another try, and for how long, is for the caller to say.

use crate::limits::Pauses;
use std::time::Duration;

/// The pauses of one series of tries, each longer than the one before, up to a bound.
#[derive(Debug)]
pub struct Backoff {
    pauses: Pauses,
    next: Duration,
}

impl Backoff {
    pub fn new(pauses: Pauses) -> Self {
        Self { pauses, next: pauses.first }
    }

    /// Waits before the next try.
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
    fn pauses_grow_up_to_the_longest() {
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
