//! Every bound of the program, with its reason, in one place.

use std::time::Duration;

/// Between the tries of something that is away: the first pause, and how it grows up to the longest.
#[derive(Debug, Clone, Copy)]
pub struct Pauses {
    pub first: Duration,
    pub longest: Duration,
    pub growth: f64,
}

impl Pauses {
    pub const fn doubling(first: Duration, longest: Duration) -> Self {
        Self { first, longest, growth: 2.0 }
    }
}

// ---- people and what they write (the contract) ----

/// Characters of a message after trimming trailing white space.
pub const CONTENT_CHARS_MAX: usize = 4_000;
/// From here on the page tells how many are left.
pub const CONTENT_CHARS_NEAR: usize = CONTENT_CHARS_MAX - CONTENT_CHARS_MAX / 20;
/// Characters of the sender's own name for a draft.
pub const CLIENT_ID_CHARS_MAX: usize = 64;
pub const USERNAME_CHARS_MIN: usize = 3;
pub const USERNAME_CHARS_MAX: usize = 32;
pub const PASSWORD_CHARS_MIN: usize = 8;
/// More would only make hashing a way to keep us busy.
pub const PASSWORD_CHARS_MAX: usize = 128;
/// RFC 5321: what fits into a forward path.
pub const EMAIL_CHARS_MAX: usize = 254;
pub const ROOM_NAME_CHARS_MAX: usize = 80;
pub const ROOM_DESCRIPTION_CHARS_MAX: usize = 500;
pub const SEARCH_CHARS_MAX: usize = 32;
/// An invite link as it is pasted; ours are shorter, and nobody's host is as long.
pub const INVITE_LINK_CHARS_MAX: usize = 2_048;

// ---- how much of everything a user may own (the contract) ----

pub const ROOMS_PER_USER_MAX: i64 = 1_000;
pub const PRIVATE_CHATS_PER_USER_MAX: i64 = 1_000;
pub const ROOMS_PER_CREATOR_MAX: i64 = 200;
pub const REQUESTS_PER_ROOM_MAX: i64 = 500;

// ---- pages of lists ----

pub const PAGE_ROWS_DEFAULT: i64 = 50;
pub const PAGE_ROWS_MAX: i64 = 200;
pub const SEARCH_ROWS_DEFAULT: i64 = 20;
pub const SEARCH_ROWS_MAX: i64 = 50;

// ---- what a page shows ----

/// Chats in the list beside a page: all that one may have (the contract), so that each can be reached.
pub const CHATS_SHOWN: i64 = 1 + PRIVATE_CHATS_PER_USER_MAX + ROOMS_PER_USER_MAX;
/// Requests to join, above the page; the next ones follow as these are answered.
pub const OPEN_REQUESTS_SHOWN: i64 = 20;
/// Members of a room, and those who were denied, in its panel.
pub const MEMBERS_SHOWN: i64 = 200;
pub const DENIED_SHOWN: i64 = 50;
/// People whom a search without scripts lists, and those that the script suggests.
pub const PEOPLE_SHOWN: i64 = 20;
pub const PEOPLE_SUGGESTED: i64 = 8;
/// Links and mentions that are told apart in one message: an element each, on a page of fifty messages.
pub const SPECIAL_SPANS_MAX: usize = 200;
/// A page shorter than this fits into one packet, compressed or not.
pub const COMPRESSED_BYTES_MIN: usize = 1_400;

// ---- HTTP ----

