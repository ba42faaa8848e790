//! What a user takes part in: the list of chats, one page at a time.

use super::Rules;
use crate::model::error::{Error, Result};
use crate::model::ids::ChatId;
use crate::model::message::Viewer;
use crate::model::wire::{ChatJson, MessageJson};
use crate::store::ChatRow;
use std::sync::Arc;

/// A page of the viewer's chats, most recent activity first.
pub struct Overview {
    pub chats: Vec<ChatJson>,
    /// Where the next page starts, if there is one.
    pub next: Option<ChatId>,
    pub epoch: Arc<str>,
}

impl Rules {
    /// With the whole last message of each chat, or as much of it as `last_chars` says.
    pub async fn overview(
        &self,
        viewer: &Viewer,
        after: Option<ChatId>,
        limit: i64,
        last_chars: Option<i32>,
    ) -> Result<Overview> {
        let user_id = viewer.user_id;
        let mut rows = self.store.list_chats(user_id, after, limit + 1, last_chars).await?;
        let has_more = rows.len() as i64 > limit;
        rows.truncate(limit as usize);
        let next = rows.last().filter(|_| has_more).map(|row| row.standing.chat_id);
        let chats = rows.into_iter().map(ChatJson::from).collect();
        Ok(Overview { chats, next, epoch: self.epoch().await? })
    }

    /// One chat as it appears in the list.
    pub async fn chat(&self, viewer: &Viewer, chat_id: ChatId) -> Result<ChatJson> {
        let row = self.store.chat(viewer.user_id, chat_id).await?;
        row.map(ChatJson::from).ok_or_else(Error::not_found)
    }
}

impl From<ChatRow> for ChatJson {
    fn from(row: ChatRow) -> Self {
        Self {
            unread: row.standing.last.seq.0 - row.standing.read_seq.0,
            standing: row.standing.into(),
            user_id: row.other_id,
            name: row.name,
            last_message: row.last_message.map(MessageJson),
        }
    }
}
