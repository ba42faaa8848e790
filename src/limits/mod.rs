//! Every limit of the program, with its reason, in one place.

mod accounts;
mod bus;
mod fits;
mod memory;
mod mentions;
mod search;
mod signals;
mod upkeep;

#[allow(
    unused_imports,
    reason = "the load client, which has these sources too, uses none of them"
)]
pub use {accounts::*, bus::*, memory::*, mentions::*, search::*, signals::*, upkeep::*};

use std::time::Duration;

/// The pauses between attempts at something that is unavailable: the first one, and how they grow up
/// to the longest.
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

// ---- people and what they write (the protocol) ----

/// Characters in a message, not counting trailing white space.
pub const CONTENT_CHARS_MAX: usize = 4_000;
/// The same as the database receives it.
pub const CONTENT_BYTES_MAX: usize = CONTENT_CHARS_MAX * UTF8_BYTES_MAX;
/// Bytes of a character in UTF-8.
const UTF8_BYTES_MAX: usize = 4;
/// From here on the page tells how many are left.
pub const CONTENT_CHARS_NEAR: usize = CONTENT_CHARS_MAX - CONTENT_CHARS_MAX / 20;
/// Characters of a message that are shown where another one answers it.
pub const EXCERPT_CHARS_MAX: usize = 140;
/// Bytes of an emoji in UTF-8. The longest of Unicode's set, a couple with two skin tones, has 35.
pub const EMOJI_BYTES_MAX: usize = 64;
/// Different emoji on a message, and reactions in all: each is told with the message.
pub const REACTION_EMOJI_MAX: i64 = 20;
pub const REACTIONS_MAX: i64 = 500;
/// Pinned messages of a chat, which are told all at once.
pub const PINS_MAX: i64 = 100;
/// Characters in the sender's own id for a draft.
pub const CLIENT_ID_CHARS_MAX: usize = 64;
pub const USERNAME_CHARS_MIN: usize = 3;
pub const USERNAME_CHARS_MAX: usize = 32;
pub const PASSWORD_CHARS_MIN: usize = 8;
/// Longer ones would only be a way to keep us busy hashing.
pub const PASSWORD_CHARS_MAX: usize = 128;
/// RFC 5321: what fits into a forward path.
pub const EMAIL_CHARS_MAX: usize = 254;
pub const ROOM_NAME_CHARS_MAX: usize = 80;
pub const ROOM_DESCRIPTION_CHARS_MAX: usize = 500;
pub const SEARCH_CHARS_MAX: usize = 32;
/// An invite link as it is pasted; ours are shorter, and nobody's host is as long.
pub const INVITE_LINK_CHARS_MAX: usize = 2_048;

// ---- how much of everything a user may own (the protocol) ----

pub const ROOMS_PER_USER_MAX: i64 = 1_000;
/// Private chats that a user has begun.
pub const PRIVATE_CHATS_PER_USER_MAX: i64 = 1_000;
/// Private chats that others have begun with a user: far more than one account, or a few hundred, can
/// begin with somebody, but a page of all chats and a `welcome` still hold them.
pub const PRIVATE_CHATS_FROM_OTHERS_MAX: i64 = 2_000;
pub const ROOMS_PER_CREATOR_MAX: i64 = 200;
pub const REQUESTS_PER_ROOM_MAX: i64 = 500;

// ---- pages of lists ----

pub const PAGE_ROWS_DEFAULT: i64 = 50;
pub const PAGE_ROWS_MAX: i64 = 200;
pub const SEARCH_ROWS_DEFAULT: i64 = 20;
pub const SEARCH_ROWS_MAX: i64 = 50;

// ---- what a page shows ----

/// A chat opens at its first unread message, below these: enough to see what it answers, and little
/// enough that the unread ones fill the page.
pub const UNREAD_CONTEXT_ROWS: i64 = 10;
/// Chats in the list beside a page: as many as a user may have, so that each can be reached.
pub const CHATS_SHOWN: i64 =
    1 + PRIVATE_CHATS_PER_USER_MAX + PRIVATE_CHATS_FROM_OTHERS_MAX + ROOMS_PER_USER_MAX;
