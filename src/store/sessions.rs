//! The table `sessions`: sign-ins, each revocable.

use super::{Store, sql, timestamp};
use crate::error::Result;
use crate::ids::UserId;
use crate::message::SessionId;
use jiff::Timestamp;

/// A session that lives, and whose it is.
pub struct Session {
    pub user_id: UserId,
    pub username: String,
    pub expires_at: Timestamp,
}

impl Store {
    pub async fn insert_session(
        &self,
        session: SessionId,
        user_id: UserId,
        expires_at: Timestamp,
        user_agent: Option<&str>,
    ) -> Result<()> {
        let expires_at = super::system_time(expires_at);
        self.changed(
            sql!("sessions/insert"),
            &[&session.text(), &user_id.0, &expires_at, &user_agent],
        )
        .await?;
        Ok(())
    }

    /// `None` when it is unknown, revoked or expired.
    pub async fn find_session(&self, session: SessionId) -> Result<Option<Session>> {
        let row = self.maybe(sql!("sessions/find"), &[&session.text()]).await?;
        Ok(row.map(|row| Session {
            user_id: UserId(row.get("user_id")),
            username: row.get("username"),
            expires_at: timestamp(&row, "expires_at"),
        }))
    }

    /// False when the session has ended meanwhile.
    pub async fn extend_session(&self, session: SessionId, expires_at: Timestamp) -> Result<bool> {
        let expires_at = super::system_time(expires_at);
        let changed =
            self.changed(sql!("sessions/extend"), &[&session.text(), &expires_at]).await?;
        Ok(changed == 1)
    }

    pub async fn revoke_session(&self, session: SessionId) -> Result<()> {
        self.changed(sql!("sessions/revoke"), &[&session.text()]).await?;
        Ok(())
    }

    /// The sessions that this ended.
    pub async fn revoke_other_sessions(
        &self,
        user_id: UserId,
        but: SessionId,
    ) -> Result<Vec<SessionId>> {
        let rows = self.rows(sql!("sessions/revoke_others"), &[&user_id.0, &but.text()]).await?;
        Ok(rows.iter().filter_map(|row| SessionId::from_text(row.get("id"))).collect())
    }

    /// Forgets what ended long ago; the number of rows that went.
    pub async fn purge_sessions(&self) -> Result<u64> {
        self.changed(sql!("sessions/purge"), &[]).await
    }
}
