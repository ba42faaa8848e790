//! The page behind a link for those who have forgotten their password.

use super::refusal;
use super::signup_login::at_the_door;
use crate::chat::LinkToken;
use crate::http::Call;
use crate::http::form::Form;
use crate::http::respond::{self, Answer};
use crate::http::views::ResetPage;
use crate::model::error::Result;
use crate::model::text::Password;
use hyper::StatusCode;

pub async fn show(call: &Call) -> Result<Answer> {
    let token = call.query.get("token").unwrap_or_default().to_owned();
    call.app.rules.check_reset_link(&LinkToken::presented(token.clone())).await?;
    page(call, StatusCode::OK, token, None, None)
}

pub async fn set_password(call: &Call, form: Form) -> Result<Answer> {
    let reset_token = form.text("token");
    let new = match Password::parse(&form.text("new_password")) {
        Ok(new) => new,
        Err(fault) => {
            return page(call, StatusCode::UNPROCESSABLE_ENTITY, reset_token, Some(fault), None);
        }
    };
    let (token, from) = (LinkToken::presented(reset_token.clone()), call.caller.subnet());
    match call.app.rules.reset_password(token, new, from, Some(form.act)).await {
        Ok(()) => Ok(respond::see_other("/login?reset")),
        Err(error) => {
            let refusal = refusal(error)?;
            let (status, fault) = (respond::status(refusal.because), refusal.detail.to_string());
            let mut answer = page(call, status, reset_token, None, Some(fault))?;
            respond::put_hints(&refusal, answer.headers_mut());
            Ok(answer)
        }
    }
}

fn page(
    call: &Call,
    status: StatusCode,
    reset_token: String,
    password_fault: Option<String>,
    form_fault: Option<String>,
) -> Result<Answer> {
    at_the_door(call, |base| {
        call.page(status, &ResetPage { base, reset_token, password_fault, form_fault })
    })
}
