//! What people do with their own account: another password, another address, and its end. Each asks for the
//! password again.

use super::Rules;
use super::accounts::TOO_MANY_FAILURES;
use super::limiter::Key;
use super::owners::last_owner;
use crate::model::error::{Error, Fault, Result};
use crate::model::ids::{ActName, UserId};
use crate::model::message::{Fate, Viewer};
use crate::model::subnet::Subnet;
use crate::model::text::{Email, GivenPassword, Login, Password};
use crate::model::wire::{MembersEvent, UserJson};
use crate::registry::UserEvent;
use crate::store::{Left, PasswordChange};
use std::sync::Arc;

const TOO_MANY_SWITCHES: &str = "You are switching this too often; wait a moment.";

impl Rules {
    /// Sets a new password and ends all other sessions of the user, unless this form did so before.
    pub async fn change_password(
        self: &Arc<Self>,
        viewer: Arc<Viewer>,
        passwords: (GivenPassword, Password),
        from: Subnet,
        act: Option<ActName>,
    ) -> Result<()> {
        match self.set_password(viewer, passwords, from, act).await {
            Ok(()) => Ok(()),
            Err(error) => self.made_before(act, error).await.map(drop),
        }
    }

    async fn set_password(
        self: &Arc<Self>,
        viewer: Arc<Viewer>,
        (current, new): (GivenPassword, Password),
        from: Subnet,
        act: Option<ActName>,
    ) -> Result<()> {
        let old_hash = self.confirm(&viewer, current, from).await?;
        let hash = self.hasher.hash(from, new).await?;
        let rules = Arc::clone(self);
        self.to_the_end(async move {
            let change = PasswordChange {
                user_id: viewer.user_id,
                old_hash: &old_hash,
                new_hash: &hash,
                session: viewer.session,
                act,
            };
            let ended = rules.store.change_password(change).await?.ok_or_else(|| {
                Error::conflict(
                    "password_changed",
                    "The password has just been changed elsewhere; try again.",
                )
            })?;
            for session in ended {
                rules.end_session(viewer.user_id, session);
            }
            Ok(())
        })
        .await
    }

    /// Another e-mail address.
    pub async fn change_email(
        &self,
        viewer: &Viewer,
        current: GivenPassword,
        email: &Email,
        from: Subnet,
    ) -> Result<()> {
        self.confirm(viewer, current, from).await?;
        self.store.set_email(viewer.user_id, email).await
    }

    /// Whether others see that the viewer is here, writes and has read, and the viewer that of others. Open
    /// sockets are told at once.
    pub async fn show_presence(self: &Arc<Self>, viewer: Arc<Viewer>, shows: bool) -> Result<()> {
        let keys = [Key::PresenceSwitches(viewer.user_id)];
        let counted = self.limiter.count(&keys, TOO_MANY_SWITCHES)?;
        let rules = Arc::clone(self);
        let switched = self.to_the_end(async move {
            let user_id = viewer.user_id;
            let switched = rules.store.set_shows_presence(user_id, shows).await?;
            rules.registry.tell(user_id, UserEvent::ShowsPresence(shows));
            Ok(switched)
        });
        if !switched.await? {
            counted.give_back();
        }
        Ok(())
    }

    /// The end of the viewer's account.
    pub async fn delete_own_account(
        self: &Arc<Self>,
        viewer: &Viewer,
        current: GivenPassword,
        messages: Fate,
        from: Subnet,
    ) -> Result<()> {
        self.confirm(viewer, current, from).await?;
        self.delete_account(viewer.user_id, Arc::clone(&viewer.username), messages).await
    }

    /// The end of an account: its sessions end, its rooms pass to others, who are told. Messages that are not kept
    /// are removed later.
    pub async fn delete_account(
        self: &Arc<Self>,
        user_id: UserId,
        username: Arc<str>,
        messages: Fate,
    ) -> Result<()> {
        let rules = Arc::clone(self);
        self.to_the_end(async move {
            let legacy = match rules.store.delete_user(user_id, messages).await? {
                Left::Gone(legacy) => legacy,
                Left::NoSuchUser => return Err(Error::not_found()),
                Left::LastOwner => return Err(last_owner()),
            };
            for session in legacy.sessions {
                rules.end_session(user_id, session);
            }
            for (room_id, heir) in legacy.heirs {
                rules.tell_chat_anew(heir, room_id).await;
            }
            let user = UserJson { user_id, username: &username };
            for room_id in legacy.rooms {
                rules.signal_members(room_id, user.clone(), MembersEvent::Left);
            }
            Ok(())
        })
        .await
    }

    /// Refused unless this is the viewer's password, whose hash is returned. Failures count like failed logins.
    async fn confirm(
        &self,
        viewer: &Viewer,
        current: GivenPassword,
        from: Subnet,
    ) -> Result<String> {
        let hash = self.user_and_hash(viewer).await?.password_hash;
        let account = self.account(&Login::of(&viewer.username), None);
        let keys = [Key::LoginFailures(from), Key::LoginFailuresOf(account, from)];
        let counted = self.limiter.count(&keys, TOO_MANY_FAILURES)?;
        let fits = self.hasher.verify(from, current, Some(hash.clone())).await;
        if !matches!(fits, Ok(false)) {
            counted.give_back();
        }
        match fits? {
            true => Ok(hash),
            false => {
                let fault = Fault::new("current_password", "This is not your current password.");
                Err(Error::invalid(vec![fault]))
            }
        }
    }
}
