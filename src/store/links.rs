//! The table `links`: links that can be used once, by the hash of the token in them.

use super::transactions::{changed_in, maybe_in};
use super::users::NewUser;
use super::{Store, WriteKind, sql};
use crate::model::error::{Error, Result};
use crate::model::ids::UserId;
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

    /// Makes an account and uses the link up, both or neither. `None` if the name or the address is taken;
    /// refused if the link cannot be used.
    pub async fn insert_owner(&self, link: LinkHash, user: NewUser<'_>) -> Result<Option<UserId>> {
        self.in_transaction(WriteKind::Content, async |transaction| {
            let (act, role) = (user.act.as_ref().map(|act| act.0.as_slice()), user.role.name());
            let params: [&(dyn ToSql + Sync); 5] =
                [&user.username, &user.email, &user.password_hash, &act, &role];
            let row = maybe_in(transaction, sql!("users/insert"), &params).await?;
            let Some(user_id) = row.map(|row| UserId(row.get("id"))) else { return Ok(None) };
            let params: [&(dyn ToSql + Sync); 2] = [&link.0.as_slice(), &user_id.0];
            match changed_in(transaction, sql!("links/use_setup"), &params).await? {
                0 => Err(Error::not_found()),
                _ => Ok(Some(user_id)),
            }
        })
        .await
    }
}
