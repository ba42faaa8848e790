//! Signing up: who may, by invite or after somebody has let them in, and letting them in.

use super::Rules;
use super::limiter::Key;
use super::links::LinkToken;
use super::rooms::Listed;
use crate::limits::OPEN_REQUESTS_SHOWN;
use crate::model::error::{Error, Result};
use crate::model::ids::{ActName, UserId};
use crate::model::message::{AccountState, Role, Viewer};
use crate::model::signups::SignupPolicy;
use crate::model::subnet::Subnet;
use crate::model::text::{Email, Folded, Password, Username};
use crate::model::wire::{ServerFrame, UserJson, text_frame};
use crate::registry::UserEvent;
use crate::store::{NewUser, PendingSignup, SignupAnswer};
use std::sync::Arc;
use std::time::Duration;

/// A new account.
pub struct Signup {
    pub username: Username,
    pub password: Password,
    pub email: Email,
}

/// An account that has been made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedUp {
    pub user_id: UserId,
    /// Whether somebody must let them in before they can log in.
    pub is_pending: bool,
}

const TOO_MANY_SIGNUPS: &str = "Too many accounts were created from your address; try again later.";

impl Rules {
    /// Who may sign up: what a command has said last, or else the setting.
    pub async fn signup_policy(&self) -> Result<SignupPolicy> {
        Ok(self.store.signup_policy().await?.unwrap_or(self.terms.signups))
    }

    /// From now on; `None` for what the setting says.
    pub async fn set_signup_policy(&self, policy: Option<SignupPolicy>) -> Result<()> {
        self.store.set_signup_policy(policy).await
    }

    /// The path of a link that lets so many people sign up.
    pub async fn make_invite(&self, uses: i32, lifetime: Duration) -> Result<String> {
        let token = LinkToken::new()?;
        self.store.insert_invite(token.hash(), uses, lifetime).await?;
        Ok(token.path("/signup", "invite"))
    }

    /// A new account, or the one that this form made before.
    pub async fn sign_up(
        self: &Arc<Self>,
        signup: Signup,
        invite: Option<LinkToken>,
        from: Subnet,
        act: Option<ActName>,
    ) -> Result<SignedUp> {
        let rules = Arc::clone(self);
        match self.admit(signup, invite, from, act).await {
            Ok(signed_up) => Ok(signed_up),
            Err(error) => {
                let user_id = UserId(rules.made_before(act, error).await?);
                let found = rules.store.user_by_id(user_id).await?;
                let is_pending =
                    found.is_some_and(|found| found.user.state == AccountState::Pending);
                Ok(SignedUp { user_id, is_pending })
            }
        }
    }

    /// By the operator, whoever else may sign up.
    pub async fn add_user(&self, signup: Signup, from: Subnet) -> Result<UserId> {
        let password_hash = self.new_hash(&signup, from).await?;
        self.make_account(&signup, &password_hash, AccountState::Active, None, None).await
    }

    /// By the server's policy. Those who let people in are told of one who waits for it.
    async fn admit(
        self: &Arc<Self>,
        signup: Signup,
        invite: Option<LinkToken>,
        from: Subnet,
        act: Option<ActName>,
    ) -> Result<SignedUp> {
        // Before anything is said about addresses, so that nobody can find out by trying who has an
        // account.
        // Never given back: a refusal says something about addresses, too.
        let _counted = self.limiter.count(&[Key::Signups(from)], TOO_MANY_SIGNUPS)?;
        let policy = self.signup_policy().await?;
        let invite = match (policy, invite) {
            (SignupPolicy::Closed, _) => return Err(closed()),
            (SignupPolicy::Invite, None) => return Err(Error::invite_needed()),
            (SignupPolicy::Invite, Some(invite)) => {
                if !self.store.is_invite(invite.hash()).await? {
                    return Err(Error::invite_needed());
                }
                Some(invite)
            }
            (SignupPolicy::Open | SignupPolicy::Approval, _) => None,
        };
        let is_pending = policy == SignupPolicy::Approval;
        let state = if is_pending { AccountState::Pending } else { AccountState::Active };
        let password_hash = self.new_hash(&signup, from).await?;
        let rules = Arc::clone(self);
        self.to_the_end(async move {
            let user_id = rules.make_account(&signup, &password_hash, state, invite, act).await?;
            // The account is made; whoever is not told sees it on their next page.
            if is_pending && let Err(error) = rules.tell_moderators(user_id, &signup.username).await
            {
                tracing::debug!(%error, "cannot tell moderators who signs up");
            }
            Ok(SignedUp { user_id, is_pending })
        })
        .await
    }

