//! The bus, by which nodes that share a database tell each other what is new: a queue of what is to be said, and the
//! engines that say it and hear others.
//!
//! `registry` says; what is heard goes to the rules (`chat::elsewhere`). Nothing durable depends on it: what is lost is
//! read from the database. Saying never waits: the queue is bounded, of each chat it has the newest position only, and
//! what does not fit is dropped and counted. Knows nothing of users, chats or frames beyond what `News` says of them.

mod postgres;
mod seal;

pub use postgres::serve;
pub use seal::{PassedOver, Seal, Senders};

use crate::limits::{BUS_BYTES_MAX, BUS_CHATS_MAX, BUS_NEWS_MAX, BUS_PIECE_BYTES_MAX};
use crate::metrics::Metrics;
use crate::model::error::Result;
use crate::model::ids::ChatId;
use crate::model::news::{News, Reached};
use crate::os::random;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use tokio::sync::Notify;

/// Names a process for as long as it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeId(pub u64);

pub struct Bus {
    node: NodeId,
    waiting: Mutex<Unsaid>,
    bell: Notify,
    metrics: Arc<Metrics>,
}

/// What is to be said.
#[derive(Default)]
struct Unsaid {
    chats: FxHashMap<ChatId, Reached>,
    /// Everything else, encoded, and whether it is worth nothing a moment later.
    pieces: VecDeque<(Vec<u8>, bool)>,
    bytes: usize,
}

/// What the bus brings.
#[derive(Debug)]
pub enum FromBus {
    /// It is there, after a start or an absence: what was missed is to be read.
    Connected,
    News {
        from: NodeId,
        news: Vec<News>,
    },
}

impl Bus {
    pub fn new(metrics: Arc<Metrics>) -> Result<Arc<Self>> {
        let node = NodeId(random::number()?);
        for why in PassedOver::ALL {
            metrics.bus_passed_over.with_label_values(&[why.name()]).inc_by(0);
        }
        Ok(Arc::new(Self { node, waiting: Mutex::default(), bell: Notify::new(), metrics }))
    }

    /// Never waits.
    pub fn say(&self, news: &News) {
        let has_room = match news {
            News::Reached(reached) => self.waiting.lock().put(*reached),
            news => {
                let piece = news.encode();
                piece.len() <= BUS_PIECE_BYTES_MAX
                    && self.waiting.lock().push(piece, news.is_signal())
            }
        };
        if has_room {
            self.bell.notify_one();
        } else {
            self.metrics.bus_dropped.inc();
        }
    }

    /// Whether everything has been said, or is being said.
    pub fn has_said_all(&self) -> bool {
        self.waiting.lock().is_empty()
    }

    /// Waits until there is something to say.
    async fn has_news(&self) {
        self.bell.notified().await;
    }

    /// What is to be said next, in bodies of at most so many bytes, and of these at most so many.
    fn take(&self, bytes_max: usize, bodies_max: usize) -> Vec<Vec<u8>> {
        let mut waiting = self.waiting.lock();
        let (mut bodies, mut body, mut said) = (Vec::new(), Vec::new(), 0);
        while bodies.len() < bodies_max
            && let Some(piece) = waiting.next()
        {
            if body.len() + News::room(&piece) > bytes_max {
                bodies.push(std::mem::take(&mut body));
            }
            News::put(&piece, &mut body);
            said += 1;
        }
        let has_more = !waiting.is_empty();
        drop(waiting);
        if !body.is_empty() {
            bodies.push(body);
        }
        self.metrics.bus_said.inc_by(said);
        if has_more {
            self.bell.notify_one();
        }
        bodies
    }

    /// Nobody can be told at present. Signals are worth nothing later.
    fn forget_signals(&self) {
        let mut waiting = self.waiting.lock();
        let before = waiting.pieces.len();
        waiting.pieces.retain(|(_, is_signal)| !is_signal);
        waiting.bytes = waiting.pieces.iter().map(|(piece, _)| piece.len()).sum();
        self.metrics.bus_dropped.inc_by((before - waiting.pieces.len()) as u64);
    }

    fn pass_over(&self, why: PassedOver) {
        self.metrics.bus_passed_over.with_label_values(&[why.name()]).inc();
    }
}

