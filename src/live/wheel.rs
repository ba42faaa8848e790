//! When to look at which connection again: one wheel of seconds per shard instead of a timer per
//! connection.
//!
//! A connection's own `look_at` says which of its entries counts; older ones are passed over.

/// Seconds that the wheel spans; nothing is looked at later than this.
const SPAN: u32 = 64;

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

    /// The second in which the entry will come up: `at`, brought within the span and never now.
    pub fn add(&mut self, connection: u32, at: u32) -> u32 {
        let at = at.clamp(self.now + 1, self.now + SPAN - 1);
        self.slots[(at % SPAN) as usize].push(connection);
        at
    }

    /// The entries of the next second, if that has come by `now`.
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
