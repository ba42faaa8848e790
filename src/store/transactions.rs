//! Changes of several statements: one transaction, one deadline.
//!
//! Used by the tables whose rules need a lock before a read. Messages are not written here: the lane has
//! its own connection.

use super::{Store, WriteKind};
use crate::model::error::{Error, Result};
use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

impl Store {
    /// Commits what `call` did if it succeeds, and rolls it back if it fails. If no answer comes in
    /// time, the connection is discarded, and it is unknown whether the change was made.
    pub(super) async fn in_transaction<T>(
        &self,
        write: WriteKind,
        call: impl AsyncFnOnce(&Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        self.admit(write)?;
        let mut client = self.client().await?;
        let changing = async {
            let transaction = client.transaction().await?;
            let changed = call(&transaction).await?;
            transaction.commit().await?;
            Ok::<T, Error>(changed)
        };
        let changed = tokio::time::timeout(self.waits.answer, changing).await;
        self.noted(client.answered(changed))
    }
}

pub(super) async fn rows_in(
    transaction: &Transaction<'_>,
    statement: &'static str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>> {
    let prepared = transaction.prepare_cached(statement).await?;
    Ok(transaction.query(&prepared, params).await?)
}

pub(super) async fn maybe_in(
    transaction: &Transaction<'_>,
    statement: &'static str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Option<Row>> {
    let prepared = transaction.prepare_cached(statement).await?;
    Ok(transaction.query_opt(&prepared, params).await?)
}

/// The number of rows that the statement changed.
pub(super) async fn changed_in(
    transaction: &Transaction<'_>,
    statement: &'static str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<u64> {
    let prepared = transaction.prepare_cached(statement).await?;
    Ok(transaction.execute(&prepared, params).await?)
}
