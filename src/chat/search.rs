//! Finding messages by their words, among those that the viewer can read.
//!
//! The index answers with what may fit, newest first, and each is compared with what is wanted; messages
//! that are not in the index yet (`indexing`) are read as they are. A user has one search at a time, and all
//! users together a few, so that everything else still finds a connection.

use super::Rules;
use crate::limits::{
    RETRY_SOON, SEARCH_CANDIDATES_GROWTH, SEARCH_CANDIDATES_MAX, SEARCH_LATERAL_CHATS_MAX,
    SEARCH_SCAN_ROWS_MAX, SEARCH_WINDOW_DENSE, SEARCH_WINDOW_ROWS, SEARCH_YIELD_BYTES,
};
use crate::model::error::{Error, Result};
use crate::model::ids::{ChatId, ID_MAX, MessageId, UserId};
use crate::model::message::{Message, Viewer};
use crate::model::words::Sought;
use crate::store::{Candidate, SearchExtent, SearchScope, Searching};
use jiff::Timestamp;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

pub use crate::store::FoundAt;

/// What somebody searches for, and where.
#[derive(Debug)]
pub struct Search {
    pub wanted: Sought,
    pub chat_id: Option<ChatId>,
    pub author: Option<UserId>,
    pub after: Option<Timestamp>,
    pub before: Option<Timestamp>,
    /// The last message of the page before this one.
    pub page: Option<FoundAt>,
    pub limit: usize,
}

/// Messages that were found, newest first.
pub struct Results {
    pub found: Vec<FoundMessage>,
    /// Where the next page begins, if there may be one.
    pub next: Option<FoundAt>,
    /// Whether all that the viewer can read was searched.
    pub is_complete: bool,
}

pub struct FoundMessage {
    /// What its chat is called for the viewer.
    pub chat_name: Arc<str>,
    pub message: Message,
}

/// Nothing is older, and not all that a year can be is one to PostgreSQL.
const OLDEST: Timestamp = Timestamp::UNIX_EPOCH;

impl Search {
    /// Everything that is looked for is before this.
    fn before(&self) -> FoundAt {
        let end = FoundAt { timestamp: Timestamp::MAX, id: MessageId(ID_MAX) };
        // Ids begin with 1.
        let before = self.before.map(|timestamp| FoundAt { timestamp, id: MessageId(0) });
        let before = [before, self.page].into_iter().flatten().fold(end, Ord::min);
        FoundAt { timestamp: before.timestamp.max(OLDEST), ..before }
    }

    fn scope(&self, viewer: UserId) -> SearchScope {
        SearchScope {
            viewer,
            chat_id: self.chat_id,
            author: self.author,
            after: self.after.unwrap_or(OLDEST).max(OLDEST),
            index_query: self.wanted.index_query(self.author),
        }
    }
}

impl Rules {
    /// Goes on to its end even if its caller leaves, because so does PostgreSQL.
    pub async fn search(self: &Arc<Self>, viewer: &Viewer, search: Search) -> Result<Results> {
        let (viewer, rules) = (viewer.user_id, Arc::clone(self));
        let turn = self.searchers.take(viewer, self.store.waits.search).await?;
        self.to_the_end(async move {
            let scope = search.scope(viewer);
            let looking = async |searching: &Searching<'_>| look(searching, &search).await;
            let results = rules.store.search(&scope, looking).await;
            drop(turn);
            results
        })
        .await
    }
}

async fn look(searching: &Searching<'_>, search: &Search) -> Result<Results> {
    let extent = searching.extent().await?;
    if search.chat_id.is_some() && extent.chats == 0 {
        return Err(Error::not_found());
    }
    // One more than is shown says whether there is another page.
    let most = search.limit + 1;
    let mut found = Vec::new();
    if extent.new > 0 {
        searching.look_for_news();
        add_fitting(&mut found, searching.scan(search.before()).await?, search, most).await;
    }
    found.append(&mut indexed(searching, search, extent, most).await?);
    found.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    let has_more = found.len() > search.limit;
    found.truncate(search.limit);
    let next = found.last().filter(|_| has_more).map(|(at, _)| *at);
    let mut chats: Vec<ChatId> = found.iter().map(|(_, message)| message.chat_id).collect();
    chats.sort_unstable();
    chats.dedup();
    let names = searching.chat_names(&chats).await?;
    let named = found.into_iter().filter_map(|(_, message)| {
        let chat_name = Arc::clone(names.get(&message.chat_id)?);
        Some(FoundMessage { chat_name, message })
    });
    let is_complete = !extent.lacks_old && extent.new <= SEARCH_SCAN_ROWS_MAX;
    Ok(Results { found: named.collect(), next, is_complete })
}

/// What the index has. A frequent word is among the last few thousand messages often enough. For others the
/// index is asked for all older messages at once, unless so many may fit that this would take longer.
async fn indexed(
    searching: &Searching<'_>,
    search: &Search,
    extent: SearchExtent,
    most: usize,
) -> Result<Vec<(FoundAt, Message)>> {
    let mut range = IndexRange { searching, search, extent, found: Vec::new(), most };
    let bottom = FoundAt { timestamp: OLDEST, id: MessageId(0) };
    let mut before = search.before();
    loop {
        let end = searching.window_end(before, SEARCH_WINDOW_ROWS).await?;
        let candidates = range.look_through(before, end.unwrap_or(bottom)).await?;
        let Some(end) = end.filter(|_| range.found.len() < most) else { return Ok(range.found) };
        if candidates < SEARCH_WINDOW_DENSE {
            range.look_through(end, bottom).await?;
            return Ok(range.found);
        }
        before = end;
    }
}

