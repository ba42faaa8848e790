//! What sockets read from the database: their chats for `welcome`, and what a chat has after a position.
//! A few at a time; an unavailable database is waited for.

use super::{Rules, patiently};
use crate::limits::{
    BACKLOG_UNCOUNTED_BYTES_MAX, REPLAY_PAGE_BYTES_MAX, REPLAY_PAGE_ROWS, SOCKET_READ_PAUSES,
    STANDING_CACHE_AGE, STANDINGS_CACHED_MAX,
};
use crate::model::error::{Error, Result};
use crate::model::ids::{ChatId, Seq, UserId};
use crate::model::message::{ChatType, Message, Standing, Viewer};
use crate::model::wire::MessageFrames;
use crate::registry::Scope;
use crate::store::{PageQuery, PageStart};
use bytes::Bytes;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

/// What `welcome` contains.
pub struct Greeting {
    pub standings: Vec<Standing>,
    pub epoch: Arc<str>,
}

/// What follows a position, as much as is sent at once, and the chat's last number.
pub struct Replay {
    pub frames: MessageFrames,
    /// There is nothing else up to here.
    pub upto: Seq,
    pub last_seq: Seq,
}

impl Rules {
    /// The chats of a connection; a single chat is missing if it is out of reach.
    pub async fn greet(&self, viewer: &Viewer, scope: Scope) -> Result<Greeting> {
        self.read_patiently(async || {
            let standings = match scope {
                Scope::All => self.store.standings(viewer.user_id).await?,
                Scope::One(chat_id) => {
                    let read_at = Instant::now();
                    let standing = self.store.standing(viewer.user_id, chat_id).await?;
                    if let Some(standing) = standing
                        && standing.chat_type == ChatType::General
                    {
                        self.standings.put(viewer.user_id, standing, read_at);
                    }
                    standing.into_iter().collect()
                }
            };
            Ok(Greeting { standings, epoch: self.epoch().await? })
        })
        .await
    }

    /// `None` if the chat is out of the viewer's reach. A large page is given to `hold`; if there is no
    /// room for it, only its beginning is sent.
    pub async fn replay(
        &self,
        viewer: &Viewer,
        chat_id: ChatId,
        chat_type: ChatType,
        after: Seq,
        hold: impl Fn(Bytes) -> Option<Bytes>,
    ) -> Result<Option<Replay>> {
        let query = PageQuery { limit: REPLAY_PAGE_ROWS, from: PageStart::After(after) };
        self.read_patiently(async || {
            let page = self.store.history(viewer.user_id, chat_id, chat_type, query).await?;
            Ok(page.map(|page| {
                let frames = held(&page.messages, &hold);
                let goes_on = page.has_more || frames.count < page.messages.len();
                let upto = match page.messages[..frames.count].last() {
                    Some(last) if goes_on => last.seq,
                    Some(_) | None => page.last_seq.max(after),
                };
                Replay { frames, upto, last_seq: page.last_seq }
            }))
        })
        .await
    }

    /// The viewer's standing in the general chat, if it was read at most a second ago.
    pub fn recent_standing(&self, viewer: &Viewer) -> Option<Standing> {
        self.standings.get(viewer.user_id)
    }

    /// A few reads at a time, each tried again while PostgreSQL is unavailable; those that pause hold up no
    /// others.
    pub(super) async fn read_patiently<T, F: Future<Output = Result<T>>>(
        &self,
        read: impl Fn() -> F,
    ) -> Result<T> {
        patiently(self.store.waits.read_patience, SOCKET_READ_PAUSES, async || {
            let permit = self.resumes.acquire().await;
            let _permit = permit.map_err(|error| Error::broken("the reads of sockets", error))?;
            read().await
        })
        .await
    }
}

/// As many of the first messages as a page may have; if `hold` has no room for them, as many as need not be
/// held.
fn held(messages: &[Message], hold: &impl Fn(Bytes) -> Option<Bytes>) -> MessageFrames {
    let MessageFrames { bytes, count } = MessageFrames::within(REPLAY_PAGE_BYTES_MAX, messages);
    if bytes.len() <= BACKLOG_UNCOUNTED_BYTES_MAX {
        return MessageFrames { bytes, count };
    }
    match hold(bytes) {
        Some(bytes) => MessageFrames { bytes, count },
        None => MessageFrames::within(BACKLOG_UNCOUNTED_BYTES_MAX, messages),
    }
}

/// The users' standings in the general chat, as last read or moved: if a user opens many sockets at
/// once, one read is enough.
#[derive(Default)]
pub struct Standings {
    entries: Mutex<FxHashMap<UserId, (Standing, Instant)>>,
}

impl Standings {
    fn get(&self, user_id: UserId) -> Option<Standing> {
        let entries = self.entries.lock();
        let (standing, read_at) = entries.get(&user_id)?;
        (read_at.elapsed() < STANDING_CACHE_AGE).then_some(*standing)
    }

    /// The user has read up to this message of the general chat.
    pub fn moved(&self, user_id: UserId, chat_id: ChatId, seq: Seq) {
        let chat_type = ChatType::General;
        let standing = Standing { chat_id, chat_type, last_seq: seq, read_seq: seq };
        self.put(user_id, standing, Instant::now());
    }

    /// A standing that was read, or moved, at that time. Positions only grow, so if two of them cross,
    /// the larger one is right.
    fn put(&self, user_id: UserId, standing: Standing, read_at: Instant) {
        let mut entries = self.entries.lock();
        if let Some((known, known_at)) = entries.get_mut(&user_id)
            && (*known_at >= read_at || known_at.elapsed() < STANDING_CACHE_AGE)
        {
            known.read_seq = known.read_seq.max(standing.read_seq);
            known.last_seq = known.last_seq.max(standing.last_seq);
            *known_at = read_at.max(*known_at);
            return;
        }
        if entries.len() >= STANDINGS_CACHED_MAX {
            entries.retain(|_, (_, read_at)| read_at.elapsed() < STANDING_CACHE_AGE);
        }
        if entries.len() < STANDINGS_CACHED_MAX {
            entries.insert(user_id, (standing, read_at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_that_moved_during_a_read_wins() {
        let (standings, user_id, chat_id) = (Standings::default(), UserId(1), ChatId(1));
        let position = || standings.get(user_id).map(|standing| standing.read_seq.0);
        let read_at = Instant::now();
        standings.moved(user_id, chat_id, Seq(7));
        let (last_seq, chat_type) = (Seq(9), ChatType::General);
        let read = |seq| Standing { chat_id, chat_type, last_seq, read_seq: Seq(seq) };
        standings.put(user_id, read(3), read_at);
        assert_eq!(position(), Some(7));
        standings.put(user_id, read(8), read_at);
        standings.moved(user_id, chat_id, Seq(6));
        assert_eq!(position(), Some(8));
    }
}
