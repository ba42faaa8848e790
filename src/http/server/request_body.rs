//! The body of a request, for which its client is waited for from the first time that some is missing.

use super::place::{Awaited, Place};
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

pub struct RequestBody {
    incoming: Incoming,
    place: Arc<Place>,
    awaited: Option<Awaited>,
}

impl RequestBody {
    pub fn new(incoming: Incoming, place: Arc<Place>) -> Self {
        Self { incoming, place, awaited: None }
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
        let polled = Pin::new(&mut this.incoming).poll_frame(cx);
        match &polled {
            Poll::Pending => {
                this.awaited.get_or_insert_with(|| this.place.await_client());
            }
            Poll::Ready(Some(Ok(_))) if !this.incoming.is_end_stream() => {}
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