impl Unsaid {
    fn put(&mut self, reached: Reached) -> bool {
        let has_room = self.chats.len() < BUS_CHATS_MAX;
        match self.chats.entry(reached.chat_id) {
            Entry::Occupied(mut known) => {
                let both = known.get().and(reached);
                known.insert(both);
                true
            }
            Entry::Vacant(free) if has_room => {
                free.insert(reached);
                true
            }
            Entry::Vacant(_) => false,
        }
    }

    fn push(&mut self, piece: Vec<u8>, is_signal: bool) -> bool {
        let has_room =
            self.pieces.len() < BUS_NEWS_MAX && self.bytes + piece.len() <= BUS_BYTES_MAX;
        if has_room {
            self.bytes += piece.len();
            self.pieces.push_back((piece, is_signal));
        }
        has_room
    }

    fn next(&mut self) -> Option<Vec<u8>> {
        if let Some((piece, _)) = self.pieces.pop_front() {
            self.bytes -= piece.len();
            return Some(piece);
        }
        let chat_id = *self.chats.keys().next()?;
        self.chats.remove(&chat_id).map(|reached| News::Reached(reached).encode())
    }

    fn is_empty(&self) -> bool {
        self.chats.is_empty() && self.pieces.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::NOTIFY_BODY_BYTES_MAX;
    use crate::model::ids::{Position, Seq, UserId};
    use bytes::Bytes;

    fn bus() -> Arc<Bus> {
        Bus::new(Arc::new(Metrics::new().expect("nothing is counted twice"))).expect("randomness")
    }

    fn reached(chat: i64, seq: i64) -> News {
        let reach = Position { seq: Seq(seq), ..Position::default() };
        News::Reached(Reached::upto(ChatId(chat), reach))
    }

    fn said(bus: &Bus) -> Vec<News> {
        let bodies = bus.take(NOTIFY_BODY_BYTES_MAX, 1_000);
        assert!(bodies.iter().all(|body| body.len() <= NOTIFY_BODY_BYTES_MAX));
        bodies.iter().flat_map(|body| News::each(body)).map(|news| news.expect("ours")).collect()
    }

    #[test]
    fn of_each_chat_the_newest_position_is_said() {
        let bus = bus();
        for seq in 1..=5 {
            bus.say(&reached(7, seq));
        }
        assert_eq!(said(&bus), [reached(7, 5)]);
        assert_eq!(said(&bus), []);
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_counted() {
        let bus = bus();
        let account =
            |bytes: usize| News::Account { user_id: UserId(1), frame: vec![0; bytes].into() };
        bus.say(&account(BUS_PIECE_BYTES_MAX));
        assert_eq!((said(&bus), bus.metrics.bus_dropped.get()), (vec![], 1));
        for _ in 0..BUS_NEWS_MAX + 3 {
            bus.say(&account(1));
        }
        assert_eq!((said(&bus).len(), bus.metrics.bus_dropped.get()), (BUS_NEWS_MAX, 4));
        for chat in 0..=BUS_CHATS_MAX as i64 {
            bus.say(&reached(chat + 1, 1));
        }
        bus.say(&reached(1, 2));
        let all = said(&bus);
        assert_eq!((all.len(), bus.metrics.bus_dropped.get()), (BUS_CHATS_MAX, 5));
        assert!(all.contains(&reached(1, 2)), "a chat that waits already needs no room");
        for _ in 0..BUS_BYTES_MAX / 3_000 + 1 {
            bus.say(&account(3_000));
        }
        assert!(bus.metrics.bus_dropped.get() > 5, "bytes are bounded, too");
    }

    #[test]
    fn signals_do_not_wait_for_a_bus_that_is_away() {
        let bus = bus();
        let (chat_id, frame) = (ChatId(7), Bytes::from_static(b"{}"));
        let event = News::Account { user_id: UserId(1), frame: frame.clone() };
        bus.say(&News::Signalled { chat_id, of: None, frame });
        bus.say(&event);
        bus.forget_signals();
        assert_eq!((said(&bus), bus.metrics.bus_dropped.get()), (vec![event], 1));
    }

    #[test]
    fn a_turn_is_limited_and_the_rest_comes_in_the_next() {
        let bus = bus();
        for chat in 1..=100 {
            bus.say(&reached(chat, 1));
        }
        let mut pieces = 0;
        for _ in 0..100 {
            let bodies = bus.take(60, 2);
            assert!(bodies.len() <= 3 && bodies.iter().all(|body| body.len() <= 60));
            pieces += bodies.iter().flat_map(|body| News::each(body)).count();
        }
        assert_eq!(pieces, 100);
    }
}