/// How much of a chat's last message is read for its line in the list, which contains the first words of
/// it: four times as much as is shown, because runs of white space become one space.
pub const LAST_LINE_CHARS_READ: i32 = 4 * LAST_LINE_CHARS_MAX as i32;
/// How much of the last message a line contains; less of it is shown.
pub const LAST_LINE_CHARS_MAX: usize = 100;
/// Requests to join, above the page; answering them brings up the next ones.
pub const OPEN_REQUESTS_SHOWN: i64 = 20;
/// Rooms in the list that one has asked to join; when some have answered, the next ones are there.
pub const ASKED_SHOWN: i64 = 20;
/// How much of a message that was found is shown, and how much of it before what was looked for.
pub const FOUND_CHARS_MAX: usize = 240;
pub const EXCERPT_CHARS_BEFORE: usize = 60;
/// Members of a room in its panel, and likewise users who were denied.
pub const MEMBERS_SHOWN: i64 = 200;
pub const DENIED_SHOWN: i64 = 50;
/// People listed by a search without scripts, and people suggested by the script.
pub const PEOPLE_SHOWN: i64 = 20;
pub const PEOPLE_SUGGESTED: i64 = 8;
/// Lines of a message; of one with more, the first half is shown until a reader asks for all.
pub const MESSAGE_LINES_SHOWN: usize = 24;
/// Links, mentions and formatted parts of one message: an element each, on a page of fifty messages.
pub const SPECIAL_SPANS_MAX: usize = 200;
/// Quotes and lists inside each other: on a phone, a fourth would have no width left.
pub const BLOCKS_DEEP_MAX: usize = 3;
/// A page shorter than this fits into one packet, compressed or not.
pub const COMPRESSED_BYTES_MIN: usize = 1_400;

// ---- HTTP ----

/// The largest body, and the largest WebSocket message.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// A longer request line with headers gets 431; a token takes well under 1 KiB.
pub const HEADER_BYTES_MAX: usize = 16 * 1024;
pub const HEADERS_MAX: usize = 64;
/// Cookies of a session that are tried in a request: browsers send one for each path that has one.
pub const SESSION_COOKIES_MAX: usize = 8;
/// How much hyper reads from a connection at once: a head of the largest size, and what follows it.
pub const HTTP_BUFFER_BYTES_MAX: usize = HEADER_BYTES_MAX + 8 * 1024;
/// A head or a body that is not complete by then comes from a slow client (as in a slowloris attack).
pub const REQUEST_READ_TIMEOUT: Duration = Duration::from_secs(10);
/// The same on connections of a trusted proxy, whose pools keep idle ones for about a minute: if we closed
/// first, we would do so under some request that is already on its way, and the proxy would answer 502.
pub const PROXY_READ_TIMEOUT: Duration = Duration::from_secs(75);
/// A reader that takes less of an answer (up to some MiB of history) in this time, without finishing
/// it, is cut off: even a 56 kbit/s modem takes twice as much, and one byte now and then would hold
/// the rest in memory forever.
pub const HTTP_WRITE_STALL_MAX: Duration = Duration::from_secs(10);
pub const HTTP_WRITE_BYTES_MIN: usize = 32 * 1024;
/// Linux asks for more only when a third of its buffer is free: that must be enough for one such
/// period, and no more than the modem takes in it, at 7 KB/s.
const _: () = assert!(
    2 * SEND_BUFFER_BYTES / 3 >= HTTP_WRITE_BYTES_MIN
        && 2 * SEND_BUFFER_BYTES / 3 <= 7_000 * HTTP_WRITE_STALL_MAX.as_secs() as usize
);
/// Bytes of answers that wait for their readers: ten of the longest pages, three for one user, half for a subnet.
pub const BACKLOG_BYTES_MAX: usize = 10 * PAGE_ROWS_MAX as usize * CONTENT_BYTES_MAX;
/// What is smaller is never refused and not counted: about as much as an idle connection costs anyway, and
/// usually the kernel takes all of it at once.
pub const BACKLOG_UNCOUNTED_BYTES_MAX: usize = 40 * 1024;
/// Where places are missing, connections that have been without a request for at least this long are asked
/// to make room. A request that is on its way usually arrives sooner.
pub const HTTP_QUIET_MIN: Duration = Duration::from_secs(1);
/// How often they are asked, and how many at once if nobody can be let in.
pub const MAKE_ROOM_PAUSE: Duration = Duration::from_millis(100);
pub const MAKE_ROOM_MAX: usize = 256;
/// The kernel's send buffer for one reader; Linux doubles it, for its own bookkeeping. If left to
/// itself it grows to 4 MB, and a reader that takes nothing would be noticed only once that is full.
pub const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// The pause after a failed accept (usually because no file descriptors are left): long enough not to
/// spin, short enough not to matter.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Without another failure for this long, connections count as accepted again.
pub const ACCEPT_CALM: Duration = Duration::from_secs(2);
/// For how long, and how much, we read what a peer is still sending after our last answer.
pub const LINGER_TIMEOUT: Duration = Duration::from_secs(1);
pub const LINGER_BYTES_MAX: usize = 256 * 1024;
/// A connection that was accepted right before a stop has its request on its way: with a socket unit nobody is
/// refused, so none of them may be closed unanswered. Browsers also open some in advance, and keep them silent.
pub const SPEAK_AT_STOP_TIMEOUT: Duration = Duration::from_millis(250);
/// How long requests under way are waited for when the server stops.
pub const REQUESTS_STOP_TIMEOUT: Duration = Duration::from_secs(2);
/// For clients told to come back, when the obstacle passes by itself (a restart, an unavailable
/// database, a queue).
pub const RETRY_SOON: Duration = Duration::from_secs(2);
/// The same, for a queue that drains many times a second.
pub const RETRY_AT_ONCE: Duration = Duration::from_secs(1);
/// The same, for places that others must leave first.
pub const RETRY_SEAT: Duration = Duration::from_secs(5);
/// JSON nested deeper than this is refused; our own bodies are flat.
pub const JSON_DEPTH_MAX: usize = 16;

