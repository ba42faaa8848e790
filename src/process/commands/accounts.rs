//! `snug user …` and `snug setup-link`: accounts, and who looks after the server.

use super::with_rules;
use crate::chat::{Rules, Signup};
use crate::http::public_url;
use crate::limits::PAGE_ROWS_MAX;
use crate::model::error::{Error, Fatal, Result};
use crate::model::ids::{SessionNumber, UserId};
use crate::model::message::Role;
use crate::model::text::{Email, Password, Username};
use crate::process::cli::{SessionCommand, UserCommand};
use crate::process::config::Config;
use crate::store::User;
use jiff::Timestamp;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Does it; returns what to print.
pub async fn user(
    config: &Config,
    command: UserCommand,
    password: Option<String>,
) -> Result<String, Fatal> {
    match command {
        UserCommand::Add { name, email } => {
            add(config, name, email, password.unwrap_or_default()).await
        }
        UserCommand::List => list(config).await,
        UserCommand::Role { name, role } => set_role(config, name, role).await,
    }
}

/// The link by which the first owner comes.
pub async fn setup_link(config: &Config) -> Result<String, Fatal> {
    let home = || public_url::home(config.listen);
    let address = config.public_url.as_ref().map_or_else(home, ToString::to_string);
    with_rules(config, None, async |rules| {
        Ok(format!("{address}{}\n", rules.make_setup_link().await?))
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
    name: String,
    email: String,
    password: String,
) -> Result<String, Fatal> {
    let username =
        Username::parse(&name).map_err(|rule| Fatal::usage(format!("name {name:?}: {rule}")))?;
    let email = Email::parse(&email)
        .map_err(|rule| Fatal::usage(format!("e-mail address {email:?}: {rule}")))?;
    let password =
        Password::parse(&password).map_err(|rule| Fatal::usage(format!("password: {rule}")))?;
    with_rules(config, None, async |rules| {
        let signup = Signup { username, password, email };
        let user_id = rules.sign_up(signup, here(), None).await?;
        Ok(format!("{name} is user {user_id}\n"))
    })
    .await
}

/// One line per account: id, name, e-mail address, when it was created, role.
async fn list(config: &Config) -> Result<String, Fatal> {
    with_rules(config, None, async |rules| {
        let (mut list, mut after) = (String::new(), UserId(0));
        loop {
            let users = rules.list_users(after, PAGE_ROWS_MAX).await?;
            let Some(last) = users.last() else { break };
            after = last.user_id;
            for User { user_id, username, email, created_at, role } in &users {
                let (since, role) = (created_at.strftime("%Y-%m-%d"), role.name());
                // Writing to a string cannot fail.
                let _ = writeln!(list, "{user_id}\t{username}\t{email}\t{since}\t{role}");
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

async fn set_role(config: &Config, name: String, role: Role) -> Result<String, Fatal> {
    with_rules(config, None, async |rules| {
        let user = named(rules, &name).await?;
        rules.set_role(user.user_id, role).await?;
        Ok(format!("{} has the role {} from now on\n", user.username, role.name()))
    })
    .await
}
