//! `/auth/sessions`: the caller's sign-ins.

use crate::http::Call;
use crate::http::cookies::Cookie;
use crate::http::respond::{self, Answer};
use crate::model::error::Result;
use crate::model::ids::SessionNumber;
use crate::model::wire::Micros;
use serde_json::json;
use std::net::IpAddr;

pub async fn list(call: &Call) -> Result<Answer> {
    #[derive(serde::Serialize)]
    struct SessionJson {
        id: SessionNumber,
        created_at: Micros,
        last_used_at: Micros,
        address: Option<IpAddr>,
        user_agent: Option<String>,
        is_current: bool,
    }
    let viewer = call.viewer()?;
    let sessions: Vec<SessionJson> = call
        .app
        .rules
        .sessions_of(viewer.user_id)
        .await?
        .into_iter()
        .map(|session| SessionJson {
            id: session.id.number(),
            created_at: Micros(session.created_at),
            last_used_at: Micros(session.last_used_at),
            address: session.address,
            user_agent: session.user_agent,
            is_current: session.id == viewer.session,
        })
        .collect();
    Ok(respond::ok(&json!({"sessions": sessions})))
}

pub async fn end(call: &Call, number: SessionNumber) -> Result<Answer> {
    let is_current = call.app.rules.end_own_session(call.viewer()?, number).await?;
    let mut answer = respond::no_content();
    if is_current {
        call.remove_cookie(&mut answer, Cookie::Session);
    }
    Ok(answer)
}
