//! What a socket costs the real program: next to nothing while it is idle, and again after it has
//! talked.

use crate::commands::snug;
use crate::support::{directory, put_cluster, raise_file_limit, until};
use snug::limits::{CONTENT_BYTES_MAX, CONTENT_CHARS_MAX};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const SOCKETS: u64 = 2_000;
/// Twice what a socket may cost, because the allocator works in larger pieces.
const SOCKET_BYTES_MAX: u64 = 2 * 1024;
/// Readers that take little of a replay of this many messages of the largest size, and what each may cost.
const READERS: u64 = 300;
const REPLAYED: usize = 150;
const READER_BYTES_MAX: u64 = 128 * 1024;
/// Enough for the program to have made, once, every allocation that it keeps for good.
const FIRST: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_socket_holds_no_buffer_before_or_after_a_long_message() {
    raise_file_limit();
    let program = Program::start().await;
    let mut sockets: Vec<_> = (0..FIRST).map(|_| program.open()).collect();
    let before = program.memory();
    sockets.extend((0..SOCKETS).map(|_| program.open()));
    let most = before + SOCKETS * SOCKET_BYTES_MAX;
    until("idle sockets hold no buffers", || async { program.memory() <= most }).await;

    sockets[0].write_all(&masked(&"\u{1f4ac}".repeat(CONTENT_CHARS_MAX))).unwrap();
    for socket in &mut sockets {
        let mut message = vec![0; CONTENT_BYTES_MAX];
        socket.read_exact(&mut message).unwrap();
        assert_eq!(message[0], 0x81);
    }
    until("the buffers of what was said are given back", || async { program.memory() <= most })
        .await;
}

/// What readers do not take of their replays is bounded, in all and for a subnet.
#[tokio::test(flavor = "multi_thread")]
async fn replays_that_nobody_reads_cost_little() {
    raise_file_limit();
    let program = Program::start().await;
    let mut writer = program.open();
    for _ in 0..REPLAYED {
        writer.write_all(&masked(&"\u{1f4ac}".repeat(CONTENT_CHARS_MAX))).unwrap();
        let mut message = vec![0; CONTENT_BYTES_MAX];
        writer.read_exact(&mut message).unwrap();
    }
    let before = program.memory();
    let mut readers: Vec<_> = (0..READERS).map(|_| program.ask("/ws/general?after=0")).collect();
    for reader in &mut readers {
        // Its welcome, and more than half of the first message.
        reader.read_exact(&mut vec![0; CONTENT_BYTES_MAX / 2]).unwrap();
    }
    let most = before + READERS * READER_BYTES_MAX;
    until("replays cost little", || async {
        let now = program.memory();
        println!("{} KiB a reader", now.saturating_sub(before) / READERS / 1_024);
        now <= most
    })
    .await;
}

/// A snug with its own PostgreSQL, and a user whose token was created by command: hashing passwords in
/// the server would leave traces in its memory.
struct Program {
    child: Child,
    address: SocketAddr,
    token: String,
    _scratch: TempDir,
}

impl Program {
    async fn start() -> Self {
        let scratch = directory();
        let data = scratch.path().join("data");
        put_cluster(&data);
        let data = data.to_str().unwrap().to_owned();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let many = (SOCKETS * 2).to_string();
        let settings = [
            ("SNUG_DATA_DIR", data.as_str()),
            ("SNUG_LISTEN", &address.to_string()),
            ("SNUG_RATE_LIMITS", "off"),
            ("SNUG_MAX_CONNECTIONS", &many),
            ("SNUG_MAX_CONNECTIONS_PER_USER", &many),
            ("SNUG_MAX_CONNECTIONS_PER_ADDRESS", &many),
            ("PATH", "/usr/bin:/bin"),
        ];
        let child = snug(&[], &settings).stderr(Stdio::null()).spawn().unwrap();
        let mut program = Self { child, address, token: String::new(), _scratch: scratch };
        until("the program is ready", || async {
            let answer = reqwest::get(format!("http://{address}/readyz")).await;
            answer.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
        let mut add = snug(&["user", "add", "ada", "ada@example.org"], &settings);
        let mut add = add.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        add.stdin.take().unwrap().write_all(b"correct horse battery staple\n").unwrap();
        assert!(add.wait().unwrap().success());
        let token = snug(&["token", "ada"], &settings).output().unwrap();
        program.token = String::from_utf8(token.stdout).unwrap().trim().to_owned();
        program
    }

    /// A socket on the general chat that has received its welcome.
    fn open(&self) -> TcpStream {
        let mut stream = self.ask("/ws/general");
        let mut answer = Vec::new();
        while !answer.ends_with(b"}]}") {
            let mut part = [0; 1_024];
            let count = stream.read(&mut part).unwrap();
            assert!(count > 0, "{}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&part[..count]);
        }
        stream
    }

    /// A connection that has asked for a socket and read nothing.
    fn ask(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            self.address, self.token
        );
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    /// The bytes that belong to the program alone: file-backed pages do not count.
    fn memory(&self) -> u64 {
        let path = format!("/proc/{}/smaps_rollup", self.child.id());
        let rollup = std::fs::read_to_string(path).unwrap();
        let line = rollup.lines().find_map(|line| line.strip_prefix("Pss_Anon:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(self.child.id() as i32);
        // With SIGTERM, so that its PostgreSQL ends, too; it may have ended already.
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

/// A client's frame that sends this message.
fn masked(content: &str) -> Vec<u8> {
    let text = format!(r#"{{"content":"{content}"}}"#);
    let mut frame = vec![0x81, 0x80 | 126];
    frame.extend((text.len() as u16).to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(text.bytes());
    frame
}
