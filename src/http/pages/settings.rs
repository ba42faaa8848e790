//! Settings: the account, the theme, the password.

use super::refusal;
use super::shell::THEME_SCHEME;
use crate::http::Call;
use crate::http::cookies::{Cookie, KEPT_SECS};
use crate::http::form::Form;
use crate::http::respond::{self, Answer};
use crate::http::views::{self, Theme};
use crate::model::error::Result;
use crate::model::text::{GivenPassword, Password};
use hyper::StatusCode;

/// The outcome of a change of password.
#[derive(Default)]
struct Changed {
    current_fault: Option<String>,
    new_fault: Option<String>,
    done: bool,
}

pub async fn show(call: &Call) -> Result<Answer> {
    let done = call.query.get("password") == Some("changed");
    page(call, StatusCode::OK, Changed { done, ..Changed::default() }).await
}

async fn page(call: &Call, status: StatusCode, changed: Changed) -> Result<Answer> {
    let viewer = call.viewer()?;
    let (shell, user) = tokio::try_join!(
        call.shell(&viewer, "/settings".into(), None),
        call.app.rules.user(&viewer)
    )?;
    let page = views::SettingsPage {
        base: call.base(&viewer)?,
        shell,
        email: user.email,
        current_fault: changed.current_fault,
        new_fault: changed.new_fault,
        password_changed: changed.done,
    };
    call.page(status, &page)
}

pub async fn set_theme(call: &Call, form: Form) -> Result<Answer> {
    let theme = Theme::from_name(&form.text("theme")).name();
    let mut answer = respond::see_other("/settings");
    call.app.cookies.set(&mut answer, THEME_SCHEME, Cookie::Theme, theme, Some(KEPT_SECS));
    Ok(answer)
}

pub async fn set_password(call: &Call, form: Form) -> Result<Answer> {
    let (current, new) = (form.text("current_password"), form.text("new_password"));
    let (current, new) = match (GivenPassword::parse(&current), Password::parse(&new)) {
        (Ok(current), Ok(new)) => (current, new),
        (current, new) => {
            let changed =
                Changed { current_fault: current.err(), new_fault: new.err(), done: false };
            return page(call, StatusCode::UNPROCESSABLE_ENTITY, changed).await;
        }
    };
    let from = call.caller.subnet();
    let (passwords, act) = ((current, new), Some(form.act));
    match call.app.rules.change_password(call.viewer()?, passwords, from, act).await {
        Ok(()) => Ok(respond::see_other("/settings?password=changed#password-title")),
        Err(error) => {
            let refusal = refusal(error)?;
            let fault = refusal.faults.first().map_or(&refusal.detail, |fault| &fault.detail);
            let changed = Changed { current_fault: Some(fault.to_string()), ..Changed::default() };
            let mut answer = page(call, respond::status(refusal.because), changed).await?;
            respond::put_hints(&refusal, answer.headers_mut());
            Ok(answer)
        }
    }
}
