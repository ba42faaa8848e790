//! Owners of the server, and what they appoint: roles, and the link by which the first owner comes.
//!
//! A server that nobody owns works like any other. Once it has an owner, one stays.

use super::links::LinkToken;
use super::{Rules, Signup};
use crate::limits::SETUP_LINK_LIFETIME;
use crate::model::error::{Error, Result};
use crate::model::ids::{ActName, UserId};
use crate::model::message::{AccountState, Role};
use crate::model::subnet::Subnet;
use crate::store::{NewUser, OwnerKept};

impl Rules {
    /// Whether anybody has an account here.
    pub async fn has_users(&self) -> Result<bool> {
        self.store.has_users().await
    }

    /// Gives a user this role; the last owner keeps theirs.
    pub async fn set_role(&self, user_id: UserId, role: Role) -> Result<()> {
        match self.store.set_role(user_id, role).await? {
            OwnerKept::Changed => Ok(()),
            OwnerKept::NoSuchUser => Err(Error::not_found()),
            OwnerKept::LastOwner => Err(last_owner()),
        }
    }

    /// The path of a link that makes its user the first owner, in place of the link before it.
    pub async fn make_setup_link(&self) -> Result<String> {
        let token = LinkToken::new()?;
        match self.store.insert_setup_link(token.hash(), SETUP_LINK_LIFETIME).await? {
            true => Ok(token.path("/setup", "token")),
            false => Err(Error::conflict(
                "owned",
                "This server has an owner already; snug user role makes others.",
            )),
        }
    }

    /// Refused as not found if the link cannot be used, whatever the reason.
    pub async fn check_setup_link(&self, token: &LinkToken) -> Result<()> {
        match self.store.is_setup_link(token.hash()).await? {
            true => Ok(()),
            false => Err(Error::not_found()),
        }
    }

    /// The first owner's account, or the one that this form made before.
    pub async fn set_up(
        &self,
        token: &LinkToken,
        signup: Signup,
        from: Subnet,
        act: Option<ActName>,
    ) -> Result<UserId> {
        match self.make_owner(token, signup, from, act).await {
            Ok(user_id) => Ok(user_id),
            Err(error) => self.made_before(act, error).await.map(UserId),
        }
    }

    /// Looks at the link and for a taken name before it spends time on hashing.
    async fn make_owner(
        &self,
        token: &LinkToken,
        signup: Signup,
        from: Subnet,
        act: Option<ActName>,
    ) -> Result<UserId> {
        self.check_setup_link(token).await?;
        let password_hash = self.new_hash(&signup, from).await?;
        let user = NewUser {
            username: &signup.username,
            email: &signup.email,
            password_hash: &password_hash,
            role: Role::Owner,
            state: AccountState::Active,
            act,
        };
        match self.store.insert_owner(token.hash(), user).await? {
            Some(user_id) => Ok(user_id),
            None => Err(self.taken(&signup).await),
        }
    }
}

/// Somebody must be left who can appoint others.
pub(super) fn last_owner() -> Error {
    Error::conflict(
        "last_owner",
        "Nobody else owns this server; make somebody else an owner first.",
    )
}
