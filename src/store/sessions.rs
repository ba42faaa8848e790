//! The table `sessions`: sign-ins, each revocable.

use super::{Store, WriteKind, sql, timestamp, users};
use crate::limits::{PURGE_ROWS_MAX, SESSION_USE_AGE, SESSIONS_PER_USER_MAX};
use crate::model::error::Result;
use crate::model::ids::UserId;
use crate::model::message::{Role, SessionId};
use jiff::Timestamp;
use std::net::IpAddr;
use std::time::Duration;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// A session that is alive, and whose it is.
pub struct Session {
    pub user_id: UserId,
    pub username: String,
    pub role: Role,
    pub shows_presence: bool,
    /// Whether it is time to note that it is used.
    pub is_stale: bool,
}

/// A session as its user recognises it.
pub struct SignIn {
    pub id: SessionId,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    /// Of the last use.
    pub address: Option<IpAddr>,
    pub user_agent: Option<String>,
}

/// A session that is being used.
pub struct SessionUse {
    pub session: SessionId,
    pub address: Option<IpAddr>,
}

/// A session that is alive, and whether it is time to note that it is used.
pub struct LivingSession {
    pub id: SessionId,
    pub is_stale: bool,
}

/// A new sign-in.
pub struct NewSession<'a> {
    pub id: SessionId,
    pub user_id: UserId,
    pub expires_at: Timestamp,
    pub user_agent: Option<&'a str>,
    /// The address and the subnet, as a number, that it comes from.
    pub address: Option<IpAddr>,
    pub subnet: Option<i64>,
    /// The hash that the user's password was checked against.
    pub shown: Option<&'a str>,
}

impl Store {
    /// False if `shown` is given but is no longer the user's password hash.
    pub async fn insert_session(&self, session: NewSession<'_>) -> Result<bool> {
        let NewSession { id, user_id, expires_at, user_agent, address, subnet, shown } = session;
        let expires_at = super::system_time(expires_at);
        let params: [&(dyn ToSql + Sync); 7] =
            [&id.text(), &user_id.0, &expires_at, &user_agent, &shown, &subnet, &address];
        Ok(self.changed(WriteKind::SignIn, sql!("sessions/insert"), &params).await? == 1)
    }

    /// `None` if it is unknown, revoked or expired.
    pub async fn find_session(&self, session: SessionId) -> Result<Option<Session>> {
        let params: [&(dyn ToSql + Sync); 2] = [&session.text(), &SESSION_USE_AGE.as_secs_f64()];
        let row = self.maybe(sql!("sessions/find"), &params).await?;
        row.map(|row| {
            Ok(Session {
                user_id: UserId(row.get("user_id")),
                username: row.get("username"),
                role: users::role(&row)?,
                shows_presence: row.get("shows_presence"),
                is_stale: row.get("is_stale"),
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
    pub async fn living_sessions(&self, sessions: &[SessionId]) -> Result<Vec<LivingSession>> {
        let ids: Vec<String> = sessions.iter().map(|session| session.text()).collect();
        let params: [&(dyn ToSql + Sync); 2] = [&ids, &SESSION_USE_AGE.as_secs_f64()];
        let rows = self.rows(sql!("sessions/living"), &params).await?;
        let living = |row: &Row| {
            let id = SessionId::from_text(row.get("id"))?;
            Some(LivingSession { id, is_stale: row.get("is_stale") })
        };
        Ok(rows.iter().filter_map(living).collect())
    }

    /// Those of a user that are alive, the one that was used last first.
    pub async fn list_sessions(&self, user_id: UserId) -> Result<Vec<SignIn>> {
        let params: [&(dyn ToSql + Sync); 2] = [&user_id.0, &SESSIONS_PER_USER_MAX];
        let rows = self.rows(sql!("sessions/list"), &params).await?;
        let sign_in = |row: &Row| {
            Some(SignIn {
                id: SessionId::from_text(row.get("id"))?,
                created_at: timestamp(row, "created_at"),
                last_used_at: timestamp(row, "last_used_at"),
                address: row.get("address"),
                user_agent: row.get("user_agent"),
            })
        };
        Ok(rows.iter().filter_map(sign_in).collect())
    }

    /// That these are being used.
    pub async fn note_session_uses(&self, uses: &[SessionUse]) -> Result<()> {
        let ids: Vec<String> = uses.iter().map(|one| one.session.text()).collect();
        let addresses: Vec<Option<IpAddr>> = uses.iter().map(|one| one.address).collect();
        self.changed(WriteKind::SignIn, sql!("sessions/use"), &[&ids, &addresses]).await?;
        Ok(())
    }

    /// Ends those earlier that would last longer than this after their sign-in.
    pub async fn shorten_sessions(&self, lifetime: Duration) -> Result<()> {
        self.changed(WriteKind::Upkeep, sql!("sessions/shorten"), &[&lifetime.as_secs_f64()])
            .await?;
        Ok(())
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
