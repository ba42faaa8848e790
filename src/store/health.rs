//! What `snug doctor` and the metrics ask PostgreSQL about itself and about the schema.
//!
//! Nothing here names people or what they write.

use super::{Store, sql};
use crate::model::error::Result;
use jiff::Timestamp;

/// PostgreSQL itself.
#[derive(Debug, Clone)]
pub struct ServerHealth {
    pub version: String,
    /// How many seconds its clock is ahead of ours, give or take half of what asking took.
    pub clock_ahead: f64,
    pub asking_took: f64,
    pub database_bytes: u64,
    pub has_checksums: bool,
    pub checksum_failures: i64,
    pub connections: i64,
    pub connections_max: i64,
}

/// A sequence, and the table that it numbers.
pub struct SequenceHealth {
    pub table: String,
    pub highest: i64,
    pub last: i64,
}

/// Something that must never be.
pub struct Disagreement {
    pub what: String,
    pub rows: i64,
}

impl Store {
    pub async fn server_health(&self) -> Result<ServerHealth> {
        // Prepares the statement, so that the second answer comes at once.
        self.one(sql!("doctor/server"), &[]).await?;
        let before = Timestamp::now();
        let row = self.one(sql!("doctor/server"), &[]).await?;
        let after = Timestamp::now();
        let seconds = |at: Timestamp| at.as_microsecond() as f64 / 1e6;
        let (before, after) = (seconds(before), seconds(after));
        Ok(ServerHealth {
            version: row.get("version"),
            clock_ahead: row.get::<_, f64>("clock") - f64::midpoint(before, after),
            asking_took: after - before,
            database_bytes: row.get::<_, i64>("database_bytes").unsigned_abs(),
            has_checksums: row.get("has_checksums"),
            checksum_failures: row.get("checksum_failures"),
            connections: row.get("connections"),
            connections_max: row.get("connections_max"),
        })
    }

    pub async fn sequence_health(&self) -> Result<Vec<SequenceHealth>> {
        let rows = self.rows(sql!("doctor/sequences"), &[]).await?;
        let health = rows.iter().map(|row| SequenceHealth {
            table: row.get("name"),
            highest: row.get("highest"),
            last: row.get("last"),
        });
        Ok(health.collect())
    }

    pub async fn invalid_indexes(&self) -> Result<Vec<String>> {
        let rows = self.rows(sql!("doctor/indexes"), &[]).await?;
        Ok(rows.iter().map(|row| row.get("name")).collect())
    }
}
