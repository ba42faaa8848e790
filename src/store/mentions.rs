//! The table `mentions`: which messages name whom. Written by the function that stores messages, and by the one that
//! changes them.

use super::{Store, sql};
use crate::model::error::Result;
use crate::model::ids::{ChatId, Seq, UserId};
use tokio_postgres::types::ToSql;

impl Store {
    /// The messages of a chat that name the viewer, after what they have read and after `after`, oldest first;
    /// `None` if they may not see the chat.
    pub async fn unread_mentions(
        &self,
        viewer: UserId,
        chat_id: ChatId,
        after: Seq,
        limit: i64,
    ) -> Result<Option<Vec<Seq>>> {
        let params: [&(dyn ToSql + Sync); 4] = [&viewer.0, &chat_id.0, &after.0, &limit];
        let rows = self.rows(sql!("mentions/unread"), &params).await?;
        let is_reachable = !rows.is_empty();
        let seqs = rows.iter().filter_map(|row| row.get::<_, Option<i64>>("seq")).map(Seq);
        Ok(is_reachable.then(|| seqs.collect()))
    }
}
