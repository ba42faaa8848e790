//! Newtypes for the integers that name things, so that a chat is never mistaken for a user.
//!
//! On the wire all are between 1 and 2^53 − 1 (exact in JavaScript); the edges call `parse`.

use serde::{Deserialize, Serialize};
use std::fmt;

/// 2^53 − 1, the largest integer that JavaScript represents exactly.
pub const ID_MAX: i64 = (1 << 53) - 1;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl $name {
            /// Parses decimal digits without a sign or leading zeros, from 1 to `ID_MAX`.
            pub fn parse(text: &str) -> Option<Self> {
                let canonical = matches!(text.as_bytes(), [b'1'..=b'9', rest @ ..]
                    if rest.iter().all(u8::is_ascii_digit));
                if !canonical {
                    return None;
                }
                text.parse().ok().and_then(Self::new)
            }

            /// The id, if it is in the range that the protocol allows.
            pub fn new(value: i64) -> Option<Self> {
                (1..=ID_MAX).contains(&value).then_some(Self(value))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(/// An account.
    UserId);
id!(/// A chat of any kind; a room's id is its chat's.
    ChatId);
id!(/// A message, unique across all chats; says nothing about order.
    MessageId);
id!(/// A session as its user names it; a number that nobody can guess, and that lets nobody in.
    SessionNumber);

/// The number of a message in its chat: 1, 2, 3, … without gaps; 0 is before the first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Seq(pub i64);

impl Seq {
    /// Parses decimal digits without a sign or leading zeros, from 0 to `ID_MAX`.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "0" {
            return Some(Self(0));
        }
        ChatId::parse(text).map(|id| Self(id.0))
    }

    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of a change in its chat: 1, 2, 3, …; 0 is before the first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Change(pub i64);

impl Change {
    /// Parses like `Seq`.
    pub fn parse(text: &str) -> Option<Self> {
        Seq::parse(text).map(|seq| Self(seq.0))
    }

    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How far a chat reaches, or how much of it somebody has: the last message, and the last change of those up
/// to there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Position {
    pub seq: Seq,
    pub change: Change,
}

impl Position {
    /// Whether both numbers are at most those of the other.
    pub fn is_within(self, other: Self) -> bool {
        self.seq <= other.seq && self.change <= other.change
    }

    /// The larger of each number.
    pub fn max(self, other: Self) -> Self {
        Self { seq: self.seq.max(other.seq), change: self.change.max(other.change) }
    }
}

/// Names what a form does, so that it is known again when the form is sent once more; see `http::form`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActName(pub [u8; 32]);

/// A whole number as JSON may write it: some encoders write 20801 as 20801.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole(pub i64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        let from_fraction = || {
            let value = number.as_f64()?;
            // Beyond 2^53, a floating-point number no longer says which integer is meant.
            (value.fract() == 0.0 && value.abs() <= ID_MAX as f64).then_some(value as i64)
        };
        let whole = number.as_i64().or_else(from_fraction);
        whole.map(Self).ok_or_else(|| serde::de::Error::custom("not a whole number"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_plain_digits_in_the_exact_range() {
        assert_eq!(ChatId::parse("7"), Some(ChatId(7)));
        assert_eq!(ChatId::parse("9007199254740991"), Some(ChatId(ID_MAX)));
        for bad in
            ["", "0", "-1", "+1", "01", "1e9", "%31", "9007199254740992", "9223372036854775808"]
        {
            assert_eq!(ChatId::parse(bad), None, "{bad}");
        }
        assert_eq!(Seq::parse("0"), Some(Seq(0)));
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_zero_fraction() {
        let read = |text| serde_json::from_str::<Whole>(text).ok().map(|whole| whole.0);
        assert_eq!(read("20801"), Some(20_801));
        assert_eq!(read("20801.0"), Some(20_801));
        assert_eq!(read("9007199254740991.0"), Some(ID_MAX));
        assert_eq!(read("-2e3"), Some(-2_000));
        assert_eq!(read("9223372036854775807"), Some(i64::MAX));
        for bad in ["0.5", "1e300", "9223372036854775808", "\"7\"", "null", "true", "[7]"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
