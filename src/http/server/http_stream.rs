//! The stream below hyper: what happens to bytes on their way in and out.
//!
//! Holds back the 101 of an admitted socket, so that its shard can send it together with the first
//! frame: one packet instead of two. It also checks the framing of what comes in, replaces the answers
//! that hyper gives by itself with proper ones, and cuts off readers that take an answer too slowly.

use crate::http::framing::Framing;
use crate::http::not_http;
use crate::limits::HTTP_WRITE_BYTES_MIN;
use crate::live::Ticket;
use bytes::{Buf, Bytes};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

pub struct HttpStream {
    stream: TcpStream,
    framing: Framing,
    /// Starts when a write blocks; ends when the answer is out or enough of it has been taken.
    stall: Option<Pin<Box<Sleep>>>,
    /// How long it may run.
    stall_max: Duration,
    /// How many bytes have been taken since then.
    taken: usize,
    ticket: Ticket,
    held: Vec<u8>,
    /// Whether the next bytes are the start of an answer.
    begins: bool,
    /// What is still to be written of an answer that replaces one of hyper's own.
    instead: Bytes,
}

impl HttpStream {
    pub fn new(stream: TcpStream, ticket: Ticket, stall_max: Duration) -> Self {
        Self {
            stream,
            framing: Framing::default(),
            stall: None,
            stall_max,
            taken: 0,
            ticket,
            held: Vec::new(),
            begins: true,
            instead: Bytes::new(),
        }
    }

    /// The stream, and the answer that was held back.
    pub fn into_parts(self) -> (TcpStream, Vec<u8>) {
        (self.stream, self.held)
    }
}

impl AsyncRead for HttpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.framing.watch(&mut buffer.filled_mut()[before..]);
        polled
    }
}

impl HttpStream {
    fn unless_stalled(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = written {
            self.taken += written.as_ref().copied().unwrap_or(0);
            if self.taken >= HTTP_WRITE_BYTES_MIN {
                self.stall = None;
            }
            return Poll::Ready(written);
        }
        let stall = self.stall.get_or_insert_with(|| {
            self.taken = 0;
            Box::pin(sleep(self.stall_max))
        });
        stall.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Whether another answer is written in place of these bytes.
    fn says_otherwise(&mut self, bytes: &[u8]) -> bool {
        if std::mem::take(&mut self.begins)
            && let Some(answer) = not_http::instead(bytes)
        {
            self.instead = answer;
        }
        !self.instead.is_empty()
    }
}

impl AsyncWrite for HttpStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.ticket.holds_socket() {
            self.held.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        if self.says_otherwise(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.unless_stalled(cx, written)
    }

    /// hyper flushes after it has written an answer completely.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while !this.instead.is_empty() {
            let written = Pin::new(&mut this.stream).poll_write(cx, &this.instead);
            let count = ready!(this.unless_stalled(cx, written))?;
            this.instead.advance(count);
        }
        self.begins = true;
        self.stall = None;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.ticket.holds_socket() {
            let before = self.held.len();
            slices.iter().for_each(|slice| self.held.extend_from_slice(slice));
            return Poll::Ready(Ok(self.held.len() - before));
        }
        if slices.first().is_some_and(|slice| self.says_otherwise(slice)) {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.unless_stalled(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
