//! `/users`: finding people.

use crate::http::Call;
use crate::http::respond::{self, Answer};
use crate::limits::{SEARCH_ROWS_DEFAULT, SEARCH_ROWS_MAX};
use crate::model::error::{Error, Fault, Result};
use crate::model::text::SearchWord;
use crate::model::wire::UserJson;
use serde_json::json;

pub async fn search(call: &Call) -> Result<Answer> {
    let part = SearchWord::parse(call.query.get("q").unwrap_or_default())
        .map_err(|rule| Error::invalid(vec![Fault::new("q", rule)]))?;
    let limit = call.query.integer("limit", 1..=SEARCH_ROWS_MAX)?.unwrap_or(SEARCH_ROWS_DEFAULT);
    let found = call.app.rules.find_people(&*call.viewer()?, &part, limit).await?;
    let users: Vec<UserJson<'_>> =
        found.iter().map(|(user_id, username)| UserJson { user_id: *user_id, username }).collect();
    Ok(respond::ok(&json!({"users": users})))
}
