//! The table `acts`: what forms have done. A row is written in the transaction of the act, so it is there
//! exactly if the act is done, whatever happened to the answer.

use super::transactions::{changed_in, maybe_in};
use super::{Store, WriteKind, sql};
use crate::limits::PURGE_ROWS_MAX;
use crate::model::error::Result;
use crate::model::ids::ActName;
use deadpool_postgres::Transaction;

impl Store {
    /// What this form made, or 0 if it made nothing new; `None` if it has not been done.
    pub async fn made_by(&self, act: ActName) -> Result<Option<i64>> {
        let row = self.maybe(sql!("acts/find"), &[&act.0.as_slice()]).await?;
        Ok(row.map(|row| row.get("made")))
    }

    /// Deletes acts of long ago, in portions.
    pub async fn purge_acts(&self) -> Result<()> {
        while self.changed(WriteKind::Upkeep, sql!("acts/purge"), &[&PURGE_ROWS_MAX]).await?
            == PURGE_ROWS_MAX.unsigned_abs()
        {}
        Ok(())
    }
}

/// The same as `made_by`, within the transaction of the act.
pub(super) async fn made_in(
    transaction: &Transaction<'_>,
    act: Option<ActName>,
) -> Result<Option<i64>> {
    let Some(act) = act else { return Ok(None) };
    let row = maybe_in(transaction, sql!("acts/find"), &[&act.0.as_slice()]).await?;
    Ok(row.map(|row| row.get("made")))
}

pub(super) async fn done_in(
    transaction: &Transaction<'_>,
    act: Option<ActName>,
    made: i64,
) -> Result<()> {
    if let Some(act) = act {
        changed_in(transaction, sql!("acts/insert"), &[&act.0.as_slice(), &made]).await?;
    }
    Ok(())
}
