//! The connections without a request under way, the one that has been so for longest first: where room or
//! places are missing, they are asked to make some. Each has an entry here until its mark is dropped.

use crate::limits::{HTTP_QUIET_MIN, MAKE_ROOM_MAX};
use crate::model::subnet::Subnet;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Notify;

#[derive(Default)]
pub struct Quiet(Mutex<QuietGuests>);

#[derive(Default)]
struct QuietGuests {
    next: u64,
    /// Those that have sent nothing yet.
    silent: BTreeMap<u64, QuietGuest>,
    /// Those that have a place.
    placed: BTreeMap<u64, QuietGuest>,
}

struct QuietGuest {
    since: Instant,
    subnet: Subnet,
    ask: Arc<Notify>,
}

/// A connection's entry, until this is dropped.
pub struct QuietMark {
    quiet: Arc<Quiet>,
    number: u64,
}

impl Quiet {
    /// A guest that has sent nothing yet, and what tells it to make room.
    pub fn note_silent(self: &Arc<Self>, subnet: Subnet) -> (QuietMark, Arc<Notify>) {
        let ask = Arc::<Notify>::default();
        let guest = QuietGuest { since: Instant::now(), subnet, ask: Arc::clone(&ask) };
        (self.note(guest, |guests| &mut guests.silent), ask)
    }

    /// A guest that has a place, and is told by `ask` to make room.
    pub fn note_placed(self: &Arc<Self>, subnet: Subnet, ask: &Arc<Notify>) -> QuietMark {
        let guest = QuietGuest { since: Instant::now(), subnet, ask: Arc::clone(ask) };
        self.note(guest, |guests| &mut guests.placed)
    }

    fn note(
        self: &Arc<Self>,
        guest: QuietGuest,
        among: impl Fn(&mut QuietGuests) -> &mut BTreeMap<u64, QuietGuest>,
    ) -> QuietMark {
        let mut guests = self.0.lock();
        let number = guests.next;
        guests.next += 1;
        among(&mut guests).insert(number, guest);
        QuietMark { quiet: Arc::clone(self), number }
    }

    /// Asks guests to leave: those that have sent nothing first.
    pub fn make_room(&self) {
        let mut guests = self.0.lock();
        let QuietGuests { silent, placed, .. } = &mut *guests;
        for guests in [silent, placed] {
            for _ in 0..MAKE_ROOM_MAX {
                let Some(longest) = guests.first_entry() else { break };
                if !longest.get().may_be_asked() {
                    break;
                }
                longest.remove().ask.notify_one();
            }
        }
    }

    /// Asks the one that has been quiet for longest to give up its place: of this subnet, or of all.
    pub fn make_place(&self, of: Option<Subnet>) {
        let mut guests = self.0.lock();
        let is_one = |guest: &QuietGuest| of.is_none_or(|subnet| subnet == guest.subnet);
        let longest = guests.placed.iter().find(|(_, guest)| is_one(guest));
        let found = longest.filter(|(_, guest)| guest.may_be_asked()).map(|(number, _)| *number);
        if let Some(guest) = found.and_then(|number| guests.placed.remove(&number)) {
            guest.ask.notify_one();
        }
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        let guests = self.0.lock();
        guests.silent.is_empty() && guests.placed.is_empty()
    }
}

impl QuietGuest {
    /// Otherwise its request may be on its way.
    fn may_be_asked(&self) -> bool {
        self.since.elapsed() >= HTTP_QUIET_MIN
    }
}

impl QuietMark {
    /// The connection cannot be asked any more; whether it has not been asked before.
    pub fn withdraw(self) -> bool {
        self.remove()
    }

    fn remove(&self) -> bool {
        let mut guests = self.quiet.0.lock();
        let was_placed = guests.placed.remove(&self.number).is_some();
        guests.silent.remove(&self.number).is_some() || was_placed
    }
}

impl Drop for QuietMark {
    fn drop(&mut self) {
        self.remove();
    }
}
