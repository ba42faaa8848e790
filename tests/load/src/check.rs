//! The checker: whether one connection received every message of a chat once and in order.
//!
//! Pure; `crowd` feeds it what each socket receives. A message that is overtaken counts as lost
//! until it arrives, and as out of order afterwards, so that the three faults are never confused.

use std::collections::BTreeSet;

/// If more messages than this are missing at once, a late one counts as a duplicate: the run has
/// failed either way, and memory stays flat.
const MISSING_MAX: usize = 10_000;

/// What one more message says about the order of its chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Next,
    /// This many messages were skipped.
    Gap(u64),
    Double,
    /// It was skipped before and has arrived now.
    Late,
}

/// How far one connection has come in one chat.
#[derive(Debug, Default)]
pub struct Order {
    last: u64,
    missing: Vec<u64>,
}

impl Order {
    /// A connection that begins after the message `last`.
    pub fn from(last: u64) -> Self {
        Self { last, missing: Vec::new() }
    }

    /// The largest number seen so far.
    pub fn last(&self) -> u64 {
        self.last
    }

    pub fn see(&mut self, seq: u64) -> Verdict {
        if seq == self.last + 1 {
            self.last = seq;
            return Verdict::Next;
        }
        if seq > self.last {
            let room = MISSING_MAX.saturating_sub(self.missing.len());
            self.missing.extend((self.last + 1..seq).take(room));
            let passed_over = seq - self.last - 1;
            self.last = seq;
            return Verdict::Gap(passed_over);
        }
        match self.missing.iter().position(|missing| *missing == seq) {
            Some(place) => {
                self.missing.swap_remove(place);
                Verdict::Late
            }
            None => Verdict::Double,
        }
    }

    /// How many messages up to `end` never arrived, without those already reported as a gap.
    pub fn missing_at_the_end(&self, end: u64) -> u64 {
        end.saturating_sub(self.last)
    }
}

/// How far one connection has come in the changes of one chat, of which no message changes twice: a number that is
/// passed over is a loss.
#[derive(Debug, Default)]
pub struct Changes {
    order: Order,
    /// Numbers after the last one that came with messages: those that are told after their change have it already.
    told: BTreeSet<u64>,
}

impl Changes {
    /// A connection that begins after the change `last`.
    pub fn from(last: u64) -> Self {
        Self { order: Order::from(last), told: BTreeSet::new() }
    }

    pub fn last(&self) -> u64 {
        self.order.last()
    }

    /// A message came that had changed before.
    pub fn tell(&mut self, change: u64) {
        if change > self.last() {
            self.told.insert(change);
            self.advance();
        }
    }

    pub fn see(&mut self, change: u64) -> Verdict {
        self.told.remove(&change);
        let verdict = self.order.see(change);
        self.advance();
        verdict
    }

    /// Everything up to this one should have come. Returns how many did not.
    pub fn catch_up(&mut self, change: u64) -> u64 {
        let missing = self.missing_at_the_end(change);
        if missing > 0 {
            self.told.retain(|told| *told > change);
            self.order = Order::from(change);
            self.advance();
        }
        missing
    }

    pub fn missing_at_the_end(&self, end: u64) -> u64 {
        let told = self.told.range(..=end).count() as u64;
        self.order.missing_at_the_end(end).saturating_sub(told)
    }

    fn advance(&mut self) {
        while self.told.remove(&(self.last() + 1)) {
            self.order.see(self.last() + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_that_came_with_their_messages_are_not_missed() {
        let mut changes = Changes::from(10);
        changes.tell(9);
        changes.tell(13);
        changes.tell(11);
        assert_eq!(changes.last(), 11);
        assert_eq!(changes.see(12), Verdict::Next);
        assert_eq!(changes.last(), 13);
        assert_eq!(changes.see(14), Verdict::Next);
        assert_eq!(changes.see(12), Verdict::Double);
        assert_eq!(changes.see(17), Verdict::Gap(2));
        assert_eq!(changes.see(15), Verdict::Late);
        changes.tell(19);
        assert_eq!(changes.missing_at_the_end(20), 2);
        assert_eq!(changes.catch_up(20), 2);
        assert_eq!((changes.last(), changes.catch_up(20)), (20, 0));
    }

    fn verdicts(seqs: &[u64]) -> Vec<Verdict> {
        let mut order = Order::from(10);
        seqs.iter().map(|seq| order.see(*seq)).collect()
    }

    #[test]
    fn every_message_once_and_in_order_is_fine() {
        assert_eq!(verdicts(&[11, 12, 13]), [Verdict::Next; 3]);
    }

    #[test]
    fn a_gap_is_seen() {
        assert_eq!(verdicts(&[11, 14]), [Verdict::Next, Verdict::Gap(2)]);
    }

    #[test]
    fn a_double_is_seen() {
        assert_eq!(verdicts(&[11, 12, 11]), [Verdict::Next, Verdict::Next, Verdict::Double]);
        assert_eq!(verdicts(&[10]), [Verdict::Double], "from before the connection began");
    }

    #[test]
    fn a_swap_is_seen_and_is_not_a_loss() {
        assert_eq!(verdicts(&[12, 11, 13]), [Verdict::Gap(1), Verdict::Late, Verdict::Next]);
        assert_eq!(verdicts(&[12, 11, 11]), [Verdict::Gap(1), Verdict::Late, Verdict::Double]);
    }

    #[test]
    fn messages_that_never_arrive_at_the_end_are_missing() {
        let mut order = Order::from(0);
        order.see(1);
        assert_eq!(order.missing_at_the_end(3), 2);
        assert_eq!(order.missing_at_the_end(1), 0);
    }

    #[test]
    fn a_huge_gap_costs_little() {
        let mut order = Order::from(0);
        assert_eq!(order.see(1 << 50), Verdict::Gap((1 << 50) - 1));
        assert_eq!(order.missing.len(), MISSING_MAX);
    }
}
