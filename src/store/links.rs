//! The table `links`: links that can be used once, by the hash of the token in them.

use super::acts::done_in;
use super::transactions::{changed_in, maybe_in};
use super::users::{NewUser, insert_in, put_password_in};
use super::{Store, WriteKind, sql};
use crate::model::error::{Error, Result};
use crate::model::ids::{ActName, UserId};
use crate::model::message::SessionId;
use std::time::Duration;
use tokio_postgres::types::ToSql;

/// The hash of a link's token, by which alone it is known here.
#[derive(Debug, Clone, Copy)]
pub struct LinkHash(pub [u8; 32]);

impl Store {
    /// The link by which the first owner comes, in place of the one before it. False if there is an owner.
    pub async fn insert_setup_link(&self, link: LinkHash, lifetime: Duration) -> Result<bool> {
        let params: [&(dyn ToSql + Sync); 2] = [&link.0.as_slice(), &lifetime.as_secs_f64()];
        Ok(self.changed(WriteKind::SignIn, sql!("links/insert_setup"), &params).await? == 1)
    }

    pub async fn is_setup_link(&self, link: LinkHash) -> Result<bool> {
        Ok(self.maybe(sql!("links/find_setup"), &[&link.0.as_slice()]).await?.is_some())
    }

    /// A link to set a new password, in place of the one before it; one that is sent by mail leaves those alone
    /// that the operator made. False if the account cannot be used.
    pub async fn insert_reset_link(
        &self,
        link: LinkHash,
        user_id: UserId,
        lifetime: Duration,
        by_mail: bool,
    ) -> Result<bool> {
        let params: [&(dyn ToSql + Sync); 4] =
            [&link.0.as_slice(), &user_id.0, &lifetime.as_secs_f64(), &by_mail];
        Ok(self.changed(WriteKind::SignIn, sql!("links/insert_reset"), &params).await? == 1)
    }

    pub async fn is_reset_link(&self, link: LinkHash) -> Result<bool> {
        Ok(self.maybe(sql!("links/find_reset"), &[&link.0.as_slice()]).await?.is_some())
    }

    /// Sets a new password and uses the link up, both or neither; whose it was, and the sessions that ended.
    /// `None` if the link cannot be used.
    pub async fn reset_password(
        &self,
        link: LinkHash,
        hash: &str,
        act: Option<ActName>,
    ) -> Result<Option<(UserId, Vec<SessionId>)>> {
        self.in_transaction(WriteKind::Upkeep, async |transaction| {
            let used =
                maybe_in(transaction, sql!("links/use_reset"), &[&link.0.as_slice()]).await?;
            let Some(user_id) = used.map(|row| UserId(row.get("user_id"))) else {
                return Ok(None);
            };
            let ended = put_password_in(transaction, user_id, hash).await?;
            done_in(transaction, act, user_id.0).await?;
            Ok(Some((user_id, ended)))
        })
        .await
    }

    /// Deletes links that nobody used in time.
    pub async fn purge_links(&self) -> Result<()> {
        self.changed(WriteKind::Upkeep, sql!("links/purge"), &[]).await?;
        Ok(())
    }

    /// Makes an account and uses the link up, both or neither. `None` if the name or the address is taken;
    /// refused if the link cannot be used.
    pub async fn insert_owner(&self, link: LinkHash, user: NewUser<'_>) -> Result<Option<UserId>> {
        self.in_transaction(WriteKind::Content, async |transaction| {
            let Some(user_id) = insert_in(transaction, &user).await? else { return Ok(None) };
            let params: [&(dyn ToSql + Sync); 2] = [&link.0.as_slice(), &user_id.0];
            match changed_in(transaction, sql!("links/use_setup"), &params).await? {
                0 => Err(Error::not_found()),
                _ => Ok(Some(user_id)),
            }
        })
        .await
    }
}
