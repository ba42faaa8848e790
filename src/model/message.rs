//! What a chat, a draft and a message are: the nouns that `store`, `chat` and `wire` share.
//!
//! Plain values without behaviour. The rules for their text are in `text`, their JSON is in `wire`.

use crate::model::ids::{ChatId, MessageId, Seq, UserId};
use crate::model::text::{ClientId, Content};
use jiff::Timestamp;
use std::sync::Arc;

/// The three kinds of chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChatType {
    General,
    Private,
    Room,
}

impl ChatType {
    pub fn name(self) -> &'static str {
        match self {
            Self::General => "general",
            Self::Private => "private",
            Self::Room => "room",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "general" => Some(Self::General),
            "private" => Some(Self::Private),
            "room" => Some(Self::Room),
            _ => None,
        }
    }
}

/// What a user may do for the whole server; each may do what those before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Member,
    Moderator,
    Owner,
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Moderator => "moderator",
            Self::Owner => "owner",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Member, Self::Moderator, Self::Owner].into_iter().find(|role| role.name() == name)
    }

    pub fn moderates(self) -> bool {
        self >= Self::Moderator
    }
}

/// The signed-in user on whose behalf a call runs, and the session with which they signed in.
#[derive(Debug, PartialEq, Eq)]
pub struct Viewer {
    pub user_id: UserId,
    pub username: Arc<str>,
    /// At most a second old in a request; on a socket, what it was when that was opened.
    pub role: Role,
    pub session: SessionId,
}

/// 128 random bits that identify a sign-in; base64url text in tokens and in the database.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(pub [u8; 16]);

impl SessionId {
    pub fn from_text(text: &str) -> Option<Self> {
        use base64::Engine;
        let mut bytes = [0; 16];
        let written =
            base64::engine::general_purpose::URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        (written == 16).then_some(Self(bytes))
    }

    pub fn text(self) -> String {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(self.0)
    }
}

/// Never the id itself: a reader of the log must not be able to identify a session.
impl std::fmt::Debug for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionId(..)")
    }
}

/// A message that has been validated but not yet stored.
#[derive(Debug, Clone)]
pub struct Draft {
    pub chat_id: ChatId,
    pub sender: Arc<Viewer>,
    /// Copied once, out of the frame or body; shared from there to the encoded message.
    pub content: Content,
    pub client_id: Option<ClientId>,
}

/// A message that is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub id: MessageId,
    pub seq: Seq,
    pub chat_id: ChatId,
    pub chat_type: ChatType,
    pub sender_id: UserId,
    /// The other user in a private chat; `None` in other chats.
    pub receiver_id: Option<UserId>,
    pub username: Arc<str>,
    pub content: Arc<str>,
    pub timestamp: Timestamp,
    pub client_id: Option<Arc<str>>,
}

/// A chat's last number, and how far one user has read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub chat_id: ChatId,
    pub chat_type: ChatType,
    pub last_seq: Seq,
    pub read_seq: Seq,
}
