//! A guest's place, and which requests are under way there: while there is none, or the rest of one is
//! waited for, the connection is among the quiet ones and may be asked to make room.

use super::quiet::{Quiet, QuietMark};
use crate::model::subnet::Subnet;
use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use tokio::sync::{Notify, OwnedSemaphorePermit};

pub struct Place {
    quiet: Arc<Quiet>,
    /// None for a trusted proxy, which is never asked to make room: it would find its connection closed
    /// when it sends the next request.
    subnet: Option<Subnet>,
    ask: Arc<Notify>,
    requests: Mutex<Requests>,
    /// Whether part of a request's body has not been read.
    ends_after_answer: AtomicBool,
    _permit: PlacePermit,
}

pub struct PlacePermit {
    pub _of_all: OwnedSemaphorePermit,
    pub _of_part: Option<OwnedSemaphorePermit>,
}

/// The requests of one connection; more than one if the client sends the next before it has its answer.
#[derive(Default)]
struct Requests {
    under_way: usize,
    awaited: usize,
    /// While none is under way.
    mark: Option<QuietMark>,
}

/// The wait for the rest of a request: while it lasts, its connection counts as one without a request.
pub struct Awaited(Arc<Place>);

/// A request, from its head to the last byte of its answer.
pub struct UnderWay {
    place: Arc<Place>,
    /// Its connection had been asked to make room when it arrived.
    pub is_late: bool,
}

/// The bytes of an answer, until the kernel has taken all of them.
struct AnswerBytes {
    bytes: Bytes,
    _of: UnderWay,
}

impl Place {
    pub fn new(quiet: &Arc<Quiet>, subnet: Option<Subnet>, permit: PlacePermit) -> Arc<Self> {
        let place = Self {
            quiet: Arc::clone(quiet),
            subnet,
            ask: Arc::default(),
            requests: Mutex::default(),
            ends_after_answer: AtomicBool::new(false),
            _permit: permit,
        };
        place.requests.lock().mark = place.mark_quiet();
        Arc::new(place)
    }

    /// A request has arrived.
    pub fn begin(self: &Arc<Self>) -> UnderWay {
        let is_late = self.begin_one(&mut self.requests.lock());
        UnderWay { place: Arc::clone(self), is_late }
    }

    /// The rest of a request is waited for.
    pub fn await_client(self: &Arc<Self>) -> Awaited {
        let mut requests = self.requests.lock();
        requests.awaited += 1;
        self.end_one(&mut requests);
        Awaited(Arc::clone(self))
    }

    /// The body of a request is not read to its end, so that no other can follow.
    pub fn end_after_answer(&self) {
        self.ends_after_answer.store(true, Relaxed);
    }

    pub fn ends_after_answer(&self) -> bool {
        self.ends_after_answer.load(Relaxed)
    }

    /// Ends when the connection is to make room.
    pub async fn asked(&self) {
        self.ask.notified().await;
    }

    /// Whether there is no request under way.
    pub fn is_quiet(&self) -> bool {
        self.requests.lock().under_way == 0
    }

    /// Whether it has sent the beginning of a request, and the rest is waited for.
    pub fn is_awaited(&self) -> bool {
        self.requests.lock().awaited > 0
    }

    /// Returns whether the connection has been asked to make room.
    fn begin_one(&self, requests: &mut Requests) -> bool {
        requests.under_way += 1;
        requests.mark.take().is_some_and(|mark| !mark.withdraw())
    }

    fn end_one(&self, requests: &mut Requests) {
        requests.under_way -= 1;
        if requests.under_way == 0 {
            requests.mark = self.mark_quiet();
        }
    }

    fn mark_quiet(&self) -> Option<QuietMark> {
        self.subnet.map(|subnet| self.quiet.note_placed(subnet, &self.ask))
    }
}

impl UnderWay {
    /// The same bytes; when the last of them are gone, the request is no longer under way.
    pub fn until_written(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(AnswerBytes { bytes, _of: self })
    }
}

impl AsRef<[u8]> for AnswerBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.place.end_one(&mut self.place.requests.lock());
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        let mut requests = self.0.requests.lock();
        requests.awaited -= 1;
        // If it has been asked to make room, it is closed after the answer.
        self.0.begin_one(&mut requests);
    }
}
