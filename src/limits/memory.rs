//! The bounds that depend on how much memory the machine has: three presets, of which `SNUG_MEMORY` names one.
//!
//! What a preset does not name is the same on every machine.

use super::PAGE_ROWS_MAX;

/// How much memory snug and its own PostgreSQL may take together: about 120 MB with a thousand people online,
/// 250 MB, 600 MB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    Small,
    Medium,
    Large,
}

#[derive(Debug, PartialEq, Eq)]
pub struct MemoryBounds {
    pub postgres: PostgresBounds,
    /// Connections to PostgreSQL for readers and short writes, each a process of some megabytes; its own
    /// allows 20, and the lane has one beside these.
    pub pool_connections: usize,
    /// How many of these are for pages, so that everything else still finds one in the pool.
    pub pages_connections: usize,
    /// Messages that pages under way may request, each up to 16 kB.
    pub pages_rows: usize,
    /// Reads for sockets, searches for people and searches for messages at once, so that each finds a
    /// connection in the pool.
    pub socket_reads: usize,
    pub searches: usize,
    pub message_searches: usize,
    /// Passwords that are hashed at once, 12 MiB each; never more than there are cores.
    pub hashers: usize,
    /// Entries of each cache: sessions (about 200 bytes each), standings (80), names (100).
    pub cached: usize,
    /// Bytes of the contents of all drafts that wait for the lane, so that long ones cannot fill the memory.
    pub lane_bytes: u64,
    /// Bytes in a shard's inbox; publishing waits for room (backpressure).
    pub inbox_bytes: usize,
    /// HTTP connections at once, not counting sockets: an idle one holds 18 KiB.
    pub http_connections: usize,
    /// Connections that wait for a place, about 1 KiB each: thousands of clients return at once after a
    /// restart. Any more stay in the kernel's backlog.
    pub http_waiting: usize,
}

/// Settings of the PostgreSQL that snug starts itself.
#[derive(Debug, PartialEq, Eq)]
pub struct PostgresBounds {
    /// Its own cache; the kernel's holds the rest.
    pub shared_buffers: &'static str,
    /// For each sort, before it goes to the disk.
    pub work_mem: &'static str,
    /// For cleaning up, and for making an index.
    pub maintenance_work_mem: &'static str,
    /// How much of its log is written between two checkpoints, and kept to be used again. It bounds how long
    /// a start after a crash takes.
    pub max_wal_size: &'static str,
    pub min_wal_size: &'static str,
}

/// A Raspberry Pi or the smallest virtual server, which it may share with others.
pub const SMALL: MemoryBounds = MemoryBounds {
    postgres: PostgresBounds {
        shared_buffers: "16MB",
        work_mem: "1MB",
        maintenance_work_mem: "16MB",
        max_wal_size: "128MB",
        min_wal_size: "128MB",
    },
    pool_connections: 8,
    pages_connections: 4,
    pages_rows: 4 * PAGE_ROWS_MAX as usize,
    socket_reads: 4,
    searches: 2,
    message_searches: 2,
    hashers: 1,
    cached: 8_192,
    lane_bytes: 4 * 1024 * 1024,
    inbox_bytes: 8 * 1024 * 1024,
    http_connections: 512,
    http_waiting: 2_048,
};

pub const MEDIUM: MemoryBounds = MemoryBounds {
    postgres: PostgresBounds {
        shared_buffers: "64MB",
        work_mem: "2MB",
        maintenance_work_mem: "32MB",
        max_wal_size: "256MB",
        min_wal_size: "256MB",
    },
    pool_connections: 12,
    pages_connections: 8,
    pages_rows: 12 * PAGE_ROWS_MAX as usize,
    socket_reads: 6,
    searches: 3,
    message_searches: 3,
    hashers: usize::MAX,
    cached: 32_768,
    lane_bytes: 16 * 1024 * 1024,
    inbox_bytes: 32 * 1024 * 1024,
    http_connections: 2_048,
    http_waiting: 8_192,
};

/// More would not make a chat faster: what is read is what was said last.
pub const LARGE: MemoryBounds = MemoryBounds {
    postgres: PostgresBounds {
        shared_buffers: "256MB",
        work_mem: "8MB",
        maintenance_work_mem: "128MB",
        max_wal_size: "512MB",
        ..MEDIUM.postgres
    },
    cached: 131_072,
    ..MEDIUM
};

/// A machine that is sold with 2 GB has a little less; with fewer, `Small` is the default.
const MEDIUM_BYTES_MIN: u64 = 3 * GIBIBYTE / 2;
/// Likewise one with 8 GB.
const LARGE_BYTES_MIN: u64 = 7 * GIBIBYTE;
const GIBIBYTE: u64 = 1024 * 1024 * 1024;

impl Memory {
    pub const ALL: [Self; 3] = [Self::Small, Self::Medium, Self::Large];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
        }
    }

    pub const fn bounds(self) -> &'static MemoryBounds {
        match self {
            Self::Small => &SMALL,
            Self::Medium => &MEDIUM,
            Self::Large => &LARGE,
        }
    }

    /// What fits a machine with so much memory.
    pub const fn of_machine(bytes: u64) -> Self {
        match bytes {
            0..MEDIUM_BYTES_MIN => Self::Small,
            MEDIUM_BYTES_MIN..LARGE_BYTES_MIN => Self::Medium,
            LARGE_BYTES_MIN.. => Self::Large,
        }
    }
}

impl MemoryBounds {
    /// How many HTTP connections one address may have (one /64 for IPv6; trusted proxies are exempt): an
    /// address that takes its whole share leaves as much to the others, and it is enough for a large office
    /// behind one address.
    pub const fn http_connections_per_address(&self) -> usize {
        self.http_connections / 2
    }

    /// And how many of those that wait.
    pub const fn http_waiting_per_address(&self) -> usize {
        self.http_waiting / 2
    }
}
