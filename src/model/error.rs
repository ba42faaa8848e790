//! What can go wrong, in three kinds, and the one line that ends a start that cannot succeed.
//!
//! `Refused` is an expected "no" with a stable code. `Unavailable` means that PostgreSQL (or another
//! part that recovers by itself) cannot be reached. Everything else is `Broken`. `http::respond` turns
//! errors into a status and logs them once; `wire` turns a `FrameRefusal`, which has one of a few codes,
//! into an error frame. Nothing here knows of HTTP.

use crate::limits::{RETRY_SOON, RETRY_STORAGE};
use crate::model::text::ContentFault;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// Said where writing is refused because the disk is full.
const STORAGE_FULL: &str = "The server's disk is full, so nothing can be stored until its operator makes \
    room. What is there can be read.";

/// Said of what does not exist and of what the viewer may not see.
pub const NOT_FOUND: &str = "There is nothing here that you can see.";

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request or a frame was not carried out.
#[derive(Debug)]
pub enum Error {
    Refused(Box<Refusal>),
    Unavailable(Unavailable),
    Broken(Broken),
}

/// An expected "no": `code` is stable and for programs, `detail` is one sentence for people.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub because: Because,
    pub code: &'static str,
    pub detail: Cow<'static, str>,
    pub faults: Vec<Fault>,
    pub retry_after: Option<Duration>,
}

/// An expected "no" to what a socket asks for. HTTP, which may ask for the same, has it as a `Refusal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameRefusal {
    pub code: FrameCode,
    pub detail: Cow<'static, str>,
    pub retry_after: Option<Duration>,
}

/// Every code that an error frame can carry; `assets/protocol.json` says what each means.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, strum::IntoStaticStr, strum::EnumIter,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum FrameCode {
    BadJson,
    BadFrame,
    ContentEmpty,
    ContentTooLong,
    ContentInvalid,
    BadClientId,
    ClientIdReused,
    NotFound,
    NotAuthor,
    Deleted,
    Changed,
    BadReply,
    BadEmoji,
    LimitReached,
    RateLimited,
    StorageFull,
    Unavailable,
}

/// The class of a refusal; the edges map it to a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    Malformed,
    Unauthenticated,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    TooSlow,
    Conflict,
    TooLarge,
    UnsupportedMedia,
    Invalid,
    /// Meant for another server.
    Misdirected,
    UpgradeRequired,
    TooMany,
    Busy,
    Broken,
}

/// A field that breaks a rule, and the rule.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    pub field: Cow<'static, str>,
    pub detail: Cow<'static, str>,
}

/// Something that we need is unavailable and will recover by itself.
#[derive(Debug)]
pub struct Unavailable {
    pub what: &'static str,
    /// For operators and machines, without any name or address; `None` if only the cause says why.
    pub reason: Option<&'static str>,
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// A defect in snug or in the machine.
#[derive(Debug)]
pub struct Broken {
    pub what: &'static str,
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Fault {
    pub fn new(field: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { field: field.into(), detail: detail.into() }
    }
}

impl Refusal {
    pub fn new(
        because: Because,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Refusal {
        Refusal { because, code, detail: detail.into(), faults: Vec::new(), retry_after: None }
    }
}

impl FrameRefusal {
    pub fn new(code: FrameCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into(), retry_after: None }
    }

    /// More than is allowed; one more is allowed after `retry_after`.
    pub fn too_many(detail: impl Into<Cow<'static, str>>, retry_after: Duration) -> Self {
        let refusal = Self::new(FrameCode::RateLimited, detail);
        Self { retry_after: Some(retry_after), ..refusal }
    }

    /// A definite no: nothing was stored.
    pub fn storage_full() -> Self {
        Self::new(FrameCode::StorageFull, STORAGE_FULL)
    }

    pub fn of_content(fault: ContentFault) -> Self {
        Self::new(fault.code(), fault.detail())
    }

    pub fn bad_reply() -> Self {
        Self::new(FrameCode::BadReply, "There is no such message to answer in this chat.")
    }
}

impl FrameCode {
    pub fn name(self) -> &'static str {
        self.into()
    }

    fn because(self) -> Because {
        match self {
            Self::BadJson => Because::Malformed,
            Self::BadFrame
            | Self::ContentEmpty
            | Self::ContentTooLong
            | Self::ContentInvalid
            | Self::BadClientId
            | Self::BadReply
            | Self::BadEmoji => Because::Invalid,
            Self::ClientIdReused | Self::Deleted | Self::Changed | Self::LimitReached => {
                Because::Conflict
            }
            Self::NotFound => Because::NotFound,
            Self::NotAuthor => Because::Forbidden,
            Self::RateLimited => Because::TooMany,
            Self::StorageFull | Self::Unavailable => Because::Busy,
        }
    }
}

impl FrameCode {
    /// The member that is at fault, if one is.
    fn field(self) -> Option<&'static str> {
        match self {
            Self::ContentEmpty | Self::ContentTooLong | Self::ContentInvalid => Some("content"),
            Self::BadClientId => Some("client_id"),
            Self::BadReply => Some("reply_to"),
            Self::BadEmoji => Some("emoji"),
            Self::BadJson
            | Self::BadFrame
            | Self::ClientIdReused
            | Self::NotFound
            | Self::NotAuthor
            | Self::Deleted
            | Self::Changed
            | Self::LimitReached
            | Self::RateLimited
            | Self::StorageFull
            | Self::Unavailable => None,
        }
    }
}

