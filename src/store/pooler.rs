//! Whether a connection pooler such as PgBouncer gives our connection to others in between.
//!
//! Called by `migrate`, before anything else. Prepared statements, settings, the lock of migrations and the
//! backend by which the lane knows what became of a commit all belong to a session; none of them survives
//! a pooler that lends one for less. Session pooling does no harm.

use super::connect::Connector;
use crate::limits::POOLER_LOOKS;
use tokio_postgres::{Client, Config, Error, SimpleQueryMessage};

const BACKEND: &str = "select pg_backend_pid()";

/// For what a pooler lends us a connection, if not for a session.
///
/// After a transaction of ours the other connection begins one: with a pooler it gets the backend that we
/// had, which was used last, or we get another one meanwhile.
pub(super) async fn unit(
    ours: &Client,
    connector: &Connector,
    config: &Config,
) -> Result<Option<&'static str>, Error> {
    // There may be none left; then it is not known, and not to be known.
    let Ok((other, _serving)) = connector.open(config, None).await else { return Ok(None) };
    for _ in 0..POOLER_LOOKS {
        let before = backend(ours, BACKEND).await?;
        let held = match backend(&other, "begin; select pg_backend_pid()").await {
            Ok(held) => held,
            // PgBouncer's word, which has no code of its own.
            Err(error) if refuses_transactions(&error) => return Ok(Some("statement")),
            Err(error) => return Err(error),
        };
        let after = backend(ours, BACKEND).await?;
        if before == held || before != after {
            return Ok(Some("transaction"));
        }
        other.batch_execute("rollback").await?;
    }
    Ok(None)
}

fn refuses_transactions(error: &Error) -> bool {
    error.as_db_error().is_some_and(|answer| answer.message().contains("statement pooling"))
}

async fn backend(client: &Client, question: &str) -> Result<Option<String>, Error> {
    let answer = client.simple_query(question).await?;
    Ok(answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}
