//! What everything hangs off: the settings, the rules, who is connected, the pages.

use crate::chat::Rules;
use crate::http::form::FormKey;
use crate::http::pages::docs::Docs;
use crate::http::render::Renderer;
use crate::process::config::Config;
use crate::registry::Seats;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

pub struct App {
    pub config: Config,
    pub rules: Arc<Rules>,
    pub seats: Arc<Seats>,
    pub renderer: Renderer,
    /// What the page about the API shows.
    pub docs: Docs,
    pub form_key: FormKey,
    pub stopping: AtomicBool,
    /// Numbers the requests of the process.
    pub requests: AtomicU64,
}

impl App {
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }
}
