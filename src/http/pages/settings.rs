//! Settings: the account, the theme, the password, the sessions.

use super::refusal;
use super::shell::THEME_SCHEME;
use crate::http::Call;
use crate::http::cookies::{Cookie, KEPT_SECS};
use crate::http::form::Form;
use crate::http::respond::{self, Answer};
use crate::http::views::{self, Device, SessionView, Theme, moment};
use crate::model::error::{Error, Result};
use crate::model::ids::SessionNumber;
use crate::model::text::{GivenPassword, Password};
use hyper::StatusCode;

/// The outcome of a change.
#[derive(Default)]
struct Changed {
    current_fault: Option<String>,
    new_fault: Option<String>,
    password_changed: bool,
    session_ended: bool,
}

pub async fn show(call: &Call) -> Result<Answer> {
    let changed = Changed {
        password_changed: call.query.get("password") == Some("changed"),
        session_ended: call.query.get("session") == Some("ended"),
        ..Changed::default()
    };
    page(call, StatusCode::OK, changed).await
}

async fn page(call: &Call, status: StatusCode, changed: Changed) -> Result<Answer> {
    let viewer = call.viewer()?;
    let (shell, user, sessions) = tokio::try_join!(
        call.shell(&viewer, "/settings".into(), None),
        call.app.rules.user(&viewer),
        call.app.rules.sessions_of(viewer.user_id)
    )?;
    let sessions = sessions.into_iter().map(|session| SessionView {
        number: session.id.number().0,
        device: Device::of(session.user_agent.as_deref()),
        address: session.address.map(|address| address.to_string()),
        since: session.created_at.to_string(),
        since_moment: moment(session.created_at),
        last_used: session.last_used_at.to_string(),
        last_used_moment: moment(session.last_used_at),
        is_current: session.id == viewer.session,
    });
    let page = views::SettingsPage {
        base: call.base(&viewer)?,
        shell,
        email: user.email,
        current_fault: changed.current_fault,
        new_fault: changed.new_fault,
        password_changed: changed.password_changed,
        sessions: sessions.collect(),
        session_ended: changed.session_ended,
    };
    call.page(status, &page)
}

pub async fn set_theme(call: &Call, form: Form) -> Result<Answer> {
    let theme = Theme::from_name(&form.text("theme")).name();
    let mut answer = respond::see_other("/settings");
    call.app.cookies.set(&mut answer, THEME_SCHEME, Cookie::Theme, theme, Some(KEPT_SECS));
    Ok(answer)
}

pub async fn end_session(call: &Call, form: Form) -> Result<Answer> {
    let number = SessionNumber(form.id("session"));
    match call.app.rules.end_own_session(call.viewer()?, number).await {
        Ok(true) => {
            let mut answer = respond::see_other("/login");
            call.remove_cookie(&mut answer, Cookie::Session);
            Ok(answer)
        }
        // Whatever has ended by itself, or by a first click, is what was wanted.
        Ok(false) => Ok(respond::see_other("/settings?session=ended#sessions-title")),
        Err(Error::Refused(refusal)) if refusal.code == "not_found" => {
            Ok(respond::see_other("/settings?session=ended#sessions-title"))
        }
        Err(error) => Err(error),
    }
}

pub async fn set_password(call: &Call, form: Form) -> Result<Answer> {
    let (current, new) = (form.text("current_password"), form.text("new_password"));
    let (current, new) = match (GivenPassword::parse(&current), Password::parse(&new)) {
        (Ok(current), Ok(new)) => (current, new),
        (current, new) => {
            let (current_fault, new_fault) = (current.err(), new.err());
            let changed = Changed { current_fault, new_fault, ..Changed::default() };
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
