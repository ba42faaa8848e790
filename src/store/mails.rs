//! The table `mails`: who is to get a link by mail. It survives restarts, and holds no token.

use super::{Store, WriteKind, sql};
use crate::limits::MAILS_AT_ONCE;
use crate::model::error::Result;
use crate::model::ids::UserId;
use crate::model::text::Folded;

/// Somebody who is to get a link.
pub struct DueMail {
    pub user_id: UserId,
    pub username: String,
    pub email: String,
}

impl Store {
    /// Nothing, if nobody has the address.
    pub async fn insert_mail(&self, email: &Folded) -> Result<()> {
        self.changed(WriteKind::SignIn, sql!("mails/insert"), &[&email.as_str()]).await?;
        Ok(())
    }

    /// Those that are due; each is due again, later and later, until it is deleted.
    pub async fn take_mails(&self) -> Result<Vec<DueMail>> {
        let rows = self.written(WriteKind::Upkeep, sql!("mails/take"), &[&MAILS_AT_ONCE]).await?;
        let due = |row: &tokio_postgres::Row| DueMail {
            user_id: UserId(row.get("user_id")),
            username: row.get("username"),
            email: row.get("email"),
        };
        Ok(rows.iter().map(due).collect())
    }

    pub async fn delete_mail(&self, user_id: UserId) -> Result<()> {
        self.changed(WriteKind::Upkeep, sql!("mails/delete"), &[&user_id.0]).await?;
        Ok(())
    }

    /// Gives up those that could not be sent for a day.
    pub async fn purge_mails(&self) -> Result<()> {
        self.changed(WriteKind::Upkeep, sql!("mails/purge"), &[]).await?;
        Ok(())
    }
}
