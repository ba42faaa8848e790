//! How long others are waited for: clients that send, read or answer, and PostgreSQL.
//!
//! The values are bounds of `limits`. They are handed in with the configuration rather than read there, so
//! that a test which waits for one of them to pass can have a shorter one. They are not a setting: what
//! people run has the values of `limits`.

use crate::limits;
use std::time::Duration;

#[derive(Debug, Clone, Copy, Default)]
pub struct Waits {
    pub requests: RequestWaits,
    pub sockets: SocketWaits,
    pub database: DatabaseWaits,
}

/// For those who send a request and read its answer.
#[derive(Debug, Clone, Copy)]
pub struct RequestWaits {
    pub read: Duration,
    /// For the next request on a connection of a trusted proxy.
    pub proxy_read: Duration,
    /// While stopping, for the first request on a connection that has been accepted.
    pub speak_at_stop: Duration,
    pub write_stall: Duration,
}

/// For those at the other end of a socket, on the clock of its shard, which counts whole seconds.
#[derive(Debug, Clone, Copy)]
pub struct SocketWaits {
    pub message_secs: u32,
    pub ping_after_secs: u32,
    pub pong_within_secs: u32,
    pub write_stall_secs: u32,
    /// How long a user counts as online after the last of their sockets.
    pub offline_after_secs: u32,
}

/// For PostgreSQL, from one statement to the chats of a socket that cannot be read.
#[derive(Debug, Clone, Copy)]
pub struct DatabaseWaits {
    pub statement: Duration,
    /// For each statement of a search, and for one's other searches before it.
    pub search: Duration,
    pub answer: Duration,
    pub commit: Duration,
    pub settle: Duration,
    pub change: Duration,
    pub read_patience: Duration,
    /// Between two looks at what other nodes have done.
    pub look: Duration,
    /// After which a connection that nobody needs is closed.
    pub idle: Duration,
}

impl Default for RequestWaits {
    fn default() -> Self {
        Self {
            read: limits::REQUEST_READ_TIMEOUT,
            proxy_read: limits::PROXY_READ_TIMEOUT,
            speak_at_stop: limits::SPEAK_AT_STOP_TIMEOUT,
            write_stall: limits::HTTP_WRITE_STALL_MAX,
        }
    }
}

impl Default for SocketWaits {
    fn default() -> Self {
        Self {
            message_secs: limits::MESSAGE_READ_SECS_MAX,
            ping_after_secs: limits::PING_AFTER_SECS,
            pong_within_secs: limits::PONG_WITHIN_SECS,
            write_stall_secs: limits::WRITE_STALL_SECS_MAX,
            offline_after_secs: limits::OFFLINE_AFTER_SECS,
        }
    }
}

impl Default for DatabaseWaits {
    fn default() -> Self {
        Self {
            statement: limits::STATEMENT_TIMEOUT,
            search: limits::SEARCH_TIMEOUT,
            answer: limits::ANSWER_TIMEOUT,
            commit: limits::COMMIT_TIMEOUT,
            settle: limits::SETTLE_TIMEOUT,
            change: limits::CHANGE_TIMEOUT,
            read_patience: limits::SOCKET_READ_PATIENCE,
            look: limits::BUS_LOOK_PAUSE,
            idle: limits::POOL_IDLE_MAX,
        }
    }
}
