//! The listener: accepts connections, lets hyper speak HTTP/1.1 on them, and hands upgraded ones to
//! their shard as sockets.
//!
//! Every hyper option that matters is spelled out here. When told to stop, it accepts nothing more and
//! answers the requests under way.

mod answer_body;
mod connection_limits;
mod http_stream;
mod listener;
mod place;
mod quiet;
mod request_body;

pub use listener::{adopt, bind};
pub use request_body::RequestBody;

use crate::http::App;
use crate::http::{Peer, not_http, respond, serve};
use crate::limits::{
    ACCEPT_CALM, ACCEPT_PAUSE, HEADER_BYTES_MAX, HEADERS_MAX, HTTP_BUFFER_BYTES_MAX,
    LINGER_BYTES_MAX, LINGER_TIMEOUT, REQUESTS_STOP_TIMEOUT,
};
use crate::live::Ticket;
use answer_body::BodyOut;
use connection_limits::{ConnectionLimits, Guest};
use http_stream::HttpStream;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use nix::sys::socket::{MsgFlags, recv};
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// Accepts until told to stop, then waits for the requests under way.
pub async fn accept(app: Arc<App>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    // Each connection holds a sender; when all of them are gone, the receiver ends.
    let (open, mut closed) = mpsc::channel::<Infallible>(1);
    let limits = ConnectionLimits::new(app.terms.memory);
    let mut shortage = Shortage::default();
    let is_trusted = |address: IpAddr| {
        let proxies = &app.terms.trusted_proxies;
        proxies.iter().any(|network| network.contains(&address.to_canonical()))
    };
    loop {
        let room = tokio::select! {
            room = limits.room() => room,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shortage.over() => continue,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let trusted = is_trusted(peer.ip());
                let Some(guest) = limits.admit(room, peer.ip(), trusted) else {
                    tracing::debug!(address = %peer.ip(), "too many connections from one address");
                    turn_away(stream);
                    continue;
                };
                let connection = HttpConnection {
                    app: Arc::clone(&app),
                    stop: stop.clone(),
                    _open: open.clone(),
                    guest,
                };
                // Boxed, because spawning moves a task several times, and this one is large.
                tokio::spawn(Box::pin(connection.serve(stream, peer)));
            }
            Err(error) => shortage.pause(&error).await,
        }
    }
    drop((listener, open));
    if tokio::time::timeout(REQUESTS_STOP_TIMEOUT, closed.recv()).await.is_err() {
        tracing::warn!("some requests were not answered before the end");
    }
}

/// A time without file descriptors, or whatever else accepting needs: its beginning and its end are logged.
#[derive(Default)]
struct Shortage {
    /// When it was noticed last.
    last: Option<Instant>,
}

impl Shortage {
    /// A connection that ended before it was accepted is nothing to worry about. When the process has no
    /// file descriptors left, trying again at once would only burn a core.
    async fn pause(&mut self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
        if matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
            return;
        }
        if self.last.replace(Instant::now()).is_none() {
            tracing::warn!(%error, "connections cannot be accepted at present");
        }
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }

    /// Returns when it has been over for a while: as long as files run out, each that is closed lets in one
    /// connection.
    async fn over(&mut self) {
        let Some(last) = self.last else { return std::future::pending().await };
        tokio::time::sleep_until(last + ACCEPT_CALM).await;
        self.last = None;
        tracing::info!("connections are accepted again");
    }
}

struct HttpConnection {
    app: Arc<App>,
    stop: watch::Receiver<bool>,
    _open: mpsc::Sender<Infallible>,
    guest: Guest,
}

