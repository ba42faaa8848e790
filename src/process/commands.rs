//! What the command line does besides serving: accounts and tokens, directly in the database.
//!
//! Uses the PostgreSQL that is running, or starts one and stops it again. Called by `main`.

use crate::chat::{Rules, Signup, Terms};
use crate::limits::PAGE_ROWS_MAX;
use crate::metrics::Metrics;
use crate::model::error::{Error, Fatal};
use crate::model::ids::UserId;
use crate::model::text::{Email, Password, Username};
use crate::process::config::{Config, Secret};
use crate::process::database::{self, Database, Opener};
use crate::registry::Registry;
use crate::store::Store;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

/// Creates an account; returns the line to print.
pub async fn add_user(
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
        let user_id =
            rules.sign_up(signup, std::net::IpAddr::from([127, 0, 0, 1]).into(), None).await?;
        Ok(format!("{name} is user {user_id}\n"))
    })
    .await
}

/// One line per account: id, name, e-mail address, when it was created.
pub async fn list_users(config: &Config) -> Result<String, Fatal> {
    with_rules(config, None, async |rules| {
        let (mut list, mut after) = (String::new(), UserId(0));
        loop {
            let users = rules.list_users(after, PAGE_ROWS_MAX).await?;
            let Some(last) = users.last() else { break };
            after = last.user_id;
            for user in &users {
                let since = user.created_at.strftime("%Y-%m-%d");
                // Writing to a string cannot fail.
                let _ =
                    writeln!(list, "{}\t{}\t{}\t{since}", user.user_id, user.username, user.email);
            }
        }
        if list.is_empty() {
            list.push_str("there are no accounts yet; snug user add creates one\n");
        }
        Ok(list)
    })
    .await
}

/// A token of a new session for this user.
pub async fn token(
    config: &Config,
    user: String,
    lifetime: Option<Duration>,
) -> Result<String, Fatal> {
    let lifetime = lifetime.unwrap_or(config.token_lifetime);
    let key = config.known_key()?.ok_or_else(|| {
        Fatal::new(format!(
            "there is no key in {}: a token would be worth nothing to the server; set SNUG_DATA_DIR or \
             SNUG_JWT_SECRET as it has them",
            config.data_dir.display()
        ))
    })?;
    with_rules(config, Some(key), async |rules| {
        let found = rules.user_named(&user).await?;
        let found = found.ok_or_else(|| {
            Error::conflict(
                "user_not_found",
                format!("there is no user {user}; see snug user list"),
            )
        })?;
        let token = rules.begin_session(found.user_id, Some("snug token"), None, lifetime).await?;
        Ok(format!("{}\n", token.access_token))
    })
    .await
}

async fn with_rules(
    config: &Config,
    key: Option<Secret>,
    call: impl AsyncFnOnce(&Arc<Rules>) -> Result<String, Error>,
) -> Result<String, Fatal> {
    let database = Database::open(config, Opener::Command).await?;
    let done = with_store(config, database.store.clone(), key, call).await;
    database.close(None).await;
    done
}

/// Brings the schema up to date; returns the line to print.
pub async fn migrate(config: &Config) -> Result<String, Fatal> {
    let database = Database::open(config, Opener::Migration).await?;
    let migrated = database.store.migrate().await;
    database.close(None).await;
    match migrated {
        Ok(()) => Ok("the schema is up to date\n".to_owned()),
        Err(error) => Err(database::unprepared(config, error)),
    }
}

async fn with_store(
    config: &Config,
    store: Store,
    key: Option<Secret>,
    call: impl AsyncFnOnce(&Arc<Rules>) -> Result<String, Error>,
) -> Result<String, Fatal> {
    store.check_schema().await.map_err(|error| database::unprepared(config, error))?;
    let terms = Terms {
        jwt_secret: key.map(|key| key.expose().as_bytes().to_vec()).unwrap_or_default(),
        token_lifetime: config.token_lifetime,
        session_lifetime: config.session_lifetime,
        rate_limits: false,
        hashers: 1,
    };
    let metrics = Arc::new(Metrics::new()?);
    let rules = Rules::new(store, Registry::new(Vec::new()), metrics, terms);
    call(&rules).await.map_err(|error| match error {
        Error::Refused(refusal) => Fatal::new(refusal.detail.into_owned()),
        other => other.into(),
    })
}
