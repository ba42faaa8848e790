//! Posting a message: from a draft to its commit, for sockets and for HTTP.

use super::limiter::Key;
use super::{Rules, batch::Reply};
use crate::limits::RETRY_AT_ONCE;
use crate::model::error::{Error, FrameRefusal, Result};
use crate::model::message::{Draft, Message};
use crate::registry::ConnectionId;

/// A message that has been stored, now or by an earlier attempt.
pub enum Posted {
    New(Message),
    Known(Message),
}

const TOO_FAST: &str = "You are writing faster than others can read; slow down.";

impl Rules {
    /// Stores a draft and answers after the commit.
    pub async fn post(&self, draft: Draft) -> Result<Posted> {
        self.pace(&draft)?;
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.lane.push(draft, Reply::Caller(reply)).map_err(|_| lane_full())?;
        answer.await.map_err(|_| Error::stopping())?
    }

    /// Hands a socket's draft to the lane, which answers that socket.
    pub fn post_from(&self, connection: ConnectionId, draft: Draft) -> Result<(), FrameRefusal> {
        self.pace(&draft)?;
        self.lane.push(draft, Reply::Connection(connection)).map_err(|_| lane_full())
    }

    fn pace(&self, draft: &Draft) -> Result<(), FrameRefusal> {
        let user_id = draft.sender.user_id;
        let bytes = u32::try_from(draft.content.len()).unwrap_or(u32::MAX);
        self.limiter
            .take(&[(Key::Messages(user_id), 1), (Key::MessageBytes(user_id), bytes)])
            .map_err(|wait| FrameRefusal::too_many(TOO_FAST, wait))
    }
}

fn lane_full() -> FrameRefusal {
    FrameRefusal::too_many("The server is behind; send it again in a moment.", RETRY_AT_ONCE)
}