/// The largest body and the largest WebSocket message.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// A request line and headers beyond this get 431; a token has well under 1 KiB.
pub const HEADER_BYTES_MAX: usize = 16 * 1024;
pub const HEADERS_MAX: usize = 64;
/// What hyper reads at once of a connection: a head that is as large as it may be, and what follows it.
pub const HTTP_BUFFER_BYTES_MAX: usize = HEADER_BYTES_MAX + 8 * 1024;
/// A header or a body that is not complete by then comes from someone who dribbles.
pub const REQUEST_READ_TIMEOUT: Duration = Duration::from_secs(10);
/// A reader who in so long takes less of an answer, up to some MiB of history, and does not finish it, is
/// cut: a modem of 56 kbit/s takes twice as much, and a byte now and then would hold the rest for ever.
pub const HTTP_WRITE_STALL_MAX: Duration = Duration::from_secs(10);
pub const HTTP_WRITE_BYTES_MIN: usize = 32 * 1024;
/// Linux asks for more only when a third of its buffer is free: that must be enough for one such time, and
/// no more than the modem takes in it, at 7 KB/s.
const _: () = assert!(
    2 * SEND_BUFFER_BYTES / 3 >= HTTP_WRITE_BYTES_MIN
        && 2 * SEND_BUFFER_BYTES / 3 <= 7_000 * HTTP_WRITE_STALL_MAX.as_secs() as usize
);
/// HTTP connections at once, sockets not among them: an idle one holds 18 KiB.
pub const HTTP_CONNECTIONS_MAX: usize = 2_048;
/// Of these for one address (of IPv6, one /64), trusted proxies aside: whoever takes all they may leaves
/// as many to the others, and a large office behind one address still has enough.
pub const HTTP_CONNECTIONS_PER_ADDRESS_MAX: usize = HTTP_CONNECTIONS_MAX / 2;
/// Connections that wait for a place, about 1 KiB each: thousands of clients return at once after a
/// restart. Beyond it the kernel keeps them.
pub const HTTP_WAITING_MAX: usize = 8_192;
/// Of these of one address.
pub const HTTP_WAITING_PER_ADDRESS_MAX: usize = HTTP_WAITING_MAX / 2;
/// What the kernel holds for one reader before we do; Linux takes it twice, for its own bookkeeping.
/// Left alone it grows to 4 MB, and a reader who takes nothing would be noticed only when that is full.
pub const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// After a failed accept (no files left, mostly): long enough not to spin, short enough not to matter.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What a peer still sends after our last answer is read so long and so far.
pub const LINGER_TIMEOUT: Duration = Duration::from_secs(1);
pub const LINGER_BYTES_MAX: usize = 256 * 1024;
/// Requests under way at a stop are waited for so long.
pub const REQUESTS_STOP_TIMEOUT: Duration = Duration::from_secs(2);
/// Told to come back: what is in the way passes by itself (a restart, a database that is away, a queue).
pub const RETRY_SOON: Duration = Duration::from_secs(2);
/// The same for a queue that drains many times a second.
pub const RETRY_AT_ONCE: Duration = Duration::from_secs(1);
/// The same for places that others must leave first.
pub const RETRY_SEAT: Duration = Duration::from_secs(5);
/// JSON nested deeper than this is refused; our own bodies are flat.
pub const JSON_DEPTH_MAX: usize = 16;

// ---- sockets ----

