//! Forgotten passwords, where mail is set up: who is to get a link, and the link at the moment when it is sent.

use super::Rules;
use super::limiter::Key;
use super::links::LinkToken;
use crate::limits::RESET_LINK_LIFETIME;
use crate::model::error::Result;
use crate::model::ids::UserId;
use crate::model::subnet::Subnet;
use crate::model::text::{Email, Folded};
use crate::store::DueMail;
use std::sync::Arc;

const TOO_MANY_FORGOTTEN: &str =
    "Too many passwords are forgotten at your address; wait a moment and try again.";

impl Rules {
    /// Has a link sent to whoever has this address. Returns before anything is looked up, so that nobody learns
    /// whether anybody has.
    pub async fn forget_password(self: &Arc<Self>, email: &Email, from: Subnet) -> Result<()> {
        let _counted = self.limiter.count(&[Key::Forgotten(from)], TOO_MANY_FORGOTTEN)?;
        let Some(email) = Folded::email(email) else { return Ok(()) };
        // By the address, whether or not it is anybody's; beyond, nothing is sent, and nobody is told.
        let address = Key::MailsTo(self.limiter.account(email.as_str()));
        if self.limiter.count(&[address], TOO_MANY_FORGOTTEN).is_err() {
            return Ok(());
        }
        let rules = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(error) = rules.store.insert_mail(&email).await {
                tracing::warn!(%error, "a mail that somebody asked for will not be sent");
            }
        });
        Ok(())
    }

    pub async fn due_mails(&self) -> Result<Vec<DueMail>> {
        self.store.take_mails().await
    }

    /// The path of a fresh link to be sent now; `None` if the account cannot be used any more.
    pub async fn mailed_link(&self, user_id: UserId) -> Result<Option<String>> {
        let token = LinkToken::new()?;
        let lifetime = RESET_LINK_LIFETIME;
        let made = self.store.insert_reset_link(token.hash(), user_id, lifetime, true).await?;
        Ok(made.then(|| token.path("/reset", "token")))
    }

    /// It has been sent, or will never be.
    pub async fn settle_mail(&self, user_id: UserId) -> Result<()> {
        self.store.delete_mail(user_id).await
    }
}
