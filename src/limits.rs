//! Every bound of the program, with its reason, in one place.

use std::time::Duration;

// ---- people and what they write (the contract) ----

/// Characters of a message after trimming trailing white space.
pub const CONTENT_CHARS_MAX: usize = 4_000;
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

// ---- HTTP ----

/// The largest body and the largest WebSocket message.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// A request line and headers beyond this get 431; a token has well under 1 KiB.
pub const HEADER_BYTES_MAX: usize = 16 * 1024;
pub const HEADERS_MAX: usize = 64;
/// A header or a body that is not complete by then comes from someone who dribbles.
pub const REQUEST_READ_TIMEOUT: Duration = Duration::from_secs(10);
/// JSON nested deeper than this is refused; our own bodies are flat.
pub const JSON_DEPTH_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_four_byte_characters_fits_into_a_body() {
        assert!(CONTENT_CHARS_MAX * 4 < BODY_BYTES_MAX);
    }
}