/// What waits for one reader: past it the reader is too slow, is closed and resumes. A `welcome` of
/// 2,001 chats (160 KiB) fits; the bytes are shared between readers.
pub const OUTBOX_BYTES_MAX: usize = 512 * 1024;
/// A run of messages longer than this is handed over in parts, each when the last one is written.
pub const HANDOVER_BYTES_MAX: usize = OUTBOX_BYTES_MAX / 2;
/// Frames are counted too, since many small ones cost more than their bytes.
pub const OUTBOX_CHUNKS_MAX: usize = 1_024;
/// Below this a replay reads on.
pub const OUTBOX_LOW_BYTES: usize = 32 * 1024;
/// Slices of one vectored write; the kernel takes up to 1,024.
pub const WRITE_SLICES_MAX: usize = 64;
/// Sockets of which one look at a shard's poll tells; the others are told of by the next.
pub const POLL_EVENTS_MAX: usize = 1_024;
/// Sockets that a shard reads or writes in one go, about a millisecond's worth; then everybody else on its
/// core has a turn.
pub const SHARD_TURN: u32 = 256;
/// So many sockets for which something is only queued count as one that is written: 0.1 us against 3.
pub const QUEUED_AS_WRITTEN: usize = 32;
/// The scratch buffer of a shard, in which frames are parsed.
pub const SCRATCH_BYTES: usize = 64 * 1024;
/// What a shard has been told and has not yet taken up, in bytes; publishing waits beyond it.
pub const INBOX_BYTES_MAX: usize = 32 * 1024 * 1024;
/// A replay longer than this is answered by `reset`.
pub const REPLAY_MESSAGES_MAX: i64 = 1_000;
/// Messages of one read of a replay.
pub const REPLAY_PAGE_ROWS: i64 = 100;
/// Frames of one read of a replay; what is beyond is read again.
pub const REPLAY_PAGE_BYTES_MAX: usize = 128 * 1024;
/// Pairs in `?after=` on `/ws`.
pub const RESUME_PAIRS_MAX: usize = 100;
/// Reads for sockets that run at once, so that requests find connections in the pool.
pub const SOCKET_READS_MAX: usize = 6;
/// A socket whose chats cannot be read for so long is told to come back later.
pub const SOCKET_READ_PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries to read them.
pub const SOCKET_READ_PAUSES: Pauses =
    Pauses::doubling(Duration::from_millis(100), Duration::from_secs(2));
/// Users who are to be told of a chat that cannot be read yet, about 500 bytes each; whoever is beyond
/// finds it in the next `welcome`.
pub const UNTOLD_MAX: usize = 1_000;
/// UserEvent that is kept for a socket until its `welcome`, a few hundred bytes each, or a longest message
/// more where a chat is added; whoever is told more than this meanwhile is to come back (1012: it is the
/// `welcome` that is late).
pub const TOLD_KEPT_MAX: usize = 100;
/// A message that has begun must be complete by then.
pub const MESSAGE_READ_SECS_MAX: u32 = 10;
/// Fragments of one message; more are a way to keep us busy.
pub const MESSAGE_FRAGMENTS_MAX: u32 = 1_024;
/// Silence after which a socket is pinged, and how long it may then stay silent.
pub const PING_AFTER_SECS: u32 = 25;
pub const PONG_WITHIN_SECS: u32 = 10;
/// A reader that takes nothing for so long is cut.
pub const WRITE_STALL_SECS_MAX: u32 = 10;
/// After our close frame the peer's is awaited so long, so that no reset eats ours.
pub const CLOSE_DRAIN_SECS: u32 = 1;
/// Control frames a second of one socket.
pub const CONTROL_FRAMES_PER_SEC_MAX: u16 = 50;
/// Refused frames after which a socket is closed; each frame that makes sense makes up for one.
pub const OFFENCES_MAX: u8 = 50;
/// Drafts of one socket that wait for their commit; beyond it frames are refused.
pub const SOCKET_DRAFTS_MAX: u16 = 512;
/// At a stop everybody is sent away within this time, a part at a time, so that not all return at once.
pub const STOP_SPREAD: Duration = Duration::from_millis(1_500);
/// Sockets whose drafts are being committed are waited for so long at a stop.
pub const STOP_PATIENCE: Duration = Duration::from_secs(3);
/// A session or membership that ended is remembered so long, for sockets whose upgrade was under way.
pub const ENDED_SECS: u32 = 60;

// ---- accounts ----

