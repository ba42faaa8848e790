//! `snug user …`, `snug session …`, `snug signups`, `snug invite` and `snug setup-link`: accounts, who may have
//! one, and who looks after the server.

use super::with_rules;
use crate::chat::{Rules, Signup};
use crate::limits::PAGE_ROWS_MAX;
use crate::model::error::{Error, Fatal, Result};
use crate::model::ids::{SessionNumber, UserId};
use crate::model::message::Fate;
use crate::model::text::{Email, Password, Username};
use crate::process::cli::{SessionCommand, SignupsCommand, UserCommand};
use crate::process::config::Config;
use crate::store::User;
use jiff::Timestamp;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

const REMOVED: &str = "all that they said is being removed, as soon as snug serves";

/// Does it; returns what to print.
pub async fn user(
    config: &Config,
    command: UserCommand,
    password: Option<String>,
) -> Result<String, Fatal> {
    let password = password.as_deref().map(new_password).transpose()?;
    match command {
        UserCommand::Add { name, email } => add(config, &name, &email, password).await,
        UserCommand::List => list(config).await,
        UserCommand::Show { name } => show(config, &name).await,
        UserCommand::Role { name, role } => {
            change(config, &name, async |rules, user| {
                rules.set_role(user.user_id, role).await?;
                Ok(format!("has the role {} from now on", role.name()))
            })
            .await
        }
        UserCommand::Password { name } => {
            change(config, &name, async |rules, user| {
                let new = password.ok_or_else(no_password)?;
                rules.put_password(user.user_id, new, here()).await?;
                Ok("has a new password, and has to log in again everywhere".to_owned())
            })
            .await
        }
        UserCommand::ResetLink { name } => reset_link(config, &name).await,
        UserCommand::Disable { name, messages } => {
            change(config, &name, async |rules, user| {
                rules.disable(user.user_id, messages).await?;
                Ok(match messages {
                    Fate::Keep => "cannot log in any more, and is logged in nowhere".to_owned(),
                    Fate::Remove => format!("cannot log in any more, and {REMOVED}"),
                })
            })
            .await
        }
        UserCommand::Enable { name } => {
            change(config, &name, async |rules, user| {
                rules.enable(user.user_id).await?;
                Ok("can log in".to_owned())
            })
            .await
        }
        UserCommand::Rename { name, to } => {
            let new = username(&to)?;
            change(config, &name, async |rules, user| {
                rules.rename(user.user_id, &new).await?;
                Ok(format!("is called {to} from now on, and has to log in again everywhere"))
            })
            .await
        }
        UserCommand::Delete { name, messages } => {
            change(config, &name, async |rules, user| {
                let (id, username) = (user.user_id, user.username.as_str().into());
                rules.delete_account(id, username, messages).await?;
                Ok(match messages {
                    Fate::Keep => format!("is gone; what they said stays, under deleted-{id}"),
                    Fate::Remove => format!("is gone, and {REMOVED}"),
                })
            })
            .await
        }
        UserCommand::Email { name, email } => {
            let new = address(&email)?;
            change(config, &name, async |rules, user| {
                rules.put_email(user.user_id, &new).await?;
                Ok(format!("has the address {email} from now on"))
            })
            .await
        }
    }
}

/// Changes an account; returns the line that says so.
async fn change(
    config: &Config,
    name: &str,
    change: impl AsyncFnOnce(&Arc<Rules>, &User) -> Result<String>,
) -> Result<String, Fatal> {
    with_rules(config, None, async |rules| {
        let user = named(rules, name).await?;
        let changed = change(rules, &user).await?;
        Ok(format!("{} {changed}\n", user.username))
    })
    .await
}

fn username(text: &str) -> Result<Username, Fatal> {
    Username::parse(text).map_err(|rule| Fatal::usage(format!("name {text:?}: {rule}")))
}

fn address(text: &str) -> Result<Email, Fatal> {
    Email::parse(text).map_err(|rule| Fatal::usage(format!("e-mail address {text:?}: {rule}")))
}

fn new_password(text: &str) -> Result<Password, Fatal> {
    Password::parse(text).map_err(|rule| Fatal::usage(format!("password: {rule}")))
}

/// `main` asks for one wherever the command line says that one is wanted.
fn no_password() -> Error {
    Error::broken("a command that wants a password", "it was not asked for")
}

/// The link by which the first owner comes.
pub async fn setup_link(config: &Config) -> Result<String, Fatal> {
    with_rules(config, None, async |rules| {
        Ok(format!("{}{}\n", config.address(), rules.make_setup_link().await?))
    })
    .await
}

/// Who may sign up, after it has been changed if that was asked for.
pub async fn signups(config: &Config, command: Option<SignupsCommand>) -> Result<String, Fatal> {
    with_rules(config, None, async |rules| {
        if let Some(SignupsCommand(policy)) = command {
            rules.set_signup_policy(policy).await?;
        }
        Ok(format!("{}\n", rules.signup_policy().await?.name()))
    })
    .await
}

/// A link to the sign-up page for so many people.
pub async fn invite(config: &Config, uses: i32, lifetime: Duration) -> Result<String, Fatal> {
    with_rules(config, None, async |rules| {
        Ok(format!("{}{}\n", config.address(), rules.make_invite(uses, lifetime).await?))
    })
    .await
}

