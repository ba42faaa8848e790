//! Who may sign up, the invites to do so, and those who wait to be let in. Over the tables `meta`, `invites`,
//! `users` and `denied_signups`.

use super::transactions::{changed_in, maybe_in};
use super::users::{NewUser, insert_in};
use super::{LinkHash, Store, WriteKind, sql, timestamp};
use crate::limits::MODERATORS_TOLD_MAX;
use crate::model::error::{Error, Result};
use crate::model::ids::UserId;
use crate::model::signups::SignupPolicy;
use jiff::Timestamp;
use std::time::Duration;
use tokio_postgres::types::ToSql;

/// Somebody who waits to be let in.
pub struct PendingSignup {
    pub user_id: UserId,
    pub username: String,
    pub email: String,
    pub requested_at: Timestamp,
}

/// What became of an answer to somebody who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignupAnswer {
    Now,
    /// The same was answered before.
    Before,
    NobodyWaits,
}

impl Store {
    /// What a command has said; `None` if the setting counts.
    pub async fn signup_policy(&self) -> Result<Option<SignupPolicy>> {
        let row = self.one(sql!("meta/signups"), &[]).await?;
        let name: Option<&str> = row.get("signups");
        let known = |name: &str| {
            SignupPolicy::from_name(name)
                .ok_or_else(|| Error::broken("an unknown policy for sign-ups", name.to_owned()))
        };
        name.map(known).transpose()
    }

    pub async fn set_signup_policy(&self, policy: Option<SignupPolicy>) -> Result<()> {
        let name = policy.map(SignupPolicy::name);
        self.changed(WriteKind::Upkeep, sql!("meta/set_signups"), &[&name]).await?;
        Ok(())
    }

    pub async fn insert_invite(
        &self,
        invite: LinkHash,
        uses: i32,
        lifetime: Duration,
    ) -> Result<()> {
        let params: [&(dyn ToSql + Sync); 3] =
            [&invite.0.as_slice(), &uses, &lifetime.as_secs_f64()];
        self.changed(WriteKind::SignIn, sql!("invites/insert"), &params).await?;
        Ok(())
    }

    pub async fn is_invite(&self, invite: LinkHash) -> Result<bool> {
        Ok(self.maybe(sql!("invites/find"), &[&invite.0.as_slice()]).await?.is_some())
    }

    /// Makes an account and takes it from the invite, both or neither. `None` if the name or the address is
    /// taken; refused if the invite is good for no more.
    pub async fn insert_invited(
        &self,
        invite: LinkHash,
        user: NewUser<'_>,
    ) -> Result<Option<UserId>> {
        self.in_transaction(WriteKind::Content, async |transaction| {
            let Some(user_id) = insert_in(transaction, &user).await? else { return Ok(None) };
            match changed_in(transaction, sql!("invites/use"), &[&invite.0.as_slice()]).await? {
                0 => Err(Error::invite_needed()),
                _ => Ok(Some(user_id)),
            }
        })
        .await
    }

    /// Those who wait, after this id, the first one first.
    pub async fn pending_signups(&self, after: UserId, limit: i64) -> Result<Vec<PendingSignup>> {
        let rows = self.rows(sql!("users/pending"), &[&after.0, &limit]).await?;
        let pending = |row: &tokio_postgres::Row| PendingSignup {
            user_id: UserId(row.get("id")),
            username: row.get("username"),
            email: row.get("email"),
            requested_at: timestamp(row, "created_at"),
        };
        Ok(rows.iter().map(pending).collect())
    }

    /// Those who look after the server, as many as are told of something.
    pub async fn moderators(&self) -> Result<Vec<UserId>> {
        let rows = self.rows(sql!("users/moderators"), &[&MODERATORS_TOLD_MAX]).await?;
        Ok(rows.iter().map(|row| UserId(row.get("id"))).collect())
    }

    /// Lets somebody in, who begins to read where the general chat is then.
    pub async fn approve_signup(&self, user_id: UserId) -> Result<SignupAnswer> {
        self.in_transaction(WriteKind::Content, async |transaction| {
            if changed_in(transaction, sql!("users/approve"), &[&user_id.0]).await? == 0 {
                let is_in = maybe_in(transaction, sql!("users/is_let_in"), &[&user_id.0]).await?;
                return Ok(if is_in.is_some() {
                    SignupAnswer::Before
                } else {
                    SignupAnswer::NobodyWaits
                });
            }
            changed_in(transaction, sql!("read_positions/begin_general"), &[&user_id.0]).await?;
            Ok(SignupAnswer::Now)
        })
        .await
    }

    /// The account goes, and its name and address are free again.
    pub async fn deny_signup(&self, user_id: UserId) -> Result<SignupAnswer> {
        self.in_transaction(WriteKind::Upkeep, async |transaction| {
            if changed_in(transaction, sql!("users/deny"), &[&user_id.0]).await? == 0 {
                let known =
                    maybe_in(transaction, sql!("denied_signups/find"), &[&user_id.0]).await?;
                return Ok(if known.is_some() {
                    SignupAnswer::Before
                } else {
                    SignupAnswer::NobodyWaits
                });
            }
            changed_in(transaction, sql!("denied_signups/insert"), &[&user_id.0]).await?;
            changed_in(transaction, sql!("read_positions/delete_of"), &[&user_id.0]).await?;
            Ok(SignupAnswer::Now)
        })
        .await
    }

    /// Deletes what nobody needs any more.
    pub async fn purge_signups(&self) -> Result<()> {
        self.changed(WriteKind::Upkeep, sql!("invites/purge"), &[]).await?;
        self.changed(WriteKind::Upkeep, sql!("denied_signups/purge"), &[]).await?;
        Ok(())
    }
}
