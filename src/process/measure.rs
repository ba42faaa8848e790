//! What the metrics tell of the machine and of the database, measured now and then: a chore of `run`.

use super::memory;
use crate::limits::MEASURE_PAUSE;
use crate::metrics::{Measured, MeasuredDatabase, Metrics};
use crate::store::{Store, free};
use nix::sys::resource::{Resource, getrlimit};
use std::path::PathBuf;
use std::sync::Arc;

/// Looks now and then at what the metrics tell of the machine and of the database, whose disk has this
/// directory and this reserve.
pub async fn measure(
    store: Store,
    metrics: Arc<Metrics>,
    (directory, reserve): (Option<PathBuf>, u64),
) {
    loop {
        let database = store.server_health().await.ok().map(|health| MeasuredDatabase {
            bytes: health.database_bytes,
            connections: health.connections,
            checksum_failures: health.checksum_failures,
            clock_ahead: health.clock_ahead,
        });
        let place = directory.clone();
        let look = move || Measured {
            database,
            disk_free_bytes: place.and_then(|place| free(&[place]).ok()),
            disk_reserve_bytes: reserve,
            resident_bytes: memory::figure("/proc/self/status", "VmRSS"),
            open_files: std::fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as u64),
            files_max: getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft),
        };
        if let Ok(measured) = tokio::task::spawn_blocking(look).await {
            metrics.measured(&measured);
        }
        tokio::time::sleep(MEASURE_PAUSE).await;
    }
}