// ---- sockets ----

/// What may wait for one reader. With more, the reader is too slow: it is disconnected and resumes. A
/// `welcome` of 4,001 chats (at most 626 KiB) fits; the bytes are shared between readers.
pub const OUTBOX_BYTES_MAX: usize = 640 * 1024;
/// A longer run of messages is handed over in parts, each when the previous one has been written.
pub const HANDOVER_BYTES_MAX: usize = OUTBOX_BYTES_MAX / 2;
/// Pieces are limited, too, because many small ones cost more than their bytes.
pub const OUTBOX_CHUNKS_MAX: usize = 1_024;
/// Slices in one vectored write; the kernel takes up to 1,024.
pub const WRITE_SLICES_MAX: usize = 64;
/// How many sockets one look at a shard's poll reports; the next look reports the rest.
pub const POLL_EVENTS_MAX: usize = 1_024;
/// How many sockets a shard reads or writes before it yields (about a millisecond's work), so that
/// everybody else on its core gets a turn.
pub const SHARD_TURN: u32 = 256;
/// This many sockets for which something is only queued count as one written socket: 0.1 µs against 3
/// µs.
pub const QUEUED_AS_WRITTEN: usize = 32;
/// A shard's scratch buffer, in which frames are parsed.
pub const SCRATCH_BYTES: usize = 64 * 1024;
/// A longer replay is answered with `reset`.
pub const REPLAY_MESSAGES_MAX: i64 = 1_000;
/// And so is one of more messages that have changed.
pub const REPLAY_CHANGED_MAX: i64 = 1_000;
/// Messages per read of a replay.
pub const REPLAY_PAGE_ROWS: i64 = 100;
/// Bytes of frames per read of a replay; the rest is read again.
pub const REPLAY_PAGE_BYTES_MAX: usize = 128 * 1024;
/// Pairs in `?after=` on `/ws`.
pub const RESUME_PAIRS_MAX: usize = 100;
/// If a socket's chats cannot be read for this long, it is told to come back later.
pub const SOCKET_READ_PATIENCE: Duration = Duration::from_secs(60);
/// The pause between two attempts to read them.
pub const SOCKET_READ_PAUSES: Pauses =
    Pauses::doubling(Duration::from_millis(100), Duration::from_secs(2));
