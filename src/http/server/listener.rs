//! Where connections come from: a port that we bind, or one that systemd passes.
//!
//! Two socket options are set on the listener, because connections inherit them from it when their
//! handshake ends, long before they are accepted: a bounded send buffer, and TCP_NODELAY, which this
//! way costs no system call per connection.

use crate::limits::{LISTEN_BACKLOG, SEND_BUFFER_BYTES};
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::{SndBuf, TcpNoDelay};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use tokio::net::{TcpListener, TcpSocket};

/// Binds a port.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Connections of a previous process may still be closing.
    socket.set_reuseaddr(true)?;
    bequeath(&socket)?;
    socket.bind(address)?;
    socket.listen(LISTEN_BACKLOG)
}

/// Uses a socket that is already listening.
pub fn adopt(socket: std::net::TcpListener) -> io::Result<TcpListener> {
    socket.set_nonblocking(true)?;
    bequeath(&socket)?;
    TcpListener::from_std(socket)
}

/// Sets the options that connections inherit from their listener.
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
    async fn connections_inherit_the_options_of_any_listener() {
        let ours = bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
        let passed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        for listener in [ours, adopt(passed).expect("it listens")] {
            let address = listener.local_addr().expect("it has one");
            let _client = TcpStream::connect(address).await.expect("it is listened to");
            let (stream, _) = listener.accept().await.expect("somebody came");
            let bytes = getsockopt(&stream, SndBuf).expect("it is open");
            // Linux doubles the value, to leave room for its own bookkeeping.
            assert_eq!(bytes, 2 * SEND_BUFFER_BYTES);
            assert!(stream.nodelay().expect("it is open"));
        }
    }
}
