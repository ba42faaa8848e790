//! The table `users`: accounts.

use super::acts::done_in;
use super::removals::ask_removal_in;
use super::transactions::{changed_in, maybe_in, rows_in};
use super::{Store, WriteKind, sql, timestamp};
use crate::limits::NAME_PART_CHARS_MAX;
use crate::model::error::{Error, Result};
use crate::model::ids::{ActName, UserId};
use crate::model::message::{AccountState, Fate, Role, SessionId};
use crate::model::text::{Folded, Login};
use deadpool_postgres::Transaction;
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// An account.
pub struct User {
    pub user_id: UserId,
    pub username: String,
    pub email: String,
    pub created_at: Timestamp,
    pub role: Role,
    pub state: AccountState,
    pub shows_presence: bool,
}

/// An account with its password hash, which never leaves `chat::accounts`.
pub struct UserAndHash {
    pub user: User,
    pub password_hash: String,
}

/// The account that a person wants to log in to.
pub struct LoginRecord {
    pub account: UserAndHash,
    /// Whether its user signed in from the same subnet within 30 days.
    pub is_familiar: bool,
}

pub struct NewUser<'a> {
    pub username: &'a str,
    pub email: &'a str,
    pub password_hash: &'a str,
    pub role: Role,
    pub state: AccountState,
    pub act: Option<ActName>,
}

/// What became of a change that the last owner must not undergo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnerKept {
    Changed,
    NoSuchUser,
    /// Nothing was changed: nobody else is an owner.
    LastOwner,
}

/// A new password for a user, who keeps one session.
pub struct PasswordChange<'a> {
    pub user_id: UserId,
    pub old_hash: &'a str,
    pub new_hash: &'a str,
    pub session: SessionId,
    pub act: Option<ActName>,
}

impl Store {
    /// `None` if the name or the address is taken, even by somebody signing up at the same moment.
    pub async fn insert_user(&self, user: NewUser<'_>) -> Result<Option<UserId>> {
        self.in_transaction(WriteKind::Content, async |transaction| {
            insert_in(transaction, &user).await
        })
        .await
    }

    /// Whether the name, and whether the address, is taken.
    pub async fn is_taken(
        &self,
        username: Option<&Folded>,
        email: Option<&Folded>,
    ) -> Result<(bool, bool)> {
        let (username, email) = (username.map(Folded::as_str), email.map(Folded::as_str));
        let row = self.one(sql!("users/taken"), &[&username, &email]).await?;
        Ok((row.get("username_taken"), row.get("email_taken")))
    }

    pub async fn user_at_login(&self, login: &Login, subnet: i64) -> Result<Option<LoginRecord>> {
        let (name, email) = match login {
            Login::Name(name) => (Some(name.as_str()), None),
            Login::Email(email) => (None, Some(email.as_str())),
            Login::Nobody => return Ok(None),
        };
        let row = self.maybe(sql!("users/at_login"), &[&name, &email, &subnet]).await?;
        row.map(|row| {
            let is_familiar = row.get("is_familiar");
            Ok(LoginRecord { account: user_and_hash(&row)?, is_familiar })
        })
        .transpose()
    }

    pub async fn user_by_name(&self, name: &Folded) -> Result<Option<User>> {
        self.maybe(sql!("users/by_name"), &[&name.as_str()]).await?.as_ref().map(user).transpose()
    }

    pub async fn user_by_id(&self, user_id: UserId) -> Result<Option<UserAndHash>> {
        let row = self.maybe(sql!("users/by_id"), &[&user_id.0]).await?;
        row.as_ref().map(user_and_hash).transpose()
    }

    /// Ids and names: those that begin with `part` first, then those that contain it, each in order. If
    /// the former are enough, nothing else is read.
    pub async fn search_users(&self, part: &Folded, limit: i64) -> Result<Vec<(UserId, String)>> {
        let part = part.as_str();
        let (from, before) = (part, format!("{part}{AFTER_NAMES}"));
        let rows = self.rows(sql!("users/search_prefix"), &[&from, &before, &limit]).await?;
        let mut found = in_order(&rows);
        let left = limit - found.len() as i64;
        if left > 0 {
            let params: [&(dyn ToSql + Sync); 3] = [&part, &name_parts(part), &left];
            found.extend(in_order(&self.rows(sql!("users/search_within"), &params).await?));
        }
        Ok(found)
    }

    /// Accounts after this id, oldest first.
    pub async fn list_users(&self, after: UserId, limit: i64) -> Result<Vec<User>> {
        self.rows(sql!("users/list"), &[&after.0, &limit]).await?.iter().map(user).collect()
    }

