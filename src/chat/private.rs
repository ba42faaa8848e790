//! Private chats: two users, one chat, whoever asks first.

use super::Rules;
use super::limiter::{Key, TOO_MANY_NEW_CHATS};
use crate::limits::{PRIVATE_CHATS_FROM_OTHERS_MAX, PRIVATE_CHATS_PER_USER_MAX};
use crate::model::error::{Because, Error, Fault, Result};
use crate::model::ids::{ChatId, UserId};
use crate::model::message::Viewer;
use crate::model::text;
use crate::store::Opened;
use std::sync::Arc;

/// The private chat of two users, and whether it is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrivateChat {
    Created(ChatId),
    Exists(ChatId),
}

impl Rules {
    /// Opens the chat with another user and tells both, even if it existed already: the answer of the
    /// call that created it may have been lost, and with it the events.
    pub async fn open_private_chat(
        self: &Arc<Self>,
        viewer: Arc<Viewer>,
        other: UserId,
    ) -> Result<PrivateChat> {
        if other == viewer.user_id {
            let fault = Fault::new("receiver_id", "Choose somebody other than yourself.");
            return Err(Error::invalid(vec![fault]));
        }
        if let Some(chat_id) = self.store.private_chat(viewer.user_id, other).await? {
            let rules = Arc::clone(self);
            let telling = async move {
                rules.tell_pair(viewer.user_id, other, chat_id).await;
                Ok(PrivateChat::Exists(chat_id))
            };
            return self.to_the_end(telling).await;
        }
        let counted = self.limiter.count(&[Key::NewChats(viewer.user_id)], TOO_MANY_NEW_CHATS)?;
        let rules = Arc::clone(self);
        let opening = self.to_the_end(async move { rules.open_new(viewer.user_id, other).await });
        let opened = opening.await?;
        if let PrivateChat::Exists(_) = opened {
            counted.give_back();
        }
        Ok(opened)
    }

    async fn open_new(self: &Arc<Self>, viewer: UserId, other: UserId) -> Result<PrivateChat> {
        let opened = match self.store.open_private_chat(viewer, other).await? {
            Opened::Created(chat_id) => PrivateChat::Created(chat_id),
            Opened::Exists(chat_id) => PrivateChat::Exists(chat_id),
            Opened::NoSuchUser => {
                return Err(Error::refused(
                    Because::NotFound,
                    "user_not_found",
                    "There is no user with this id.",
                ));
            }
            Opened::TooManyBegun => {
                let all = text::grouped(PRIVATE_CHATS_PER_USER_MAX);
                let detail =
                    format!("You have begun {all} private chats, which is all there may be.");
                return Err(Error::conflict("limit_reached", detail));
            }
            Opened::TooManyReceived => {
                let all = text::grouped(PRIVATE_CHATS_FROM_OTHERS_MAX);
                let detail = format!("Others have begun {all} private chats with them already.");
                return Err(Error::conflict("limit_reached", detail));
            }
        };
        let (PrivateChat::Created(chat_id) | PrivateChat::Exists(chat_id)) = opened;
        self.tell_pair(viewer, other, chat_id).await;
        Ok(opened)
    }

    async fn tell_pair(self: &Arc<Self>, one: UserId, other: UserId, chat_id: ChatId) {
        self.tell_reach(one, chat_id).await;
        self.tell_reach(other, chat_id).await;
    }
}