/// OWASP's cheat sheet and ASVS 5 both allow this smallest setting: 12 MiB, three passes.
pub const HASH_MEMORY_KIB: u32 = 12 * 1024;
pub const HASH_PASSES: u32 = 3;
/// Hashings that wait for a core; beyond it sign-ups and logins are told to come back.
pub const HASH_QUEUE_MAX: usize = 64;
/// No answer about a session is older: a revoked one is dead everywhere by then.
pub const SESSION_CACHE_AGE: Duration = Duration::from_secs(1);
/// Sessions with open sockets are looked up so often, so that one that another process ended has none
/// about a second later; 360 of them take PostgreSQL about a millisecond of its processor time.
pub const SESSION_CHECK_PAUSE: Duration = Duration::from_secs(1);
/// Sessions of one such look-up: a statement of some ten milliseconds.
pub const SESSIONS_ASKED_MAX: usize = 2_000;
/// Sessions that are remembered; each costs about 200 bytes.
pub const SESSIONS_CACHED_MAX: usize = 32_768;
/// Read positions in `welcome` may be so old.
pub const STANDING_CACHE_AGE: Duration = Duration::from_secs(1);
/// Standings that are remembered; each costs about 80 bytes.
pub const STANDINGS_CACHED_MAX: usize = 32_768;
/// Difference of clocks that a token's times may have.
pub const TOKEN_LEEWAY_SECS: u64 = 2;
/// The epoch changes only when a backup is restored.
pub const EPOCH_CACHE_AGE: Duration = Duration::from_secs(1);
pub const USER_AGENT_CHARS_MAX: usize = 200;
/// Ended sessions are forgotten so often.
pub const PURGE_PAUSE: Duration = Duration::from_secs(3_600);
/// Sessions that one statement forgets: locked for some milliseconds. The next follows until none is left.
pub const PURGE_ROWS_MAX: i64 = 1_000;

// ---- rates, each as a burst and the time in which one more is allowed ----

pub const MESSAGE_RATE: Rate = Rate::new(20, Duration::from_millis(100));
pub const LOGIN_FAILURES_PER_PAIR: Rate = Rate::new(5, Duration::from_secs(12));
pub const LOGIN_FAILURES_PER_ADDRESS: Rate = Rate::new(20, Duration::from_secs(3));
/// Of an account, from all addresses where nobody signed in to it within 30 days.
pub const LOGIN_FAILURES_FROM_AFAR: Rate = Rate::new(100, Duration::from_millis(600));
pub const SIGNUPS_PER_ADDRESS: Rate = Rate::new(20, Duration::from_secs(60));
pub const INVITE_TRIES_PER_USER: Rate = Rate::new(10, Duration::from_secs(6));
/// Remembered at once; whoever has more addresses than this is not limited by address anyway.
pub const RATE_KEYS_MAX: usize = 65_536;

/// How often something may happen: `burst` times at once, then once every `period`.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    pub burst: u32,
    pub period: Duration,
}

impl Rate {
    const fn new(burst: u32, period: Duration) -> Self {
        Self { burst, period }
    }
}

// ---- read positions ----

/// Read positions are written at most so often per user and chat.
pub const READ_PAUSE: Duration = Duration::from_secs(1);
/// Positions of one statement.
pub const READ_BATCH_MAX: usize = 500;
/// Positions that wait to be written; beyond it the oldest news wins, since the next read repeats it.
pub const READS_PENDING_MAX: usize = 100_000;

// ---- PostgreSQL ----