    /// Looks for a taken name before it spends time on hashing.
    pub(super) async fn new_hash(&self, signup: &Signup, from: Subnet) -> Result<String> {
        self.refuse_taken(signup).await?;
        self.hasher.hash(from, signup.password.clone()).await
    }

    async fn make_account(
        &self,
        signup: &Signup,
        password_hash: &str,
        state: AccountState,
        invite: Option<LinkToken>,
        act: Option<ActName>,
    ) -> Result<UserId> {
        let user = NewUser {
            username: &signup.username,
            email: &signup.email,
            password_hash,
            role: Role::Member,
            state,
            act,
        };
        let inserted = match invite {
            Some(invite) => self.store.insert_invited(invite.hash(), user).await?,
            None => self.store.insert_user(user).await?,
        };
        match inserted {
            Some(user_id) => Ok(user_id),
            None => Err(self.taken(signup).await),
        }
    }

    /// Why an account was not made.
    pub(super) async fn taken(&self, signup: &Signup) -> Error {
        match self.refuse_taken(signup).await {
            Err(error) => error,
            Ok(()) => {
                Error::broken("a new account", "refused as taken, but neither name nor address is")
            }
        }
    }

    async fn refuse_taken(&self, signup: &Signup) -> Result<()> {
        let name = Folded::name(&signup.username);
        let email = Folded::email(&signup.email);
        match self.store.is_taken(name.as_ref(), email.as_ref()).await? {
            (true, _) => Err(Error::username_taken()),
            (_, true) => Err(Error::email_taken()),
            (false, false) => Ok(()),
        }
    }

    async fn tell_moderators(&self, user_id: UserId, username: &str) -> Result<()> {
        let user = UserJson { user_id, username };
        let frame = text_frame(&ServerFrame::SignupRequest { user });
        for moderator in self.store.moderators().await? {
            self.registry.tell(moderator, UserEvent::Account(frame.clone()));
        }
        Ok(())
    }

    /// Those who wait to be let in, the first one first.
    pub async fn signups(&self, after: UserId, limit: i64) -> Result<Listed<PendingSignup>> {
        let rows = self.store.pending_signups(after, limit + 1).await?;
        Ok(Listed::of(rows, limit, |pending| pending.user_id))
    }

    /// The same as a page shows them to somebody who may let them in; nobody to others.
    pub async fn open_signups(&self, viewer: &Viewer) -> Result<Vec<PendingSignup>> {
        match viewer.role.moderates() {
            true => self.store.pending_signups(UserId(0), OPEN_REQUESTS_SHOWN).await,
            false => Ok(Vec::new()),
        }
    }

    pub async fn approve_signup(&self, user_id: UserId) -> Result<()> {
        answered(self.store.approve_signup(user_id).await?)
    }

    pub async fn deny_signup(&self, user_id: UserId) -> Result<()> {
        answered(self.store.deny_signup(user_id).await?)
    }
}

fn answered(answered: SignupAnswer) -> Result<()> {
    match answered {
        SignupAnswer::Now | SignupAnswer::Before => Ok(()),
        SignupAnswer::NobodyWaits => Err(Error::not_found()),
    }
}

fn closed() -> Error {
    Error::forbidden("signup_closed", "Nobody can sign up on this server.")
}
