//! What every handler can reach: the rules, the connected users, the pages, and a few settings.

use crate::chat::Rules;
use crate::http::cookies::Cookies;
use crate::http::form::FormKey;
use crate::http::host::Host;
use crate::http::notices::Notices;
use crate::http::pages::docs::Docs;
use crate::http::public_url::PublicUrl;
use crate::http::render::Renderer;
use crate::limits::MemoryBounds;
use crate::model::waits::RequestWaits;
use crate::registry::{Backlog, Seats};
use ipnet::IpNet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// What this edge needs from the settings.
pub struct HttpTerms {
    /// `None`: taken from the request's `Host`.
    pub public_url: Option<PublicUrl>,
    /// What the machine calls itself.
    pub machine: Vec<Host>,
    /// Where the pages are without a public URL, for those who came by a foreign name.
    pub home: String,
    /// Forwarding headers count only from these.
    pub trusted_proxies: Vec<IpNet>,
    /// The bearer token that lets callers from other machines read `/metrics`.
    pub metrics_token: Option<Box<str>>,
    pub token_lifetime: Duration,
    /// Whether a link to set a new password can be sent by mail.
    pub sends_mail: bool,
    /// Whom people ask who have forgotten their password.
    pub contact: Option<String>,
    pub waits: RequestWaits,
    pub memory: &'static MemoryBounds,
}

impl HttpTerms {
    /// The address at which people open the pages.
    pub fn address(&self) -> String {
        self.public_url.as_ref().map_or_else(|| self.home.clone(), ToString::to_string)
    }
}

pub struct App {
    pub terms: HttpTerms,
    pub rules: Arc<Rules>,
    pub seats: Arc<Seats>,
    pub backlog: Arc<Backlog>,
    pub renderer: Renderer,
    /// What `/openapi.json` answers.
    pub openapi: bytes::Bytes,
    /// What the page about the API shows.
    pub docs: Docs,
    pub form_key: FormKey,
    pub stopping: AtomicBool,
    pub notices: Notices,
    pub cookies: Cookies,
    /// Numbers the requests of this process.
    pub requests: AtomicU64,
}

impl App {
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }
}
