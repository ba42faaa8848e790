//! The body of an answer on its way out: whole, or a page after the other as it is read.

use super::place::UnderWay;
use crate::chat::Export;
use crate::http::respond::AnswerBody;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

pub enum BodyOut {
    Whole(Full<Bytes>),
    Streamed { pages: Export, _under_way: UnderWay },
}

impl BodyOut {
    /// When the last of it is gone, the request is no longer under way.
    pub fn new(body: AnswerBody, under_way: UnderWay) -> Self {
        match body {
            AnswerBody::Whole(bytes) => Self::Whole(Full::new(under_way.until_written(bytes))),
            AnswerBody::Streamed(pages) => Self::Streamed { pages, _under_way: under_way },
        }
    }
}

impl Body for BodyOut {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut *self {
            Self::Whole(body) => Pin::new(body)
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map_err(|never| match never {}))),
            Self::Streamed { pages, .. } => {
                pages.poll_recv(cx).map(|page| page.map(|page| page.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Streamed { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Streamed { .. } => SizeHint::default(),
        }
    }
}