/// Users who have yet to be told about a chat that cannot be read at present, about 500 bytes each;
/// any further users find it in their next `welcome`.
pub const UNTOLD_MAX: usize = 1_000;
/// Events kept for a socket until its `welcome`: a few hundred bytes each, plus one longest message if
/// a chat is added. A socket with more than this must come back (1012, because it is the `welcome`
/// that is late).
pub const TOLD_KEPT_MAX: usize = 100;
/// A fragmented message must be complete after this time.
pub const MESSAGE_READ_SECS_MAX: u32 = 10;
/// Fragments in one message; more would only be a way to keep us busy.
pub const MESSAGE_FRAGMENTS_MAX: u32 = 1_024;
/// The silence after which a socket is pinged, and how long it may then stay silent.
pub const PING_AFTER_SECS: u32 = 25;
pub const PONG_WITHIN_SECS: u32 = 10;
/// A reader that takes nothing for this long is cut off.
pub const WRITE_STALL_SECS_MAX: u32 = 10;
/// How long we wait for the peer's close frame after ours, so that no reset destroys ours.
pub const CLOSE_DRAIN_SECS: u32 = 1;
/// Control frames per second from one socket.
pub const CONTROL_FRAMES_PER_SEC_MAX: u16 = 50;
/// How many refused frames close a socket; each valid frame makes up for one.
pub const OFFENCES_MAX: u8 = 50;
/// Drafts of one socket that wait for their commit; further ones are refused.
pub const SOCKET_DRAFTS_MAX: u16 = 512;
/// While stopping, everybody is disconnected within this time, a part at a time, so that not all
/// return at once.
pub const STOP_SPREAD: Duration = Duration::from_millis(1_500);
/// How long, while stopping, sockets are kept whose drafts are being committed.
pub const STOP_PATIENCE: Duration = Duration::from_secs(3);
/// How long ended sessions and memberships are remembered, for sockets whose upgrade was under way.
pub const ENDED_SECS: u32 = 60;

// ---- passwords, sessions, tokens ----

/// The smallest setting that OWASP's cheat sheet and ASVS 5 both allow: 12 MiB, three passes.
pub const HASH_MEMORY_KIB: u32 = 12 * 1024;
pub const HASH_PASSES: u32 = 3;
/// Passwords waiting for a core to hash them: about a second's work. If there are more, the site with
/// the most is told to come back.
pub const HASH_QUEUE_MAX: usize = 64;
/// A password as it is typed may have up to four characters for one of its NFC form (U+1F82 is the
/// longest): only such texts are composed to be counted.
pub const NFC_CHARS_MAX: usize = 4;
/// The maximum age of an answer about a session: a revoked one is dead everywhere by then.
pub const SESSION_CACHE_AGE: Duration = Duration::from_secs(1);
/// How often sessions with open sockets are looked up, so that one ended by another process has no
/// sockets left about a second later; 360 of them take PostgreSQL about a millisecond of processor
/// time.
pub const SESSION_CHECK_PAUSE: Duration = Duration::from_secs(1);
/// How old the noted last use of a session may become before it is noted anew: enough for people to recognise
/// it by, and a row a session written no more often.
pub const SESSION_USE_AGE: Duration = Duration::from_secs(10 * 60);
/// How often such uses are written, together.
pub const SESSION_USE_PAUSE: Duration = Duration::from_secs(1);
/// Sessions in one such look-up: a statement of some ten milliseconds.
pub const SESSIONS_ASKED_MAX: usize = 2_000;
/// The maximum age of read positions in `welcome`.
pub const STANDING_CACHE_AGE: Duration = Duration::from_secs(1);
/// How much the clocks may differ when a token's times are checked.
pub const TOKEN_LEEWAY_SECS: u64 = 2;
/// The epoch changes only when a backup is restored.
pub const EPOCH_CACHE_AGE: Duration = Duration::from_secs(1);
pub const USER_AGENT_CHARS_MAX: usize = 200;
/// How often ended sessions are deleted.
pub const PURGE_PAUSE: Duration = Duration::from_secs(3_600);
/// Sessions deleted by one statement, which locks them for some milliseconds. Repeated until none is
/// left.
pub const PURGE_ROWS_MAX: i64 = 1_000;

// ---- rates, each as a burst and the time in which one more is allowed ----

