//! What must fit into what. The build stops at a bound that is in the way of another, and names both.

use super::*;

/// The same if a client escapes everything: `\ud83d\ude00` in JSON, `%F0%9F%98%80` in a form.
const ESCAPED_BYTES_MAX: usize = 12;
/// The same for an ASCII character that is escaped without need: `\u0041`.
const ASCII_ESCAPED_BYTES_MAX: usize = 6;
/// The same in our own JSON, which escapes control characters (`\u0001`) and nothing beyond ASCII.
const WRITTEN_BYTES_MAX: usize = 6;
/// The rest of a body or a frame: braces, names of members, ids, times, a form's token.
const ENVELOPE_BYTES: usize = 512;
/// The longest message as it is received and as it is sent.
const MESSAGE_RECEIVED_BYTES_MAX: usize = CONTENT_CHARS_MAX * ESCAPED_BYTES_MAX
    + CLIENT_ID_CHARS_MAX * ASCII_ESCAPED_BYTES_MAX
    + ENVELOPE_BYTES;
const MESSAGE_SENT_BYTES_MAX: usize = MESSAGE_PLAIN_BYTES_MAX + MORE_BYTES_MAX;
/// The same without what few messages have. Of a page it is not assumed that each of its messages is the
/// longest and has all the reactions that it may have; such a page passes when nothing else waits.
const MESSAGE_PLAIN_BYTES_MAX: usize = CONTENT_CHARS_MAX * WRITTEN_BYTES_MAX
    + USERNAME_CHARS_MAX
    + CLIENT_ID_CHARS_MAX * WRITTEN_BYTES_MAX
    + ENVELOPE_BYTES;
/// Reactions and those who are named, of which each is an id of at most 16 digits and a comma, and an excerpt.
const MORE_BYTES_MAX: usize = (REACTIONS_MAX + NAMED_MAX) as usize * 17
    + REACTION_EMOJI_MAX as usize * (EMOJI_BYTES_MAX + 32)
    + EXCERPT_CHARS_MAX * WRITTEN_BYTES_MAX
    + USERNAME_CHARS_MAX
    + ENVELOPE_BYTES;
/// The largest entry of a PostgreSQL index: a third of its page.
const INDEX_ENTRY_BYTES_MAX: usize = 2_704;

