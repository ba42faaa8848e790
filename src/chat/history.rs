//! Pages of a chat's history, and what in it names somebody, for its viewer.

use super::Rules;
use crate::model::error::{Error, Result};
use crate::model::ids::{ChatId, Seq};
use crate::model::message::{ChatType, Viewer};
use crate::store::{HistoryPage, PageQuery};
use std::sync::Arc;

pub struct History {
    pub page: HistoryPage,
    pub epoch: Arc<str>,
}

impl Rules {
    /// Refused in the same way if the chat does not exist, is of another kind, or is out of reach.
    pub async fn history(
        &self,
        viewer: &Viewer,
        chat_id: ChatId,
        chat_type: ChatType,
        query: PageQuery,
    ) -> Result<History> {
        let page = self.store.history(viewer.user_id, chat_id, chat_type, query).await?;
        let page = page.ok_or_else(Error::not_found)?;
        Ok(History { page, epoch: self.epoch().await? })
    }

    /// The messages that name the viewer and that they have not read, after `after`, oldest first.
    pub async fn unread_mentions(
        &self,
        viewer: &Viewer,
        chat_id: ChatId,
        after: Seq,
        limit: i64,
    ) -> Result<Vec<Seq>> {
        let found = self.store.unread_mentions(viewer.user_id, chat_id, after, limit).await?;
        found.ok_or_else(Error::not_found)
    }
}
