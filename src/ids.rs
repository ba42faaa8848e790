//! Newtypes for the integers that name things, so that a chat is never taken for a user.
//!
//! All lie between 1 and 2^53 − 1 on the wire (exact in JavaScript); `parse` is what the edges call.

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
            /// Reads decimal digits without sign or leading zero, from 1 to `ID_MAX`.
            pub fn parse(text: &str) -> Option<Self> {
                let canonical = matches!(text.as_bytes(), [b'1'..=b'9', rest @ ..]
                    if rest.iter().all(u8::is_ascii_digit));
                if !canonical {
                    return None;
                }
                text.parse().ok().and_then(Self::new)
            }

            /// The id, if it lies in the range that the contract allows.
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
id!(/// A message, unique over all chats; says nothing about order.
    MessageId);

/// The place of a message in its chat: 1, 2, 3, … without holes; 0 is before the first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Seq(pub i64);

impl Seq {
    /// Decimal digits without sign or leading zero, from 0 to `ID_MAX`.
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
}
