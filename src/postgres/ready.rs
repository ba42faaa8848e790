//! Whether a PostgreSQL answers, and how we connect to it.
//!
//! `supervise` waits here after each start; a command asks once. Asking also creates our database if
//! the cluster is new, so the next start completes one that was interrupted in between.

use super::directory::{Directory, Socket};
use super::postmaster::Postmaster;
use crate::limits::{
    PG_ANSWER_TIMEOUT, PG_ASK_PAUSES, PG_ASK_TIMEOUT, PG_RECOVERY_LOG_INTERVAL, PG_RECOVERY_TIMEOUT,
};
use crate::os::backoff::Backoff;
use crate::store::connect::Connector;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tokio_postgres::Config;
use tokio_postgres::error::SqlState;

/// What was heard on the socket.
#[derive(Debug)]
pub(super) enum AskOutcome {
    Ready,
    /// It is there, but recovering or shutting down.
    Busy,
    Silent(String),
}

/// Why we stopped waiting.
pub(super) enum Unready {
    Ended(String),
    Timeout(String),
}

/// Waits until it answers, ends, or takes too long. Recovery is given more time: if we gave up, the
/// next start would only begin it again.
pub(super) async fn ready(
    directory: &Directory,
    postmaster: &mut Postmaster,
) -> Result<(), Unready> {
    let socket = Socket::find(&directory.cluster()).map_err(|f| Unready::Timeout(f.message))?;
    let config = connection(&socket);
    let begun = Instant::now();
    let mut told = Duration::ZERO;
    let mut backoff = Backoff::new(PG_ASK_PAUSES);
    loop {
        let answer = tokio::select! {
            how = postmaster.ended() => return Err(Unready::Ended(how)),
            answer = ask(&config) => answer,
        };
        let waited = begun.elapsed();
        match answer {
            AskOutcome::Ready => return Ok(()),
            AskOutcome::Busy if waited > PG_RECOVERY_TIMEOUT => {
                return Err(Unready::Timeout("it is still recovering".to_owned()));
            }
            AskOutcome::Silent(said) if waited > PG_ANSWER_TIMEOUT => {
                return Err(Unready::Timeout(said));
            }
            AskOutcome::Busy if waited - told > PG_RECOVERY_LOG_INTERVAL => {
                told = waited;
                tracing::info!(seconds = waited.as_secs(), "PostgreSQL is recovering");
            }
            AskOutcome::Busy | AskOutcome::Silent(_) => {}
        }
        tokio::select! {
            how = postmaster.ended() => return Err(Unready::Ended(how)),
            () = backoff.pause() => {}
        }
    }
}

/// The superuser and the database are named after us. We receive the errors of our own statements as
/// answers; in PostgreSQL's log they could show what people write.
pub(super) fn connection(socket: &Socket) -> Config {
    let mut config = Config::new();
    config.host_path(&socket.directory).user("snug").dbname("snug");
    config.options("-c log_min_messages=log").connect_timeout(PG_ASK_TIMEOUT);
    config
}

/// Asks once; at the first start this creates our database.
pub(super) async fn ask(config: &Config) -> AskOutcome {
    let asked = timeout(PG_ASK_TIMEOUT, async {
        match execute(config, "SELECT 1").await {
            Err(error) if error.code() == Some(&SqlState::INVALID_CATALOG_NAME) => {
                let mut first = config.clone();
                execute(first.dbname("postgres"), "CREATE DATABASE snug").await?;
                execute(config, "SELECT 1").await
            }
            answered => answered,
        }
    });
    match asked.await {
        Ok(Ok(())) => AskOutcome::Ready,
        Ok(Err(error)) if error.code() == Some(&SqlState::CANNOT_CONNECT_NOW) => AskOutcome::Busy,
        Ok(Err(error)) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            AskOutcome::Silent(cause.unwrap_or_else(|| error.to_string()))
        }
        Err(_) => AskOutcome::Silent("no answer".to_owned()),
    }
}

async fn execute(config: &Config, statement: &str) -> Result<(), tokio_postgres::Error> {
    // The connection is served until its client is dropped, below.
    let (client, serving) = Connector::default().connect(config).await?;
    let executed = client.batch_execute(statement).await;
    drop(client);
    let _ended = serving.await;
    executed
}
