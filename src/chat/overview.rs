//! What a user takes part in: the list of chats, one row of it, and telling sockets of a new one.

use super::Rules;
use crate::error::{Error, Result};
use crate::ids::{ChatId, UserId};
use crate::message::{Standing, Viewer};
use crate::registry::UserEvent;
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

impl Rules {
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

    /// Tells a user's sockets whether they take part in this chat; those that know pass it over. When
    /// that cannot be read now it is told later.
    pub(super) async fn tell_reach(self: &Arc<Self>, user_id: UserId, chat_id: ChatId) {
        match self.store.chat(user_id, chat_id).await {
            Ok(row) => self.tell_row(user_id, chat_id, row),
            Err(_) => self.tell_reach_later(user_id, chat_id),
        }
    }

    /// After a change that failed: where its outcome is not known, the user's sockets are told what
    /// came of it.
    pub(super) fn settle_reach(self: &Arc<Self>, error: &Error, user_id: UserId, chat_id: ChatId) {
        if matches!(error, Error::Unavailable(_)) {
            self.tell_reach_later(user_id, chat_id);
        }
    }

    /// As soon as the database answers, if that is soon enough: else the next `welcome` tells.
    fn tell_reach_later(self: &Arc<Self>, user_id: UserId, chat_id: ChatId) {
        let Ok(place) = Arc::clone(&self.untold).try_acquire_owned() else {
            return tracing::warn!(chat.id = %chat_id, "too many wait to be told of a chat");
        };
        let rules = Arc::clone(self);
        tokio::spawn(async move {
            let _place = place;
            match rules.read_patiently(|| rules.store.chat(user_id, chat_id)).await {
                Ok(row) => rules.tell_row(user_id, chat_id, row),
                Err(error) => {
                    tracing::warn!(%error, chat.id = %chat_id, "nobody was told of a chat");
                }
            }
        });
    }

    fn tell_row(&self, user_id: UserId, chat_id: ChatId, row: Option<ChatRow>) {
        let news = match row {
            Some(row) => {
                let Standing { last_seq, chat_type, .. } = row.standing;
                let frame = text_frame(&ServerFrame::ChatAdded { chat: &row.into() });
                UserEvent::Joined { chat_id, chat_type, last_seq, frame }
            }
            None => {
                let frame = text_frame(&ServerFrame::ChatRemoved { chat_id });
                UserEvent::Left { chat_id, frame }
            }
        };
        self.registry.tell(user_id, news);
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
