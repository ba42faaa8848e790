//! Asking to join a room, and the creator's answers.

use super::page;
use crate::chat::{Join, MemberState};
use crate::http::Call;
use crate::http::respond::{self, Answer};
use crate::model::error::{Error, Fault, Result};
use crate::model::ids::{ChatId, ID_MAX, UserId};
use crate::model::text;
use crate::model::wire::Micros;
use hyper::StatusCode;
use serde_json::json;

pub async fn ask(call: &Call, room_id: ChatId) -> Result<Answer> {
    let mut fields = call.fields()?;
    let link = fields.text("invite_link");
    fields.finish()?;
    // The link is parsed, never followed; a link to another room counts as none.
    let code = text::invite_code(&link, room_id).ok_or_else(Error::not_found)?;
    let join = call.app.rules.ask_to_join(call.viewer()?, room_id, &code).await?;
    Ok(match join {
        Join::Pending => {
            respond::json(StatusCode::ACCEPTED, &json!({"status": "pending_approval"}))
        }
        Join::Member => respond::ok(&json!({"status": "member"})),
    })
}

pub async fn status(call: &Call, room_id: ChatId) -> Result<Answer> {
    let status = match call.app.rules.join_status(&*call.viewer()?, room_id).await? {
        MemberState::Pending => "pending_approval",
        MemberState::Approved => "member",
        MemberState::Denied => "denied",
    };
    Ok(respond::ok(&json!({"status": status})))
}

pub async fn list(call: &Call, room_id: ChatId) -> Result<Answer> {
    let (limit, after) = page(&call.query)?;
    let state = match call.query.get("state") {
        None | Some("pending") => MemberState::Pending,
        Some("denied") => MemberState::Denied,
        Some(_) => {
            let rule = "The state must be pending or denied.";
            return Err(Error::invalid(vec![Fault::new("state", rule)]));
        }
    };
    let after = after.map(UserId);
    let listed = call.app.rules.requests(&*call.viewer()?, room_id, state, after, limit).await?;
    #[derive(serde::Serialize)]
    struct JoinRequestJson {
        user_id: UserId,
        username: String,
        requested_at: Micros,
    }
    let pending: Vec<JoinRequestJson> = listed
        .rows
        .into_iter()
        .map(|request| JoinRequestJson {
            user_id: request.user_id,
            username: request.username,
            requested_at: Micros(request.requested_at),
        })
        .collect();
    Ok(respond::ok(&json!({"pending": pending, "next": listed.next})))
}

pub async fn approve(call: &Call, room_id: ChatId) -> Result<Answer> {
    let user_id = user_id(call)?;
    call.app.rules.approve(call.viewer()?, room_id, user_id).await?;
    Ok(respond::ok(&json!({"status": "approved"})))
}

pub async fn deny(call: &Call, room_id: ChatId) -> Result<Answer> {
    let user_id = user_id(call)?;
    call.app.rules.deny(call.viewer()?, room_id, user_id).await?;
    Ok(respond::ok(&json!({"status": "denied"})))
}

fn user_id(call: &Call) -> Result<UserId> {
    let mut fields = call.fields()?;
    let user_id = UserId(fields.integer("user_id", 1..=ID_MAX));
    fields.finish()?;
    Ok(user_id)
}
