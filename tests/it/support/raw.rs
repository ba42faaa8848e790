//! A bare connection, for sending what no client library would.

use super::{PATIENCE, Server};
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

pub struct Raw(TcpStream);

impl Raw {
    pub async fn open(server: &Server) -> Self {
        Self(TcpStream::connect(server.address).await.unwrap())
    }

    /// From this address of the local machine.
    pub async fn from(server: &Server, address: Ipv4Addr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((address, 0).into()).unwrap();
        Self(socket.connect(server.address).await.unwrap())
    }

    /// A connection for which our kernel buffers almost nothing.
    pub async fn narrow(server: &Server) -> Self {
        Self::narrow_from(server, Ipv4Addr::LOCALHOST).await
    }

    pub async fn narrow_from(server: &Server, address: Ipv4Addr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        socket.bind((address, 0).into()).unwrap();
        Self(socket.connect(server.address).await.unwrap())
    }

    /// At most this many of the next bytes, as soon as there are any; none if the server has closed.
    pub async fn some(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        let read = tokio::time::timeout(PATIENCE, self.0.read(&mut bytes)).await.expect("in time");
        bytes.truncate(read.unwrap_or(0));
        bytes
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Whether the connection took all of it; the server may have closed it before.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).await.is_ok()
    }

    /// Ends our half of the stream.
    pub async fn end(&mut self) {
        self.0.shutdown().await.unwrap();
    }

    /// Everything that arrives until the server closes; a reset counts as closing.
    pub async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        let reading = self.0.read_to_end(&mut bytes);
        let ended = tokio::time::timeout(PATIENCE + Duration::from_secs(10), reading).await;
        let _ended = ended.expect("the server closes in time");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Reads until this text has arrived, and no further.
    pub async fn until(&mut self, text: &str) {
        let mut read = String::new();
        while !read.contains(text) {
            let byte = tokio::time::timeout(PATIENCE, self.0.read_u8()).await.expect("in time");
            read.push(byte.unwrap_or_else(|error| panic!("{error} after {read:?}")).into());
        }
    }

    /// Sends all of it and returns the statuses of all answers until the server closes.
    pub async fn statuses(server: &Server, bytes: impl AsRef<[u8]>) -> Vec<u16> {
        let mut raw = Self::open(server).await;
        raw.send(bytes).await;
        statuses(&raw.rest().await)
    }
}

pub fn statuses(text: &str) -> Vec<u16> {
    let answers = text.split("HTTP/1.1 ").skip(1);
    answers.map(|answer| answer[..3].parse().unwrap()).collect()
}
