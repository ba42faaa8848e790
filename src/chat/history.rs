//! Pages of a chat's history, for its viewer.

use super::Rules;
use crate::model::error::{Error, Result};
use crate::model::ids::ChatId;
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
}
