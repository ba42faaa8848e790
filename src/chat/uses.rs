//! When sessions were used last: gathered (debounced) and written behind, because it is only for people to
//! recognise their sessions by.

use super::Rules;
use crate::limits::SESSIONS_ASKED_MAX;
use crate::model::message::SessionId;
use crate::store::SessionUse;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::net::IpAddr;

/// Uses that are still to be written, with the address that they came from, if it is known.
pub struct Uses {
    pending: Mutex<FxHashMap<SessionId, Option<IpAddr>>>,
    /// How many may be waiting.
    most: usize,
}

impl Uses {
    pub fn new(most: usize) -> Self {
        Self { pending: Mutex::default(), most }
    }

    /// What finds no room is noted at its next use.
    pub fn note(&self, session: SessionId, address: Option<IpAddr>) {
        let mut pending = self.pending.lock();
        if pending.len() < self.most {
            let known = pending.entry(session).or_default();
            *known = address.or(*known);
        }
    }
}

impl Rules {
    /// Writes what has been noted. What cannot be written is noted again at the next use.
    pub async fn write_uses(&self) {
        let taken = std::mem::take(&mut *self.uses.pending.lock());
        let uses: Vec<SessionUse> =
            taken.into_iter().map(|(session, address)| SessionUse { session, address }).collect();
        for part in uses.chunks(SESSIONS_ASKED_MAX) {
            if let Err(error) = self.store.note_session_uses(part).await {
                return tracing::debug!(%error, "cannot write when sessions were used");
            }
        }
    }
}
