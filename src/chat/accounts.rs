//! Accounts: logging in and out, finding people.

use super::limiter::{AccountHash, Counted, Key};
use super::tokens::NewToken;
use super::{Authenticated, Rules, change_patiently};
use crate::limits::{POOL_WAIT_TIMEOUT, RETRY_SOON, USER_AGENT_CHARS_MAX};
use crate::model::error::{Error, Result};
use crate::model::ids::UserId;
use crate::model::message::{AccountState, SessionId, Viewer};
use crate::model::subnet::Subnet;
use crate::model::text::{Folded, GivenPassword, Login, SearchWord};
use crate::os::random;
use crate::store::{LoginRecord, NewSession, User, UserAndHash};
use jiff::Timestamp;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// What a person logs in with; a name, or an e-mail address in its place, as it was typed.
pub struct Credentials {
    pub username: String,
    pub password: GivenPassword,
    pub user_agent: Option<String>,
    pub address: IpAddr,
}

/// A signed token, and the user of its session.
#[derive(Debug)]
pub struct Token {
    pub access_token: String,
    pub expires_in: Duration,
    pub user_id: UserId,
}

pub(super) const TOO_MANY_FAILURES: &str = "Too many failed logins; wait a moment and try again.";
const TOO_MANY_RENEWALS: &str = "You are renewing tokens too often; wait a moment.";
const TOO_MANY_SEARCHES: &str = "You are searching faster than this server can; wait a moment.";

impl Rules {
    /// The same answer after the same time, whether or not the user exists.
    pub async fn log_in(self: &Arc<Self>, credentials: Credentials) -> Result<Token> {
        let Credentials { username, password, user_agent, address } = credentials;
        let from = Subnet::from(address);
        // Counted before the password is checked, so that parallel attempts are not more frequent than
        // others.
        let counted = self.limiter.count(&[Key::LoginFailures(from)], TOO_MANY_FAILURES)?;
        let found = self.user_by_password(&Login::of(&username), password, from).await;
        if !matches!(found, Ok(None)) {
            counted.give_back();
        }
        let UserAndHash { user, password_hash } = found?.ok_or_else(bad_credentials)?;
        match user.state {
            AccountState::Active => {}
            AccountState::Disabled => return Err(disabled()),
            AccountState::Pending => return Err(pending_approval()),
        }
        let (lifetime, shown) = (self.terms.token_lifetime, Some(password_hash.as_str()));
        let (user_agent, address) = (user_agent.as_deref(), Some(address));
        let token = self.insert_session(user.user_id, user_agent, address, lifetime, shown).await?;
        token.ok_or_else(bad_credentials)
    }

    /// Takes as long for an unknown user as for a wrong password.
    async fn user_by_password(
        &self,
        login: &Login,
        password: GivenPassword,
        from: Subnet,
    ) -> Result<Option<UserAndHash>> {
        let found = self.store.user_at_login(login, from.number()).await?;
        let (user, is_familiar) = match found {
            Some(LoginRecord { account, is_familiar }) => (Some(account), is_familiar),
            None => (None, false),
        };
        let account = self.account(login, user.as_ref());
        let counted = self.count_login(account, from, is_familiar)?;
        let hash = user.as_ref().map(|user| user.password_hash.clone());
        let fits = self.hasher.verify(from, password, hash).await;
        if !matches!(fits, Ok(false)) {
            counted.give_back();
        }
        let fits = fits?;
        Ok(user.filter(|_| fits))
    }

    /// An account is counted by its name, even if somebody logs in with its e-mail address.
    pub(super) fn account(&self, login: &Login, user: Option<&UserAndHash>) -> AccountHash {
        let name = user.and_then(|found| Folded::name(&found.user.username));
        let folded = match (&name, login) {
            (Some(name), _) | (None, Login::Name(name) | Login::Email(name)) => name.as_str(),
            (None, Login::Nobody) => "",
        };
        self.limiter.account(folded)
    }

