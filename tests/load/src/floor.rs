//! The floor: what this kernel charges for a broadcast when nothing else is done.
//!
//! One thread, one epoll. It accepts and upgrades without asking who it is, and sends each message to
//! everybody with one `send` per delivery: no identity, no storage, no coalescing. `snug-load` starts
//! it as a separate process and measures it in turns with the server, using the same client. It waits
//! for a reader that does not read, since a floor that drops messages would measure nothing.

use crate::limits::{BODY_BYTES_MAX, LISTEN_BACKLOG};
use crate::stop::{Result, Stop};
use memchr::memmem;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::collections::HashMap;
use std::io::{Cursor, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

/// As much as a socket returns at once when many drafts are waiting.
const SCRATCH_BYTES: usize = 256 * 1024;
const EVENTS: usize = 1_024;
const WELCOME: &str = r#"{"type":"welcome","protocol":1,"user_id":1,"username":"floor","epoch":"0","chats":[{"chat_id":1,"chat_type":"general","last_seq":LAST,"read_seq":0}]}"#;

#[derive(clap::Args)]
pub struct Args {
    /// Where to listen; 0 lets the kernel choose. The address is printed
    #[arg(long, default_value_t = 0)]
    port: u16,
}

/// Serves until it is killed.
pub fn run(args: &Args) -> Result<()> {
    // If the process that started it is killed, this one must not be left behind.
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGTERM).map_err(failed)?;
    let listener = listen(args.port)?;
    println!("{}", listener.local_addr()?);
    serve(&listener)
}

/// Never returns, except with an error.
pub fn serve(listener: &TcpListener) -> Result<()> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(failed)?;
    let door = listener.as_raw_fd() as u64;
    epoll.add(listener, EpollEvent::new(EpollFlags::EPOLLIN, door)).map_err(failed)?;
    let mut floor = Floor { members: Vec::new(), tails: HashMap::new(), last_seq: 0 };
    let mut scratch = vec![0; SCRATCH_BYTES];
    let mut events = vec![EpollEvent::empty(); EVENTS];
    loop {
        let count = match epoll.wait(&mut events, EpollTimeout::NONE) {
            Err(Errno::EINTR) => 0,
            waited => waited.map_err(failed)?,
        };
        for event in &events[..count] {
            if event.data() == door {
                floor.accept(listener, &epoll)?;
            } else {
                floor.receive(event.data() as usize, &mut scratch);
            }
        }
    }
}

struct Floor {
    /// Indexed by file descriptor.
    members: Vec<Option<Member>>,
    /// Incomplete frames; only few sockets ever have one.
    tails: HashMap<usize, Vec<u8>>,
    last_seq: u64,
}

struct Member {
    stream: TcpStream,
    is_open: bool,
}

impl Floor {
    fn accept(&mut self, listener: &TcpListener, epoll: &Epoll) -> Result<()> {
        loop {
            let stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let place = stream.as_raw_fd() as usize;
            let event = EpollEvent::new(EpollFlags::EPOLLIN, place as u64);
            epoll.add(&stream, event).map_err(failed)?;
            if self.members.len() <= place {
                self.members.resize_with(place + 1, || None);
            }
            self.members[place] = Some(Member { stream, is_open: false });
        }
    }

