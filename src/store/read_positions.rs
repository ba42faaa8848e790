//! The table `read_positions`: how far each user has read each chat. It only grows.

use super::{Store, WriteKind, sql};
use crate::model::error::Result;
use crate::model::ids::{ChatId, Seq, UserId};

/// A user has read a chat up to here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HasRead {
    pub user_id: UserId,
    pub chat_id: ChatId,
    pub seq: Seq,
}

/// A position that has moved.
pub struct Moved {
    pub read: HasRead,
    /// The other one of a private chat, if both show their presence.
    pub seen_by: Option<UserId>,
}

impl Store {
    /// Moves positions forward, never past a chat's last number; returns those that moved. Chats that
    /// a user cannot see are skipped.
    pub async fn advance_read_positions(&self, reads: &[HasRead]) -> Result<Vec<Moved>> {
        let users: Vec<i64> = reads.iter().map(|read| read.user_id.0).collect();
        let chats: Vec<i64> = reads.iter().map(|read| read.chat_id.0).collect();
        let seqs: Vec<i64> = reads.iter().map(|read| read.seq.0).collect();
        let rows = self
            .written(WriteKind::Content, sql!("read_positions/advance"), &[&users, &chats, &seqs])
            .await?;
        let moved = |row: &tokio_postgres::Row| Moved {
            read: HasRead {
                user_id: UserId(row.get("user_id")),
                chat_id: ChatId(row.get("chat_id")),
                seq: Seq(row.get("read_seq")),
            },
            seen_by: row.get::<_, Option<i64>>("seen_by").map(UserId),
        };
        Ok(rows.iter().map(moved).collect())
    }
}
