//! What is read of chats for all who follow them on this node, because another one wrote it: no viewer asks, so whoever
//! calls this passes it on to none but followers.

use super::messages::last;
use super::{Store, WriteKind, chats, sql};
use crate::model::error::Result;
use crate::model::ids::{Change, ChatId, Position, Seq, UserId};
use crate::model::message::Message;
use std::time::{Duration, SystemTime};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// Somebody has come into a chat, or left it.
pub struct ReachChange {
    pub chat_id: ChatId,
    pub user_id: UserId,
    pub at: SystemTime,
    /// Whether they take part in it now.
    pub is_in: bool,
}

impl Store {
    /// Messages of a chat in order; none if there is no such chat.
    pub async fn messages_after(
        &self,
        chat_id: ChatId,
        after: Seq,
        limit: i64,
    ) -> Result<Vec<Message>> {
        let params: [&(dyn ToSql + Sync); 3] = [&chat_id.0, &after.0, &limit];
        let rows = self.rows(sql!("messages/after"), &params).await?;
        self.messages_of(chat_id, &rows).await
    }

    /// Those up to `upto` that changed after `after`, in the order of their last changes.
    pub async fn changed_after(
        &self,
        chat_id: ChatId,
        after: Change,
        upto: Seq,
        limit: i64,
    ) -> Result<Vec<Message>> {
        let params: [&(dyn ToSql + Sync); 4] = [&chat_id.0, &after.0, &upto.0, &limit];
        let rows = self.rows(sql!("messages/changed_after"), &params).await?;
        self.messages_of(chat_id, &rows).await
    }

    async fn messages_of(&self, chat_id: ChatId, rows: &[Row]) -> Result<Vec<Message>> {
        match rows.first() {
            Some(row) => self.messages_in(rows, chat_id, chats::chat_type(row)?).await,
            None => Ok(Vec::new()),
        }
    }

    /// What has changed within this time, the latest first.
    pub async fn reach_changes(&self, within: Duration, limit: i64) -> Result<Vec<ReachChange>> {
        let params: [&(dyn ToSql + Sync); 2] = [&within.as_secs_f64(), &limit];
        let rows = self.rows(sql!("reach_changes/list"), &params).await?;
        let change = |row: &Row| ReachChange {
            chat_id: ChatId(row.get("chat_id")),
            user_id: UserId(row.get("user_id")),
            at: row.get("at"),
            is_in: row.get("is_in"),
        };
        Ok(rows.iter().map(change).collect())
    }

    pub async fn purge_reach_changes(&self) -> Result<()> {
        self.changed(WriteKind::Upkeep, sql!("reach_changes/purge"), &[]).await?;
        Ok(())
    }

    /// Those of the chats that do not end where they are known to, and where they do.
    pub async fn differing_chats(
        &self,
        known: &[(ChatId, Position)],
    ) -> Result<Vec<(ChatId, Position)>> {
        let ids: Vec<i64> = known.iter().map(|(chat_id, _)| chat_id.0).collect();
        let seqs: Vec<i64> = known.iter().map(|(_, last)| last.seq.0).collect();
        let changes: Vec<i64> = known.iter().map(|(_, last)| last.change.0).collect();
        let rows = self.rows(sql!("chats/differing"), &[&ids, &seqs, &changes]).await?;
        Ok(rows.iter().map(|row| (ChatId(row.get("id")), last(row))).collect())
    }
}
