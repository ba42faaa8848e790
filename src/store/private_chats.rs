//! The table `private_chats`: which two users a private chat belongs to.

use super::transactions::{changed_in, maybe_in, rows_in};
use super::{Store, WriteKind, sql};
use crate::error::{Error, Result};
use crate::ids::{ChatId, UserId};
use crate::limits::PRIVATE_CHATS_PER_USER_MAX;
use tokio_postgres::types::ToSql;

/// The private chat of two users, and whether this call created it.
pub enum Opened {
    Created(ChatId),
    Exists(ChatId),
    NoSuchUser,
    LimitReached,
}

impl Store {
    /// The private chat of two different users, in either order; created if there is none. Their rows
    /// are locked, so that two calls at once lead to one chat.
    pub async fn open_private_chat(&self, viewer: UserId, other: UserId) -> Result<Opened> {
        let (low, high) = (viewer.0.min(other.0), viewer.0.max(other.0));
        if let Some(row) = self.maybe(sql!("private_chats/find"), &[&low, &high]).await? {
            return Ok(Opened::Exists(ChatId(row.get("chat_id"))));
        }
        self.in_transaction(WriteKind::Content, async |transaction| {
            if rows_in(transaction, sql!("users/lock"), &[&vec![low, high]]).await?.len() < 2 {
                return Ok(Opened::NoSuchUser);
            }
            let found = maybe_in(transaction, sql!("private_chats/find"), &[&low, &high]).await?;
            if let Some(row) = found {
                return Ok(Opened::Exists(ChatId(row.get("chat_id"))));
            }
            let count = maybe_in(transaction, sql!("private_chats/count"), &[&low, &high]).await?;
            if count.is_some_and(|row| row.get::<_, i64>(0) >= PRIVATE_CHATS_PER_USER_MAX) {
                return Ok(Opened::LimitReached);
            }
            let row = maybe_in(transaction, sql!("chats/insert"), &[&"private"]).await?;
            let row = row.ok_or_else(|| Error::broken("a new chat", "no row was returned"))?;
            let chat_id: i64 = row.get("id");
            let params: [&(dyn ToSql + Sync); 3] = [&chat_id, &low, &high];
            changed_in(transaction, sql!("private_chats/insert"), &params).await?;
            Ok(Opened::Created(ChatId(chat_id)))
        })
        .await
    }
}
