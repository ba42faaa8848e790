//! The tables `indexed_ranges` and `unindexed_edits`: which messages are in `message_words`; and filling that.
//!
//! Whatever changes or deletes a message takes its words out of the index by a trigger (in the migration), in the
//! same transaction. Called by `chat::indexing` only. A step moves a few hundred messages and the ends of their
//! chats' ranges in one transaction, under locks on the ranges: it can be repeated, and two processes do not
//! meet. Lost in a crash, a step is made again, so nobody waits for its commit to reach the disk.

use super::transactions::{changed_in, rows_in};
use super::{Store, WriteKind, chats, sql};
use crate::limits::{INDEX_ROWS_MAX, INDEX_UPKEEP_TIMEOUT, INDEX_YIELD_BYTES, UNINDEXED_MAX};
use crate::model::error::Result;
use crate::model::ids::{ChatId, UserId};
use crate::model::words;
use deadpool_postgres::Transaction;
use parking_lot::Mutex;
use rustc_hash::FxHashSet;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::SystemTime;
use tokio::sync::Notify;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// Chats with new messages, as the lane says.
#[derive(Default)]
pub struct Unindexed {
    chats: Mutex<FxHashSet<ChatId>>,
    news: Notify,
    /// Whether a search has met messages that are not in the index: in whichever chats.
    is_elsewhere: AtomicBool,
}

impl Unindexed {
    pub fn look(&self) {
        self.is_elsewhere.store(true, Relaxed);
        self.news.notify_one();
    }
}

/// What a step has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Indexed {
    /// Messages that were read.
    pub messages: usize,
    /// Whether there may be more.
    pub has_more: bool,
}

impl Store {
    /// To be called after messages of these chats were committed.
    pub fn has_news(&self, chats: impl Iterator<Item = ChatId>) {
        {
            let mut waiting = self.unindexed.chats.lock();
            // The next look at all chats finds the others.
            let room = UNINDEXED_MAX.saturating_sub(waiting.len());
            waiting.extend(chats.take(room));
        }
        self.unindexed.news.notify_one();
    }

    /// Resolves when there is something to index.
    pub async fn news(&self) {
        self.unindexed.news.notified().await;
    }

    /// Chats that have news, or had some and were not finished.
    pub fn take_news(&self) -> Vec<ChatId> {
        let mut chats = Vec::from_iter(self.unindexed.chats.lock().drain());
        chats.sort_unstable();
        chats
    }

    /// Whether a search has met messages of other chats since this was last asked.
    pub fn has_news_elsewhere(&self) -> bool {
        self.unindexed.is_elsewhere.swap(false, Relaxed)
    }

    /// Chats whose news nobody told us about: from before we started, or by another process.
    pub async fn outgrown(&self) -> Result<Vec<ChatId>> {
        let limit = UNINDEXED_MAX as i64;
        let rows = self.rows(sql!("indexed_ranges/outgrown"), &[&limit]).await?;
        Ok(rows.iter().map(|row| ChatId(row.get("id"))).collect())
    }

    /// How many messages are there from before the index, and not in it yet.
    pub async fn count_unindexed_old(&self) -> Result<i64> {
        Ok(self.one(sql!("indexed_ranges/count_old"), &[]).await?.get("messages"))
    }

    /// Puts new messages of these chats into the index, some hundred at most.
    pub async fn index_new(&self, chats: &[ChatId]) -> Result<Indexed> {
        let ids: Vec<i64> = chats.iter().map(|chat| chat.0).collect();
        self.in_transaction(WriteKind::Content, async |transaction| {
            hurry(transaction).await?;
            changed_in(transaction, sql!("indexed_ranges/begin"), &[&ids]).await?;
            let ranges = rows_in(transaction, sql!("indexed_ranges/take_new"), &[&ids]).await?;
            let (mut chats, mut kinds, mut uptos) = (Vec::new(), Vec::new(), Vec::new());
            for range in &ranges {
                chats.push(range.get::<_, i64>("chat_id"));
                kinds.push(chats::chat_type(range)?.name());
                uptos.push(range.get::<_, i64>("upto"));
            }
            let params: [&(dyn ToSql + Sync); 4] = [&chats, &kinds, &uptos, &INDEX_ROWS_MAX];
            let rows = rows_in(transaction, sql!("indexed_ranges/read_new"), &params).await?;
            insert(transaction, &rows).await?;
            let has_more = rows.len() as i64 >= INDEX_ROWS_MAX;
            // The last chat of a full step may have more than was read, and those after it were not reached.
            let last_read =
                rows.last().filter(|_| has_more).map(|row| row.get::<_, i64>("chat_id"));
            for (range, upto) in ranges.iter().zip(&mut uptos) {
                let chat: i64 = range.get("chat_id");
                let own = rows.iter().filter(|row| row.get::<_, i64>("chat_id") == chat);
                let read = own.map(|row| row.get("seq")).max();
                *upto = match last_read {
                    Some(last) if chat >= last => read.unwrap_or(*upto),
                    // If rows are missing at the end, somebody has deleted them.
                    Some(_) | None => read.unwrap_or(0).max(range.get("last_seq")),
                };
            }
            let params: [&(dyn ToSql + Sync); 2] = [&chats, &uptos];
            changed_in(transaction, sql!("indexed_ranges/extend_up"), &params).await?;
            Ok(Indexed { messages: rows.len(), has_more })
        })
        .await
    }

