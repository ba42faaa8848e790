//! Which chats are within a user's reach: asking for one, finding the general chat, and telling a user's
//! sockets when it changes.
//!
//! Called by both edges before a socket or a page shows a chat, and by the rules after a change of
//! membership. A change whose outcome is unknown is told as soon as the database can be asked.

use super::Rules;
use crate::error::{Error, Result};
use crate::ids::{ChatId, UserId};
use crate::message::{ChatType, Standing, Viewer};
use crate::registry::UserEvent;
use crate::store::ChatRow;
use crate::wire::{ServerFrame, text_frame};
use std::sync::Arc;

impl Rules {
    pub async fn general_chat(&self) -> Result<ChatId> {
        self.general.get_or_try_init(|| self.store.general_chat()).await.copied()
    }

    /// Where the viewer stands in the one chat of a single-chat socket, if they may have it and it is
    /// of this kind.
    pub async fn reach(
        &self,
        viewer: &Viewer,
        chat_id: ChatId,
        chat_type: ChatType,
    ) -> Result<Standing> {
        let standing = self.store.standing(viewer.user_id, chat_id).await?;
        standing.filter(|standing| standing.chat_type == chat_type).ok_or_else(Error::not_found)
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