const _: () = assert!(
    MESSAGE_RECEIVED_BYTES_MAX <= BODY_BYTES_MAX,
    "BODY_BYTES_MAX is in the way of CONTENT_CHARS_MAX: the longest message, at twelve bytes a character, must fit into a body"
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
    "SCRATCH_BYTES is in the way of CONTENT_CHARS_MAX: the longest message must be read in one piece"
);
const _: () = assert!(
    MESSAGE_SENT_BYTES_MAX <= BACKLOG_UNCOUNTED_BYTES_MAX,
    "BACKLOG_UNCOUNTED_BYTES_MAX is in the way of CONTENT_CHARS_MAX: the answer to a change, which is at most a message, must never be refused"
);
const _: () = assert!(
    PAGE_ROWS_MAX as usize * MESSAGE_PLAIN_BYTES_MAX <= BACKLOG_BYTES_MAX / 2 / 3,
    "BACKLOG_BYTES_MAX is in the way of PAGE_ROWS_MAX: a page must fit beside what one subnet holds"
);
const _: () = assert!(
    BACKLOG_BYTES_MAX <= 40 * 1024 * 1024,
    "BACKLOG_BYTES_MAX is in the way of CONTENT_CHARS_MAX: answers that wait for their readers may take at most 40 MiB"
);
const _: () = assert!(
    PAGE_ROWS_MAX as usize <= PAGES_ROWS_PER_USER_MAX,
    "PAGES_ROWS_PER_USER_MAX is in the way of PAGE_ROWS_MAX: the longest page would wait for ever"
);
const _: () = assert!(
    REPLAY_PAGE_ROWS <= PAGE_ROWS_MAX,
    "PAGE_ROWS_MAX is in the way of REPLAY_PAGE_ROWS: a page of a replay must be one like any other"
);
const _: () = assert!(
    MESSAGE_SENT_BYTES_MAX <= REPLAY_PAGE_BYTES_MAX,
    "REPLAY_PAGE_BYTES_MAX is in the way of CONTENT_CHARS_MAX: a page of a replay must hold the longest message"
);
const _: () = assert!(
    MESSAGE_SENT_BYTES_MAX <= HANDOVER_BYTES_MAX,
    "HANDOVER_BYTES_MAX is in the way of CONTENT_CHARS_MAX: one part must hold the longest message"
);
const _: () = assert!(
    REPLAY_PAGE_BYTES_MAX <= OUTBOX_BYTES_MAX && HANDOVER_BYTES_MAX <= OUTBOX_BYTES_MAX,
    "OUTBOX_BYTES_MAX is in the way of REPLAY_PAGE_BYTES_MAX or HANDOVER_BYTES_MAX: each of them must fit into an outbox"
);
/// A chat in `welcome` has six members, four of them numbers of at most 16 digits.
const _: () = assert!(
    CHATS_SHOWN as usize * 160 + ENVELOPE_BYTES <= OUTBOX_BYTES_MAX,
    "OUTBOX_BYTES_MAX is in the way of PRIVATE_CHATS_PER_USER_MAX, PRIVATE_CHATS_FROM_OTHERS_MAX or ROOMS_PER_USER_MAX: a welcome must hold all chats"
);
const _: () = assert!(
    TOLD_KEPT_MAX * MESSAGE_SENT_BYTES_MAX <= 4 * 1024 * 1024,
    "TOLD_KEPT_MAX is in the way of CONTENT_CHARS_MAX: each added chat comes with its last message"
);
/// In UTF-8, as sent to PostgreSQL: escapes have been undone by then. The last draft may be the longest.
const _: () = assert!(
    BATCH_BYTES_MAX + CONTENT_BYTES_MAX <= 64 * 1024,
    "BATCH_BYTES_MAX is in the way of CONTENT_CHARS_MAX: the contents of a batch must stay below 64 KiB"
);
const _: () = assert!(
    MESSAGE_RATE.burst as usize * CONTENT_BYTES_MAX <= MESSAGE_BYTES_RATE.burst as usize,
    "MESSAGE_BYTES_RATE is in the way of CONTENT_CHARS_MAX: as many of the longest messages as of others may be sent at once"
);
/// A number has at most 16 digits; the token and the rest of the head take less than half.
const _: () = assert!(
    RESUME_PAIRS_MAX * 3 * 17 <= HEADER_BYTES_MAX / 2,
    "HEADER_BYTES_MAX is in the way of RESUME_PAIRS_MAX: the pairs must fit into the request line"
);
const _: () = assert!(
    CLIENT_ID_CHARS_MAX <= INDEX_ENTRY_BYTES_MAX / 2
        && EMAIL_CHARS_MAX * UTF8_BYTES_MAX <= INDEX_ENTRY_BYTES_MAX / 2,
    "CLIENT_ID_CHARS_MAX or EMAIL_CHARS_MAX is too long for an index of PostgreSQL"
);
const _: () = assert!(
    2 * SEARCH_TIMEOUT.as_millis() <= ANSWER_TIMEOUT.as_millis(),
    "ANSWER_TIMEOUT is in the way of SEARCH_TIMEOUT_SECS: a search may begin its last statement at the end of its time"
);
/// What PostgreSQL allows for a word of a `tsvector`.
const _: () = assert!(
    WORD_CHARS_INDEXED * UTF8_BYTES_MAX < 2_046,
    "WORD_CHARS_INDEXED is more than an index of words takes"
);

/// What must fit whatever the preset.
const fn fit(memory: &MemoryBounds) {
    assert!(
        BATCH_BYTES_MAX + CONTENT_BYTES_MAX <= memory.lane_bytes as usize,
        "lane_bytes is in the way of CONTENT_CHARS_MAX: a whole batch must fit"
    );
    assert!(
        PAGES_ROWS_PER_USER_MAX <= memory.pages_rows,
        "pages_rows is in the way of PAGES_ROWS_PER_USER_MAX: the longest page would wait for ever"
    );
    assert!(
        memory.pages_rows * CONTENT_BYTES_MAX <= 48 * 1024 * 1024,
        "pages_rows is in the way of CONTENT_CHARS_MAX: pages under way may take at most 48 MiB"
    );
    assert!(
        memory.message_searches
            * (SEARCH_SCAN_ROWS_MAX + SEARCH_CANDIDATES_MAX) as usize
            * CONTENT_BYTES_MAX
            <= 72 * 1024 * 1024,
        "SEARCH_SCAN_ROWS_MAX or SEARCH_CANDIDATES_MAX is in the way of CONTENT_CHARS_MAX: searches under way may take at most 72 MiB"
    );
    assert!(
        memory.message_searches + memory.searches + memory.socket_reads <= memory.pool_connections,
        "pool_connections is in the way of message_searches or searches: sockets are still to be read for"
    );
    assert!(
        memory.pages_connections < memory.pool_connections,
        "pool_connections is in the way of pages_connections: not only pages are read"
    );
}
const _: () = {
    fit(&SMALL);
    fit(&MEDIUM);
    fit(&LARGE);
};
