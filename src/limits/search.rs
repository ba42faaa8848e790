//! The limits of searching messages, and of filling the index for it.

use super::Pauses;
use std::time::Duration;

// ---- what can be looked for (the protocol) ----

/// Characters that somebody looks for at once.
pub const MESSAGE_SEARCH_CHARS_MAX: usize = 100;
/// From here on the last word may be the beginning of one: shorter ones begin too many.
pub const WORD_BEGINNING_CHARS_MIN: usize = 3;
/// How much of a word the index keeps; the rest is compared with the text.
pub const WORD_CHARS_INDEXED: usize = 32;
/// Vowels and tones of one letter, as in Unicode's Stream-Safe Text Format (UAX #15): no language has more.
/// They are put into order, which takes longer the more there are.
pub const MARKS_PER_LETTER_MAX: usize = 30;

// ---- searching ----

/// For each statement of a search, and for one's other searches before it: most take some milliseconds.
pub const SEARCH_TIMEOUT: Duration = Duration::from_secs(SEARCH_TIMEOUT_SECS);
pub const SEARCH_TIMEOUT_SECS: u64 = 2;
/// Of somebody with so many chats each is searched by itself, by an index that begins with the chat. Of
/// somebody with more, most of what is newest is theirs, and all is searched in the order of time.
pub const SEARCH_LATERAL_CHATS_MAX: i64 = 10;
/// Messages that are looked through before the index is asked for all older ones: some milliseconds' work. Of a
/// word in one of 250 messages there are enough for a page.
pub const SEARCH_WINDOW_ROWS: i64 = 5_000;
/// If as many of them may have what is wanted, and do not, the next ones are looked through, too: of all older
/// ones, too many might have it.
pub const SEARCH_WINDOW_DENSE: i64 = SEARCH_WINDOW_ROWS / 100;
/// When too few of the messages that the index has answered fit, it is asked for so many times as many.
pub const SEARCH_CANDIDATES_GROWTH: i64 = 4;
/// Messages in one answer of the index.
pub const SEARCH_CANDIDATES_MAX: i64 = 400;
/// Messages that are not in the index yet and are read instead: two seconds' worth of a busy server. If there
/// are more, the answer says that it is not complete.
pub const SEARCH_SCAN_ROWS_MAX: i64 = 1_000;
/// Bytes of messages that are compared before others on the same core get a turn: about a millisecond.
pub const SEARCH_YIELD_BYTES: usize = 32 * 1024;
// ---- filling the index ----

/// Messages that are put into the index in one transaction: some ten milliseconds.
pub const INDEX_ROWS_MAX: i64 = 200;
/// Bytes of messages whose words are made before others on the same core get a turn.
pub const INDEX_YIELD_BYTES: usize = SEARCH_YIELD_BYTES;
/// How long new messages are collected before they are put into the index; a search reads them meanwhile.
pub const INDEX_PAUSE: Duration = Duration::from_millis(200);
/// Filling takes one part of the time in so many: enough for some thousand messages a second.
pub const INDEX_SHARE: u32 = 8;
/// The same while storing comes first.
pub const INDEX_SHARE_BUSY: u32 = 20;
/// It does with more drafts than this in the lane, or when the lane has nothing to do for less than half of the
/// time.
pub const INDEX_DRAFTS_BUSY: u64 = 64;
/// Chats with news that are remembered, about 10 bytes each; a look at all chats finds any others.
pub const UNINDEXED_MAX: usize = 10_000;
/// How often all chats are looked at, in case nobody told us: a statement that reads their table.
pub const INDEX_LOOK_PAUSE: Duration = Duration::from_secs(60);
/// The same when a search has met messages that are not in the index.
pub const INDEX_LOOK_PAUSE_MIN: Duration = Duration::from_secs(1);
/// New entries that the index collects before they are sorted in: each search reads all of them, and sorting
/// in as many takes a tenth of a second.
pub const INDEX_PENDING_ROWS_MAX: usize = 5_000;
/// They are also sorted in when nothing new has come for this long.
pub const INDEX_SETTLE_AFTER: Duration = Duration::from_secs(5);
/// For sorting them in, and for the analysis after the first fill, on a slow disk.
pub const INDEX_UPKEEP_TIMEOUT: Duration = Duration::from_secs(120);
/// How often the log says how far the first fill is.
pub const INDEX_TOLD_PAUSE: Duration = Duration::from_secs(10);
/// The pause between attempts when the index cannot be filled.
pub const INDEX_RETRY_PAUSES: Pauses =
    Pauses::doubling(Duration::from_millis(200), Duration::from_secs(10));