pub const MESSAGE_RATE: Rate = Rate::new(20, Duration::from_millis(100));
/// Bytes of the contents of a user's messages: 32 of the longest at once, or 128 that fill a screen, and
/// then 4 KiB a second (350 MB a day), ten messages of the usual length. Nobody types as fast.
pub const MESSAGE_BYTES_RATE: Rate = Rate::new(512 * 1024, Duration::from_nanos(244_140));
pub const LOGIN_FAILURES_PER_PAIR: Rate = Rate::new(5, Duration::from_secs(12));
pub const LOGIN_FAILURES_PER_ADDRESS: Rate = Rate::new(20, Duration::from_secs(3));
/// For one account, from all addresses without a sign-in to it within 30 days.
pub const LOGIN_FAILURES_FROM_AFAR: Rate = Rate::new(100, Duration::from_millis(600));
/// The same, for an address (for IPv6, the 48 bits that a site has) that has not failed at this account
/// itself, when the allowance of all is used up: its owner may be there.
pub const LOGINS_REGARDLESS: Rate = Rate::new(1, Duration::from_secs(10));
pub const SIGNUPS_PER_ADDRESS: Rate = Rate::new(20, Duration::from_secs(60));
pub const INVITE_TRIES_PER_USER: Rate = Rate::new(10, Duration::from_secs(6));
/// By visitors who are not signed in, of whom a whole house may have one address.
pub const INVITE_TRIES_PER_ADDRESS: Rate = Rate::new(20, Duration::from_secs(3));
/// Rooms and private chats that a user makes: each is a row that is never deleted.
pub const NEW_CHATS_PER_USER: Rate = Rate::new(20, Duration::from_secs(60));
/// Changes of the invite links of a user's rooms: each is a write, and nobody needs many.
pub const LINK_CHANGES_PER_USER: Rate = Rate::new(20, Duration::from_secs(60));
/// Renewed tokens of a user: all of their sessions at once, and then more than any program needs.
pub const RENEWALS_PER_USER: Rate = Rate::new(SESSIONS_PER_USER_MAX as u32, Duration::from_secs(6));
/// Searches for people: a suggestion comes with each key that is typed.
pub const SEARCHES_PER_USER: Rate = Rate::new(30, Duration::from_millis(300));
/// Keys remembered at once; an attacker with more addresses than this is not limited by address anyway.
pub const RATE_KEYS_MAX: usize = 65_536;

/// A rate limit (token bucket): `burst` times at once, then once every `period`.
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

// ---- the disk ----

/// Free bytes below which nothing is stored: four of the files of 16 MiB in which PostgreSQL keeps its log.
/// If it finds no room for the next one, it ends, and so does reading.
pub const DISK_RESERVE_DEFAULT: &str = "64MiB";
/// Of a reserve, at most so much is kept from those who log in: a file of its log, and as much again.
pub const DISK_LAST_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// With fewer left, a file system can be said to have no room for files; PostgreSQL makes a few at a time.
pub const DISK_INODES_MIN: u64 = 64;
/// The disk is measured so often, which takes microseconds, and again after so much content, which in the
/// log and in tables takes a few times as much.
pub const DISK_MEASURE_PAUSE: Duration = Duration::from_secs(1);
pub const DISK_WRITTEN_MAX: u64 = 4 * 1024 * 1024;
/// Once PostgreSQL has refused a statement for want of room, others must succeed for so long before the
/// disk counts as not full: on one that is, small ones succeed now and then.
pub const DISK_CALM: Duration = Duration::from_secs(5);
/// Told to come back: somebody has to make room first.
pub const RETRY_STORAGE: Duration = Duration::from_secs(30);

// ---- read positions ----

/// The shortest time between two writes of a read position, per user and chat (debounce).
pub const READ_PAUSE: Duration = Duration::from_secs(1);
/// Positions in one statement.
pub const READ_BATCH_MAX: usize = 500;
/// Positions waiting to be written. If there are more, the oldest is dropped, because the next read
/// repeats it.
pub const READS_PENDING_MAX: usize = 100_000;

// ---- PostgreSQL ----