/// Readers and short writes; the private PostgreSQL allows 20 connections, the lane has one of its own.
pub const POOL_CONNECTIONS_MAX: usize = 12;
/// A request that finds no connection by then is told to come back: within the contract's 2 s.
pub const POOL_WAIT_TIMEOUT: Duration = Duration::from_millis(1_500);
/// Pages of history that are on their way on one connection before the next is taken: past a few, little
/// is gained, and one that is slow holds up the others.
pub const PAGES_PER_CONNECTION: usize = 8;
/// One that has brought no page for so long may be stuck, or the disk is slow: whoever comes reads on another.
pub const PAGES_STILL_MAX: Duration = Duration::from_millis(100);
/// Connections for pages, so that everything else finds one in the pool.
pub const PAGES_CONNECTIONS_MAX: usize = 8;
/// Messages that pages under way ask for: as much memory as a dozen of the longest take.
pub const PAGES_ROWS_MAX: usize = 12 * PAGE_ROWS_MAX as usize;
/// Read at once from PostgreSQL: as much as it writes at once, since the room is filled with zeros before.
pub const DATABASE_READ_BYTES_MAX: usize = 8 * 1024;
pub const DATABASE_CONNECT_TIMEOUT: Duration = Duration::from_millis(1_500);
/// Longer than any statement of ours takes; a long snapshot would bloat the chats' rows. Well below
/// `COMMIT_TIMEOUT`, so that a batch that waits for somebody's lock is refused by PostgreSQL, and then
/// known not to be stored.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(4);
/// A database that hangs does not even time out by itself: without an answer by then its connection is
/// thrown away.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(6);
/// Whether it answers at all; those who ask look again soon.
pub const PING_TIMEOUT: Duration = Duration::from_millis(1_500);
/// Whoever asked for a change hears by then, though it goes on to its end.
pub const CHANGE_TIMEOUT: Duration = Duration::from_secs(8);
/// A change that must not be forgotten is tried again for so long: twice the half minute without a
/// database that nobody shall notice afterwards.
pub const CHANGE_PATIENCE: Duration = Duration::from_secs(60);
/// A remote database that vanished is noticed by then.
pub const DATABASE_KEEPALIVE: Duration = Duration::from_secs(10);
/// Migrations may rewrite tables; a deadline of their own.
pub const MIGRATION_TIMEOUT: Duration = Duration::from_secs(600);
/// Between attempts to bring the schema of a database that is away up to date.
pub const MIGRATE_PAUSES: Pauses =
    Pauses::doubling(Duration::from_millis(100), Duration::from_secs(5));

/// The name of a user who was deleted may be shown for so long.
pub const NAME_CACHE_AGE: Duration = Duration::from_secs(1);
/// Names that are remembered; each costs about 100 bytes.
pub const NAMES_CACHED_MAX: usize = 32_768;

// ---- the lane ----

/// Drafts of one transaction: past a few hundred, larger batches gain little and cost latency.
pub const BATCH_DRAFTS_MAX: usize = 512;
/// Bytes of one transaction's contents. The writing connection has two buffers that hold all of it and
/// never shrink. They double where what is free at their end is too short: with the last draft, long ones
/// stay below 64 KiB (see the end), and so these below 256 KiB.
pub const BATCH_BYTES_MAX: usize = 44 * 1024;
/// Drafts that wait for the lane; beyond it senders are told to try again.
pub const LANE_DRAFTS_MAX: usize = 8_192;
/// Bytes of the contents of all drafts that wait, so that long ones do not fill a small machine.
pub const LANE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Past this a commit's outcome counts as unknown and is settled on a fresh connection.
pub const COMMIT_TIMEOUT: Duration = Duration::from_secs(6);
/// Past this the senders of an unsettled batch are told `unavailable`.
pub const SETTLE_TIMEOUT: Duration = Duration::from_secs(8);
/// So long may drafts wait without a turn of the lane before the watchdog is told: longer than any batch
/// takes.
pub const STUCK_AFTER: Duration = Duration::from_secs(30);
/// Between attempts to reach a database that is away.
pub const RECONNECT_PAUSES: Pauses =
    Pauses::doubling(Duration::from_millis(50), Duration::from_secs(1));

// ---- settings ----

