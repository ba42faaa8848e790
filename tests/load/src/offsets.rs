//! Repeatable randomness: where a reader of history looks next, when a person of a soak leaves.
//!
//! Pure.

/// Where to read next: evenly distributed, and the same in each run with this seed (a linear
/// congruential generator with Knuth's constants).
pub struct Offsets {
    state: u64,
    furthest: u64,
}

impl Offsets {
    pub fn new(seed: u64, furthest: u64) -> Self {
        Self { state: seed, furthest }
    }

    pub fn next(&mut self) -> u64 {
        let mul = 6_364_136_223_846_793_005;
        self.state = self.state.wrapping_mul(mul).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 16) % (self.furthest + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_stay_within_the_chat_and_vary() {
        let mut offsets = Offsets::new(7, 99);
        let seen: std::collections::HashSet<u64> = (0..1_000).map(|_| offsets.next()).collect();
        assert!(seen.iter().all(|offset| *offset <= 99) && seen.len() > 90);
        assert_eq!(Offsets::new(7, 0).next(), 0);
    }
}