/// A connection that nobody has needed for so long is closed: its process holds some megabytes, and a new one is
/// there within milliseconds.
pub const POOL_IDLE_MAX: Duration = Duration::from_secs(60);
/// A request that gets no connection in this time is told to come back: within the protocol's 2 s.
pub const POOL_WAIT_TIMEOUT: Duration = Duration::from_millis(1_500);
/// Pages of history under way on one connection before another one is used: beyond a few little is
/// gained, and a slow one holds up the others (head-of-line blocking).
pub const PAGES_PER_CONNECTION: usize = 8;
/// A connection that has returned no page for this long may be stuck, or the disk is slow: new pages use
/// another one.
pub const PAGES_STILL_MAX: Duration = Duration::from_millis(100);
/// Messages that the pages of one user under way may request: one of the longest, so that those who request
/// many at once, and hardly read them, keep no more than one core busy.
pub const PAGES_ROWS_PER_USER_MAX: usize = PAGE_ROWS_MAX as usize;
/// How much is read from PostgreSQL at once: as much as it writes at once, because the buffer is
/// zeroed first.
pub const DATABASE_READ_BYTES_MAX: usize = 8 * 1024;
pub const DATABASE_CONNECT_TIMEOUT: Duration = Duration::from_millis(1_500);
/// For looking at the start whether a pooler changes our connections: some twenty round trips, across an
/// ocean.
pub const POOLER_LOOK_TIMEOUT: Duration = Duration::from_secs(5);
/// How often it is looked: somebody else's transaction may come in between.
pub const POOLER_LOOKS: usize = 3;
/// The longest parts of names in the index of names (`name_parts` in `sql/migrations`): with three
/// characters few names have them in common, and a name has at most 93 parts.
pub const NAME_PART_CHARS_MAX: usize = 3;
/// Longer than any of our statements takes; a long snapshot would bloat the chats' rows. Well below
/// `COMMIT_TIMEOUT`, so that if a batch waits for somebody's lock, PostgreSQL refuses it, and it is
/// known not to be stored.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(4);
/// A database that hangs does not even enforce its own timeout: if there is no answer by then, the
/// connection is discarded.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(6);
/// How often the service manager's status is brought up to date, for which PostgreSQL is asked.
pub const DATABASE_WATCH_PAUSE: Duration = Duration::from_secs(10);
/// How soon it is told again what it had no room for: it may not yet know that we serve, and not wait long.
pub const NOTIFY_PAUSE: Duration = Duration::from_secs(1);
/// How often the log repeats that it is unavailable, for those who come late.
pub const DATABASE_RETELL_PAUSE: Duration = Duration::from_secs(5 * 60);
/// After a statement that found its session changed by a pooler we are not ready for so long: balancers ask
/// every few seconds, and other statements find what they need all the same.
pub const DATABASE_LOST_FOR: Duration = Duration::from_secs(15);
/// How long a connection is tried for while PostgreSQL says that it has none left: within the 2 s in which
/// people are told.
pub const CROWDED_PATIENCE: Duration = Duration::from_millis(1_200);
/// For asking whether it answers at all; callers will ask again soon.
pub const PING_TIMEOUT: Duration = Duration::from_millis(1_500);
/// A caller that asked for a change gets an answer by then, although the change goes on to its end.
pub const CHANGE_TIMEOUT: Duration = Duration::from_secs(8);
/// How long a change that must not be forgotten is retried: twice the half-minute without a database
/// that nobody should notice afterwards.
pub const CHANGE_PATIENCE: Duration = Duration::from_secs(60);
/// How soon a vanished remote database is noticed (TCP keep-alive).
pub const DATABASE_KEEPALIVE: Duration = Duration::from_secs(10);
/// Migrations may rewrite tables, so they have their own deadline.
pub const MIGRATION_TIMEOUT: Duration = Duration::from_secs(600);
/// The pause between attempts to bring the schema of an unavailable database up to date.
pub const MIGRATE_PAUSES: Pauses =
    Pauses::doubling(Duration::from_millis(100), Duration::from_secs(5));

/// How long the name of a user who was renamed or deleted may still be shown.
pub const NAME_CACHE_AGE: Duration = Duration::from_secs(1);

// ---- the lane ----