/// HS256 signs with a hash of 32 bytes; a shorter key is weaker than the hash (RFC 7518, 3.2).
pub const JWT_SECRET_BYTES_MIN: usize = 32;
/// A bearer that only programs use; below this it can be guessed.
pub const METRICS_TOKEN_BYTES_MIN: usize = 16;
/// A key with fewer distinct bytes was typed by someone who was bored.
pub const SECRET_DISTINCT_BYTES_MIN: usize = 8;
/// A file that is named as a secret and is larger than this is something else.
pub const SECRET_FILE_BYTES_MAX: u64 = 64 * 1024;
pub const TOKEN_LIFETIME_MIN: Duration = Duration::from_secs(1);
/// Browsers keep a cookie for 400 days at the most (RFC 6265bis).
pub const TOKEN_LIFETIME_MAX: Duration = Duration::from_secs(400 * 24 * 60 * 60);
pub const TOKEN_LIFETIME_DEFAULT: &str = "7d";
/// Proxies are compared one by one for each request.
pub const TRUSTED_PROXIES_MAX: usize = 64;
/// Files that are not sockets of clients: the pool (twice where it waits for room), logs, the embedded
/// PostgreSQL's pipes, and requests that are answered while all sockets are taken.
pub const FILES_RESERVED: u64 = 200;
/// What is offered to clients even where the file limit is too small for the reserve.
pub const CONNECTIONS_DEFAULT_MIN: usize = 64;
/// Containers often say that the file limit is a thousand million; the kernel's own ceiling for one
/// process is about a million (`fs.nr_open`).
pub const CONNECTIONS_DEFAULT_MAX: usize = 1_000_000;
pub const CONNECTIONS_MAX: usize = 100_000_000;
pub const CONNECTIONS_PER_USER_DEFAULT: usize = 50;
pub const CONNECTIONS_PER_ADDRESS_DEFAULT: usize = 500;

// ---- the process ----

/// Threads for what blocks: hashing (a few at a time) and files of the data directory.
pub const BLOCKING_THREADS_MAX: usize = 16;
/// Work on blocking threads that still runs when everything else has ended is left behind.
pub const RUNTIME_STOP_TIMEOUT: Duration = Duration::from_secs(1);
/// Freed memory is given back so often; a trim of an idle process takes well under a millisecond.
pub const TRIM_PAUSE: Duration = Duration::from_secs(10);
/// Lines that wait for a slow log sink; the next ones are dropped rather than waited for.
pub const LOG_LINES_MAX: usize = 2_048;
/// Connections that the kernel holds while we accept others; 2,000 clients return at once after a restart.
pub const LISTEN_BACKLOG: u32 = 4_096;

// ---- the PostgreSQL that we start ourselves ----

/// How long it may take to answer at all; a start without recovery takes 20 ms.
pub const PG_ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// How long it may recover after a crash. Giving up earlier would interrupt the recovery, and the
/// next start would begin it again; `max_wal_size` keeps it well below this even on an SD card.
pub const PG_RECOVERY_TIMEOUT: Duration = Duration::from_secs(600);
/// One question, "do you answer?", including making the database at the first start.
pub const PG_ASK_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two questions while it starts: short at first, and longer by a quarter only, since a start takes
/// 20 ms.
pub const PG_ASK_PAUSES: Pauses =
    Pauses { first: Duration::from_millis(5), longest: Duration::from_millis(250), growth: 1.25 };
/// How often a long recovery is mentioned.
pub const PG_RECOVERY_LOG_INTERVAL: Duration = Duration::from_secs(5);
/// Between two attempts to start it: a fault that has passed must be over within 5 s for users too.
pub const PG_RESTART_PAUSES: Pauses =
    Pauses::doubling(Duration::from_millis(50), Duration::from_secs(2));
