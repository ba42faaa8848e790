//! What moderators and owners answer to those who sign up, by the forms above every page.

use super::next;
use crate::http::Call;
use crate::http::form::Form;
use crate::http::respond::{self, Answer};
use crate::model::error::Result;
use crate::model::ids::UserId;

pub async fn approve(call: &Call, form: Form) -> Result<Answer> {
    call.app.rules.approve_signup(UserId(form.id("user_id"))).await?;
    Ok(respond::see_other(&next(&form).unwrap_or_else(|| "/".into())))
}

pub async fn deny(call: &Call, form: Form) -> Result<Answer> {
    call.app.rules.deny_signup(UserId(form.id("user_id"))).await?;
    Ok(respond::see_other(&next(&form).unwrap_or_else(|| "/".into())))
}
