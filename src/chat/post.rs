//! Posting a message: from a draft to its commit, for sockets and for HTTP.

use super::Rules;
use super::batch::{Reply, Write};
use super::limiter::Key;
use crate::limits::RETRY_AT_ONCE;
use crate::model::error::{Error, FrameRefusal, Result};
use crate::model::ids::UserId;
use crate::model::message::{Draft, Message};
use crate::model::text::names;
use crate::registry::ConnectionId;

/// A message that has been stored, now or by an earlier attempt.
pub enum Posted {
    New(Message),
    Known(Message),
}

impl Posted {
    pub fn message(&self) -> &Message {
        let (Self::New(message) | Self::Known(message)) = self;
        message
    }
}

const TOO_FAST: &str = "You are writing faster than others can read; slow down.";

impl Rules {
    /// Stores a draft and answers after the commit.
    pub async fn post(&self, draft: Draft) -> Result<Posted> {
        self.pace(draft.sender.user_id, draft.content.len())?;
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.queue_post(draft, Reply::Caller(reply))?;
        answer.await.map_err(|_| Error::stopping())?
    }

    /// Hands a socket's draft to the lane, which answers that socket.
    pub fn post_from(&self, connection: ConnectionId, draft: Draft) -> Result<(), FrameRefusal> {
        self.pace(draft.sender.user_id, draft.content.len())?;
        self.queue_post(draft, Reply::Connection(connection))
    }

    fn queue_post(&self, draft: Draft, reply: Reply<Posted>) -> Result<(), FrameRefusal> {
        let key = self.lane.key_of(&draft);
        let names = names(&draft.content);
        self.queue(Write::Post { draft, key, names, reply })
    }

    pub(super) fn queue(&self, write: Write) -> Result<(), FrameRefusal> {
        self.lane.push(write).map_err(|_| lane_full())
    }

    /// Counts a message, or a change of one, and the bytes of its text.
    pub(super) fn pace(&self, user_id: UserId, bytes: usize) -> Result<(), FrameRefusal> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.limiter
            .take(&[(Key::Messages(user_id), 1), (Key::MessageBytes(user_id), bytes)])
            .map_err(|wait| FrameRefusal::too_many(TOO_FAST, wait))
    }
}

fn lane_full() -> FrameRefusal {
    FrameRefusal::too_many("The server is behind; send it again in a moment.", RETRY_AT_ONCE)
}