    pub async fn has_users(&self) -> Result<bool> {
        Ok(self.one(sql!("users/exist"), &[]).await?.get("exist"))
    }

    pub async fn set_role(&self, user_id: UserId, role: Role) -> Result<OwnerKept> {
        self.in_transaction(WriteKind::Upkeep, async |transaction| {
            let kept = lock_owners(transaction, user_id).await?;
            if kept == OwnerKept::NoSuchUser || kept == OwnerKept::LastOwner && role != Role::Owner
            {
                return Ok(kept);
            }
            let params: [&(dyn ToSql + Sync); 2] = [&user_id.0, &role.name()];
            changed_in(transaction, sql!("users/set_role"), &params).await?;
            Ok(OwnerKept::Changed)
        })
        .await
    }

    /// The user's other sessions, which this ended like whatever links there were to set a new password;
    /// `None` if the password was changed after `old_hash` was read.
    pub async fn change_password(
        &self,
        change: PasswordChange<'_>,
    ) -> Result<Option<Vec<SessionId>>> {
        let PasswordChange { user_id, old_hash, new_hash, session, act } = change;
        self.in_transaction(WriteKind::Upkeep, async |transaction| {
            let params: [&(dyn ToSql + Sync); 3] = [&user_id.0, &old_hash, &new_hash];
            if changed_in(transaction, sql!("users/set_password"), &params).await? == 0 {
                return Ok(None);
            }
            changed_in(transaction, sql!("links/withdraw"), &[&user_id.0]).await?;
            done_in(transaction, act, 0).await?;
            Ok(Some(end_sessions_in(transaction, user_id, Some(session)).await?))
        })
        .await
    }

    /// A new password, with which all sessions end.
    pub async fn put_password(&self, user_id: UserId, hash: &str) -> Result<()> {
        self.in_transaction(WriteKind::Upkeep, async |transaction| {
            put_password_in(transaction, user_id, hash).await.map(drop)
        })
        .await
    }

    /// Disables an account, and ends all its sessions.
    pub async fn disable_user(&self, user_id: UserId, messages: Fate) -> Result<OwnerKept> {
        self.in_transaction(WriteKind::Upkeep, async |transaction| {
            let kept = lock_owners(transaction, user_id).await?;
            if kept == OwnerKept::Changed {
                set_state_in(transaction, user_id, AccountState::Disabled).await?;
                if messages == Fate::Remove {
                    ask_removal_in(transaction, user_id).await?;
                }
                end_sessions_in(transaction, user_id, None).await?;
                changed_in(transaction, sql!("links/withdraw"), &[&user_id.0]).await?;
            }
            Ok(kept)
        })
        .await
    }

    pub async fn enable_user(&self, user_id: UserId) -> Result<()> {
        self.in_transaction(WriteKind::Upkeep, async |transaction| {
            set_state_in(transaction, user_id, AccountState::Active).await
        })
        .await
    }

    /// Another name, with which all sessions end: sockets go on under the name with which they were opened.
    /// Refused if somebody else has it.
    pub async fn rename_user(&self, user_id: UserId, username: &str) -> Result<()> {
        self.in_transaction(WriteKind::Upkeep, async |transaction| {
            let params: [&(dyn ToSql + Sync); 2] = [&user_id.0, &username];
            changed_in(transaction, sql!("users/rename"), &params).await?;
            end_sessions_in(transaction, user_id, None).await?;
            Ok(())
        })
        .await
    }

    /// Another address; links that were mailed to the one before do not work any more. Refused if somebody
    /// else has it.
    pub async fn set_email(&self, user_id: UserId, email: &str) -> Result<()> {
        self.in_transaction(WriteKind::Upkeep, async |transaction| {
            let params: [&(dyn ToSql + Sync); 2] = [&user_id.0, &email];
            changed_in(transaction, sql!("users/set_email"), &params).await?;
            changed_in(transaction, sql!("links/withdraw_mailed"), &[&user_id.0]).await?;
            Ok(())
        })
        .await
    }

    /// Whether it was otherwise before.
    pub async fn set_shows_presence(&self, user_id: UserId, shows: bool) -> Result<bool> {
        let params: [&(dyn ToSql + Sync); 2] = [&user_id.0, &shows];
        let changed = self.changed(WriteKind::Upkeep, sql!("users/set_shows_presence"), &params);
        Ok(changed.await? > 0)
    }
}

/// A character that comes after all those of names.
const AFTER_NAMES: char = '{';

