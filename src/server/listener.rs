//! Where connections come from: a port of our own, or one that systemd passes.
//!
//! What the kernel holds for a reader is bounded before the first connection comes, since each takes
//! that from the listener when its handshake ends, long before it is accepted. That nothing is held back
//! to be sent with more, it takes from there, too: one call less for each.

use crate::limits::{LISTEN_BACKLOG, SEND_BUFFER_BYTES};
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::{SndBuf, TcpNoDelay};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use tokio::net::{TcpListener, TcpSocket};

/// Takes a port.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Connections of the process before us may still be on their way out.
    socket.set_reuseaddr(true)?;
    bequeath(&socket)?;
    socket.bind(address)?;
    socket.listen(LISTEN_BACKLOG)
}

/// Goes on with a socket that listens already.
pub fn adopt(socket: std::net::TcpListener) -> io::Result<TcpListener> {
    socket.set_nonblocking(true)?;
    bequeath(&socket)?;
    TcpListener::from_std(socket)
}

/// Sets what connections take from their listener.
fn bequeath(listener: &impl AsFd) -> io::Result<()> {
    setsockopt(listener, SndBuf, &SEND_BUFFER_BYTES)?;
    setsockopt(listener, TcpNoDelay, &true)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::getsockopt;
    use tokio::net::TcpStream;

    #[tokio::test]
    async fn connections_take_after_the_listener_wherever_it_comes_from() {
        let ours = bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
        let passed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        for listener in [ours, adopt(passed).expect("it listens")] {
            let address = listener.local_addr().expect("it has one");
            let _client = TcpStream::connect(address).await.expect("it is listened to");
            let (stream, _) = listener.accept().await.expect("somebody came");
            let bytes = getsockopt(&stream, SndBuf).expect("it is open");
            // Linux takes it twice, for its own bookkeeping.
            assert_eq!(bytes, 2 * SEND_BUFFER_BYTES);
            assert!(stream.nodelay().expect("it is open"));
        }
    }
}
