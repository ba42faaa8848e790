//! What a user takes part in: the list of chats, one page at a time.

use super::Rules;
use crate::model::error::{Error, Result};
use crate::model::ids::ChatId;
use crate::model::message::Viewer;
use crate::model::wire::{ChatJson, MessageJson, OtherJson};
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
        let chats = rows.into_iter().map(|row| self.as_listed(row)).collect();
        Ok(Overview { chats, next, epoch: self.epoch().await? })
    }

    /// One chat as it appears in the list.
    pub async fn chat(&self, viewer: &Viewer, chat_id: ChatId) -> Result<ChatJson> {
        let row = self.store.chat(viewer.user_id, chat_id).await?;
        row.map(|row| self.as_listed(row)).ok_or_else(Error::not_found)
    }

    pub(super) fn as_listed(&self, row: ChatRow) -> ChatJson {
        // Whoever does not show how far they have read is not shown online, either.
        let is_shown =
            |user_id| row.seen_seq.is_some() && self.registry.presence().is_online(user_id);
        let other = row.other_id.map(|user_id| OtherJson {
            user_id,
            online: is_shown(user_id),
            seen_seq: row.seen_seq,
        });
        ChatJson {
            unread: row.standing.last.seq.0 - row.standing.read_seq.0,
            standing: row.standing.into(),
            other,
            name: row.name,
            last_message: row.last_message.map(MessageJson),
        }
    }
}
