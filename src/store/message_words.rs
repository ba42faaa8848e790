//! The table `message_words`: what messages are found by. This file reads it; `indexed_ranges` fills it.
//!
//! A search is one transaction with one snapshot, in which each message is either in the index or among
//! those that are newer than its chat's range, and these are read as they are. What the index answers may
//! lack what is wanted: the rules compare.

use super::indexed_ranges::Unindexed;
use super::{Store, messages, sql, system_time, timestamp};
use crate::limits::{RETRY_SOON, SEARCH_SCAN_ROWS_MAX};
use crate::model::error::{Error, Result};
use crate::model::ids::{ChatId, MessageId, Seq, UserId};
use crate::model::message::Message;
use deadpool_postgres::Transaction;
use jiff::Timestamp;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Row};

/// Among which messages a viewer searches.
#[derive(Debug, Clone)]
pub struct SearchScope {
    pub viewer: UserId,
    pub chat_id: Option<ChatId>,
    pub author: Option<UserId>,
    /// Newer than this.
    pub after: Timestamp,
    /// What the index is asked (`model::words`).
    pub index_query: String,
}

/// The place of a message among all, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FoundAt {
    pub timestamp: Timestamp,
    pub id: MessageId,
}

/// The chats that are searched.
#[derive(Debug, Clone, Copy)]
pub struct SearchExtent {
    pub chats: i64,
    /// Messages that are not in the index yet because they are new.
    pub new: i64,
    /// Whether older ones are not in the index yet.
    pub lacks_old: bool,
}

/// A message that may have what is wanted.
pub struct Candidate {
    pub at: FoundAt,
    pub message: Message,
}

/// A search under way.
pub struct Searching<'a> {
    transaction: Transaction<'a>,
    scope: &'a SearchScope,
    unindexed: &'a Unindexed,
    /// No statement begins later.
    until: Instant,
}

impl Store {
    /// Runs `call` with one snapshot of everything. Each statement may take `waits.search`, and none begins
    /// after that time.
    pub async fn search<T>(
        &self,
        scope: &SearchScope,
        call: impl AsyncFnOnce(&Searching<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut client = self.client().await?;
        let searching = async {
            let beginning = client.build_transaction().read_only(true);
            let transaction =
                beginning.isolation_level(IsolationLevel::RepeatableRead).start().await?;
            // What a word costs depends on how many messages have it, so each search has its own plan; and
            // what it finds usually lies in memory.
            let ours = format!(
                "set local statement_timeout = {}; set local plan_cache_mode = force_custom_plan; \
                 set local random_page_cost = 1.1",
                self.waits.search.as_millis()
            );
            transaction.batch_execute(&ours).await?;
            let searching = Searching {
                transaction,
                scope,
                unindexed: &self.unindexed,
                until: Instant::now() + self.waits.search,
            };
            let found = call(&searching).await?;
            searching.transaction.commit().await?;
            Ok::<T, Error>(found)
        };
        let searched = tokio::time::timeout(self.waits.answer, searching).await;
        client.answered(searched)
    }
}

impl Searching<'_> {
    /// There are messages that are not in the index.
    pub fn look_for_news(&self) {
        self.unindexed.look();
    }

    pub async fn extent(&self) -> Result<SearchExtent> {
        let params: [&(dyn ToSql + Sync); 2] = [&self.scope.viewer.0, &self.chat_id()];
        let rows = self.rows(sql!("message_words/extent"), &params).await?;
        let row = rows.first().ok_or_else(|| Error::broken("a count", "without a row"))?;
        Ok(SearchExtent {
            chats: row.get("chats"),
            new: row.get("new"),
            lacks_old: row.get("lacks_old"),
        })
    }

    /// The newest of the messages before `before` that are not in the index yet, newest first.
    pub async fn scan(&self, before: FoundAt) -> Result<Vec<Candidate>> {
        let (time, id) = place(before);
        let (chat_id, after) = (self.chat_id(), system_time(self.scope.after));
        let author = self.scope.author.map(|author| author.0);
        let limit = SEARCH_SCAN_ROWS_MAX;
        let params: [&(dyn ToSql + Sync); 7] =
            [&self.scope.viewer.0, &chat_id, &limit, &time, &id, &after, &author];
        self.candidates(sql!("message_words/scan"), &params).await
    }

