//! The bounds of the bus, on which nodes that share a database tell each other what is new. Whatever is beyond them is
//! read from the database instead.

use super::Pauses;
use std::time::Duration;

/// Chats and other news that wait to be said: what a node has to say while the bus is away for a moment. Beyond it the
/// others find out by looking.
pub const BUS_CHATS_MAX: usize = 16_384;
pub const BUS_NEWS_MAX: usize = 4_096;
pub const BUS_BYTES_MAX: usize = 1024 * 1024;
/// One piece of news, frame and all: `join_request` and its like have a few hundred bytes.
pub const BUS_PIECE_BYTES_MAX: usize = 4 * 1024;
/// What PostgreSQL takes in one NOTIFY is less than 8,000 bytes.
pub const NOTIFY_BYTES_MAX: usize = 7_999;
/// What that holds before it is written in base64, less a quarter, and the seal.
pub const NOTIFY_BODY_BYTES_MAX: usize = NOTIFY_BYTES_MAX / 4 * 3 - BUS_SEAL_BYTES;
/// Version, node, stamp and code.
pub const BUS_SEAL_BYTES: usize = 1 + 8 + 8 + 16;
/// NOTIFYs in one commit.
pub const NOTIFIES_AT_ONCE: usize = 64;
/// The pause between two commits with NOTIFYs, each of which takes a lock over the whole cluster: what happens meanwhile
/// is said together. The first one after a pause is said at once.
pub const NOTIFY_GATHER: Duration = Duration::from_millis(3);
/// Payloads that have arrived and are not read yet. If they are more, the connection begins anew, and what was missed is
/// read.
pub const HEARD_WAITING_MAX: usize = 4_096;
/// Payloads that have been read and wait for those who tell.
pub const NEWS_WAITING_MAX: usize = 256;
/// How often it is asked whether the bus is there, what time it is in the database, and what is new in followed chats
/// that nobody has said: other nodes are heard within this time, whatever happens to the bus.
pub const BUS_LOOK_PAUSE: Duration = Duration::from_secs(4);
/// The pauses between attempts at connecting to the bus.
pub const BUS_PAUSES: Pauses = Pauses::doubling(Duration::from_millis(100), Duration::from_secs(4));
/// How late news may be: what is older has been read long ago.
pub const BUS_LATE_MAX: Duration = Duration::from_secs(60);
/// How much two nodes may differ about the clock of the database.
pub const BUS_CLOCK_SLACK: Duration = Duration::from_secs(1);
/// Nodes that are known by their stamps, those gone for less than `BUS_LATE_MAX` among them.
pub const BUS_NODES_MAX: usize = 1_024;
/// Followed chats that are compared with the database in one statement, of a few milliseconds.
pub const CHATS_COMPARED_MAX: usize = 2_000;
/// Chats that are read at once for all who follow them here.
pub const CHAT_READS_MAX: usize = 4;
/// Users in one piece of news about who is here.
pub const HERE_USERS_AT_ONCE: usize = 400;
/// How long somebody whom another node has said to be there counts as online without its saying so again, which it does
/// with each look: if that node is gone, so are they.
pub const ELSEWHERE_AGE: Duration = Duration::from_secs(30);
/// Users who are online elsewhere, about 60 bytes each.
pub const ELSEWHERE_USERS_MAX: usize = 500_000;
/// Changes of who takes part in which chat that are looked at together.
pub const REACH_CHANGES_MAX: i64 = 10_000;
/// How long a change may take from its row to its commit, and so how far back each look reaches beyond the last one.
pub const REACH_CHANGES_SLACK: Duration = Duration::from_secs(12);
/// How long a server that stops takes to tell the others the rest.
pub const LAST_NEWS_PATIENCE: Duration = Duration::from_millis(250);
/// What waits until the messages before it have been read, in all chats together. Beyond it that is read, too.
pub const HELD_RUNS_BYTES_MAX: usize = 8 * 1024 * 1024;
