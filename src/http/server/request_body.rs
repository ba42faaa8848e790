//! The body of a request, for which its client is waited for from the first time that some is missing.
//!
//! An answer that comes before the end of it is the last of its connection. hyper would look for the end by itself;
//! but if it finds it while the answer still waits for its reader, it takes in the next request and never answers it.

use super::place::{Awaited, Place};
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

pub struct RequestBody {
    incoming: Incoming,
    place: Arc<Place>,
    awaited: Option<Awaited>,
    is_at_end: bool,
}

impl RequestBody {
    pub fn new(incoming: Incoming, place: Arc<Place>) -> Self {
        let is_at_end = incoming.is_end_stream();
        Self { incoming, place, awaited: None, is_at_end }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(cx);
        self.is_at_end = matches!(polled, Poll::Ready(None)) || self.incoming.is_end_stream();
        polled
    }
}

/// What came with the head is passed over, so that the connection can be used again.
impl Drop for RequestBody {
    fn drop(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        while !self.is_at_end && matches!(self.poll(&mut context), Poll::Ready(Some(Ok(_)))) {}
        if !self.is_at_end {
            self.place.end_after_answer();
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = &mut *self;
        let polled = this.poll(cx);
        match &polled {
            Poll::Pending => {
                this.awaited.get_or_insert_with(|| this.place.await_client());
            }
            Poll::Ready(Some(Ok(_))) if !this.is_at_end => {}
            Poll::Ready(_) => this.awaited = None,
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
