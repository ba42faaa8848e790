//! A proxy between snug and PostgreSQL that can be cut or stalled at the worst moment.

use super::Database;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

/// What happens to the next commit that passes, whether it is the lane's or another transaction's.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Fate {
    Passes,
    /// It reaches PostgreSQL and is carried out, but its answer is lost together with the connection.
    AnswerLost,
    /// The connection ends just before it.
    Lost,
    /// Does not concern a commit but an update of one row, which is its own transaction: it is carried
    /// out, and its answer is lost together with the connection.
    UpdateAnswerLost,
}

pub struct Proxy {
    database: Database,
    directory: tempfile::TempDir,
    wire: Arc<Wire>,
}

struct Wire {
    to: PathBuf,
    fate: AtomicU8,
    cuts: AtomicU32,
    refuses: AtomicBool,
    refusals: AtomicU32,
    answered: AtomicU64,
    clogged: watch::Sender<bool>,
}

impl Proxy {
    pub async fn new() -> Self {
        Self::before(Database::new().await)
    }

    /// A proxy to this database.
    pub fn before(database: Database) -> Self {
        let directory = super::directory();
        std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o700)).unwrap();
        let listener = UnixListener::bind(directory.path().join(".s.PGSQL.5432")).unwrap();
        let wire = Arc::new(Wire {
            to: database.socket(),
            fate: AtomicU8::new(Fate::Passes as u8),
            cuts: AtomicU32::new(0),
            refuses: AtomicBool::new(false),
            refusals: AtomicU32::new(0),
            answered: AtomicU64::new(0),
            clogged: watch::channel(false).0,
        });
        tokio::spawn({
            let wire = Arc::clone(&wire);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    if wire.refuses.load(Relaxed) {
                        wire.refusals.fetch_add(1, Relaxed);
                        tokio::spawn(turn_away(stream));
                    } else {
                        tokio::spawn(Arc::clone(&wire).carry(stream));
                    }
                }
            }
        });
        Self { database, directory, wire }
    }

    pub fn database(&self) -> Database {
        self.database.clone()
    }

    pub fn url(&self) -> String {
        let host = self.directory.path().display();
        format!("postgres:///{}?host={host}&user=snug", self.database.name)
    }

    pub fn doom(&self, fate: Fate) {
        self.wire.fate.store(fate as u8, Relaxed);
    }

    /// How many connections have been cut.
    pub fn cuts(&self) -> u32 {
        self.wire.cuts.load(Relaxed)
    }

    /// How many connections have been refused.
    pub fn refusals(&self) -> u32 {
        self.wire.refusals.load(Relaxed)
    }

    /// How many bytes PostgreSQL has answered.
    pub fn answered(&self) -> u64 {
        self.wire.answered.load(Relaxed)
    }

    /// While clogged, nothing moves in either direction and nothing ends.
    pub fn clog(&self, clogged: bool) {
        self.wire.clogged.send_replace(clogged);
    }

    /// While it refuses, new connections get the answer of a database that has none left.
    pub fn refuse(&self, refuses: bool) {
        self.wire.refuses.store(refuses, Relaxed);
    }
}

/// What PostgreSQL says if all its connections are taken.
async fn turn_away(mut stream: UnixStream) {
    let fields = b"SFATAL\0VFATAL\0C53300\0Msorry, too many clients already\0\0";
    let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
    // The client may have left.
    let _ = stream.read(&mut [0; 1_024]).await;
    let _ = stream.write_all(&[b"E", &length[..], &fields[..]].concat()).await;
}

/// "Sync": everything asked so far is to be committed.
const SYNC: &[u8] = b"S\0\0\0\x04";

/// "ReadyForQuery" with no transaction open: the commit was carried out.
const IDLE: &[u8] = b"Z\0\0\0\x05I";

/// What the lane's connection says when it starts.
const LANE: &[u8] = b"\0application_name\0snug lane\0";

/// The name under which a statement is prepared here ("Parse"). The first one of the lane stores messages.
fn prepared(bytes: &[u8]) -> Option<Vec<u8>> {
    let name = bytes.strip_prefix(b"P")?.get(4..)?;
    let end = name.iter().position(|byte| *byte == 0)?;
    Some(name[..end].to_vec())
}

/// Where a commit begins: the message that requests it, or the end of the lane's statement, which is a
/// transaction by itself.
fn commit(bytes: &[u8], storing: Option<&[u8]>) -> Option<usize> {
    let is_commit = |window: &[u8]| window.eq_ignore_ascii_case(b"commit\0");
    if let Some(at) = bytes.windows(7).rposition(is_commit) {
        // Its message starts five bytes earlier, with a letter and the length.
        return Some(at - 5);
    }
    // "Bind" of the statement to the unnamed portal.
    let bound = [b"\0", storing?, b"\0"].concat();
    let is_stored = bytes.windows(bound.len()).any(|window| window == bound);
    is_stored.then(|| bytes.strip_suffix(SYNC).unwrap_or(bytes).len())
}

impl Wire {
    async fn carry(self: Arc<Self>, client: UnixStream) {
        let server = UnixStream::connect(&self.to).await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let doomed = AtomicBool::new(false);
        let asking = async {
            let mut buffer = vec![0; 64 * 1024];
            let (mut is_lane, mut storing) = (None, None);
            loop {
                let count = from_client.read(&mut buffer).await.unwrap_or(0);
                if count == 0 {
                    return;
                }
                self.unclogged().await;
                let bytes = &buffer[..count];
                let first = || bytes.windows(LANE.len()).any(|window| window == LANE);
                if *is_lane.get_or_insert_with(first) {
                    storing = storing.or_else(|| prepared(bytes));
                }
                let commit = commit(bytes, storing.as_deref());
                let fate = match self.fate.load(Relaxed) {
                    fate if commit.is_some() && fate != Fate::UpdateAnswerLost as u8 => {
                        self.fate.swap(Fate::Passes as u8, Relaxed)
                    }
                    _ => Fate::Passes as u8,
                };
                let passes = match commit {
                    Some(at) if fate == Fate::Lost as u8 => &bytes[..at],
                    _ => bytes,
                };
                if fate == Fate::AnswerLost as u8 {
                    doomed.store(true, Relaxed);
                }
                if to_server.write_all(passes).await.is_err() {
                    return;
                }
                if fate == Fate::Lost as u8 {
                    self.cuts.fetch_add(1, Relaxed);
                    return;
                }
            }
        };
        let answering = async {
            let mut buffer = vec![0; 64 * 1024];
            loop {
                let count = from_server.read(&mut buffer).await.unwrap_or(0);
                if count == 0 {
                    return;
                }
                self.unclogged().await;
                let answer = &buffer[..count];
                self.answered.fetch_add(count as u64, Relaxed);
                let is_update = answer.windows(9).any(|window| window == b"UPDATE 1\0");
                let (lost, passes) = (Fate::UpdateAnswerLost as u8, Fate::Passes as u8);
                if is_update && self.fate.compare_exchange(lost, passes, Relaxed, Relaxed).is_ok() {
                    self.cuts.fetch_add(1, Relaxed);
                    return;
                }
                if doomed.load(Relaxed) {
                    if answer.windows(IDLE.len()).any(|window| window == IDLE) {
                        self.cuts.fetch_add(1, Relaxed);
                        return;
                    }
                    continue;
                }
                if to_client.write_all(answer).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = asking => {}
            () = answering => {}
        }
    }

    async fn unclogged(&self) {
        // The sender lives as long as the proxy.
        let _ = self.clogged.subscribe().wait_for(|clogged| !clogged).await;
    }
}