/// What the index of names must contain of a part of one: all that is in it and has the length of the
/// longest entries of the index, or the part itself if it is shorter. ASCII.
fn name_parts(part: &str) -> Vec<&str> {
    let longest = part.len().min(NAME_PART_CHARS_MAX);
    (0..=part.len() - longest).map(|at| &part[at..at + longest]).collect()
}

fn in_order(rows: &[Row]) -> Vec<(UserId, String)> {
    let mut found: Vec<_> =
        rows.iter().map(|row| (UserId(row.get("id")), row.get("username"))).collect();
    found.sort_by(|(_, one), (_, other): &(UserId, String)| one.cmp(other));
    found
}

/// The same as `insert_user`. Refused if the name is kept for somebody who has just gone: asked after the row is
/// there, because it waits for whoever had the name until then.
pub(super) async fn insert_in(
    transaction: &Transaction<'_>,
    user: &NewUser<'_>,
) -> Result<Option<UserId>> {
    let act = user.act.as_ref().map(|act| act.0.as_slice());
    let (role, state) = (user.role.name(), user.state.name());
    let params: [&(dyn ToSql + Sync); 6] =
        [&user.username, &user.email, &user.password_hash, &act, &role, &state];
    let row = maybe_in(transaction, sql!("users/insert"), &params).await?;
    let Some(user_id) = row.map(|row| row.get::<_, i64>("id")) else { return Ok(None) };
    if maybe_in(transaction, sql!("former_names/keeps"), &[&user_id]).await?.is_some() {
        return Err(Error::username_taken());
    }
    Ok(Some(UserId(user_id)))
}

/// Ends all sessions of a user but this one; returns them.
pub(super) async fn end_sessions_in(
    transaction: &Transaction<'_>,
    user_id: UserId,
    but: Option<SessionId>,
) -> Result<Vec<SessionId>> {
    let params: [&(dyn ToSql + Sync); 2] = [&user_id.0, &but.map(SessionId::text)];
    let rows = rows_in(transaction, sql!("sessions/revoke_others"), &params).await?;
    Ok(rows.iter().filter_map(|row| SessionId::from_text(row.get("id"))).collect())
}

pub(super) async fn put_password_in(
    transaction: &Transaction<'_>,
    user_id: UserId,
    hash: &str,
) -> Result<Vec<SessionId>> {
    let params: [&(dyn ToSql + Sync); 2] = [&user_id.0, &hash];
    changed_in(transaction, sql!("users/put_password"), &params).await?;
    changed_in(transaction, sql!("links/withdraw"), &[&user_id.0]).await?;
    end_sessions_in(transaction, user_id, None).await
}

async fn set_state_in(
    transaction: &Transaction<'_>,
    user_id: UserId,
    state: AccountState,
) -> Result<()> {
    let params: [&(dyn ToSql + Sync); 2] = [&user_id.0, &state.name()];
    changed_in(transaction, sql!("users/set_state"), &params).await?;
    Ok(())
}

/// Locks the user and all owners, until the transaction ends: whether the user may cease to be one.
pub(super) async fn lock_owners(
    transaction: &Transaction<'_>,
    user_id: UserId,
) -> Result<OwnerKept> {
    let locked = rows_in(transaction, sql!("users/lock_owners"), &[&user_id.0]).await?;
    let Some(own) = locked.iter().find(|row| row.get::<_, i64>("id") == user_id.0) else {
        return Ok(OwnerKept::NoSuchUser);
    };
    let is_owner = role(own)? == Role::Owner && state(own)? == AccountState::Active;
    let is_last = is_owner && locked.len() == 1;
    Ok(if is_last { OwnerKept::LastOwner } else { OwnerKept::Changed })
}

fn user(row: &Row) -> Result<User> {
    Ok(User {
        user_id: UserId(row.get("id")),
        username: row.get("username"),
        email: row.get("email"),
        created_at: timestamp(row, "created_at"),
        role: role(row)?,
        state: state(row)?,
        shows_presence: row.get("shows_presence"),
    })
}

fn user_and_hash(row: &Row) -> Result<UserAndHash> {
    Ok(UserAndHash { user: user(row)?, password_hash: row.get("password_hash") })
}

pub(super) fn role(row: &Row) -> Result<Role> {
    let name: &str = row.get("role");
    Role::from_name(name).ok_or_else(|| Error::broken("an unknown role", name.to_owned()))
}

fn state(row: &Row) -> Result<AccountState> {
    let name: &str = row.get("state");
    AccountState::from_name(name)
        .ok_or_else(|| Error::broken("an unknown state of an account", name.to_owned()))
}
