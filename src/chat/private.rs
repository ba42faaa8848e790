//! Private chats: two users, one chat, whoever asks first.

use super::Rules;
use crate::error::{Error, Fault, Result};
use crate::ids::{ChatId, UserId};
use crate::limits::PRIVATE_CHATS_PER_USER_MAX;
use crate::message::Viewer;
use crate::store::Opened;
use crate::text;
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
        let rules = Arc::clone(self);
        self.to_the_end(async move {
            match rules.store.open_private_chat(viewer.user_id, other).await? {
                Opened::Created(chat_id) => {
                    rules.tell_pair(viewer.user_id, other, chat_id).await;
                    Ok(PrivateChat::Created(chat_id))
                }
                Opened::Exists(chat_id) => {
                    rules.tell_pair(viewer.user_id, other, chat_id).await;
                    Ok(PrivateChat::Exists(chat_id))
                }
                Opened::NoSuchUser => Err(Error::refused(
                    crate::error::Because::NotFound,
                    "user_not_found",
                    "There is no user with this id.",
                )),
                Opened::LimitReached => Err(Error::conflict(
                    "limit_reached",
                    format!(
                        "One of you already has {} private chats.",
                        text::grouped(PRIVATE_CHATS_PER_USER_MAX)
                    ),
                )),
            }
        })
        .await
    }

    async fn tell_pair(self: &Arc<Self>, one: UserId, other: UserId, chat_id: ChatId) {
        self.tell_reach(one, chat_id).await;
        self.tell_reach(other, chat_id).await;
    }
}
