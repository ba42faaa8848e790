//! For machines: health, readiness, metrics, the description of the API.

use crate::http::Call;
use crate::http::respond::{self, Answer};
use crate::limits::RETRY_SOON;
use crate::metrics::Gauges;
use crate::model::error::{Because, Error, Refusal, Result, Unavailable};
use hyper::StatusCode;

/// 200 for as long as the process runs.
pub async fn healthz(_: &Call) -> Result<Answer> {
    Ok(respond::text(StatusCode::OK, "ok\n"))
}

/// 200 for as long as PostgreSQL answers and nobody has told us to stop.
pub async fn readyz(call: &Call) -> Result<Answer> {
    if call.app.is_stopping() {
        return Err(Error::stopping());
    }
    let asked = call.app.rules.is_ready().await;
    if let Err(Error::Unavailable(Unavailable { reason: Some(reason), .. })) = asked {
        // Those who ask for readiness are to know why.
        let mut refusal = Refusal::new(Because::Busy, "unavailable", reason);
        refusal.retry_after = Some(RETRY_SOON);
        return Err(refusal.into());
    }
    asked?;
    let rules = &call.app.rules;
    let said = if rules.is_disk_full() {
        "ready to read; the disk is full, and nothing is stored\n"
    } else if rules.is_read_only() {
        "ready to read; the database is read-only, and nothing is stored\n"
    } else {
        "ready\n"
    };
    Ok(respond::text(StatusCode::OK, said))
}

pub async fn metrics(call: &Call) -> Result<Answer> {
    let chat = &call.app.rules;
    let (sockets, users) = chat.registry.online();
    let pool = chat.pool_state();
    let text = chat.metrics.text(&Gauges {
        sockets,
        users,
        hashings: chat.hashings(),
        pool_connections: pool.open,
        pool_waiting: pool.waiting,
        is_storage_full: chat.is_disk_full(),
        notices: call.app.notices.noticed(),
    })?;
    Ok(respond::with_type(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text))
}

pub async fn openapi(call: &Call) -> Result<Answer> {
    Ok(respond::with_type(StatusCode::OK, "application/json", call.app.openapi.clone()))
}
