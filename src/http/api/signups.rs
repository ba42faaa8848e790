//! `/admin/signups`: those who wait to be let in, and the answers of moderators and owners.

use super::page;
use crate::http::Call;
use crate::http::respond::{self, Answer};
use crate::model::error::Result;
use crate::model::ids::UserId;
use crate::model::wire::Micros;
use serde_json::json;

pub async fn list(call: &Call) -> Result<Answer> {
    #[derive(serde::Serialize)]
    struct SignupJson {
        user_id: UserId,
        username: String,
        email: String,
        requested_at: Micros,
    }
    let (limit, after) = page(&call.query)?;
    let listed = call.app.rules.signups(UserId(after.unwrap_or(0)), limit).await?;
    let signups: Vec<SignupJson> = listed
        .rows
        .into_iter()
        .map(|pending| SignupJson {
            user_id: pending.user_id,
            username: pending.username,
            email: pending.email,
            requested_at: Micros(pending.requested_at),
        })
        .collect();
    Ok(respond::ok(&json!({"signups": signups, "next": listed.next})))
}

pub async fn approve(call: &Call, user_id: UserId) -> Result<Answer> {
    call.app.rules.approve_signup(user_id).await?;
    Ok(respond::no_content())
}

pub async fn deny(call: &Call, user_id: UserId) -> Result<Answer> {
    call.app.rules.deny_signup(user_id).await?;
    Ok(respond::no_content())
}