/// One that lived as long as this did not end because of its start: the next start is immediate.
pub const PG_LIFETIME_SOUND: Duration = Duration::from_secs(10);
/// An adopted postmaster is no child of ours, so that its end can only be polled.
pub const PG_ADOPTED_POLL: Duration = Duration::from_millis(250);
/// Fast shutdown, then immediate: together well below the 10 s in which we end.
pub const PG_STOP_TIMEOUT: Duration = Duration::from_secs(5);
pub const PG_QUIT_TIMEOUT: Duration = Duration::from_secs(2);
/// Making a cluster: half a second here, a hundred times as long on a poor SD card.
pub const PG_INITDB_TIMEOUT: Duration = Duration::from_secs(120);
/// `postgres --version` and the like do no work.
pub const PG_PROGRAM_TIMEOUT: Duration = Duration::from_secs(10);
/// How long we wait for a command that uses the data directory to finish: the first one makes the
/// cluster, and the machine may be busy; more than this, and somebody should look.
pub const PG_LOCK_TIMEOUT: Duration = Duration::from_secs(30);
pub const PG_LOCK_PAUSE: Duration = Duration::from_millis(50);
/// Its log is cut when it is found longer, and the piece before that kept.
pub const PG_LOG_BYTES_MAX: u64 = 1024 * 1024;
pub const PG_LOG_CHECK_INTERVAL: Duration = Duration::from_secs(60);
/// The end of its log that is read to tell why it did not start.
pub const PG_LOG_TAIL_BYTES_MAX: u64 = 4 * 1024;
/// Remains of interrupted starts that are passed over when a name for the next cluster is sought.
pub const PG_REMAINS_MAX: u32 = 100;
/// Bytes of a Unix socket's path, without the final NUL (`sun_path` has 108).
pub const SOCKET_PATH_BYTES_MAX: usize = 107;

// ---- what must fit into what ----

/// A character in UTF-8.
const UTF8_BYTES_MAX: usize = 4;
/// A character of a client that escapes everything: `\ud83d\ude00` in JSON, `%F0%9F%98%80` in a form.
const ESCAPED_BYTES_MAX: usize = 12;
/// A character of ASCII that is escaped for no reason: `\u0041`.
const ASCII_ESCAPED_BYTES_MAX: usize = 6;
/// A character in our own JSON, which escapes control characters (`\u0001`) and nothing beyond ASCII.
const WRITTEN_BYTES_MAX: usize = 6;
/// The rest of a body or a frame: braces, names of members, ids, times, a form's token.
const ENVELOPE_BYTES: usize = 512;
/// The longest content as the database takes it.
pub const CONTENT_BYTES_MAX: usize = CONTENT_CHARS_MAX * UTF8_BYTES_MAX;
/// The longest message as it is received and as it is sent.
const MESSAGE_RECEIVED_BYTES_MAX: usize = CONTENT_CHARS_MAX * ESCAPED_BYTES_MAX
    + CLIENT_ID_CHARS_MAX * ASCII_ESCAPED_BYTES_MAX
    + ENVELOPE_BYTES;
const MESSAGE_SENT_BYTES_MAX: usize = CONTENT_CHARS_MAX * WRITTEN_BYTES_MAX
    + USERNAME_CHARS_MAX
    + CLIENT_ID_CHARS_MAX * WRITTEN_BYTES_MAX
    + ENVELOPE_BYTES;
/// What PostgreSQL takes as one entry of an index: a third of its page.
const INDEX_ENTRY_BYTES_MAX: usize = 2_704;