/// Drafts in one transaction (group commit): beyond a few hundred, larger batches gain little and cost
/// latency.
pub const BATCH_DRAFTS_MAX: usize = 512;
/// Bytes of the contents in one transaction. The writing connection has two buffers that hold all of
/// it and never shrink; they double when the free space at their end is too small. Including the last
/// draft, long batches stay below 64 KiB (asserted at the end), so the buffers stay below 256 KiB.
pub const BATCH_BYTES_MAX: usize = 44 * 1024;
/// Drafts waiting for the lane; senders of further ones are told to try again.
pub const LANE_DRAFTS_MAX: usize = 8_192;
/// After this a commit's outcome counts as unknown and is resolved on a fresh connection.
pub const COMMIT_TIMEOUT: Duration = Duration::from_secs(6);
/// A batch waits this long for the row of a chat that somebody else holds; then that chat's drafts are set
/// aside. A commit on a slow SD card takes less.
pub const LANE_LOCK_TIMEOUT: Duration = Duration::from_millis(250);
/// How often it is looked whether a held chat is free again: a statement that waits for nothing.
pub const LANE_ASIDE_PAUSE: Duration = Duration::from_millis(100);
/// After this the senders of an unsettled batch are told `unavailable`.
pub const SETTLE_TIMEOUT: Duration = Duration::from_secs(8);
/// How long drafts may wait without a turn of the lane before the watchdog is told: longer than any
/// batch takes.
pub const STUCK_AFTER: Duration = Duration::from_secs(30);
/// The pause between attempts to reach an unavailable database.
pub const RECONNECT_PAUSES: Pauses =
    Pauses::doubling(Duration::from_millis(50), Duration::from_secs(1));

// ---- settings ----

/// HS256 signs with a 32-byte hash; a shorter key is weaker than the hash (RFC 7518, 3.2).
pub const JWT_SECRET_BYTES_MIN: usize = 32;
/// A bearer token that only programs use; a shorter one could be guessed.
pub const METRICS_TOKEN_BYTES_MIN: usize = 16;
/// A key with fewer distinct bytes was typed by somebody who was bored.
pub const SECRET_DISTINCT_BYTES_MIN: usize = 8;
/// If a file named as a secret is larger than this, it is something else.
pub const SECRET_FILE_BYTES_MAX: u64 = 64 * 1024;
pub const TOKEN_LIFETIME_MIN: Duration = Duration::from_secs(1);
/// Browsers keep a cookie for at most 400 days (RFC 6265bis).
pub const TOKEN_LIFETIME_MAX: Duration = Duration::from_secs(400 * 24 * 60 * 60);
pub const TOKEN_LIFETIME_DEFAULT: &str = "7d";
/// A stolen token must have a last day; browsers keep no cookie for longer (RFC 6265bis).
pub const SESSION_LIFETIME_DEFAULT: &str = "400d";
/// Sessions of one user; the oldest ends when one more begins.
pub const SESSIONS_PER_USER_MAX: i64 = 100;
/// Every request is compared with each of them in turn.
pub const TRUSTED_PROXIES_MAX: usize = 64;
/// Files that are not clients' sockets: the pool (two each while a write is blocked), logs, the private
/// PostgreSQL's pipes, and requests that are answered while all seats are taken.
pub const FILES_RESERVED: u64 = 200;
/// The number of sockets offered to clients even if the file limit is too small for the reserve.
pub const CONNECTIONS_DEFAULT_MIN: usize = 64;
/// In containers the file limit is often said to be a thousand million; the kernel's own ceiling for one
/// process is about a million (`fs.nr_open`).
pub const CONNECTIONS_DEFAULT_MAX: usize = 1_000_000;
pub const CONNECTIONS_MAX: usize = 100_000_000;
pub const CONNECTIONS_PER_USER_DEFAULT: usize = 50;
pub const CONNECTIONS_PER_ADDRESS_DEFAULT: usize = 500;

// ---- the process ----

/// Threads for blocking work: hashing (a few at a time) and files in the data directory.
pub const BLOCKING_THREADS_MAX: usize = 16;
/// Work on blocking threads that is still running after this, when everything else has ended, is
/// abandoned.
pub const RUNTIME_STOP_TIMEOUT: Duration = Duration::from_secs(1);
/// From the signal to the end, whatever hangs; contracts and units count on 10 s.
pub const STOP_TIMEOUT: Duration = Duration::from_millis(9_000);
/// What of that is left to our own PostgreSQL, at the latest: then it is told to stop at once, and left.
pub const STOP_POSTGRES_BY: Duration = Duration::from_secs(7);
/// For the last lines of the log, and for that of a start that fails.
pub const LAST_WORDS_TIMEOUT: Duration = Duration::from_millis(500);
/// How often freed memory is given back; trimming an idle process takes well under a millisecond.
pub const TRIM_PAUSE: Duration = Duration::from_secs(10);
/// Lines waiting for a slow log sink; further ones are dropped rather than waited for.
pub const LOG_LINES_MAX: usize = 2_048;
/// Connections that the kernel holds while we accept others; 2,000 clients return at once after a
/// restart.
pub const LISTEN_BACKLOG: u32 = 4_096;

