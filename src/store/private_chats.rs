//! The table `private_chats`: which two users a private chat belongs to, and who began it.

use super::transactions::{changed_in, maybe_in, rows_in};
use super::{Store, WriteKind, sql};
use crate::limits::{PRIVATE_CHATS_FROM_OTHERS_MAX, PRIVATE_CHATS_PER_USER_MAX};
use crate::model::error::{Error, Result};
use crate::model::ids::{ChatId, UserId};
use tokio_postgres::types::ToSql;

/// The private chat of two users, and whether this call created it.
pub enum Opened {
    Created(ChatId),
    Exists(ChatId),
    NoSuchUser,
    /// The one who asks has begun as many as allowed.
    TooManyBegun,
    /// Others have begun as many with the other one as allowed.
    TooManyReceived,
}

impl Store {
    /// The private chat of two users, in either order, if there is one.
    pub async fn private_chat(&self, one: UserId, other: UserId) -> Result<Option<ChatId>> {
        let (low, high) = (one.0.min(other.0), one.0.max(other.0));
        let row = self.maybe(sql!("private_chats/find"), &[&low, &high]).await?;
        Ok(row.map(|row| ChatId(row.get("chat_id"))))
    }

    /// The private chat of two different users, in either order; created, and begun by the viewer, if
    /// there is none. Their rows are locked, so that two calls at once lead to one chat.
    pub async fn open_private_chat(&self, viewer: UserId, other: UserId) -> Result<Opened> {
        let (low, high) = (viewer.0.min(other.0), viewer.0.max(other.0));
        self.in_transaction(WriteKind::Content, async |transaction| {
            if rows_in(transaction, sql!("users/lock"), &[&vec![low, high]]).await?.len() < 2 {
                return Ok(Opened::NoSuchUser);
            }
            let found = maybe_in(transaction, sql!("private_chats/find"), &[&low, &high]).await?;
            if let Some(row) = found {
                return Ok(Opened::Exists(ChatId(row.get("chat_id"))));
            }
            let params: [&(dyn ToSql + Sync); 2] = [&viewer.0, &other.0];
            if let Some(row) = maybe_in(transaction, sql!("private_chats/count"), &params).await? {
                if row.get::<_, i64>("begun") >= PRIVATE_CHATS_PER_USER_MAX {
                    return Ok(Opened::TooManyBegun);
                }
                if row.get::<_, i64>("received") >= PRIVATE_CHATS_FROM_OTHERS_MAX {
                    return Ok(Opened::TooManyReceived);
                }
            }
            let row = maybe_in(transaction, sql!("chats/insert"), &[&"private"]).await?;
            let row = row.ok_or_else(|| Error::broken("a new chat", "no row was returned"))?;
            let chat_id: i64 = row.get("id");
            let params: [&(dyn ToSql + Sync); 4] = [&chat_id, &low, &high, &viewer.0];
            changed_in(transaction, sql!("private_chats/insert"), &params).await?;
            Ok(Opened::Created(ChatId(chat_id)))
        })
        .await
    }
}