    fn receive(&mut self, place: usize, scratch: &mut [u8]) {
        let Some(Some(member)) = self.members.get_mut(place) else { return };
        let count = match member.stream.read(scratch) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Ok(0) | Err(_) => return self.leave(place),
            Ok(count) => count,
        };
        if !member.is_open {
            match upgrade(&scratch[..count], self.last_seq) {
                Some(answer) if member.stream.write_all(&answer).is_ok() => member.is_open = true,
                Some(_) | None => self.leave(place),
            }
            return;
        }
        let Some(mut tail) = self.tails.remove(&place) else {
            return self.understand(place, &mut scratch[..count]);
        };
        tail.extend_from_slice(&scratch[..count]);
        self.understand(place, &mut tail);
    }

    fn leave(&mut self, place: usize) {
        self.members[place] = None;
        self.tails.remove(&place);
    }

    fn understand(&mut self, place: usize, bytes: &mut [u8]) {
        let mut used = 0;
        loop {
            let mut cursor = Cursor::new(&bytes[used..]);
            let (mask, opcode, length) = match FrameHeader::parse(&mut cursor) {
                Ok(Some((FrameHeader { mask: Some(mask), opcode, .. }, length)))
                    if length <= BODY_BYTES_MAX as u64 =>
                {
                    (mask, opcode, length as usize)
                }
                Ok(None) => break,
                Ok(Some(_)) | Err(_) => return self.leave(place),
            };
            let begin = used + cursor.position() as usize;
            let Some(payload) = bytes.get_mut(begin..begin + length) else { break };
            payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
            match opcode {
                OpCode::Data(Data::Text) => self.publish(place, payload),
                OpCode::Data(_) => {}
                OpCode::Control(_) => return self.leave(place),
            }
            used = begin + length;
        }
        if used < bytes.len() {
            self.tails.insert(place, bytes[used..].to_vec());
        }
    }

    /// One `send` to each of the others; the sender's also carries its acknowledgement.
    fn publish(&mut self, sender: usize, draft: &[u8]) {
        self.last_seq += 1;
        let message = message(self.last_seq, draft);
        let own = [&message[..], &acknowledgement(self.last_seq, draft)].concat();
        for place in 0..self.members.len() {
            let bytes = if place == sender { &own } else { &message };
            let is_gone = match &self.members[place] {
                Some(member) if member.is_open => send(&member.stream, bytes).is_err(),
                Some(_) | None => false,
            };
            if is_gone {
                self.leave(place);
            }
        }
    }
}

pub fn listen(port: u16) -> Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    // The second call only lengthens the queue that the first one made.
    let backlog = nix::sys::socket::Backlog::new(LISTEN_BACKLOG as i32).map_err(failed)?;
    nix::sys::socket::listen(&listener, backlog).map_err(failed)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// The 101 and the welcome in one `send`, as the server does it.
fn upgrade(request: &[u8], last_seq: u64) -> Option<Vec<u8>> {
    const KEY: &[u8] = b"Sec-WebSocket-Key: ";
    let key = &request[memmem::find(request, KEY)? + KEY.len()..];
    let key = &key[..memmem::find(key, b"\r\n")?];
    let accept = derive_accept_key(key);
    let mut answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes();
    answer.extend(frame(&WELCOME.replace("LAST", &last_seq.to_string())));
    Some(answer)
}

/// The draft as it came, in a frame of the same length as the server's.
fn message(seq: u64, draft: &[u8]) -> Vec<u8> {
    let draft = String::from_utf8_lossy(draft);
    frame(&format!(
        r#"{{"type":"message","id":{seq},"seq":{seq},"chat_id":1,"chat_type":"general","user_id":1,"username":"floor","timestamp":"2000-01-01T00:00:00.000000Z","draft":{draft}}}"#
    ))
}

fn acknowledgement(seq: u64, draft: &[u8]) -> Vec<u8> {
    const NAME: &[u8] = br#""client_id":""#;
    let name = memmem::rfind(draft, NAME).map(|at| &draft[at + NAME.len()..]).unwrap_or_default();
    let name = &name[..memchr::memchr(b'"', name).unwrap_or(0)];
    let name = String::from_utf8_lossy(name);
    frame(&format!(r#"{{"type":"ack","client_id":"{name}","chat_id":1,"id":{seq},"seq":{seq}}}"#))
}

fn frame(text: &str) -> Vec<u8> {
    let mut frame = Vec::with_capacity(text.len() + 10);
    let header = FrameHeader { opcode: OpCode::Data(Data::Text), ..FrameHeader::default() };
    header.format(text.len() as u64, &mut frame).expect("a vector takes all bytes");
    frame.extend_from_slice(text.as_bytes());
    frame
}

fn send(mut stream: &TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    let mut sent = 0;
    while sent < bytes.len() {
        match stream.write(&bytes[sent..]) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let mut waiting = [PollFd::new(stream.as_fd(), PollFlags::POLLOUT)];
                poll(&mut waiting, PollTimeout::NONE)?;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn failed(error: Errno) -> Stop {
    Stop::new(format!("the floor: {error}"))
}
