//! A bare TCP connection that speaks WebSocket by hand, for sending what no client library would.

use super::protocol::listed;
use super::{PATIENCE, Person, Server};
use serde_json::Value;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub const CONTINUATION: u8 = 0x80;
pub const TEXT: u8 = 0x81;
pub const BINARY: u8 = 0x82;
pub const CLOSE: u8 = 0x88;
pub const PING: u8 = 0x89;
pub const PONG: u8 = 0x8a;

pub struct Bare {
    stream: TcpStream,
    read: Vec<u8>,
}

/// A frame from the server: its first byte (FIN, RSV, opcode) and its payload.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    pub first: u8,
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn json(&self) -> Value {
        listed(serde_json::from_slice(&self.payload).unwrap())
    }
}

/// The head of a valid handshake, with these headers replaced or added; an empty one is left out.
pub fn handshake(server: &Server, path: &str, headers: &[(&str, &str)]) -> String {
    let host = server.address.to_string();
    let mut lines = vec![
        ("Host", host.as_str()),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", KEY),
    ];
    for (name, value) in headers {
        lines.retain(|(other, _)| other != name);
        lines.push((name, value));
    }
    let lines = lines.iter().filter(|(_, value)| !value.is_empty());
    let lines: String = lines.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("GET {path} HTTP/1.1\r\n{lines}\r\n")
}

/// A client's frame: masked, with the shortest form of its length.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first, payload.len() as u64);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// The header of a client's frame, whatever payload follows.
pub fn header(first: u8, length: u64) -> Vec<u8> {
    let mut header = vec![first];
    match length {
        0..126 => header.push(0x80 | length as u8),
        126..65_536 => {
            header.push(0x80 | 126);
            header.extend((length as u16).to_be_bytes());
        }
        _ => {
            header.push(0x80 | 127);
            header.extend(length.to_be_bytes());
        }
    }
    header.extend(MASK);
    header
}

impl Bare {
    pub async fn connect(server: &Server) -> Self {
        Self::of(TcpStream::connect(server.address).await.unwrap())
    }

    pub fn of(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream, read: Vec::new() }
    }

    /// A socket that has received its `welcome`, and for which our kernel buffers almost nothing.
    pub async fn narrow(server: &Server, person: &Person, path: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        let bare = Self::of(socket.connect(server.address).await.unwrap());
        bare.upgraded(server, person, path).await.welcomed().await
    }

    /// A socket that has received its `welcome`.
    pub async fn open(server: &Server, person: &Person, path: &str) -> Self {
        Self::connect(server).await.upgraded(server, person, path).await.welcomed().await
    }

    async fn upgraded(mut self, server: &Server, person: &Person, path: &str) -> Self {
        let bearer = format!("Bearer {}", person.token);
        self.send(handshake(server, path, &[("Authorization", &bearer)])).await;
        let (status, head, _) = self.answer().await;
        assert_eq!(status, 101, "{head}");
        self
    }

    async fn welcomed(mut self) -> Self {
        assert_eq!(self.json().await["type"], "welcome");
        self
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends bytes that the server may refuse to take.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).await.is_ok()
    }

    pub async fn text(&mut self, text: &str) {
        self.send(frame(TEXT, text.as_bytes())).await;
    }

    /// The status, head and body of an HTTP answer.
    pub async fn answer(&mut self) -> (u16, String, String) {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.read_more().await, "an answer");
        };
        let head = String::from_utf8(self.read.drain(..end).collect()).unwrap();
        let lower = head.to_ascii_lowercase();
        let length = lower.split("content-length: ").nth(1);
        let length = length.map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
        while self.read.len() < length {
            assert!(self.read_more().await, "the body of an answer");
        }
        let body = String::from_utf8(self.read.drain(..length).collect()).unwrap();
        (head[9..12].parse().unwrap(), head, body)
    }

    /// The next frame, of any kind; none at the end of the stream.
    pub async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some((begin, end)) = self.whole() {
                let first = self.read[0];
                let payload = self.read[begin..end].to_vec();
                self.read.drain(..end);
                // Who is online is told at any time; nobody looks for it here.
                if first == TEXT && payload.starts_with(br#"{"type":"presence""#) {
                    continue;
                }
                return Some(Frame { first, payload });
            }
            if !self.read_more().await {
                assert!(self.read.is_empty(), "cut inside a frame: {:?}", self.read);
                return None;
            }
        }
    }

    /// The next frame; none if the stream ends, even in the middle of a frame.
    pub async fn frame_or_cut(&mut self) -> Option<Frame> {
        while self.whole().is_none() {
            if self.ends_within(Duration::from_millis(200)).await && self.whole().is_none() {
                return None;
            }
        }
        self.frame().await
    }

    /// The next text frame, which must come before any other kind.
    pub async fn json(&mut self) -> Value {
        let frame = self.frame().await.expect("a text frame");
        assert_eq!(frame.first, TEXT, "{frame:?}");
        frame.json()
    }

    /// The code of the close frame, which must be the last frame; text frames before it are skipped.
    pub async fn closed(&mut self) -> u16 {
        let code = loop {
            let frame = self.frame().await.expect("a close frame before the end");
            match frame.first {
                CLOSE => break u16::from_be_bytes([frame.payload[0], frame.payload[1]]),
                TEXT | PING | PONG => {}
                _ => panic!("{frame:?}"),
            }
        };
        assert_eq!(self.frame().await, None, "nothing comes after the close frame");
        code
    }

    /// Ends our half of the stream.
    pub async fn end(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// How many more bytes arrive before the stream ends, in whatever way.
    pub async fn rest(&mut self) -> usize {
        assert!(self.ends_within(PATIENCE).await);
        self.read.len()
    }

    /// Whether the stream has ended, or ends within this time.
    pub async fn ends_within(&mut self, time: Duration) -> bool {
        loop {
            match tokio::time::timeout(time, self.stream.read_buf(&mut self.read)).await {
                Ok(Ok(0) | Err(_)) => return true,
                Ok(Ok(_)) => {}
                Err(_) => return false,
            }
        }
    }

    /// Where the payload of the first frame begins and ends, if the frame is complete.
    fn whole(&self) -> Option<(usize, usize)> {
        let read = &self.read;
        let (begin, length) = match read.get(1)? {
            126 => (4, usize::from(u16::from_be_bytes(read.get(2..4)?.try_into().unwrap()))),
            127 => (10, u64::from_be_bytes(read.get(2..10)?.try_into().unwrap()) as usize),
            short => {
                assert!(*short < 126, "a server does not mask");
                (2, usize::from(*short))
            }
        };
        (read.len() >= begin + length).then_some((begin, begin + length))
    }

    /// False at the end of the stream.
    async fn read_more(&mut self) -> bool {
        let reading = self.stream.read_buf(&mut self.read);
        let read = tokio::time::timeout(PATIENCE + Duration::from_secs(30), reading).await;
        match read.expect("something, or the end, in time") {
            Ok(count) => count > 0,
            Err(error) => panic!("reset instead of an end: {error}"),
        }
    }
}