/// Does it; returns what to print.
pub async fn session(config: &Config, command: SessionCommand) -> Result<String, Fatal> {
    with_rules(config, None, async |rules| match command {
        SessionCommand::List { name } => list_sessions(rules, &name).await,
        SessionCommand::Revoke { name, session } => revoke(rules, &name, session).await,
    })
    .await
}

/// Those who work on the machine have no address of their own.
fn here() -> crate::model::subnet::Subnet {
    IpAddr::from(Ipv4Addr::LOCALHOST).into()
}

pub(super) async fn named(rules: &Arc<Rules>, name: &str) -> Result<User> {
    rules.user_named(name).await?.ok_or_else(|| {
        Error::conflict("user_not_found", format!("there is no user {name}; see snug user list"))
    })
}

async fn add(
    config: &Config,
    name: &str,
    email: &str,
    password: Option<Password>,
) -> Result<String, Fatal> {
    let (username, email) = (username(name)?, address(email)?);
    with_rules(config, None, async |rules| {
        let password = password.ok_or_else(no_password)?;
        let signup = Signup { username, password, email };
        let user_id = rules.add_user(signup, here()).await?;
        Ok(format!("{name} is user {user_id}\n"))
    })
    .await
}

/// The link at which somebody sets a new password.
async fn reset_link(config: &Config, name: &str) -> Result<String, Fatal> {
    with_rules(config, None, async |rules| {
        let user = named(rules, name).await?;
        let path = rules.make_reset_link(user.user_id).await?;
        Ok(format!("{}{path}\n", config.address()))
    })
    .await
}

/// What is known of an account, a line each.
async fn show(config: &Config, name: &str) -> Result<String, Fatal> {
    with_rules(config, None, async |rules| {
        let User { user_id, username, email, created_at, role, state, shows_presence } =
            named(rules, name).await?;
        let sessions = rules.sessions_of(user_id).await?;
        let day = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M UTC").to_string();
        let last = sessions.first().map_or_else(|| "-".into(), |session| day(session.last_used_at));
        let lines = [
            ("id", user_id.to_string()),
            ("name", username),
            ("e-mail address", email),
            ("role", role.name().to_owned()),
            ("state", state.name().to_owned()),
            ("shows presence", if shows_presence { "yes" } else { "no" }.to_owned()),
            ("since", day(created_at)),
            ("sessions", sessions.len().to_string()),
            ("last seen", last),
        ];
        Ok(lines.iter().map(|(what, value)| format!("{what:15}{value}\n")).collect())
    })
    .await
}

/// One line per account: id, name, e-mail address, when it was created, role, state.
async fn list(config: &Config) -> Result<String, Fatal> {
    with_rules(config, None, async |rules| {
        let (mut list, mut after) = (String::new(), UserId(0));
        loop {
            let users = rules.list_users(after, PAGE_ROWS_MAX).await?;
            let Some(last) = users.last() else { break };
            after = last.user_id;
            for User { user_id, username, email, created_at, role, state, .. } in &users {
                let (since, role, state) =
                    (created_at.strftime("%Y-%m-%d"), role.name(), state.name());
                // Writing to a string cannot fail.
                let _ = writeln!(list, "{user_id}\t{username}\t{email}\t{since}\t{role}\t{state}");
            }
        }
        if list.is_empty() {
            list.push_str("there are no accounts yet; snug user add creates one\n");
        }
        Ok(list)
    })
    .await
}

/// One line per session: its number, since when, when last used, from where, by what.
async fn list_sessions(rules: &Arc<Rules>, name: &str) -> Result<String> {
    let (user, mut list) = (named(rules, name).await?, String::new());
    for session in rules.sessions_of(user.user_id).await? {
        let day = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M").to_string();
        let (since, last) = (day(session.created_at), day(session.last_used_at));
        let address = session.address.map_or_else(|| "-".into(), |address| address.to_string());
        let agent = session.user_agent.as_deref().unwrap_or("-");
        let number = session.id.number();
        // Writing to a string cannot fail. The agent is what somebody sent: it stays on its line.
        let _ = writeln!(list, "{number}\t{since}\t{last}\t{address}\t{}", agent.escape_debug());
    }
    if list.is_empty() {
        list = format!("{} is not logged in anywhere\n", user.username);
    }
    Ok(list)
}

async fn revoke(rules: &Arc<Rules>, name: &str, session: Option<SessionNumber>) -> Result<String> {
    let user = named(rules, name).await?;
    let all = rules.sessions_of(user.user_id).await?;
    let mut numbers: Vec<_> = all.into_iter().map(|one| one.id.number()).collect();
    if let Some(session) = session {
        numbers.retain(|number| *number == session);
        if numbers.is_empty() {
            let detail = format!("{name} has no session {session}; see snug session list {name}");
            return Err(Error::conflict("no_session", detail));
        }
    }
    for number in &numbers {
        rules.end_session_of(user.user_id, *number).await?;
    }
    Ok(format!("ended {} of the sessions of {}\n", numbers.len(), user.username))
}
