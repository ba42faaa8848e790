//! The table `sessions`: sign-ins, each revocable.

use super::{Store, WriteKind, sql, users};
use crate::limits::{PURGE_ROWS_MAX, SESSIONS_PER_USER_MAX};
use crate::model::error::Result;
use crate::model::ids::UserId;
use crate::model::message::{Role, SessionId};
use jiff::Timestamp;
use std::time::Duration;
use tokio_postgres::types::ToSql;

/// A session that is alive, and whose it is.
pub struct Session {
    pub user_id: UserId,
    pub username: String,
    pub role: Role,
}

/// A new sign-in.
pub struct NewSession<'a> {
    pub id: SessionId,
    pub user_id: UserId,
    pub expires_at: Timestamp,
    pub user_agent: Option<&'a str>,
    /// The subnet it comes from, as a number.
    pub subnet: Option<i64>,
    /// The hash that the user's password was checked against.
    pub shown: Option<&'a str>,
}

impl Store {
    /// False if `shown` is given but is no longer the user's password hash.
    pub async fn insert_session(&self, session: NewSession<'_>) -> Result<bool> {
        let NewSession { id, user_id, expires_at, user_agent, subnet, shown } = session;
        let expires_at = super::system_time(expires_at);
        let inserted = self
            .changed(
                WriteKind::SignIn,
                sql!("sessions/insert"),
                &[&id.text(), &user_id.0, &expires_at, &user_agent, &shown, &subnet],
            )
            .await?;
        Ok(inserted == 1)
    }

    /// `None` if it is unknown, revoked or expired.
    pub async fn find_session(&self, session: SessionId) -> Result<Option<Session>> {
        let row = self.maybe(sql!("sessions/find"), &[&session.text()]).await?;
        row.map(|row| {
            Ok(Session {
                user_id: UserId(row.get("user_id")),
                username: row.get("username"),
                role: users::role(&row)?,
            })
        })
        .transpose()
    }

    /// Extends a session to `expires_at`, but not beyond `lifetime` after its sign-in; its end from now on, or
    /// `None` if it has ended in the meantime.
    pub async fn extend_session(
        &self,
        session: SessionId,
        expires_at: Timestamp,
        lifetime: Duration,
    ) -> Result<Option<Timestamp>> {
        let expires_at = super::system_time(expires_at);
        let params: [&(dyn ToSql + Sync); 3] =
            [&session.text(), &expires_at, &lifetime.as_secs_f64()];
        let rows = self.written(WriteKind::SignIn, sql!("sessions/extend"), &params).await?;
        Ok(rows.first().map(|row| super::timestamp(row, "expires_at")))
    }

    /// Ends the oldest of the user's sessions where there are more than they may have; returns them.
    pub async fn end_oldest_sessions(&self, user_id: UserId) -> Result<Vec<SessionId>> {
        let params: [&(dyn ToSql + Sync); 2] = [&user_id.0, &SESSIONS_PER_USER_MAX];
        let rows = self.written(WriteKind::Upkeep, sql!("sessions/end_oldest"), &params).await?;
        Ok(rows.iter().filter_map(|row| SessionId::from_text(row.get("id"))).collect())
    }

    pub async fn revoke_session(&self, session: SessionId) -> Result<()> {
        self.changed(WriteKind::Upkeep, sql!("sessions/revoke"), &[&session.text()]).await?;
        Ok(())
    }

    /// Those of these sessions that are neither revoked nor expired, and whose users still exist.
    pub async fn living_sessions(&self, sessions: &[SessionId]) -> Result<Vec<SessionId>> {
        let ids: Vec<String> = sessions.iter().map(|session| session.text()).collect();
        let rows = self.rows(sql!("sessions/living"), &[&ids]).await?;
        Ok(rows.iter().filter_map(|row| SessionId::from_text(row.get("id"))).collect())
    }

    /// Deletes sessions that ended long ago, in portions; returns the number of rows deleted.
    pub async fn purge_sessions(&self) -> Result<u64> {
        let mut gone = 0;
        loop {
            let part =
                self.changed(WriteKind::Upkeep, sql!("sessions/purge"), &[&PURGE_ROWS_MAX]).await?;
            gone += part;
            if part < PURGE_ROWS_MAX.unsigned_abs() {
                return Ok(gone);
            }
        }
    }
}
