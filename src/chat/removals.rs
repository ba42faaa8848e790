//! Removes what people have said whose account is gone or disabled, if that was wanted: each of their messages becomes
//! a deleted one, and everybody is told, as if they had deleted it.
//!
//! Run by `process::run`. What is left to do is in the database, so that it goes on after a restart. The lane carries it
//! out, at a pace that leaves the lane to those who write.

use super::Rules;
use super::batch::{self, Reply};
use crate::limits::{REMOVAL_RETRY_PAUSES, REMOVALS_PAUSE, REMOVED_PAUSE};
use crate::model::error::{Error, Result};
use crate::model::ids::{ChatId, Seq, UserId};
use crate::model::message::{Alteration, AlterationKind, Role, SessionId, Viewer};
use crate::os::backoff::Backoff;
use crate::store::Removal;
use std::sync::Arc;
use tokio::time::sleep;

/// Before the first.
const START: (UserId, ChatId) = (UserId(0), ChatId(0));

impl Rules {
    /// For as long as it is not dropped.
    pub async fn remove_messages(self: Arc<Self>) {
        let mut backoff = Backoff::new(REMOVAL_RETRY_PAUSES);
        let mut after = START;
        loop {
            match self.remove_next(&mut after).await {
                Ok(true) => backoff = Backoff::new(REMOVAL_RETRY_PAUSES),
                Ok(false) => sleep(REMOVALS_PAUSE).await,
                Err(error) => {
                    tracing::debug!(%error, "cannot remove messages; will try again");
                    backoff.pause().await;
                }
            }
        }
    }

    /// One user's in one chat, after this one. One that fails is passed over until the next round. False at the
    /// end of a round.
    async fn remove_next(&self, after: &mut (UserId, ChatId)) -> Result<bool> {
        let Some(removal) = self.store.next_removal(*after).await? else {
            *after = START;
            return Ok(false);
        };
        *after = (removal.user_id, removal.chat_id);
        // What was committed late has its place before others.
        while self.remove_all(&removal).await? > 0 {}
        self.store.end_removal(&removal).await?;
        tracing::info!(
            user.id = removal.user_id.0,
            chat.id = removal.chat_id.0,
            "removed all that somebody had said in a chat"
        );
        Ok(true)
    }

    /// Returns how many there were.
    async fn remove_all(&self, removal: &Removal) -> Result<usize> {
        let Some(chat_type) = removal.chat_type else { return Ok(0) };
        let place = (removal.user_id, removal.chat_id, chat_type);
        let (mut count, mut key) = (0, String::new());
        loop {
            let page = self.store.messages_to_remove(place, &key).await?;
            let Some((_, last)) = page.last() else { return Ok(count) };
            key.clone_from(last);
            count += page.len();
            self.remove(removal, page.iter().map(|(seq, _)| *seq)).await?;
            sleep(REMOVED_PAUSE).await;
        }
    }

    async fn remove(&self, removal: &Removal, seqs: impl Iterator<Item = Seq>) -> Result<()> {
        // Nobody has signed in for this.
        let by = Arc::new(Viewer {
            user_id: removal.by,
            username: "".into(),
            role: Role::Member,
            shows_presence: false,
            session: SessionId([0; 16]),
        });
        let mut answers = Vec::new();
        for seq in seqs {
            let (reply, answer) = tokio::sync::oneshot::channel();
            let alteration = Alteration {
                chat_id: removal.chat_id,
                seq,
                by: Arc::clone(&by),
                kind: AlterationKind::Delete,
            };
            self.queue_alteration(alteration.clone(), None, Reply::Caller(reply))?;
            answers.push((alteration, answer));
        }
        for (alteration, answer) in answers {
            let altered = answer.await.map_err(|_| Error::stopping())??;
            batch::altered(&alteration, altered)?;
        }
        Ok(())
    }
}
