//! Changing a message: editing and deleting it, reacting to it, pinning it; for sockets and for HTTP.

use super::Rules;
use super::batch::{self, Reply, Write};
use crate::model::error::{Error, FrameRefusal, Result};
use crate::model::ids::{ChatId, Seq, UserId};
use crate::model::message::{Alteration, AlterationKind, ChatType, Message, Viewer};
use crate::model::more::Reaction;
use crate::model::text::{ClientId, names};
use crate::registry::ConnectionId;
use crate::store::Altered;
use std::sync::Arc;

/// An emoji, and those who have put it, in that order.
pub struct Reacted {
    pub emoji: String,
    pub users: Vec<(UserId, Arc<str>)>,
}

impl Rules {
    /// Changes a message and answers after the commit, with the message as it stands; also if there was
    /// nothing to change.
    pub async fn alter(&self, alteration: Alteration) -> Result<Message> {
        self.pace_alteration(&alteration)?;
        let (reply, answer) = tokio::sync::oneshot::channel();
        let reply = Reply::Caller(reply);
        self.queue_alteration(alteration.clone(), None, reply)?;
        match answer.await.map_err(|_| Error::stopping())?? {
            Altered::Forbidden(chat_type)
                if matches!(alteration.kind, AlterationKind::Pin { .. }) =>
            {
                Err(not_pinner(chat_type))
            }
            altered => Ok(batch::altered(&alteration, altered)?),
        }
    }

    /// Hands a socket's alteration to the lane, which answers that socket.
    pub fn alter_from(
        &self,
        connection: ConnectionId,
        alteration: Alteration,
        client_id: Option<ClientId>,
    ) -> Result<(), FrameRefusal> {
        self.pace_alteration(&alteration)?;
        self.queue_alteration(alteration, client_id, Reply::Connection(connection))
    }

    /// Neither paced nor counted.
    pub(super) fn queue_alteration(
        &self,
        alteration: Alteration,
        client_id: Option<ClientId>,
        reply: Reply<Altered>,
    ) -> Result<(), FrameRefusal> {
        let names = match &alteration.kind {
            AlterationKind::Edit { content: Ok(content), .. } => names(content),
            AlterationKind::Edit { content: Err(_), .. }
            | AlterationKind::Delete
            | AlterationKind::React { .. }
            | AlterationKind::Pin { .. } => None,
        };
        self.queue(Write::Alter { alteration, names, client_id, reply })
    }

    fn pace_alteration(&self, alteration: &Alteration) -> Result<(), FrameRefusal> {
        self.pace(alteration.by.user_id, alteration.kind.text().map_or(0, str::len))
    }

    /// One message as it stands.
    pub async fn message(&self, viewer: &Viewer, chat_id: ChatId, seq: Seq) -> Result<Message> {
        let message = self.store.message(viewer.user_id, chat_id, seq).await?;
        message.ok_or_else(Error::not_found)
    }

    /// Who has reacted to a message, and how they are called now.
    pub async fn reactions(
        &self,
        viewer: &Viewer,
        chat_id: ChatId,
        seq: Seq,
    ) -> Result<Vec<Reacted>> {
        let message = self.message(viewer, chat_id, seq).await?;
        let reactions = message.more.map(|more| more.reactions).unwrap_or_default();
        let ids = reactions.iter().flat_map(|one| one.user_ids.iter().copied());
        let names = self.store.names(ids).await?;
        let named = |user_id: &UserId| Some((*user_id, Arc::clone(names.get(user_id)?)));
        let reacted = |Reaction { emoji, user_ids }: Reaction| Reacted {
            emoji,
            users: user_ids.iter().filter_map(named).collect(),
        };
        Ok(reactions.into_iter().map(reacted).collect())
    }

    /// The pinned messages of a chat, the last pinned first.
    pub async fn pinned(&self, viewer: &Viewer, chat_id: ChatId) -> Result<Vec<Message>> {
        let pinned = self.store.pinned(viewer.user_id, chat_id).await?;
        pinned.ok_or_else(Error::not_found)
    }
}

fn not_pinner(chat_type: ChatType) -> Error {
    match chat_type {
        ChatType::Room => Error::forbidden("not_creator", "Only the room's creator pins messages."),
        ChatType::General | ChatType::Private => {
            Error::forbidden("not_moderator", "Only the server's moderators pin messages here.")
        }
    }
}
