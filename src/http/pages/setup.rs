//! The page behind the setup link, at which the first owner makes their account.

use super::signup_login::{account, at_the_door, refused_account, sign_in};
use crate::chat::LinkToken;
use crate::http::Call;
use crate::http::form::Form;
use crate::http::respond::{self, Answer};
use crate::http::views::{SetupPage, SignupFaults};
use crate::model::error::Result;
use hyper::StatusCode;

pub async fn show(call: &Call) -> Result<Answer> {
    let token = call.query.get("token").unwrap_or_default().to_owned();
    call.app.rules.check_setup_link(&LinkToken::presented(token.clone())).await?;
    page(call, StatusCode::OK, token, String::new(), String::new(), SignupFaults::default())
}

pub async fn make_owner(call: &Call, form: Form) -> Result<Answer> {
    let setup_token = form.text("token");
    let (username, email, made) = account(&form);
    let made = match made {
        Ok(made) => made,
        Err(faults) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return page(call, status, setup_token, username, email, faults);
        }
    };
    let (token, from) = (LinkToken::presented(setup_token.clone()), call.caller.subnet());
    match call.app.rules.set_up(&token, made, from, Some(form.act)).await {
        Ok(user_id) => sign_in(call, user_id, "/".into()).await,
        Err(error) => {
            let (refusal, faults) = refused_account(error)?;
            let status = respond::status(refusal.because);
            let mut answer = page(call, status, setup_token, username, email, faults)?;
            respond::put_hints(&refusal, answer.headers_mut());
            Ok(answer)
        }
    }
}

fn page(
    call: &Call,
    status: StatusCode,
    setup_token: String,
    username: String,
    email: String,
    faults: SignupFaults,
) -> Result<Answer> {
    at_the_door(call, |base| {
        call.page(status, &SetupPage { base, setup_token, username, email, faults })
    })
}