    /// From subnets without a recent sign-in, all attempts share one allowance per account, whether or
    /// not it exists; its owner's own subnet does not. Those who use it up do not lock out an owner who
    /// is elsewhere: a site that has not failed itself has one attempt of its own.
    fn count_login(
        &self,
        account: AccountHash,
        from: Subnet,
        is_familiar: bool,
    ) -> Result<Counted<'_>> {
        let pair = Key::LoginFailuresOf(account, from);
        if is_familiar {
            return self.limiter.count(&[pair], TOO_MANY_FAILURES);
        }
        let has_failed = !self.limiter.is_whole(pair);
        let afar = Key::LoginFailuresFromAfar(account);
        let refusal = match self.limiter.count(&[pair, afar], TOO_MANY_FAILURES) {
            Err(refusal) if !has_failed => refusal,
            decided => return decided,
        };
        let regardless = Key::LoginsRegardless(account, from.site());
        self.limiter.count(&[pair, regardless], TOO_MANY_FAILURES).map_err(|_| refusal)
    }

    /// A new session of this user, and its token.
    pub async fn begin_session(
        &self,
        user_id: UserId,
        user_agent: Option<&str>,
        address: Option<IpAddr>,
        lifetime: Duration,
    ) -> Result<Token> {
        let token = self.insert_session(user_id, user_agent, address, lifetime, None).await?;
        token.ok_or_else(Error::unauthenticated)
    }

    /// `None` if the password was changed after its hash was `shown`.
    async fn insert_session(
        &self,
        user_id: UserId,
        user_agent: Option<&str>,
        address: Option<IpAddr>,
        lifetime: Duration,
        shown: Option<&str>,
    ) -> Result<Option<Token>> {
        let session = SessionId(random::bits()?);
        let agent: Option<String> = user_agent
            .map(|agent| agent.chars().filter(|c| *c != '\0').take(USER_AGENT_CHARS_MAX).collect());
        let now = Timestamp::now();
        let expires_at = now + lifetime.min(self.terms.session_lifetime);
        let user_agent = agent.as_deref();
        let subnet = address.map(|address| Subnet::from(address).number());
        let new =
            NewSession { id: session, user_id, expires_at, user_agent, address, subnet, shown };
        match self.store.insert_session(new).await? {
            true => {
                for oldest in self.store.end_oldest_sessions(user_id).await? {
                    self.end_session(user_id, oldest);
                }
                self.token(user_id, session, now, expires_at).map(Some)
            }
            false => Ok(None),
        }
    }

    fn token(
        &self,
        user_id: UserId,
        session: SessionId,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Token> {
        let (issued_at, expires_at) = (now.as_second(), expires_at.as_second());
        let nonce = random::number()?;
        let new = NewToken { user_id, session, issued_at, expires_at, nonce };
        let access_token = self.tokens.sign(&new);
        let access_token = access_token.map_err(|error| Error::broken("signing a token", error))?;
        let expires_in = Duration::from_secs((expires_at - issued_at).unsigned_abs());
        Ok(Token { access_token, expires_in, user_id })
    }

    /// A new token for the same session, with the full lifetime.
    pub async fn renew(&self, viewer: &Viewer) -> Result<Token> {
        // Never given back: whether it was renewed may be unknown.
        let _counted = self.limiter.count(&[Key::Renewals(viewer.user_id)], TOO_MANY_RENEWALS)?;
        let now = Timestamp::now();
        let wanted = now + self.terms.token_lifetime;
        let lifetime = self.terms.session_lifetime;
        let Some(end) = self.store.extend_session(viewer.session, wanted, lifetime).await? else {
            self.sessions.end(viewer.session);
            return Err(Error::unauthenticated());
        };
        let expires_at = wanted.min(end);
        self.token(viewer.user_id, viewer.session, now, expires_at)
    }

    /// Ends the viewer's session, and then its sockets, so that a client that loses its socket finds the
    /// session over. Ends the sockets even if PostgreSQL is unavailable.
    pub async fn log_out(self: &Arc<Self>, viewer: Arc<Viewer>) -> Result<()> {
        let rules = Arc::clone(self);
        self.to_the_end(async move {
            let revoked = change_patiently(|| rules.store.revoke_session(viewer.session)).await;
            match revoked {
                Ok(()) => rules.end_session(viewer.user_id, viewer.session),
                // The session may still be alive, and the user must be let in to end it again.
                Err(_) => rules.registry.end_session_here(viewer.user_id, viewer.session),
            }
            revoked
        })
        .await
    }

    /// Ends the session of a token that a browser had before it signed in again. Whatever keeps it from
    /// ending is no reason to refuse the new one.
    pub async fn end_replaced(self: &Arc<Self>, token: &str, from: IpAddr) {
        let Ok(Authenticated { viewer, .. }) = self.authenticate(token, from).await else { return };
        if let Err(error) = self.log_out(viewer).await {
            tracing::debug!(%error, "a session that was replaced lives on for now");
        }
    }

    /// The viewer's own account.
    pub async fn user(&self, viewer: &Viewer) -> Result<User> {
        Ok(self.user_and_hash(viewer).await?.user)
    }

    pub(super) async fn user_and_hash(&self, viewer: &Viewer) -> Result<UserAndHash> {
        self.store.user_by_id(viewer.user_id).await?.ok_or_else(Error::unauthenticated)
    }

    /// The account of this name, for the operator.
    pub async fn user_named(&self, username: &str) -> Result<Option<User>> {
        match Folded::name(username) {
            Some(name) => self.store.user_by_name(&name).await,
            None => Ok(None),
        }
    }

    /// Accounts after this id, oldest first, for the operator.
    pub async fn list_users(&self, after: UserId, limit: i64) -> Result<Vec<User>> {
        self.store.list_users(after, limit).await
    }

    /// People whose names begin with or contain `part`.
    pub async fn find_people(
        &self,
        viewer: &Viewer,
        part: &SearchWord,
        limit: i64,
    ) -> Result<Vec<(UserId, String)>> {
        let _counted = self.limiter.count(&[Key::Searches(viewer.user_id)], TOO_MANY_SEARCHES)?;
        let Some(part) = Folded::name(part) else { return Ok(Vec::new()) };
        let turn = tokio::time::timeout(POOL_WAIT_TIMEOUT, self.searches.acquire()).await;
        let _turn = turn.map_err(|_| {
            Error::busy("Too many people are searching right now; try again.", RETRY_SOON)
        })?;
        self.store.search_users(&part, limit).await
    }
}

/// Said only to those who know the password, like the next.
fn pending_approval() -> Error {
    let detail =
        "Your account waits for the people who run this server. Log in when they have let you in.";
    Error::forbidden("pending_approval", detail)
}

fn disabled() -> Error {
    Error::forbidden("disabled", "This account is disabled. Ask the people who run this server.")
}

fn bad_credentials() -> Error {
    Error::refused(
        crate::model::error::Because::Unauthenticated,
        "bad_credentials",
        "This name and password do not match.",
    )
}

impl Authenticated {
    /// Whether two tokens, or a token and a cookie, belong to the same user.
    pub fn is_same_user(&self, other: &Self) -> bool {
        self.viewer.user_id == other.viewer.user_id
    }
}