const _: () = assert!(
    MESSAGE_RECEIVED_BYTES_MAX <= BODY_BYTES_MAX,
    "BODY_BYTES_MAX is in the way of CONTENT_CHARS_MAX: the longest message, twelve bytes a character, fits into a body"
);
const _: () = assert!(
    (ROOM_NAME_CHARS_MAX + ROOM_DESCRIPTION_CHARS_MAX) * ESCAPED_BYTES_MAX + ENVELOPE_BYTES
        <= BODY_BYTES_MAX,
    "BODY_BYTES_MAX is in the way of ROOM_DESCRIPTION_CHARS_MAX or ROOM_NAME_CHARS_MAX"
);
const _: () = assert!(
    (USERNAME_CHARS_MAX + EMAIL_CHARS_MAX + 2 * PASSWORD_CHARS_MAX) * ESCAPED_BYTES_MAX
        + ENVELOPE_BYTES
        <= BODY_BYTES_MAX,
    "BODY_BYTES_MAX is in the way of PASSWORD_CHARS_MAX, EMAIL_CHARS_MAX or USERNAME_CHARS_MAX"
);
const _: () = assert!(
    INVITE_LINK_CHARS_MAX * ESCAPED_BYTES_MAX + ENVELOPE_BYTES <= BODY_BYTES_MAX,
    "BODY_BYTES_MAX is in the way of INVITE_LINK_CHARS_MAX"
);
const _: () = assert!(
    MESSAGE_RECEIVED_BYTES_MAX <= SCRATCH_BYTES,
    "SCRATCH_BYTES is in the way of CONTENT_CHARS_MAX: the longest message is to be read in one piece"
);
const _: () = assert!(
    MESSAGE_SENT_BYTES_MAX <= REPLAY_PAGE_BYTES_MAX,
    "REPLAY_PAGE_BYTES_MAX is in the way of CONTENT_CHARS_MAX: a page of a replay holds the longest message"
);
const _: () = assert!(
    MESSAGE_SENT_BYTES_MAX <= HANDOVER_BYTES_MAX,
    "HANDOVER_BYTES_MAX is in the way of CONTENT_CHARS_MAX: what is handed over holds the longest message"
);
const _: () = assert!(
    OUTBOX_LOW_BYTES + REPLAY_PAGE_BYTES_MAX <= OUTBOX_BYTES_MAX
        && OUTBOX_LOW_BYTES + HANDOVER_BYTES_MAX <= OUTBOX_BYTES_MAX,
    "OUTBOX_BYTES_MAX is in the way of REPLAY_PAGE_BYTES_MAX or HANDOVER_BYTES_MAX: one of them fits behind what is nearly written"
);
/// A chat in `welcome` has four members, three of them numbers of at most 16 digits.
const _: () = assert!(
    CHATS_SHOWN as usize * 128 + ENVELOPE_BYTES <= OUTBOX_BYTES_MAX,
    "OUTBOX_BYTES_MAX is in the way of PRIVATE_CHATS_PER_USER_MAX or ROOMS_PER_USER_MAX: a welcome tells all chats"
);
const _: () = assert!(
    TOLD_KEPT_MAX * MESSAGE_SENT_BYTES_MAX <= 4 * 1024 * 1024,
    "TOLD_KEPT_MAX is in the way of CONTENT_CHARS_MAX: each chat that is added has its last message"
);
/// In UTF-8, as they go to PostgreSQL: escapes are long undone. The last draft may be the longest.
const _: () = assert!(
    BATCH_BYTES_MAX + CONTENT_BYTES_MAX <= 64 * 1024,
    "BATCH_BYTES_MAX is in the way of CONTENT_CHARS_MAX: the contents of a batch stay below 64 KiB"
);
const _: () = assert!(
    BATCH_BYTES_MAX + CONTENT_BYTES_MAX <= LANE_BYTES_MAX as usize,
    "LANE_BYTES_MAX is in the way of CONTENT_CHARS_MAX: a whole batch may wait"
);
const _: () = assert!(
    PAGES_ROWS_MAX * CONTENT_BYTES_MAX <= 48 * 1024 * 1024,
    "PAGES_ROWS_MAX is in the way of CONTENT_CHARS_MAX: pages under way take 48 MiB at the most"
);
/// A number has at most 16 digits; the token and the rest of the head take less than half.
const _: () = assert!(
    RESUME_PAIRS_MAX * 2 * 17 <= HEADER_BYTES_MAX / 2,
    "HEADER_BYTES_MAX is in the way of RESUME_PAIRS_MAX: the pairs stand in the request line"
);
const _: () = assert!(
    CLIENT_ID_CHARS_MAX <= INDEX_ENTRY_BYTES_MAX / 2
        && EMAIL_CHARS_MAX * UTF8_BYTES_MAX <= INDEX_ENTRY_BYTES_MAX / 2,
    "CLIENT_ID_CHARS_MAX or EMAIL_CHARS_MAX is too long for an index of PostgreSQL"
);