impl HttpConnection {
    async fn serve(mut self, stream: TcpStream, from: SocketAddr) {
        let waits = self.app.terms.waits;
        let idle = if self.guest.is_trusted() { waits.proxy_read } else { waits.read };
        let stop = &mut self.stop;
        let ending = async {
            drop(stop.wait_for(|stop| *stop).await);
            // Its request may be on its way, and nobody else will accept the connection.
            tokio::time::sleep(waits.speak_at_stop).await;
        };
        let placed = tokio::select! {
            placed = self.guest.place_to_speak(&stream, idle, waits.read) => placed,
            () = ending => has_sent(&stream).then_some(None),
        };
        let place = match placed {
            // It has sent nothing.
            None => return,
            Some(None) => return turn_away_waiting(stream).await,
            Some(Some(place)) => place,
        };
        let ticket = Ticket::default();
        let peer = Peer { app: Arc::clone(&self.app), address: from.ip(), ticket: ticket.clone() };
        let requests = Arc::clone(&place);
        let service = service_fn(move |request| {
            let (peer, under_way) = (peer.clone(), requests.begin());
            let place = Arc::clone(&requests);
            // Boxed, because the connection is polled without being pinned.
            Box::pin(async move {
                let body = |incoming| RequestBody::new(incoming, Arc::clone(&place));
                let mut answer = match under_way.is_late {
                    true => not_http::crowded(),
                    false => serve(peer, request.map(body)).await,
                };
                if place.ends_after_answer() {
                    respond::end_connection(&mut answer);
                }
                Ok::<_, Infallible>(answer.map(|body| BodyOut::new(body, under_way)))
            })
        });
        let stream = HttpStream::new(stream, ticket.clone(), waits.write_stall);
        let mut connection = builder(idle).serve_connection(TokioIo::new(stream), service);
        let mut stopped = false;
        let ended = loop {
            tokio::select! {
                // What has arrived is read first: hyper closes a connection of which it has read nothing yet.
                biased;
                // Ends when the last answer has been sent, or the connection has become a socket.
                ended = &mut connection => break ended,
                _ = self.stop.wait_for(|stop| *stop), if !stopped => {
                    stopped = true;
                    Pin::new(&mut connection).graceful_shutdown();
                }
                () = place.asked() => match place.is_quiet() {
                    true => break Ok(()),
                    false => Pin::new(&mut connection).graceful_shutdown(),
                },
            }
        };
        let is_awaited = place.is_quiet() && place.is_awaited();
        let parts = connection.into_parts();
        drop(place);
        let (stream, held) = parts.io.into_inner().into_parts();
        if ticket.holds_socket() && ended.is_ok() {
            match stream.into_std() {
                Ok(stream) => {
                    ticket.use_up(&self.app.rules.registry, stream, held.into(), parts.read_buf);
                }
                Err(error) => tracing::debug!(%error, "a socket was gone at its upgrade"),
            }
        } else if is_awaited {
            turn_away_waiting(stream).await;
        } else {
            linger(stream).await;
        }
    }
}

/// Whether something waits to be read.
fn has_sent(stream: &TcpStream) -> bool {
    let only_look = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
    recv(stream.as_raw_fd(), &mut [0], only_look).is_ok_and(|count| count > 0)
}

fn builder(head_read: Duration) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(head_read)
        .keep_alive(true)
        .half_close(false)
        .max_headers(HEADERS_MAX)
        .max_header_size(HEADER_BYTES_MAX)
        .max_buf_size(HTTP_BUFFER_BYTES_MAX)
        .pipeline_flush(false);
    builder
}

/// Tells a client that has waited in vain to come back.
async fn turn_away_waiting(mut stream: TcpStream) {
    let bytes = not_http::crowded_bytes();
    // A new connection takes them at once.
    let written = tokio::time::timeout(LINGER_TIMEOUT, stream.write_all(&bytes)).await;
    if written.is_ok_and(|written| written.is_ok()) {
        linger(stream).await;
    }
}

/// The same, at once and without waiting for anything: what the client has sent by now is read, because
/// otherwise the kernel would answer it with a reset.
fn turn_away(stream: TcpStream) {
    let Ok(mut stream) = stream.into_std() else { return };
    // It gets as much of the answer as it can get; it is closed anyway.
    let _read = std::io::Read::read(&mut stream, &mut [0; 4_096]);
    let _written = std::io::Write::write(&mut stream, &not_http::crowded_bytes());
}

/// Ends a connection in a way that lets the peer read its last answer: what the peer is still sending is
/// read for a moment, because otherwise the kernel would answer it with a reset.
async fn linger(mut stream: TcpStream) {
    let lingering = async {
        stream.shutdown().await?;
        let (mut scratch, mut left) = ([0; 4_096], LINGER_BYTES_MAX);
        while left > 0 {
            match stream.read(&mut scratch).await? {
                0 => break,
                n => left = left.saturating_sub(n),
            }
        }
        Ok::<_, io::Error>(())
    };
    // However it ended, there is nothing more to say.
    let _ended = tokio::time::timeout(LINGER_TIMEOUT, lingering).await;
}
