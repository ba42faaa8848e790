//! Links that can be used once: what is in them, and setting a new password by one.

use super::Rules;
use crate::limits::RESET_LINK_LIFETIME;
use crate::model::error::{Error, Result};
use crate::model::ids::{ActName, UserId};
use crate::model::subnet::Subnet;
use crate::model::text::Password;
use crate::os::random;
use crate::store::LinkHash;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// The token of a link: too long to guess. Only its hash is stored.
pub struct LinkToken(String);

impl LinkToken {
    pub(super) fn new() -> Result<Self> {
        Ok(Self(URL_SAFE_NO_PAD.encode(random::bits()?)))
    }

    /// The link to this page, with the token under this name.
    pub(super) fn path(&self, page: &str, name: &str) -> String {
        format!("{page}?{name}={}", self.0)
    }

    /// As somebody presents it.
    pub fn presented(text: String) -> Self {
        Self(text)
    }

    pub(super) fn hash(&self) -> LinkHash {
        LinkHash(Sha256::digest(self.0.as_bytes()).into())
    }
}

impl Rules {
    /// The path of a link at which a user sets a new password, in place of the link before it.
    pub async fn make_reset_link(&self, user_id: UserId) -> Result<String> {
        let token = LinkToken::new()?;
        match self
            .store
            .insert_reset_link(token.hash(), user_id, RESET_LINK_LIFETIME, false)
            .await?
        {
            true => Ok(token.path("/reset", "token")),
            false => Err(Error::conflict(
                "disabled",
                "This account is disabled; snug user enable lets its user in again.",
            )),
        }
    }

    /// Refused as not found if the link cannot be used, whatever the reason.
    pub async fn check_reset_link(&self, token: &LinkToken) -> Result<()> {
        match self.store.is_reset_link(token.hash()).await? {
            true => Ok(()),
            false => Err(Error::not_found()),
        }
    }

    /// Sets a new password, and ends all sessions of its user, unless this form did so before.
    pub async fn reset_password(
        self: &Arc<Self>,
        token: LinkToken,
        new: Password,
        from: Subnet,
        act: Option<ActName>,
    ) -> Result<()> {
        match self.use_reset_link(token, new, from, act).await {
            Ok(()) => Ok(()),
            Err(error) => self.made_before(act, error).await.map(drop),
        }
    }

    /// Looks at the link before it spends time on hashing.
    async fn use_reset_link(
        self: &Arc<Self>,
        token: LinkToken,
        new: Password,
        from: Subnet,
        act: Option<ActName>,
    ) -> Result<()> {
        self.check_reset_link(&token).await?;
        let hash = self.hasher.hash(from, new).await?;
        let rules = Arc::clone(self);
        self.to_the_end(async move {
            let reset = rules.store.reset_password(token.hash(), &hash, act).await?;
            let (user_id, ended) = reset.ok_or_else(Error::not_found)?;
            for session in ended {
                rules.end_session(user_id, session);
            }
            Ok(())
        })
        .await
    }
}