/// What the index is asked for, a range of messages at a time.
struct IndexRange<'a> {
    searching: &'a Searching<'a>,
    search: &'a Search,
    extent: SearchExtent,
    found: Vec<(FoundAt, Message)>,
    most: usize,
}

impl IndexRange<'_> {
    /// Those from `end` on and before `before`, until enough were found. Where many do not fit, more are asked
    /// for each time. Returns how many may have fitted.
    async fn look_through(&mut self, mut before: FoundAt, end: FoundAt) -> Result<i64> {
        let (mut limit, mut seen) = (self.most as i64, 0);
        loop {
            let candidates = match self.extent.chats <= SEARCH_LATERAL_CHATS_MAX {
                true => self.searching.find_in_few(before, end, limit).await?,
                false => self.searching.find_in_many(before, end, limit).await?,
            };
            let (count, last) = (candidates.len() as i64, candidates.last().map(|last| last.at));
            add_fitting(&mut self.found, candidates, self.search, self.most).await;
            seen += count;
            match last {
                Some(last) if count >= limit && self.found.len() < self.most => before = last,
                Some(_) | None => return Ok(seen),
            }
            limit = (limit * SEARCH_CANDIDATES_GROWTH).min(SEARCH_CANDIDATES_MAX);
        }
    }
}

/// Adds those that have what is wanted, until there are enough.
async fn add_fitting(
    found: &mut Vec<(FoundAt, Message)>,
    candidates: Vec<Candidate>,
    search: &Search,
    most: usize,
) {
    let mut bytes = 0;
    for Candidate { at, message } in candidates {
        if found.len() >= most {
            return;
        }
        bytes += message.content.len();
        if search.wanted.find(&message.content).is_some() {
            found.push((at, message));
        }
        if bytes >= SEARCH_YIELD_BYTES {
            bytes = 0;
            tokio::task::yield_now().await;
        }
    }
}

/// Whose searches are under way.
pub struct Searchers {
    all: Arc<Semaphore>,
    users: Mutex<FxHashMap<UserId, Arc<Semaphore>>>,
}

/// A user's only search. The place is left last, when nothing else holds the user's semaphore.
struct SearchTurn {
    _of_all: OwnedSemaphorePermit,
    _of_user: OwnedSemaphorePermit,
    _place: SearcherPlace,
}

/// Of somebody who searches or waits to.
struct SearcherPlace {
    searchers: Arc<Searchers>,
    user: UserId,
    own: Arc<Semaphore>,
}

impl Searchers {
    pub fn new(places: usize) -> Arc<Self> {
        Arc::new(Self { all: Arc::new(Semaphore::new(places)), users: Mutex::default() })
    }

    /// Waits for the user's other searches, and then for those of others, each for so long.
    async fn take(self: &Arc<Self>, user: UserId, patience: Duration) -> Result<SearchTurn> {
        let place = self.enter(user);
        let own = timeout(patience, Arc::clone(&place.own).acquire_owned()).await;
        let of_user = own.map_err(|_late| {
            let waits = "Your last search is still under way; try again in a moment.";
            Error::too_many(waits, RETRY_SOON)
        })?;
        let all = timeout(patience, Arc::clone(&self.all).acquire_owned()).await;
        let of_all = all.map_err(|_late| {
            Error::busy("Too many people are searching right now; try again.", RETRY_SOON)
        })?;
        Ok(SearchTurn {
            _of_all: of_all.expect("never closed"),
            _of_user: of_user.expect("never closed"),
            _place: place,
        })
    }

    fn enter(self: &Arc<Self>, user: UserId) -> SearcherPlace {
        let mut users = self.users.lock();
        let own = users.entry(user).or_insert_with(|| Arc::new(Semaphore::new(1)));
        SearcherPlace { searchers: Arc::clone(self), user, own: Arc::clone(own) }
    }
}

impl Drop for SearcherPlace {
    fn drop(&mut self) {
        let mut users = self.searchers.users.lock();
        // The map's and this one.
        if Arc::strong_count(&self.own) == 2 {
            users.remove(&self.user);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_user_has_one_search_at_a_time_and_everybody_together_a_few() {
        let searchers = Searchers::new(2);
        let take = async |user| searchers.take(UserId(user), Duration::from_millis(5)).await;
        let first = take(1).await.expect("the first");
        let code = |error| match error {
            Some(Error::Refused(refusal)) => refusal.code,
            _ => "not refused",
        };
        assert_eq!(code(take(1).await.err()), "rate_limited");
        let second = take(2).await.expect("another's");
        assert_eq!(code(take(3).await.err()), "busy");
        let again = searchers.take(UserId(1), Duration::from_secs(60));
        let (again, ()) = tokio::join!(again, async { drop(first) });
        assert!(again.is_ok(), "it waits for the first");
        drop((again, second));
        assert!(take(3).await.is_ok());
        assert!(searchers.users.lock().is_empty());
    }
}
