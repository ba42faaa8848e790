//! The page for those who have forgotten their password, where mail is set up.

use super::refusal;
use super::signup_login::at_the_door;
use crate::http::Call;
use crate::http::form::Form;
use crate::http::respond::{self, Answer};
use crate::http::views::ForgotPage;
use crate::model::error::{Error, Result};
use crate::model::text::Email;
use hyper::StatusCode;

pub async fn show(call: &Call) -> Result<Answer> {
    require_mail(call)?;
    page(call, StatusCode::OK, String::new(), None, None)
}

pub async fn ask(call: &Call, form: Form) -> Result<Answer> {
    require_mail(call)?;
    let typed = form.text("email").trim().to_owned();
    let email = match Email::parse(&typed) {
        Ok(email) => email,
        Err(fault) => {
            return page(call, StatusCode::UNPROCESSABLE_ENTITY, typed, Some(fault), None);
        }
    };
    match call.app.rules.forget_password(&email, call.caller.subnet()).await {
        Ok(()) => Ok(respond::see_other("/login?mailed")),
        Err(error) => {
            let refusal = refusal(error)?;
            let (status, fault) = (respond::status(refusal.because), refusal.detail.to_string());
            let mut answer = page(call, status, typed, None, Some(fault))?;
            respond::put_hints(&refusal, answer.headers_mut());
            Ok(answer)
        }
    }
}

/// Without mail there is no such page.
fn require_mail(call: &Call) -> Result<()> {
    if call.app.terms.sends_mail { Ok(()) } else { Err(Error::not_found()) }
}

fn page(
    call: &Call,
    status: StatusCode,
    email: String,
    email_fault: Option<String>,
    form_fault: Option<String>,
) -> Result<Answer> {
    at_the_door(call, |base| {
        call.page(status, &ForgotPage { base, email, email_fault, form_fault })
    })
}
