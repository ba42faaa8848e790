//! Whose turn it is to use one of a few places: the sites that wait take turns (round robin), so that one with
//! many waiting delays others by one of them at most. By site, because whoever has one subnet of IPv6 usually
//! has thousands.
//!
//! Used for hashing passwords. The queue is bounded. A site may fill it while nobody else comes; when somebody
//! does, the last of the site with the most gives way (longest queue drop).

use crate::model::subnet::{Site, Subnet};
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::oneshot;

pub struct Turns {
    line: Mutex<Line>,
    waiting_max: usize,
}

#[derive(Default)]
struct Line {
    free: usize,
    taken: usize,
    /// The round of the last one whose turn came.
    round: u64,
    /// In the order in which they came; few enough to look through.
    waiting: Vec<Waiting>,
}

struct Waiting {
    site: Site,
    /// The rounds are served in turn; a site has one place in each.
    round: u64,
    called: oneshot::Sender<Turn>,
}

/// A place, until it is dropped.
pub struct Turn(Arc<Turns>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.pass_on();
    }
}

impl Turns {
    pub fn new(places: usize, waiting_max: usize) -> Arc<Self> {
        let line = Line { free: places, ..Line::default() };
        Arc::new(Self { line: Mutex::new(line), waiting_max })
    }

    /// Those who have a place, and those who wait for one.
    pub fn entered(&self) -> usize {
        let line = self.line.lock();
        line.taken + line.waiting.len()
    }

    /// Waits for a place; `None` if too many do.
    pub async fn take(self: &Arc<Self>, subnet: Subnet) -> Option<Turn> {
        let called = {
            let mut line = self.line.lock();
            if line.free > 0 {
                line.free -= 1;
                line.taken += 1;
                return Some(Turn(Arc::clone(self)));
            }
            line.enter(subnet.site(), self.waiting_max)?
        };
        called.await.ok()
    }

    /// Gives a place that has become free to the next one.
    fn pass_on(self: &Arc<Self>) {
        let next = {
            let mut line = self.line.lock();
            let next = line.next();
            if next.is_none() {
                line.free += 1;
                line.taken -= 1;
            }
            next
        };
        if let Some(called) = next {
            // If nobody waits for it any more, the turn is dropped here, and thereby passed on.
            let _ = called.send(Turn(Arc::clone(self)));
        }
    }
}

impl Line {
    /// A place at the end of the site's own queue.
    fn enter(&mut self, site: Site, waiting_max: usize) -> Option<oneshot::Receiver<Turn>> {
        // Those who have left do not count.
        self.waiting.retain(|waiting| !waiting.called.is_closed());
        if self.waiting.len() >= waiting_max {
            self.make_room(site)?;
        }
        let own = self.waiting.iter().filter(|waiting| waiting.site == site);
        let round = own.map(|waiting| waiting.round + 1).max().unwrap_or(self.round);
        let (called, call) = oneshot::channel();
        self.waiting.push(Waiting { site, round, called });
        Some(call)
    }

    /// The last of the site with the most leaves, if it has more than this one would have.
    fn make_room(&mut self, site: Site) -> Option<()> {
        let count = |of: Site| self.waiting.iter().filter(|one| one.site == of).count();
        let most = self.waiting.iter().map(|one| one.site).max_by_key(|of| count(*of))?;
        if count(most) <= count(site) + 1 {
            return None;
        }
        let last = self.waiting.iter().rposition(|waiting| waiting.site == most)?;
        self.waiting.remove(last);
        Some(())
    }

    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        self.waiting.retain(|waiting| !waiting.called.is_closed());
        // The first of several that are equal.
        let (at, _) = self.waiting.iter().enumerate().min_by_key(|(_, one)| one.round)?;
        let Waiting { round, called, .. } = self.waiting.remove(at);
        self.round = round;
        Some(called)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::net::IpAddr;

    fn subnet(n: u8) -> Subnet {
        IpAddr::from([192, 0, 2, n]).into()
    }

    #[tokio::test]
    async fn subnets_take_turns() {
        let turns = Turns::new(1, 8);
        let mut first = turns.take(subnet(1)).await;
        let waits = |n| Box::pin(turns.take(subnet(n)).map(move |turn| (n, turn.is_some(), turn)));
        let mut waiting: Vec<_> = [1, 1, 1, 2, 3, 2].map(waits).into();
        for one in &mut waiting {
            assert!(one.now_or_never().is_none());
        }
        assert_eq!(turns.entered(), 7);
        let mut served = Vec::new();
        while !waiting.is_empty() {
            drop(first.take());
            let ready = waiting.iter_mut().enumerate();
            let mut ready = ready.filter_map(|(at, one)| Some((at, one.now_or_never()?)));
            let (at, (n, is_served, turn)) = ready.next().expect("somebody's turn");
            assert!(is_served && ready.next().is_none());
            drop(ready);
            drop(waiting.remove(at));
            served.push(n);
            first = turn;
        }
        assert_eq!(served, [1, 2, 3, 1, 2, 1]);
        drop(first);
        assert_eq!(turns.entered(), 0);
    }

    #[tokio::test]
    async fn the_last_of_the_longest_queue_gives_way() {
        let turns = Turns::new(1, 4);
        let place = turns.take(subnet(1)).await;
        let mut many: Vec<_> = (0..4).map(|_| Box::pin(turns.take(subnet(1)))).collect();
        many.iter_mut().for_each(|one| assert!(one.now_or_never().is_none()));
        assert!(turns.take(subnet(1)).await.is_none(), "there is no room");
        let mut other: Vec<_> = (0..2).map(|_| Box::pin(turns.take(subnet(2)))).collect();
        other.iter_mut().for_each(|one| assert!(one.now_or_never().is_none()));
        assert!(many.remove(3).await.is_none() && many.remove(2).await.is_none());
        assert!(turns.take(subnet(2)).await.is_none(), "they are even");
        // One who leaves makes room.
        drop(many.remove(1));
        let mut third = Box::pin(turns.take(subnet(2)));
        assert!((&mut third).now_or_never().is_none());
        drop((many, other));
        drop(place);
        assert!(third.await.is_some());
        assert_eq!(turns.entered(), 0);
    }

    #[tokio::test]
    async fn the_subnets_of_a_site_count_as_one() {
        let turns = Turns::new(1, 4);
        let place = turns.take(subnet(1)).await;
        let of_site = |n: u16| Subnet::from(IpAddr::from([0x2001, 0xdb8, 0, n, 0, 0, 0, 1]));
        let mut many: Vec<_> = (0..4).map(|n| Box::pin(turns.take(of_site(n)))).collect();
        many.iter_mut().for_each(|one| assert!(one.now_or_never().is_none()));
        let mut other = Box::pin(turns.take(subnet(2)));
        assert!((&mut other).now_or_never().is_none(), "the site's last one gives way");
        assert!(many.remove(3).await.is_none());
        drop(place);
        let first = many.remove(0).await;
        assert!(first.is_some());
        drop(first);
        assert!(other.await.is_some(), "it is the other's turn");
    }
}
