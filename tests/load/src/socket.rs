//! One WebSocket, cheap enough to hold many thousands in one process.
//!
//! Frame headers and the handshake key are tungstenite's. All sockets of a thread read through one
//! shared buffer, and a socket keeps only the beginning of an incomplete frame. Knows nothing of
//! chats.

use crate::stop::{Result, Stop};
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::{IpBindAddressNoPort, TcpMaxSeg};
use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{Cursor, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// As much as the kernel returns at once when many frames are waiting.
pub const SCRATCH_BYTES: usize = 256 * 1024;
/// The answer to an upgrade is a few hundred bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// The server's frames are at most a page of history long; a longer one is the server's fault.
const FRAME_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// For a reader that does not read: its own kernel buffers as little, and in segments as small, as for
/// a distant reader.
const LITTLE_BYTES: u32 = 4 * 1024;
const SEGMENT_BYTES: u32 = 536;
/// A server that takes longer to answer an upgrade has failed.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);
/// The load is our own, so a predictable mask deceives nobody.
const MASK: [u8; 4] = [0x5a, 0xa5, 0x3c, 0xc3];
const KEY: &str = "c251Zy1sb2FkLWNsaWVudA==";

pub type Scratch = RefCell<Vec<u8>>;

/// Whether this socket is going to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    Quick,
    Stalled,
}

/// The writing half; several tasks may use it.
pub struct Socket {
    half: OwnedWriteHalf,
    out: RefCell<Vec<u8>>,
}

/// The reading half; it belongs to one task.
pub struct Incoming {
    half: OwnedReadHalf,
    frames: Frames,
}

/// Splits a stream of bytes into frames.
#[derive(Default)]
struct Frames {
    tail: Vec<u8>,
}

impl Socket {
    /// Connects from `source` and upgrades; also returns the frames that came with the answer.
    pub async fn open(
        source: Ipv4Addr,
        address: SocketAddr,
        path: &str,
        token: &str,
    ) -> Result<(Self, Incoming)> {
        Self::open_for(Reader::Quick, source, address, path, token).await
    }

    pub async fn open_for(
        reader: Reader,
        source: Ipv4Addr,
        address: SocketAddr,
        path: &str,
        token: &str,
    ) -> Result<(Self, Incoming)> {
        let opening = Self::upgrade(reader, source, address, path, token);
        match tokio::time::timeout(OPEN_TIMEOUT, opening).await {
            Ok(opened) => opened,
            Err(_) => Err(Stop::new(format!("{path}: no answer to the upgrade in 30 s"))),
        }
    }

