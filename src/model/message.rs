//! What a chat, a draft and a message are: the nouns that `store`, `chat` and `wire` share.
//!
//! Plain values without behaviour. The rules for their text are in `text`, their JSON is in `wire`.

use crate::model::error::FrameRefusal;
use crate::model::ids::{Change, ChatId, MessageId, Position, Seq, SessionNumber, UserId};
use crate::model::more::More;
use crate::model::text::{ClientId, Content, Emoji};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
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

/// What becomes of the messages of somebody who goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Keep,
    /// Each becomes a deleted one.
    Remove,
}

impl Fate {
    pub const ALL: [Self; 2] = [Self::Keep, Self::Remove];

    pub fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Remove => "remove",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fate| fate.name() == name)
    }
}

/// Whether an account can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountState {
    Active,
    /// By the operator: nobody can log in to it.
    Disabled,
    /// It waits for a moderator or an owner.
    Pending,
}

impl AccountState {
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Pending => "pending",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Active, Self::Disabled, Self::Pending];
        all.into_iter().find(|state| state.name() == name)
    }
}

/// The signed-in user on whose behalf a call runs, and the session with which they signed in.
#[derive(Debug, PartialEq, Eq)]
pub struct Viewer {
    pub user_id: UserId,
    pub username: Arc<str>,
    /// At most a second old in a request; on a socket, what it was when that was opened.
    pub role: Role,
    /// Whether others see that they are here, write and have read, and they that of others; likewise old.
    pub shows_presence: bool,
    pub session: SessionId,
}

/// What a user is called whose name was looked for: a deleted user has none.
pub fn shown_name(user_id: UserId, name: Option<&str>) -> Arc<str> {
    name.map_or_else(|| format!("deleted-{user_id}").into(), Arc::from)
}

/// 128 random bits that identify a sign-in; base64url text in tokens and in the database.
#[derive(Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
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

    /// What it is called where it can be seen, in paths and so in logs.
    pub fn number(self) -> SessionNumber {
        let digest = Sha256::digest(self.0);
        let first = digest.iter().take(8).fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        // Never 0, and with the 53 bits that JavaScript represents exactly.
        SessionNumber((first >> 11).max(1).cast_signed())
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
    /// The message of the same chat that it answers.
    pub reply_to: Option<Seq>,
}

/// What somebody wants to be different about a message.
#[derive(Debug, Clone)]
pub struct Alteration {
    pub chat_id: ChatId,
    pub seq: Seq,
    pub by: Arc<Viewer>,
    pub kind: AlterationKind,
}

/// A text that breaks its rule is kept as the refusal: only those who might do this are told so.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Default))]
pub enum AlterationKind {
    Edit {
        content: Result<Content, FrameRefusal>,
        /// Only if this is still the message's last change.
        if_change: Option<Change>,
    },
    #[cfg_attr(test, default)]
    Delete,
    React {
        emoji: Result<Emoji, FrameRefusal>,
        on: bool,
    },
    Pin {
        on: bool,
    },
}

impl AlterationKind {
    /// What there is to store.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Edit { content, .. } => content.as_deref().ok(),
            Self::React { emoji, .. } => emoji.as_deref().ok(),
            Self::Delete | Self::Pin { .. } => None,
        }
    }

    /// The rule that its text breaks.
    pub fn fault(&self) -> Option<&FrameRefusal> {
        match self {
            Self::Edit { content, .. } => content.as_ref().err(),
            Self::React { emoji, .. } => emoji.as_ref().err(),
            Self::Delete | Self::Pin { .. } => None,
        }
    }
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
    /// What most messages lack.
    pub more: Option<Box<More>>,
}

impl Message {
    /// The number of its last change; 0 if it has never changed.
    pub fn change(&self) -> Change {
        self.more.as_ref().and_then(|more| more.change).unwrap_or_default()
    }

    pub fn is_deleted(&self) -> bool {
        self.more.as_ref().is_some_and(|more| more.is_deleted)
    }

    pub fn is_edited(&self) -> bool {
        self.more.as_ref().is_some_and(|more| more.edited_at.is_some())
    }
}

/// How far a chat reaches, how far one user has read it, and how many messages after that name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub chat_id: ChatId,
    pub chat_type: ChatType,
    pub last: Position,
    pub read_seq: Seq,
    pub mentioned: i64,
}
