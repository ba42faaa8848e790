//! How PostgreSQL must be configured for "stored before seen" to survive a power cut.

use super::Store;
use crate::model::error::Result;

/// A setting with which an acknowledged message can be lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsafe {
    pub name: String,
    pub value: String,
}

const SAFETY: &str = "select name, setting from pg_settings \
     where name in ('fsync', 'full_page_writes', 'synchronous_commit') order by name";

impl Store {
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
