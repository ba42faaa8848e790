//! What is to be removed of what people have said: chats, and messages in them.

use super::transactions::changed_in;
use super::{Store, WriteKind, chats, sql};
use crate::limits::{REMOVAL_GRACE, REMOVED_AT_ONCE};
use crate::model::error::Result;
use crate::model::ids::{ChatId, Seq, UserId};
use crate::model::message::ChatType;
use deadpool_postgres::Transaction;
use tokio_postgres::types::ToSql;

/// All that somebody has said in a chat is to be removed.
pub struct Removal {
    pub user_id: UserId,
    pub chat_id: ChatId,
    /// None if the chat is gone, or about to be purged.
    pub chat_type: Option<ChatType>,
    /// Who may delete messages there: their author, or the creator of the room, whose members come and go.
    pub by: UserId,
}

impl Store {
    /// The one after this of a user in a chat.
    pub async fn next_removal(&self, after: (UserId, ChatId)) -> Result<Option<Removal>> {
        let params: [&(dyn ToSql + Sync); 2] = [&after.0.0, &after.1.0];
        let rows = self.rows(sql!("removals/next"), &params).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let is_there = row.get::<_, Option<&str>>("chat_type").is_some();
        Ok(Some(Removal {
            user_id: UserId(row.get("user_id")),
            chat_id: ChatId(row.get("chat_id")),
            chat_type: is_there.then(|| chats::chat_type(row)).transpose()?,
            by: UserId(row.get("by_id")),
        }))
    }

    /// Numbers of messages that are still to be removed, each with its key, by which they are in order.
    pub async fn messages_to_remove(
        &self,
        (user_id, chat_id, chat_type): (UserId, ChatId, ChatType),
        after: &str,
    ) -> Result<Vec<(Seq, String)>> {
        let params: [&(dyn ToSql + Sync); 5] =
            [&chat_type.name(), &chat_id.0, &user_id.0, &after, &REMOVED_AT_ONCE];
        let rows = self.rows(sql!("removals/messages"), &params).await?;
        Ok(rows.iter().map(|row| (Seq(row.get("seq")), row.get("draft_key"))).collect())
    }

    pub async fn end_removal(&self, removal: &Removal) -> Result<()> {
        let params: [&(dyn ToSql + Sync); 2] = [&removal.user_id.0, &removal.chat_id.0];
        self.changed(WriteKind::Upkeep, sql!("removals/delete"), &params).await?;
        Ok(())
    }
}

pub(super) async fn ask_removal_in(transaction: &Transaction<'_>, user_id: UserId) -> Result<()> {
    let params: [&(dyn ToSql + Sync); 2] = [&user_id.0, &REMOVAL_GRACE.as_secs_f64()];
    changed_in(transaction, sql!("removals/insert"), &params).await?;
    Ok(())
}
