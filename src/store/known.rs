//! Whom a user knows: those with whom they share a private chat, or a room that is not too large.

use super::{Store, sql};
use crate::limits::{PRESENCE_KNOWN_MAX, PRESENCE_ROOM_MEMBERS_MAX};
use crate::model::error::Result;
use crate::model::ids::{ChatId, UserId};
use tokio_postgres::types::ToSql;

impl Store {
    /// Pairs of each of these users and somebody whom they know.
    pub async fn known(&self, users: &[UserId]) -> Result<Vec<(UserId, UserId)>> {
        let users: Vec<i64> = users.iter().map(|user_id| user_id.0).collect();
        let params: [&(dyn ToSql + Sync); 3] =
            [&users, &PRESENCE_ROOM_MEMBERS_MAX, &PRESENCE_KNOWN_MAX];
        let rows = self.rows(sql!("users/known"), &params).await?;
        let pair =
            |row: &tokio_postgres::Row| (UserId(row.get("user_id")), UserId(row.get("known_id")));
        Ok(rows.iter().map(pair).collect())
    }

    /// Whom a user knows by this chat.
    pub async fn known_by(&self, user_id: UserId, chat_id: ChatId) -> Result<Vec<UserId>> {
        let params: [&(dyn ToSql + Sync); 3] = [&user_id.0, &chat_id.0, &PRESENCE_ROOM_MEMBERS_MAX];
        let rows = self.rows(sql!("users/known_by"), &params).await?;
        Ok(rows.iter().map(|row| UserId(row.get("known_id"))).collect())
    }
}
