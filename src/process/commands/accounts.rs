//! `snug user …` and `snug setup-link`: accounts, and who looks after the server.

use super::with_rules;
use crate::chat::{Rules, Signup};
use crate::http::public_url;
use crate::limits::PAGE_ROWS_MAX;
use crate::model::error::{Error, Fatal, Result};
use crate::model::ids::UserId;
use crate::model::message::Role;
use crate::model::text::{Email, Password, Username};
use crate::process::cli::UserCommand;
use crate::process::config::Config;
use crate::store::User;
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

async fn set_role(config: &Config, name: String, role: Role) -> Result<String, Fatal> {
    with_rules(config, None, async |rules| {
        let user = named(rules, &name).await?;
        rules.set_role(user.user_id, role).await?;
        Ok(format!("{} has the role {} from now on\n", user.username, role.name()))
    })
    .await
}
