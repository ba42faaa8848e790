//! A connection over a real pair of sockets: what it holds when idle, and at most.

use super::*;
use crate::limits::OUTBOX_BYTES_MAX;
use crate::model::ids::{Seq, UserId};
use crate::model::message::{Role, SessionId};
use crate::registry::{SeatLimits, Seats};
use std::net::{IpAddr, Ipv4Addr, TcpListener};

/// A new connection, and its peer.
fn pair() -> (Connection, std::net::TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    let peer = std::net::TcpStream::connect(address).expect("a connection");
    let (stream, _) = listener.accept().expect("a connection");
    stream.set_nonblocking(true).expect("an option");
    let user_id = UserId(1);
    let viewer = Viewer {
        user_id,
        username: "ada".into(),
        role: Role::Member,
        shows_presence: true,
        session: SessionId([0; 16]),
    };
    let viewer = Arc::new(viewer);
    let limits = SeatLimits { total: 1, per_user: 1, per_address: 1 };
    let seat = Seats::new(limits).take(&viewer, IpAddr::V4(Ipv4Addr::LOCALHOST)).expect("a seat");
    let resume = Resume::default();
    let stream = TcpStream::from_std(stream);
    let mut connection = Connection::new(stream, viewer, Scope::All, resume, seat, (0, u32::MAX));
    connection.arriving = None;
    connection.stage = Stage::Open;
    (connection, peer)
}

fn holds_nothing(connection: &Connection) -> bool {
    connection.outbox.is_none() && connection.input.is_none() && connection.waiting_bytes() == 0
}

/// Sends pieces until the kernel takes no more and something is waiting.
fn fill(connection: &mut Connection) {
    let frame = Bytes::from(vec![0x81; 16 * 1024]);
    while connection.waiting_bytes() == 0 {
        assert_eq!(connection.send(frame.clone(), 0), Sent::Fine);
    }
}

#[test]
fn an_idle_connection_holds_no_buffer() {
    let (mut connection, _peer) = pair();
    assert!(holds_nothing(&connection));
    assert_eq!(connection.send(Bytes::from_static(&[0x89, 0]), 0), Sent::Fine);
    assert!(holds_nothing(&connection), "the kernel took it at once");
    assert_eq!(connection.queue(Bytes::from_static(&[0x89, 0]), 0), Sent::Fine);
    assert_eq!(connection.flush(0), Sent::Fine);
    assert!(holds_nothing(&connection), "what was gathered is written");
    assert!(size_of::<Connection>() <= 256, "{} bytes", size_of::<Connection>());
}

#[test]
fn a_drained_outbox_leaves_nothing_behind() {
    let (mut connection, mut peer) = pair();
    fill(&mut connection);
    peer.set_nonblocking(true).expect("an option");
    let mut scratch = vec![0; 1024 * 1024];
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while connection.waiting_bytes() > 0 {
        // If nothing is there yet, that is fine: the kernel is still at it.
        let _read = peer.read(&mut scratch);
        assert_eq!(connection.flush(0), Sent::Fine);
        assert!(std::time::Instant::now() < deadline, "the peer reads but nothing is sent");
    }
    assert!(holds_nothing(&connection));
}

#[test]
fn the_bytes_waiting_for_a_reader_are_limited() {
    let (mut connection, _peer) = pair();
    fill(&mut connection);
    let frame = Bytes::from(vec![0x81; 16 * 1024]);
    let mut sent = Sent::Fine;
    for _ in 0..2 * OUTBOX_BYTES_MAX / frame.len() {
        sent = connection.send(frame.clone(), 0);
        if sent != Sent::Fine {
            break;
        }
        assert!(connection.waiting_bytes() <= OUTBOX_BYTES_MAX);
    }
    assert_eq!(sent, Sent::TooSlow);
    assert!(connection.waiting_bytes() <= OUTBOX_BYTES_MAX + frame.len());
    connection.close(Close::TooSlow, 0, &SocketWaits::default());
    let most = frame.len() + 64;
    assert!(
        connection.waiting_bytes() <= most,
        "only the frame in progress and the close frame remain"
    );
}

#[test]
fn events_before_the_welcome_are_kept_up_to_a_limit() {
    let mut arriving = Arriving { resume: Resume::default(), told: Vec::new(), is_readable: false };
    let read = |chat_id: i64| {
        let frame = Bytes::from_static(b"read");
        UserEvent::Read { chat_id: ChatId(chat_id), seq: Seq(0), but: None, frame }
    };
    for _ in 0..TOLD_KEPT_MAX + 1 {
        assert_eq!(arriving.keep(Scope::All, &read(1)), Ok(()), "the last one counts");
    }
    assert_eq!(arriving.told.len(), 1);
    assert_eq!(arriving.keep(Scope::One(ChatId(1)), &read(2)), Ok(()));
    assert_eq!(arriving.told.len(), 1, "another chat does not concern this one");
    for chat_id in 2..=TOLD_KEPT_MAX as i64 {
        assert_eq!(arriving.keep(Scope::All, &read(chat_id)), Ok(()));
    }
    let too_much = arriving.keep(Scope::All, &read(0));
    assert_eq!(too_much, Err(Close::Unavailable), "the reader has not been slow");
    assert_eq!(arriving.told.len(), TOLD_KEPT_MAX);
}

#[test]
fn the_clock_of_a_peer_that_is_not_read_yet_does_not_run() {
    let (mut connection, _peer) = pair();
    let waits = SocketWaits::default();
    connection.stage = Stage::Greeting;
    let early = Input { tail: vec![0x81], fragments: None, begun_at: 0 };
    connection.input = Some(Box::new(early));
    assert_eq!(connection.look(50, &waits), Due::Nothing);
    assert_eq!(connection.next_look(&waits), u32::MAX, "only its token can expire");
    connection.open(50);
    assert_eq!(connection.next_look(&waits), 50 + waits.message_secs);
    assert_eq!(connection.look(59, &waits), Due::Nothing);
    assert_eq!(connection.look(60, &waits), Due::Close(Close::Silent));
    connection.input = None;
    assert_eq!(connection.look(74, &waits), Due::Nothing);
    assert_eq!(connection.next_look(&waits), 50 + waits.ping_after_secs);
    assert_eq!(connection.look(75, &waits), Due::Nothing, "it is pinged");
    assert_eq!(connection.look(85, &waits), Due::Close(Close::Silent));
}

#[test]
fn the_count_of_control_frames_never_overflows() {
    let (mut connection, _peer) = pair();
    let counts = (0..70_000).map(|_| connection.count_control(7));
    assert_eq!(counts.last(), Some(u16::MAX));
    assert_eq!(connection.count_control(8), 1);
}