// ---- the PostgreSQL that we start ourselves ----

/// How long it may take to answer at all; a start without recovery takes 20 ms.
pub const PG_ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// How long it may take to recover after a crash. Giving up earlier would interrupt the recovery, and
/// the next start would begin it again; `max_wal_size` keeps it well below this even on an SD card.
pub const PG_RECOVERY_TIMEOUT: Duration = Duration::from_secs(600);
/// One question ("do you answer?"), including the creation of the database at the first start.
pub const PG_ASK_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause between two questions while it starts: short at first, and growing only by a quarter,
/// because a start takes 20 ms.
pub const PG_ASK_PAUSES: Pauses =
    Pauses { first: Duration::from_millis(5), longest: Duration::from_millis(250), growth: 1.25 };
/// How often a long recovery is mentioned in the log.
pub const PG_RECOVERY_LOG_INTERVAL: Duration = Duration::from_secs(5);
/// The pause between two attempts to start it: once a fault has passed, users must not notice it for
/// more than 5 s.
pub const PG_RESTART_PAUSES: Pauses =
    Pauses::doubling(Duration::from_millis(50), Duration::from_secs(2));
/// If it lived this long, it did not end because of how it was started: the next start is immediate.
pub const PG_LIFETIME_SOUND: Duration = Duration::from_secs(10);
/// An adopted postmaster is not our child, so its end can only be polled for.
pub const PG_ADOPTED_POLL: Duration = Duration::from_millis(250);
/// For a fast shutdown, then an immediate one. A stop that is in a hurry gives it less.
pub const PG_STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// Even in the greatest hurry it gets this long to end.
pub const PG_STOP_TIMEOUT_MIN: Duration = Duration::from_millis(400);
pub const PG_QUIT_TIMEOUT: Duration = Duration::from_secs(2);
/// Creating a cluster: half a second here, a hundred times as long on a poor SD card.
pub const PG_INITDB_TIMEOUT: Duration = Duration::from_secs(120);
/// `postgres --version` and the like do no work.
pub const PG_PROGRAM_TIMEOUT: Duration = Duration::from_secs(10);
/// How long we wait for a command that is using the data directory: the first command creates the
/// cluster, and the machine may be busy. If it takes longer, somebody should look.
pub const PG_LOCK_TIMEOUT: Duration = Duration::from_secs(30);
pub const PG_LOCK_PAUSE: Duration = Duration::from_millis(50);
/// The log is truncated when it is longer than this; the part before that is kept.
pub const PG_LOG_BYTES_MAX: u64 = 1024 * 1024;
pub const PG_LOG_CHECK_INTERVAL: Duration = Duration::from_secs(60);
/// How much of the end of its log is read to find out why it did not start.
pub const PG_LOG_TAIL_BYTES_MAX: u64 = 4 * 1024;
/// Leftovers of interrupted starts that are skipped when a name for the next cluster is sought.
pub const PG_REMAINS_MAX: usize = 100;
/// How long an `initdb` that a killed snug has left takes to end, and how often that is looked at.
pub const PG_REMAINS_TIMEOUT: Duration = Duration::from_secs(5);
pub const PG_REMAINS_POLL: Duration = Duration::from_millis(10);
/// Bytes in a Unix socket's path, without the final NUL (`sun_path` has 108).
pub const SOCKET_PATH_BYTES_MAX: usize = 107;
/// What one of its programs says before it fails is kept up to here.
pub const PG_SAID_BYTES_MAX: u64 = 16 * 1024;
/// How long `pg_dump` waits for a table that a migration holds.
pub const LIBPQ_LOCK_MILLIS: u64 = 60_000;
