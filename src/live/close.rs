//! Why a socket is closed: the protocol's close codes, and the reason that goes with each.

use crate::limits::BODY_BYTES_MAX;
use crate::model::text;

/// `assets/protocol.json` says what each asks of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumIter)]
pub enum Close {
    /// The server is stopping.
    GoingAway,
    ProtocolError,
    /// A binary frame.
    NotText,
    NotUtf8,
    Policy,
    TooBig,
    /// What the socket needs could not be read, because the database did not answer.
    Unavailable,
    /// The reader does not keep up. Never used for any other reason.
    TooSlow,
    /// The peer did not answer pings, or did not complete a message.
    Silent,
    /// Logout, revocation, or the token's `exp`.
    SessionEnded,
    NotMember,
    /// The client closed first, with this code.
    Answered(u16),
}

impl Close {
    pub fn code(self) -> u16 {
        match self {
            Self::GoingAway => 1001,
            Self::ProtocolError => 1002,
            Self::NotText => 1003,
            Self::NotUtf8 => 1007,
            Self::Policy => 1008,
            Self::TooBig => 1009,
            Self::Unavailable => 1012,
            Self::TooSlow => 1013,
            Self::Silent => 4408,
            Self::SessionEnded => 4501,
            Self::NotMember => 4503,
            Self::Answered(code) => code,
        }
    }

    pub fn reason(self) -> String {
        let reason = match self {
            Self::GoingAway => "the server stops",
            Self::ProtocolError => "protocol error",
            Self::NotText => "text frames only",
            Self::NotUtf8 => "not UTF-8",
            Self::Policy => "too many bad frames",
            Self::TooBig => return format!("larger than {}", text::kib(BODY_BYTES_MAX as i64)),
            Self::Unavailable => "the database did not answer",
            Self::TooSlow => "too slow",
            Self::Silent => "no sign of life",
            Self::SessionEnded => "the session ended",
            Self::NotMember => "no longer a member",
            Self::Answered(_) => "",
        };
        reason.to_owned()
    }
}