    async fn upgrade(
        reader: Reader,
        source: Ipv4Addr,
        address: SocketAddr,
        path: &str,
        token: &str,
    ) -> Result<(Self, Incoming)> {
        let stream = connect(reader, source, address).await?;
        stream.set_nodelay(true)?;
        let (mut incoming, outgoing) = stream.into_split();
        let socket = Self { half: outgoing, out: RefCell::default() };
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: {KEY}\r\n\r\n"
        );
        socket.out.borrow_mut().extend_from_slice(request.as_bytes());
        socket.flush().await?;
        let mut answer = Vec::new();
        let end = loop {
            if incoming.read_buf(&mut answer).await? == 0 {
                return Err(Stop::new(format!("{path}: closed during the upgrade")));
            }
            if let Some(at) = memchr::memmem::find(&answer, b"\r\n\r\n") {
                break at + 4;
            }
            if answer.len() > ANSWER_BYTES_MAX {
                return Err(Stop::new(format!("{path}: an endless answer to the upgrade")));
            }
        };
        accepted(path, &String::from_utf8_lossy(&answer[..end]))?;
        let frames = Frames { tail: answer[end..].to_vec() };
        Ok((socket, Incoming { half: incoming, frames }))
    }

    /// Sends one text frame, waiting for room if need be.
    pub async fn send(&self, text: &str) -> Result<()> {
        self.queue(OpCode::Data(Data::Text), text.as_bytes())?;
        self.flush().await
    }

    /// Sends a close frame; the server answers by closing.
    pub async fn close(&self) -> Result<()> {
        self.queue(OpCode::Control(Control::Close), &1000u16.to_be_bytes())?;
        self.flush().await
    }

    /// Processes the frames that came with the answer to the upgrade.
    pub fn begin(&self, incoming: &mut Incoming, on_text: &mut impl FnMut(&[u8])) -> Result<()> {
        self.deliver(&mut incoming.frames, &[], on_text)
    }

    /// Waits for bytes and processes the frames in them. `Ok(false)` means the end.
    pub async fn receive(
        &self,
        scratch: &Scratch,
        incoming: &mut Incoming,
        on_text: &mut impl FnMut(&[u8]),
    ) -> Result<bool> {
        let Incoming { half, frames } = incoming;
        // Not `read`: the shared buffer is borrowed only while the kernel fills it.
        let read = poll_fn(|cx| {
            let mut scratch = scratch.borrow_mut();
            let mut buffer = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut *half).poll_read(cx, &mut buffer))?;
            Poll::Ready(std::io::Result::Ok(buffer.filled().len()))
        })
        .await?;
        self.deliver(frames, &scratch.borrow()[..read], on_text)?;
        self.flush().await?;
        Ok(read > 0)
    }

    /// Processes these bytes together with the rest from before. A close frame is an error.
    fn deliver(
        &self,
        frames: &mut Frames,
        bytes: &[u8],
        on_text: &mut impl FnMut(&[u8]),
    ) -> Result<()> {
        frames.feed(bytes, &mut |opcode, payload| match opcode {
            OpCode::Data(Data::Text) => {
                on_text(payload);
                Ok(())
            }
            OpCode::Control(Control::Ping) => self.queue(OpCode::Control(Control::Pong), payload),
            OpCode::Control(Control::Pong) => Ok(()),
            OpCode::Control(Control::Close) => Err(Stop::new(reason(payload))),
            other => Err(Stop::new(format!("a frame that no snug sends: {other}"))),
        })
    }

    fn queue(&self, opcode: OpCode, payload: &[u8]) -> Result<()> {
        let header = FrameHeader { opcode, mask: Some(MASK), ..FrameHeader::default() };
        let mut out = self.out.borrow_mut();
        let written = header.format(payload.len() as u64, &mut *out);
        written.map_err(|error| Stop::new(error.to_string()))?;
        out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        Ok(())
    }

    /// The first caller writes what everybody has queued, in the order in which they queued it.
    async fn flush(&self) -> Result<()> {
        loop {
            {
                let mut out = self.out.borrow_mut();
                if out.is_empty() {
                    return Ok(());
                }
                match self.half.try_write(&out) {
                    Ok(written) if written == out.len() => *out = Vec::new(),
                    Ok(written) => drop(out.drain(..written)),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error.into()),
                }
                if out.is_empty() {
                    return Ok(());
                }
            }
            self.half.writable().await?;
        }
    }
}

impl Frames {
    /// Passes on each complete frame, and keeps the beginning of an incomplete one.
    fn feed(
        &mut self,
        bytes: &[u8],
        on_frame: &mut impl FnMut(OpCode, &[u8]) -> Result<()>,
    ) -> Result<()> {
        if self.tail.is_empty() {
            let used = split(bytes, on_frame)?;
            self.tail.extend_from_slice(&bytes[used..]);
            return Ok(());
        }
        let mut whole = std::mem::take(&mut self.tail);
        whole.extend_from_slice(bytes);
        let used = split(&whole, on_frame)?;
        if used < whole.len() {
            self.tail = whole.split_off(used);
        }
        Ok(())
    }
}

