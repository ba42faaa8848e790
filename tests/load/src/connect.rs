//! Opens sockets as fast as they are answered: how many handshakes with a token are there a second?
//!
//! Uses plain system calls and one epoll, because the client's own cost must stay below the floor's.
//! On loopback a connection is established when `connect` returns, so only the 101 is waited for.

use crate::crowd::{rest, source};
use crate::flags;
use crate::report::Report;
use crate::server::Server;
use crate::stop::{Result, Stop};
use crate::tally::{Tally, add};
use crate::usage::{Cost, Usages};
use crate::users::User;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::socket::sockopt::IpBindAddressNoPort;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, SockaddrStorage, bind, connect, setsockopt,
    socket,
};
use std::io::{Read, Write};
use std::net::{SocketAddr, SocketAddrV4, TcpStream};
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

const ELSEWHERE: &str =
    "uWebSockets 61,000/s, nchan 45,000/s, Node 7,900/s, axum 3,400/s, FastAPI 1,700/s";
/// A 101 and a welcome take a few hundred bytes.
const ANSWER_BYTES: usize = 4_096;
/// A server that answers nothing for this long has failed.
const PATIENCE_MILLIS: u16 = 30_000;
const EVENTS: usize = 512;

#[derive(clap::Args)]
pub struct Args {
    /// Sockets to open
    #[arg(long, default_value_t = 10_000, value_parser = flags::sockets())]
    sockets: usize,
    /// Handshakes under way at once
    #[arg(long, default_value_t = 256, value_parser = flags::window())]
    at_once: usize,
    /// Seconds to let the server settle afterwards
    #[arg(long, default_value_t = 2, value_parser = flags::settle())]
    settle: u64,
}

/// What the thread that opens the sockets needs to know.
struct Plan {
    address: SocketAddr,
    tokens: Vec<String>,
    sockets: usize,
    at_once: usize,
    run: u64,
}

pub async fn run(
    args: &Args,
    server: &Server,
    users: &[User],
    tally: &Rc<Tally>,
) -> Result<Report> {
    let plan = Plan {
        address: server.address,
        tokens: users.iter().map(|user| user.token.to_string()).collect(),
        sockets: args.sockets,
        at_once: args.at_once,
        run: tally.run,
    };
    let before = server.usage();
    // It blocks, and an interrupt must be noticed in the meantime.
    let opening = tokio::task::spawn_blocking(move || open(&plan));
    let (open, span) = opening.await.map_err(|error| Stop::new(error.to_string()))??;
    let end = server.usage();
    let mut report = Report {
        scenario: "connect",
        sockets: open.len(),
        opened_per_second: open.len() as f64 / span.as_secs_f64().max(1e-9),
        seconds: span.as_secs_f64(),
        server: Cost::of(&Usages { before, open: before, end }, 0, 0, 0),
        ..Report::default()
    };
    add(&tally.closed, (args.sockets - open.len()) as u64);
    report.closed = tally.closed.get();
    report.add_beside("handshakes", "/s", report.opened_per_second, ELSEWHERE);
    if let Some(seconds) = report.server.as_ref().map(|cost| cost.cpu_seconds) {
        report.add("CPU per handshake", "µs", seconds * 1e6 / open.len().max(1) as f64);
    }
    drop(open);
    rest(Duration::from_secs(args.settle), &tally.closed).await;
    Ok(report)
}

/// All sockets, and how long it took to open them.
fn open(plan: &Plan) -> Result<(Vec<TcpStream>, Duration)> {
    let SocketAddr::V4(address) = plan.address else {
        return Err(Stop::new("connect: needs an IPv4 address, such as 127.0.0.1"));
    };
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(failed)?;
    let mut events = vec![EpollEvent::empty(); EVENTS];
    let mut answer = [0; ANSWER_BYTES];
    let mut streams: Vec<TcpStream> = Vec::with_capacity(plan.sockets);
    let (began, mut answered) = (Instant::now(), 0);
    while answered < plan.sockets {
        while streams.len() < plan.sockets && streams.len() - answered < plan.at_once {
            let place = streams.len();
            let mut stream = connected(plan.run, place, address)?;
            stream.write_all(&request(address, &plan.tokens[place % plan.tokens.len()]))?;
            let event =
                EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT, place as u64);
            epoll.add(&stream, event).map_err(failed)?;
            streams.push(stream);
        }
        let count = epoll.wait(&mut events, PATIENCE_MILLIS).map_err(failed)?;
        if count == 0 {
            return Err(Stop::new(format!("no answer for 30 s, after {answered} handshakes")));
        }
        for event in &events[..count] {
            let length = streams[event.data() as usize].read(&mut answer)?;
            accepted(&answer[..length])
                .map_err(|stop| Stop::new(format!("after {answered} handshakes: {stop}")))?;
            answered += 1;
            if answered % 5_000 == 0 {
                eprintln!("{answered:>12} handshakes");
            }
        }
    }
    Ok((streams, began.elapsed()))
}

fn connected(run: u64, place: usize, address: SocketAddrV4) -> Result<TcpStream> {
    let (family, flags) = (AddressFamily::Inet, SockFlag::SOCK_CLOEXEC);
    let fd = socket(family, SockType::Stream, flags, None).map_err(failed)?;
    // The kernel chooses the port when both ends are known, so that ports can be shared.
    setsockopt(&fd, IpBindAddressNoPort, &true).map_err(failed)?;
    let from = SockaddrIn::from(SocketAddrV4::new(source(run, place), 0));
    bind(fd.as_raw_fd(), &from).map_err(failed)?;
    connect(fd.as_raw_fd(), &SockaddrStorage::from(address)).map_err(failed)?;
    Ok(TcpStream::from(fd))
}

fn request(address: SocketAddrV4, token: &str) -> Vec<u8> {
    format!(
        "GET /ws/general HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: c251Zy1sb2FkLWNsaWVudA==\r\n\r\n"
    )
    .into_bytes()
}

/// The 101 arrives in one piece, with or without the welcome.
fn accepted(answer: &[u8]) -> Result<()> {
    let is_whole = memchr::memmem::find(answer, b"\r\n\r\n").is_some();
    if is_whole && answer.starts_with(b"HTTP/1.1 101 ") {
        return Ok(());
    }
    let text = String::from_utf8_lossy(answer);
    let first = text.lines().next().unwrap_or("closed without an answer").to_owned();
    Err(Stop::new(format!("the upgrade was refused: {first}")))
}

fn failed(error: nix::Error) -> Stop {
    Stop::new(format!("connect: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_101_is_a_handshake() {
        assert!(accepted(b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x02{}").is_ok());
        assert!(accepted(b"HTTP/1.1 101 Switching Protocols\r\n").is_err());
        let refused = accepted(b"HTTP/1.1 429 Too Many Requests\r\n\r\n").unwrap_err();
        assert!(refused.to_string().contains("429"));
    }
}
