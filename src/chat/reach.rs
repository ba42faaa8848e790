//! Which chats are within a user's reach: asking about one, finding the general chat, and telling a
//! user's sockets when it changes.
//!
//! Called by both edges before a socket or a page shows a chat, and by the rules after a change of
//! membership. A change whose outcome is unknown is announced as soon as the database can be asked.

use super::Rules;
use crate::model::error::{Error, Result};
use crate::model::ids::{ChatId, UserId};
use crate::model::message::{ChatType, Standing, Viewer};
use crate::model::wire::{ServerFrame, text_frame};
use crate::registry::UserEvent;
use crate::store::ChatRow;
use std::sync::Arc;

impl Rules {
    pub async fn general_chat(&self) -> Result<ChatId> {
        self.general.get_or_try_init(|| self.store.general_chat()).await.copied()
    }

    /// How a user stands in a chat; `None` if it is out of their reach.
    pub async fn standing(&self, user_id: UserId, chat_id: ChatId) -> Result<Option<Standing>> {
        self.store.standing(user_id, chat_id).await
    }

    /// The viewer's standing in the one chat of a single-chat socket, if the chat is within reach and
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

    /// Tells a user's sockets whether they take part in this chat; those that already know ignore it.
    /// If that cannot be read at present, they are told later.
    pub(super) async fn tell_reach(self: &Arc<Self>, user_id: UserId, chat_id: ChatId) {
        match self.store.chat(user_id, chat_id).await {
            Ok(row) => self.tell_row(user_id, chat_id, row),
            Err(_) => self.tell_reach_later(user_id, chat_id),
        }
    }

    /// Tells a user's sockets of a chat again, because it has become another one for them. Only a hint: if it
    /// cannot be read at present, they see it when they come back.
    pub(super) async fn tell_chat_anew(&self, user_id: UserId, chat_id: ChatId) {
        if let Ok(Some(row)) = self.store.chat(user_id, chat_id).await {
            self.tell_row_anew(user_id, row);
        }
        // The others read it for themselves: it has room for a whole message.
        self.registry.say_anew(user_id, chat_id);
    }

    fn tell_row_anew(&self, user_id: UserId, row: ChatRow) {
        let frame = text_frame(&ServerFrame::ChatAdded { chat: &self.as_listed(row) });
        self.registry.tell_here(user_id, UserEvent::Account(frame));
    }

    /// Another node has changed whether a user takes part in a chat, or the chat for them.
    pub(super) fn reread_reach(self: &Arc<Self>, user_id: UserId, chat_id: ChatId, is_anew: bool) {
        if !self.registry.presence().is_here(user_id) {
            // Whoever is just arriving here may have been let in before that: they are looked at again.
            let event = self.row_event(chat_id, None);
            return self.registry.tell_here(user_id, event);
        }
        let Ok(place) = Arc::clone(&self.untold).try_acquire_owned() else { return };
        let rules = Arc::clone(self);
        tokio::spawn(async move {
            let _place = place;
            match rules.store.chat(user_id, chat_id).await {
                Ok(Some(row)) if is_anew => rules.tell_row_anew(user_id, row),
                Ok(None) if is_anew => {}
                Ok(row) => rules.registry.tell_here(user_id, rules.row_event(chat_id, row)),
                // The next look finds it.
                Err(error) => {
                    tracing::debug!(%error, chat.id = %chat_id, "cannot tell a user about a chat");
                }
            }
        });
    }

    /// After a change that failed: if its outcome is unknown, finds out and tells the user's sockets.
    pub(super) fn settle_reach(self: &Arc<Self>, error: &Error, user_id: UserId, chat_id: ChatId) {
        if matches!(error, Error::Unavailable(_)) {
            self.tell_reach_later(user_id, chat_id);
        }
    }

    /// As soon as the database answers, within a limit; after that, the next `welcome` will tell.
    fn tell_reach_later(self: &Arc<Self>, user_id: UserId, chat_id: ChatId) {
        let Ok(place) = Arc::clone(&self.untold).try_acquire_owned() else {
            return tracing::warn!(chat.id = %chat_id, "too many users are waiting to be told about a chat");
        };
        let rules = Arc::clone(self);
        tokio::spawn(async move {
            let _place = place;
            match rules.read_patiently(|| rules.store.chat(user_id, chat_id)).await {
                Ok(row) => rules.tell_row(user_id, chat_id, row),
                Err(error) => {
                    tracing::warn!(%error, chat.id = %chat_id, "cannot tell a user about a chat");
                }
            }
        });
    }

    fn tell_row(&self, user_id: UserId, chat_id: ChatId, row: Option<ChatRow>) {
        self.registry.tell(user_id, self.row_event(chat_id, row));
    }

    pub(super) fn row_event(&self, chat_id: ChatId, row: Option<ChatRow>) -> UserEvent {
        match row {
            Some(row) => {
                let Standing { last, chat_type, .. } = row.standing;
                let frame = text_frame(&ServerFrame::ChatAdded { chat: &self.as_listed(row) });
                UserEvent::Joined { chat_id, chat_type, last, frame }
            }
            None => {
                let frame = text_frame(&ServerFrame::ChatRemoved { chat_id });
                UserEvent::Left { chat_id, frame }
            }
        }
    }
}
