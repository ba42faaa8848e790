//! The JSON API: one file per resource. Handlers parse the request, call a rule, and shape the answer.

pub mod accounts;
pub mod chats;
pub mod history;
pub mod join_requests;
pub mod machines;
pub mod messages;
pub mod private;
pub mod rooms;
pub mod search;
pub mod sessions;
pub mod signups;
pub mod users;

use super::body::Query;
use crate::limits::{PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX};
use crate::model::error::Result;
use crate::model::ids::ID_MAX;

/// `limit` and `after` of a list.
fn page(query: &Query) -> Result<(i64, Option<i64>)> {
    let limit = query.integer("limit", 1..=PAGE_ROWS_MAX)?.unwrap_or(PAGE_ROWS_DEFAULT);
    Ok((limit, query.integer("after", 1..=ID_MAX)?))
}
