//! What a user takes part in: the list of chats, one row of it, and telling sockets of a new one.

use super::Chat;
use crate::error::Result;
use crate::ids::{ChatId, UserId};
use crate::message::{Standing, Viewer};
use crate::registry::News;
use crate::store::ChatRow;
use crate::wire::{ChatJson, MessageJson, ServerFrame, text_frame};
use std::sync::Arc;

/// A page of the viewer's chats, latest activity first.
pub struct Overview {
    pub chats: Vec<ChatJson>,
    /// Where the next page begins, if there is one.
    pub next: Option<ChatId>,
    pub epoch: Arc<str>,
}

impl Chat {
    pub async fn overview(
        &self,
        viewer: &Viewer,
        after: Option<ChatId>,
        limit: i64,
    ) -> Result<Overview> {
        let mut rows = self.store.list_chats(viewer.user_id, after, limit + 1).await?;
        let has_more = rows.len() as i64 > limit;
        rows.truncate(limit as usize);
        let next = rows.last().filter(|_| has_more).map(|row| row.standing.chat_id);
        let chats = rows.into_iter().map(ChatJson::from).collect();
        Ok(Overview { chats, next, epoch: self.epoch().await? })
    }

    /// Tells a user's sockets that they take part in this chat now. What could not be read is not
    /// told: the next `welcome` or list shows it.
    pub(super) async fn tell_added(&self, user_id: UserId, chat_id: ChatId) {
        match self.store.chat(user_id, chat_id).await {
            Ok(Some(row)) => {
                let Standing { last_seq, chat_type, .. } = row.standing;
                let frame = text_frame(&ServerFrame::ChatAdded { chat: &row.into() });
                self.registry.tell(user_id, News::Joined { chat_id, chat_type, last_seq, frame });
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, chat.id = %chat_id, "nobody was told of a chat"),
        }
    }
}

impl From<ChatRow> for ChatJson {
    fn from(row: ChatRow) -> Self {
        Self {
            unread: row.standing.last_seq.0 - row.standing.read_seq.0,
            standing: row.standing.into(),
            user_id: row.other_id,
            name: row.name,
            last_message: row.last_message.map(MessageJson),
        }
    }
}
