//! The limits of naming people in messages.

/// Those whom a message names one by one: each is told with the message.
pub const NAMED_MAX: i64 = 50;
/// Names that are looked for in one message: as many as can be marked in it. Some text may mean several.
pub const NAMES_SOUGHT_MAX: usize = super::SPECIAL_SPANS_MAX;
/// Unread messages that name somebody, as far as they are counted: some milliseconds' work.
pub const MENTIONED_COUNTED_MAX: i64 = 10_000;
