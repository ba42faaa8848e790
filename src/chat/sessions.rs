//! Which session lives: a bounded cache in front of the table, none of whose answers is older than a
//! second; and the end of those that do not.

use super::Chat;
use super::tokens::Read;
use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::limits::{SESSION_CACHE_AGE, SESSIONS_ASKED_MAX, SESSIONS_CACHED_MAX};
use crate::message::{SessionId, Viewer};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::{Arc, Mutex};
use std::time::Instant;

#[derive(Default)]
pub struct Cache {
    entries: Mutex<FxHashMap<SessionId, Entry>>,
}

struct Entry {
    viewer: Arc<Viewer>,
    read_at: Instant,
}

/// Who a valid token stands for, and until when.
#[derive(Debug, Clone)]
pub struct Authenticated {
    pub viewer: Arc<Viewer>,
    /// Seconds since 1970.
    pub expires_at: i64,
}

impl Cache {
    fn get(&self, session: SessionId) -> Option<Arc<Viewer>> {
        let entries = self.entries.lock().expect("no one panics while holding it");
        let entry = entries.get(&session)?;
        (entry.read_at.elapsed() < SESSION_CACHE_AGE).then(|| Arc::clone(&entry.viewer))
    }

    /// Keeps the viewer that is already shared, where it is the same.
    fn put(&self, viewer: Viewer, read_at: Instant) -> Arc<Viewer> {
        let mut entries = self.entries.lock().expect("no one panics while holding it");
        if entries.len() >= SESSIONS_CACHED_MAX {
            entries.retain(|_, entry| entry.read_at.elapsed() < SESSION_CACHE_AGE);
        }
        if entries.len() >= SESSIONS_CACHED_MAX {
            entries.clear();
        }
        let viewer = match entries.get(&viewer.session) {
            Some(entry) if *entry.viewer == viewer => Arc::clone(&entry.viewer),
            Some(_) | None => Arc::new(viewer),
        };
        entries.insert(viewer.session, Entry { viewer: Arc::clone(&viewer), read_at });
        viewer
    }

    pub fn forget(&self, session: SessionId) {
        self.entries.lock().expect("no one panics while holding it").remove(&session);
    }
}

impl Chat {
    /// Who a token stands for; refused alike whatever is wrong with it.
    pub async fn authenticate(&self, token: &str) -> Result<Authenticated> {
        let Read { user_id, session, expires_at } =
            self.tokens.read(token).ok_or_else(Error::unauthenticated)?;
        let viewer = match self.sessions.get(session) {
            Some(viewer) => viewer,
            None => self.find_viewer(session).await?,
        };
        if viewer.user_id != user_id {
            return Err(Error::unauthenticated());
        }
        Ok(Authenticated { viewer, expires_at })
    }

    /// Closes the sockets of those of these sessions that ended without our doing: by another process,
    /// or with their user.
    pub async fn end_dead_sessions(&self, sessions: &[(UserId, SessionId)]) -> Result<()> {
        for part in sessions.chunks(SESSIONS_ASKED_MAX) {
            let ids: Vec<SessionId> = part.iter().map(|(_, session)| *session).collect();
            let living = self.store.living_sessions(&ids).await?;
            let living: FxHashSet<SessionId> = living.into_iter().collect();
            for (user_id, session) in part.iter().filter(|(_, session)| !living.contains(session)) {
                self.end_session(*user_id, *session);
            }
        }
        Ok(())
    }

    /// From now on nobody is let in by this session, and its sockets close.
    pub(super) fn end_session(&self, user_id: UserId, session: SessionId) {
        self.sessions.forget(session);
        self.registry.end_session(user_id, session);
    }

    async fn find_viewer(&self, session: SessionId) -> Result<Arc<Viewer>> {
        let read_at = Instant::now();
        let found = self.store.find_session(session).await?.ok_or_else(Error::unauthenticated)?;
        let (user_id, username) = (found.user_id, found.username.into());
        Ok(self.sessions.put(Viewer { user_id, username, session }, read_at))
    }
}
