//! What the operator does with accounts, by command: another process, whose sockets hear of it from the
//! database within a second or two.

use super::Rules;
use super::owners::last_owner;
use crate::model::error::{Error, Result};
use crate::model::ids::UserId;
use crate::model::subnet::Subnet;
use crate::model::text::{Email, Password, Username};
use crate::store::OwnerKept;

impl Rules {
    /// A new password for somebody, who has to log in again everywhere.
    pub async fn put_password(&self, user_id: UserId, new: Password, from: Subnet) -> Result<()> {
        let hash = self.hasher.hash(from, new).await?;
        for session in self.store.put_password(user_id, &hash).await? {
            self.end_session(user_id, session);
        }
        Ok(())
    }

    /// Nobody can log in to the account from now on, and whoever has is out; the last owner is spared.
    pub async fn disable(&self, user_id: UserId) -> Result<()> {
        match self.store.disable_user(user_id).await? {
            OwnerKept::Changed => Ok(()),
            OwnerKept::NoSuchUser => Err(Error::not_found()),
            OwnerKept::LastOwner => Err(last_owner()),
        }
    }

    pub async fn enable(&self, user_id: UserId) -> Result<()> {
        self.store.enable_user(user_id).await
    }

    /// Another name for somebody, who has to log in again everywhere.
    pub async fn rename(&self, user_id: UserId, username: &Username) -> Result<()> {
        self.store.rename_user(user_id, username).await
    }

    pub async fn put_email(&self, user_id: UserId, email: &Email) -> Result<()> {
        self.store.set_email(user_id, email).await
    }
}