/// Returns how many bytes belong to complete frames.
fn split(bytes: &[u8], on_frame: &mut impl FnMut(OpCode, &[u8]) -> Result<()>) -> Result<usize> {
    let mut used = 0;
    loop {
        let mut cursor = Cursor::new(&bytes[used..]);
        let parsed = FrameHeader::parse(&mut cursor).map_err(|e| Stop::new(e.to_string()))?;
        let Some((header, length)) = parsed else { return Ok(used) };
        if !header.is_final || header.mask.is_some() || length > FRAME_BYTES_MAX {
            return Err(Stop::new("a frame that no snug sends: masked, in parts or too large"));
        }
        let start = used + cursor.position() as usize;
        let end = start + length as usize;
        let Some(payload) = bytes.get(start..end) else { return Ok(used) };
        on_frame(header.opcode, payload)?;
        used = end;
    }
}

async fn connect(reader: Reader, source: Ipv4Addr, address: SocketAddr) -> Result<TcpStream> {
    if address.is_ipv6() {
        return Ok(TcpStream::connect(address).await?);
    }
    let socket = TcpSocket::new_v4()?;
    // The kernel chooses the port when both ends are known, so that ports can be shared.
    setsockopt(&socket, IpBindAddressNoPort, &true).map_err(|e| Stop::new(e.to_string()))?;
    if reader == Reader::Stalled {
        socket.set_recv_buffer_size(LITTLE_BYTES)?;
        setsockopt(&socket, TcpMaxSeg, &SEGMENT_BYTES).map_err(|e| Stop::new(e.to_string()))?;
    }
    socket.bind((source, 0).into())?;
    Ok(socket.connect(address).await?)
}

fn accepted(path: &str, answer: &str) -> Result<()> {
    let first = answer.lines().next().unwrap_or_default();
    if !first.starts_with("HTTP/1.1 101 ") {
        return Err(Stop::new(format!("{path}: the upgrade was refused: {first}")));
    }
    let key = derive_accept_key(KEY.as_bytes());
    let proven = answer.lines().filter_map(|line| line.split_once(':')).any(|(name, value)| {
        name.eq_ignore_ascii_case("sec-websocket-accept") && value.trim() == key
    });
    proven.then_some(()).ok_or_else(|| Stop::new(format!("{path}: a wrong accept key")))
}

fn reason(payload: &[u8]) -> String {
    match payload {
        [high, low, text @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            format!("closed with {code} {}", String::from_utf8_lossy(text)).trim_end().to_owned()
        }
        _ => "closed without a code".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(frames: &mut Frames, bytes: &[u8]) -> Vec<String> {
        let mut seen = Vec::new();
        let mut on_frame = |_, payload: &[u8]| {
            seen.push(String::from_utf8_lossy(payload).into_owned());
            Ok(())
        };
        frames.feed(bytes, &mut on_frame).unwrap();
        seen
    }

    #[test]
    fn frames_come_out_whole_however_the_bytes_arrive() {
        let mut bytes = b"\x81\x02hi\x81\x7e\x00\xc8".to_vec();
        bytes.extend([b'x'; 200]);
        let whole = ["hi".to_owned(), "x".repeat(200)];
        assert_eq!(texts(&mut Frames::default(), &bytes), whole);
        let mut frames = Frames::default();
        let piecemeal: Vec<_> = bytes.chunks(1).flat_map(|b| texts(&mut frames, b)).collect();
        assert_eq!(piecemeal, whole);
        assert_eq!(frames.tail.capacity(), 0, "an idle socket keeps no buffer");
    }

    #[test]
    fn a_masked_or_fragmented_frame_is_an_error() {
        for bytes in
            [&b"\x81\x80abcd"[..], b"\x01\x00", b"\x81\x7f\x00\x00\x00\x00\xff\xff\xff\xff"]
        {
            assert!(Frames::default().feed(bytes, &mut |_, _| Ok(())).is_err());
        }
    }

    #[test]
    fn a_close_frame_says_why() {
        assert_eq!(reason(b"\x03\xf5too slow"), "closed with 1013 too slow");
        assert_eq!(reason(b""), "closed without a code");
    }
}
