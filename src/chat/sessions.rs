//! Which sessions are alive: a bounded cache in front of the table, whose answers are never older than a
//! second; and the end of those that are not.

use super::tokens::Read;
use super::{Rules, change_patiently};
use crate::limits::{SESSION_CACHE_AGE, SESSIONS_ASKED_MAX};
use crate::model::error::{Error, Result};
use crate::model::ids::{SessionNumber, UserId};
use crate::model::message::{SessionId, Viewer};
use crate::store::SignIn;
use parking_lot::Mutex;
use rustc_hash::{FxHashMap, FxHashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

pub struct SessionCache {
    entries: Mutex<FxHashMap<SessionId, CachedSession>>,
    /// How many it may hold.
    most: usize,
}

enum CachedSession {
    Living {
        viewer: Arc<Viewer>,
        read_at: Instant,
    },
    /// Ended, although a look-up that began earlier may say otherwise.
    Ended,
}

impl CachedSession {
    fn is_fresh(&self) -> bool {
        matches!(self, Self::Living { read_at, .. } if read_at.elapsed() < SESSION_CACHE_AGE)
    }
}

/// The user that a valid token stands for, and until when.
#[derive(Debug, Clone)]
pub struct Authenticated {
    pub viewer: Arc<Viewer>,
    /// Seconds since 1970.
    pub expires_at: i64,
}

impl SessionCache {
    pub fn new(most: usize) -> Self {
        Self { entries: Mutex::default(), most }
    }

    /// `None` if it must be looked up; refused if it has ended.
    fn get(&self, session: SessionId) -> Result<Option<Arc<Viewer>>> {
        let entries = self.entries.lock();
        match entries.get(&session) {
            Some(CachedSession::Ended) => Err(Error::unauthenticated()),
            Some(entry @ CachedSession::Living { viewer, .. }) if entry.is_fresh() => {
                Ok(Some(Arc::clone(viewer)))
            }
            Some(CachedSession::Living { .. }) | None => Ok(None),
        }
    }

    /// Keeps the viewer that is already shared, if it is the same; refused if the session has ended in
    /// the meantime.
    fn put(&self, viewer: Viewer, read_at: Instant) -> Result<Arc<Viewer>> {
        let session = viewer.session;
        let mut entries = self.entries.lock();
        let viewer = match entries.get(&session) {
            Some(CachedSession::Ended) => return Err(Error::unauthenticated()),
            Some(CachedSession::Living { viewer: known, .. }) if **known == viewer => {
                Arc::clone(known)
            }
            Some(CachedSession::Living { .. }) | None => Arc::new(viewer),
        };
        make_room(&mut entries, self.most);
        entries.insert(session, CachedSession::Living { viewer: Arc::clone(&viewer), read_at });
        Ok(viewer)
    }

    /// From now on this session lets nobody in.
    pub fn end(&self, session: SessionId) {
        let mut entries = self.entries.lock();
        make_room(&mut entries, self.most);
        entries.insert(session, CachedSession::Ended);
    }
}

fn make_room(entries: &mut FxHashMap<SessionId, CachedSession>, most: usize) {
    if entries.len() >= most {
        entries.retain(|_, entry| entry.is_fresh());
    }
    if entries.len() >= most {
        entries.clear();
    }
}

impl Rules {
    /// Whether this token is one of ours, valid or not. Others are meant for somebody else.
    pub fn has_signed(&self, token: &str) -> bool {
        self.tokens.has_signed(token)
    }

    /// The user that a token stands for, shown from this address; refused in the same way whatever is wrong
    /// with it.
    pub async fn authenticate(&self, token: &str, from: IpAddr) -> Result<Authenticated> {
        let Read { user_id, session, expires_at } =
            self.tokens.read(token).ok_or_else(Error::unauthenticated)?;
        let viewer = match self.sessions.get(session)? {
            Some(viewer) => viewer,
            None => self.find_viewer(session, from).await?,
        };
        if viewer.user_id != user_id {
            return Err(Error::unauthenticated());
        }
        Ok(Authenticated { viewer, expires_at })
    }

    /// Closes the sockets of those sessions that ended without us: by another process, or together
    /// with their user.
    pub async fn end_dead_sessions(&self, sessions: &[(UserId, SessionId)]) -> Result<()> {
        for part in sessions.chunks(SESSIONS_ASKED_MAX) {
            let ids: Vec<SessionId> = part.iter().map(|(_, session)| *session).collect();
            let living = self.store.living_sessions(&ids).await?;
            for stale in living.iter().filter(|session| session.is_stale) {
                self.uses.note(stale.id, None);
            }
            let living: FxHashSet<SessionId> = living.into_iter().map(|living| living.id).collect();
            for (user_id, session) in part.iter().filter(|(_, session)| !living.contains(session)) {
                // Each node looks for itself.
                self.end_session_here(*user_id, *session);
            }
        }
        Ok(())
    }

    /// A user's living sessions, the one that was used last first.
    pub async fn sessions_of(&self, user_id: UserId) -> Result<Vec<SignIn>> {
        self.store.list_sessions(user_id).await
    }

    /// Ends one of the viewer's own sessions, and then its sockets; whether it was the current one.
    pub async fn end_own_session(
        self: &Arc<Self>,
        viewer: Arc<Viewer>,
        number: SessionNumber,
    ) -> Result<bool> {
        let is_current = viewer.session.number() == number;
        match is_current {
            true => self.log_out(viewer).await?,
            false => self.end_session_of(viewer.user_id, number).await?,
        }
        Ok(is_current)
    }

    /// Ends one of a user's sessions; refused if it is not theirs, or not alive.
    pub async fn end_session_of(
        self: &Arc<Self>,
        user_id: UserId,
        number: SessionNumber,
    ) -> Result<()> {
        let own = self.store.list_sessions(user_id).await?;
        let found = own.into_iter().map(|own| own.id).find(|id| id.number() == number);
        let session = found.ok_or_else(Error::not_found)?;
        let rules = Arc::clone(self);
        self.to_the_end(async move {
            change_patiently(|| rules.store.revoke_session(session)).await?;
            rules.end_session(user_id, session);
            Ok(())
        })
        .await
    }

    /// From now on this session lets nobody in, and its sockets are closed, on all nodes.
    pub(super) fn end_session(&self, user_id: UserId, session: SessionId) {
        self.sessions.end(session);
        self.registry.end_session(user_id, session);
    }

    /// The same on this node only.
    pub(super) fn end_session_here(&self, user_id: UserId, session: SessionId) {
        self.sessions.end(session);
        self.registry.end_session_here(user_id, session);
    }

    async fn find_viewer(&self, session: SessionId, from: IpAddr) -> Result<Arc<Viewer>> {
        let read_at = Instant::now();
        let found = self.store.find_session(session).await?.ok_or_else(Error::unauthenticated)?;
        if found.is_stale {
            self.uses.note(session, Some(from));
        }
        let viewer = Viewer {
            user_id: found.user_id,
            username: found.username.into(),
            role: found.role,
            shows_presence: found.shows_presence,
            session,
        };
        self.sessions.put(viewer, read_at)
    }
}
