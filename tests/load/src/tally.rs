//! What a run counts, shared by all of its tasks; they run on one thread.
//!
//! `crowd` writes, `report` reads. Times are nanoseconds since the run began, so that a message
//! can carry one.

use crate::check::Verdict;
use crate::stop::{Result, Stop};
use hdrhistogram::Histogram;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

/// Ten minutes in microseconds, longer than any run.
const LATENCY_MICROS_MAX: u64 = 600_000_000;

pub struct Tally {
    /// Distinguishes this run's messages from those of others.
    pub run: u64,
    pub began: Instant,
    /// The time when the clock was last read: one reading for everything that one `read` returns.
    clock: Cell<u64>,
    pub sent: Cell<u64>,
    pub acknowledged: Cell<u64>,
    pub acknowledged_twice: Cell<u64>,
    /// Changes that were acknowledged.
    pub changed: Cell<u64>,
    pub deliveries: Cell<u64>,
    pub lost: Cell<u64>,
    pub doubled: Cell<u64>,
    pub out_of_order: Cell<u64>,
    pub unreadable: Cell<u64>,
    pub closed: Cell<u64>,
    pub first_close: RefCell<Option<String>>,
    pub refused: RefCell<BTreeMap<String, u64>>,
    pub delivery_micros: RefCell<Histogram<u64>>,
    pub ack_micros: RefCell<Histogram<u64>>,
    pub change_micros: RefCell<Histogram<u64>>,
    /// The largest acknowledged `seq` of each chat: every reader must get that far.
    pub ends: RefCell<HashMap<u64, u64>>,
    /// Likewise the largest number of a change.
    pub change_ends: RefCell<HashMap<u64, u64>>,
    /// How many were acknowledged in each second of the writing.
    pub each_second: RefCell<Vec<u64>>,
}

/// A histogram of microseconds.
pub fn histogram() -> Result<Histogram<u64>> {
    Histogram::new_with_bounds(1, LATENCY_MICROS_MAX, 3)
        .map_err(|error| Stop::new(error.to_string()))
}

fn raise(ends: &RefCell<HashMap<u64, u64>>, chat_id: u64, number: u64) {
    let mut ends = ends.borrow_mut();
    let end = ends.entry(chat_id).or_default();
    *end = number.max(*end);
}

pub fn add(cell: &Cell<u64>, count: u64) {
    cell.set(cell.get() + count);
}

impl Tally {
    pub fn new() -> Result<Rc<Self>> {
        let run = getrandom::u32().map_err(|error| Stop::new(error.to_string()))?;
        Ok(Rc::new(Self {
            run: u64::from(run),
            began: Instant::now(),
            clock: Cell::default(),
            sent: Cell::default(),
            acknowledged: Cell::default(),
            acknowledged_twice: Cell::default(),
            changed: Cell::default(),
            deliveries: Cell::default(),
            lost: Cell::default(),
            doubled: Cell::default(),
            out_of_order: Cell::default(),
            unreadable: Cell::default(),
            closed: Cell::default(),
            first_close: RefCell::default(),
            refused: RefCell::default(),
            delivery_micros: RefCell::new(histogram()?),
            ack_micros: RefCell::new(histogram()?),
            change_micros: RefCell::new(histogram()?),
            ends: RefCell::default(),
            change_ends: RefCell::default(),
            each_second: RefCell::default(),
        }))
    }

    pub fn nanos(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.began).as_nanos() as u64
    }

    /// Reads the clock for the frames that come next.
    pub fn glance(&self) {
        self.clock.set(self.nanos(Instant::now()));
    }

    pub fn delivered(&self, verdict: Verdict, sent_nanos: Option<u64>) {
        add(&self.deliveries, 1);
        match verdict {
            Verdict::Next => {}
            Verdict::Gap(count) => add(&self.lost, count),
            Verdict::Double => add(&self.doubled, 1),
            Verdict::Late => {
                self.lost.set(self.lost.get() - 1);
                add(&self.out_of_order, 1);
            }
        }
        if let Some(sent) = sent_nanos {
            self.record(&self.delivery_micros, sent);
        }
    }

    pub fn acknowledged(&self, chat_id: u64, seq: u64, sent_nanos: u64) {
        add(&self.acknowledged, 1);
        self.record(&self.ack_micros, sent_nanos);
        raise(&self.ends, chat_id, seq);
    }

    pub fn changed(&self, chat_id: u64, change: u64, sent_nanos: u64) {
        add(&self.changed, 1);
        self.record(&self.change_micros, sent_nanos);
        raise(&self.change_ends, chat_id, change);
    }

    pub fn refused(&self, code: String) {
        *self.refused.borrow_mut().entry(code).or_default() += 1;
    }

    pub fn closed(&self, why: String) {
        add(&self.closed, 1);
        self.first_close.borrow_mut().get_or_insert(why);
    }

    fn record(&self, histogram: &RefCell<Histogram<u64>>, sent_nanos: u64) {
        let micros = self.clock.get().saturating_sub(sent_nanos) / 1_000;
        histogram.borrow_mut().saturating_record(micros.max(1));
    }

    /// Forgets the times so far, for a run in steps.
    pub fn forget_times(&self) {
        self.delivery_micros.borrow_mut().reset();
        self.ack_micros.borrow_mut().reset();
        self.change_micros.borrow_mut().reset();
    }

    /// Prints progress once a second, until dropped.
    pub async fn tell(self: Rc<Self>) {
        let mut last = (0, 0);
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let now = (self.deliveries.get(), self.acknowledged.get() + self.changed.get());
            if now != last {
                self.each_second.borrow_mut().push(now.1 - last.1);
                eprintln!(
                    "{:>4} s  {:>12} delivered ({}/s)  {:>10} acknowledged ({}/s)",
                    self.began.elapsed().as_secs(),
                    now.0,
                    now.0 - last.0,
                    now.1,
                    now.1 - last.1,
                );
            }
            last = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Order;

    fn count(seqs: &[u64]) -> (u64, u64, u64) {
        let tally = Tally::new().unwrap();
        let mut order = Order::from(0);
        seqs.iter().for_each(|seq| tally.delivered(order.see(*seq), None));
        (tally.lost.get(), tally.doubled.get(), tally.out_of_order.get())
    }

    #[test]
    fn losses_duplicates_and_swaps_are_counted_separately() {
        assert_eq!(count(&[1, 2, 3]), (0, 0, 0));
        assert_eq!(count(&[1, 4]), (2, 0, 0));
        assert_eq!(count(&[1, 1]), (0, 1, 0));
        assert_eq!(count(&[2, 1, 3]), (0, 0, 1));
    }
}