    /// Puts messages that were edited into the index again.
    pub async fn index_edited(&self) -> Result<Indexed> {
        self.in_transaction(WriteKind::Content, async |transaction| {
            hurry(transaction).await?;
            let edits =
                rows_in(transaction, sql!("unindexed_edits/take"), &[&INDEX_ROWS_MAX]).await?;
            if edits.is_empty() {
                return Ok(Indexed { messages: 0, has_more: false });
            }
            let (mut chats, mut kinds, mut seqs) = (Vec::new(), Vec::new(), Vec::new());
            for edit in &edits {
                chats.push(edit.get::<_, i64>("chat_id"));
                kinds.push(chats::chat_type(edit)?.name());
                seqs.push(edit.get::<_, i64>("seq"));
            }
            let params: [&(dyn ToSql + Sync); 3] = [&chats, &kinds, &seqs];
            let rows = rows_in(transaction, sql!("unindexed_edits/read"), &params).await?;
            insert(transaction, &rows).await?;
            changed_in(transaction, sql!("unindexed_edits/delete"), &[&chats, &seqs]).await?;
            Ok(Indexed { messages: rows.len(), has_more: edits.len() as i64 >= INDEX_ROWS_MAX })
        })
        .await
    }

    /// Puts messages from before the index into it, the newest of a chat first.
    pub async fn index_old(&self) -> Result<Indexed> {
        self.in_transaction(WriteKind::Content, async |transaction| {
            hurry(transaction).await?;
            let ranges = rows_in(transaction, sql!("indexed_ranges/take_old"), &[]).await?;
            let Some(range) = ranges.first() else {
                return Ok(Indexed { messages: 0, has_more: false });
            };
            let (chat, above): (i64, i64) = (range.get("chat_id"), range.get("above"));
            let kind = chats::chat_type(range)?.name();
            let params: [&(dyn ToSql + Sync); 4] = [&chat, &kind, &above, &INDEX_ROWS_MAX];
            let rows = rows_in(transaction, sql!("indexed_ranges/read_old"), &params).await?;
            insert(transaction, &rows).await?;
            let last = rows.last().filter(|_| rows.len() as i64 >= INDEX_ROWS_MAX);
            let above = last.map_or(0, |row| row.get::<_, i64>("seq") - 1);
            let params: [&(dyn ToSql + Sync); 2] = [&chat, &above];
            changed_in(transaction, sql!("indexed_ranges/extend_down"), &params).await?;
            Ok(Indexed { messages: rows.len(), has_more: true })
        })
        .await
    }

    /// Takes what the index has collected into it, which would otherwise slow down every search.
    pub async fn settle_index(&self) -> Result<()> {
        self.keep_index("select gin_clean_pending_list('message_words_words_idx')").await
    }

    /// Lets the planner know how frequent words are.
    pub async fn analyze_index(&self) -> Result<()> {
        self.keep_index("analyze message_words").await
    }

    async fn keep_index(&self, statement: &'static str) -> Result<()> {
        self.admit(WriteKind::Content)?;
        let mut client = self.client().await?;
        let keeping = async {
            let transaction = client.transaction().await?;
            let limit = INDEX_UPKEEP_TIMEOUT.as_millis();
            transaction.batch_execute(&format!("set local statement_timeout = {limit}")).await?;
            transaction.batch_execute(statement).await?;
            transaction.commit().await
        };
        let kept = tokio::time::timeout(INDEX_UPKEEP_TIMEOUT + self.waits.answer, keeping).await;
        self.noted(client.answered(kept))
    }
}

async fn hurry(transaction: &Transaction<'_>) -> Result<()> {
    Ok(transaction.batch_execute("set local synchronous_commit = off").await?)
}

async fn insert(transaction: &Transaction<'_>, rows: &[Row]) -> Result<()> {
    let (mut chats, mut times, mut ids, mut seqs, mut words) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut bytes = 0;
    for row in rows {
        let content: &str = row.get("content");
        chats.push(row.get::<_, i64>("chat_id"));
        times.push(row.get::<_, SystemTime>("timestamp"));
        ids.push(row.get::<_, i64>("id"));
        seqs.push(row.get::<_, i64>("seq"));
        words.push(words::index_entry(content, UserId(row.get("sender_id"))));
        bytes += content.len();
        if bytes >= INDEX_YIELD_BYTES {
            bytes = 0;
            tokio::task::yield_now().await;
        }
    }
    let params: [&(dyn ToSql + Sync); 5] = [&chats, &times, &ids, &seqs, &words];
    changed_in(transaction, sql!("message_words/insert"), &params).await?;
    Ok(())
}