impl Error {
    pub fn refused(
        because: Because,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Refusal::new(because, code, detail).into()
    }

    pub fn malformed(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::refused(Because::Malformed, code, detail)
    }

    /// The same answer for a missing token, a bad one, an expired one and a revoked one.
    pub fn unauthenticated() -> Self {
        Self::refused(Because::Unauthenticated, "unauthenticated", "Log in first.")
    }

    pub fn forbidden(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::refused(Because::Forbidden, code, detail)
    }

    /// The same answer for what does not exist and for what the viewer may not see.
    pub fn not_found() -> Self {
        Self::refused(Because::NotFound, "not_found", NOT_FOUND)
    }

    pub fn conflict(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::refused(Because::Conflict, code, detail)
    }

    pub fn username_taken() -> Self {
        Self::conflict("username_taken", "This name is taken; choose another.")
    }

    pub fn invite_needed() -> Self {
        let detail = "To sign up here you need an invitation that is still good. Ask the people who run this server.";
        Self::forbidden("invite_needed", detail)
    }

    pub fn email_taken() -> Self {
        let detail = "There is an account with this address already; log in instead.";
        Self::conflict("email_taken", detail)
    }

    pub fn invalid(faults: Vec<Fault>) -> Self {
        let mut refusal =
            Refusal::new(Because::Invalid, "invalid", "Some values break a rule; see errors.");
        refusal.faults = faults;
        refusal.into()
    }

    pub fn too_many(detail: impl Into<Cow<'static, str>>, retry_after: Duration) -> Self {
        FrameRefusal::too_many(detail, retry_after).into()
    }

    /// More work than this machine can take on now; the caller may try again after `retry_after`.
    pub fn busy(detail: impl Into<Cow<'static, str>>, retry_after: Duration) -> Self {
        let mut refusal = Refusal::new(Because::Busy, "busy", detail);
        refusal.retry_after = Some(retry_after);
        refusal.into()
    }

    /// A definite no: nothing was stored.
    pub fn storage_full() -> Self {
        FrameRefusal::storage_full().into()
    }

    /// Whether the same may succeed a moment later.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(_)) || self.is_busy()
    }

    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.because == Because::Busy)
    }

    pub fn is_storage_full(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.code == FrameCode::StorageFull.name())
    }

    pub fn stopping() -> Self {
        Self::busy("The server is stopping; try again in a moment.", RETRY_SOON)
    }

    pub fn unavailable(
        what: &'static str,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Unavailable(Unavailable { what, reason: None, cause: Some(cause.into()) })
    }

    /// The same, where there is a reason that machines may be told.
    pub fn unavailable_because(
        what: &'static str,
        reason: &'static str,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Unavailable(Unavailable { what, reason: Some(reason), cause: Some(cause.into()) })
    }

    pub fn broken(
        what: &'static str,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Broken(Broken { what, cause: Some(cause.into()) })
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl From<FrameRefusal> for Error {
    fn from(refusal: FrameRefusal) -> Self {
        let FrameRefusal { code, detail, retry_after } = refusal;
        let retry_after =
            if code == FrameCode::StorageFull { Some(RETRY_STORAGE) } else { retry_after };
        let faults = code.field().map(|field| Fault::new(field, detail.clone()));
        let refusal = Refusal::new(code.because(), code.name(), detail);
        Refusal { retry_after, faults: faults.into_iter().collect(), ..refusal }.into()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, cause) = match self {
            Self::Refused(refusal) => return write!(f, "{}: {}", refusal.code, refusal.detail),
            Self::Unavailable(u) => (u.what, &u.cause),
            Self::Broken(b) => (b.what, &b.cause),
        };
        f.write_str(what)?;
        let mut next = cause.as_deref().map(|c| c as &(dyn std::error::Error + 'static));
        while let Some(error) = next {
            write!(f, ": {error}")?;
            next = error.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// A start that cannot succeed: one line that says what is wrong and what to do, and the exit status (1,
/// or 2 for wrong usage).
#[derive(Debug)]
pub struct Fatal {
    pub message: String,
    pub status: u8,
}

impl Fatal {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: 1 }
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: 2 }
    }
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fatal {}

/// Keeps what broke, but not the cause's own message.
impl From<Error> for Fatal {
    fn from(error: Error) -> Self {
        Self::new(error.to_string())
    }
}