    /// The end of the `rows` messages before `before`, whoever can read them; `None` if there are not as many.
    pub async fn window_end(&self, before: FoundAt, rows: i64) -> Result<Option<FoundAt>> {
        let (time, id) = place(before);
        let params: [&(dyn ToSql + Sync); 3] = [&time, &id, &rows];
        let rows = self.rows(sql!("message_words/window_end"), &params).await?;
        Ok(rows.first().map(found_at))
    }

    /// At most `limit` of the newest that the index has from `end` on and before `before`, in few chats, each by
    /// itself.
    pub async fn find_in_few(
        &self,
        before: FoundAt,
        end: FoundAt,
        limit: i64,
    ) -> Result<Vec<Candidate>> {
        let ((time, id), (end, end_id)) = (place(before), place(end));
        let (chat_id, after) = (self.chat_id(), system_time(self.scope.after));
        let query = &self.scope.index_query;
        let params: [&(dyn ToSql + Sync); 9] =
            [&self.scope.viewer.0, &chat_id, query, &time, &id, &end, &end_id, &after, &limit];
        self.candidates(sql!("message_words/search_few"), &params).await
    }

    /// The same in all chats of somebody who has many.
    pub async fn find_in_many(
        &self,
        before: FoundAt,
        end: FoundAt,
        limit: i64,
    ) -> Result<Vec<Candidate>> {
        let ((time, id), (end, end_id)) = (place(before), place(end));
        let (after, query) = (system_time(self.scope.after), &self.scope.index_query);
        let params: [&(dyn ToSql + Sync); 8] =
            [&self.scope.viewer.0, query, &time, &id, &end, &end_id, &after, &limit];
        self.candidates(sql!("message_words/search_many"), &params).await
    }

    /// What chats are called for the viewer.
    pub async fn chat_names(&self, chats: &[ChatId]) -> Result<FxHashMap<ChatId, Arc<str>>> {
        let ids: Vec<i64> = chats.iter().map(|chat| chat.0).collect();
        let rows = self.rows(sql!("chats/names"), &[&self.scope.viewer.0, &ids]).await?;
        let name = |row: &Row| (ChatId(row.get("chat_id")), Arc::from(row.get::<_, &str>("name")));
        Ok(rows.iter().map(name).collect())
    }

    fn chat_id(&self) -> Option<i64> {
        self.scope.chat_id.map(|chat| chat.0)
    }

    async fn candidates(
        &self,
        statement: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Candidate>> {
        let places = self.rows(statement, params).await?;
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let (chats, seqs): (Vec<i64>, Vec<i64>) = places
            .iter()
            .map(|row| (row.get::<_, i64>("chat_id"), row.get::<_, i64>("seq")))
            .unzip();
        let rows = self.rows(sql!("messages/current"), &[&chats, &seqs]).await?;
        let mut messages = messages::whole_messages(&rows)?;
        let candidate = |row: &Row| {
            let key = (ChatId(row.get("chat_id")), Seq(row.get("seq")));
            Some(Candidate { at: found_at(row), message: messages.remove(&key)? })
        };
        Ok(places.iter().filter_map(candidate).collect())
    }

    async fn rows(
        &self,
        statement: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>> {
        if Instant::now() >= self.until {
            return Err(too_slow());
        }
        let prepared = self.transaction.prepare_cached(statement).await.map_err(search_error)?;
        self.transaction.query(&prepared, params).await.map_err(search_error)
    }
}

fn place(before: FoundAt) -> (SystemTime, i64) {
    (system_time(before.timestamp), before.id.0)
}

fn found_at(row: &Row) -> FoundAt {
    FoundAt { timestamp: timestamp(row, "at"), id: MessageId(row.get("at_id")) }
}

fn search_error(error: tokio_postgres::Error) -> Error {
    match error.code() {
        Some(&SqlState::QUERY_CANCELED) => too_slow(),
        Some(_) | None => error.into(),
    }
}

/// Others need the database, too.
fn too_slow() -> Error {
    Error::busy(
        "This search takes too long at the moment. Add a word, or limit it to a chat or to a time.",
        RETRY_SOON,
    )
}
