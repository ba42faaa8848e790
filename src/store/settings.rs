//! How PostgreSQL must be configured for "stored before seen" to survive a power cut; and how much is in it.

use super::{Store, sql};
use crate::model::error::Result;

/// A setting with which an acknowledged message can be lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsafe {
    pub name: String,
    pub value: String,
}

/// How much there is of everything.
pub struct Stats {
    pub active: i64,
    pub disabled: i64,
    pub pending: i64,
    pub sessions: i64,
    pub rooms: i64,
    pub private_chats: i64,
    pub messages: i64,
    /// Of the whole database.
    pub bytes: i64,
}

const SAFETY: &str = "select name, setting from pg_settings \
     where name in ('fsync', 'full_page_writes', 'synchronous_commit') order by name";

impl Store {
    pub async fn stats(&self) -> Result<Stats> {
        let row = self.one(sql!("meta/stats"), &[]).await?;
        Ok(Stats {
            active: row.get("active"),
            disabled: row.get("disabled"),
            pending: row.get("pending"),
            sessions: row.get("sessions"),
            rooms: row.get("rooms"),
            private_chats: row.get("private_chats"),
            messages: row.get("messages"),
            bytes: row.get("bytes"),
        })
    }

    /// The settings that are not what they must be. `synchronous_commit` is checked as this session
    /// has it, which asks for `on`; the stricter `remote_apply` is fine, too.
    pub async fn unsafe_settings(&self) -> Result<Vec<Unsafe>> {
        let rows = self.rows(SAFETY, &[]).await?;
        let settings = rows
            .iter()
            .map(|row| Unsafe { name: row.get("name"), value: row.get("setting") })
            .filter(|setting| !matches!(setting.value.as_str(), "on" | "remote_apply"));
        Ok(settings.collect())
    }
}
