//! Settings: the account, the theme, whether presence shows, the password, the sessions, one's data.

use super::refusal;
use super::shell::THEME_SCHEME;
use crate::chat::User;
use crate::http::Call;
use crate::http::cookies::{Cookie, KEPT_SECS};
use crate::http::form::Form;
use crate::http::respond::{self, Answer};
use crate::http::views::{self, Device, SessionView, SettingsOutcome, Theme, moment};
use crate::model::error::{Error, Refusal, Result};
use crate::model::ids::SessionNumber;
use crate::model::message::Fate;
use crate::model::text::{Email, GivenPassword, Password};
use hyper::StatusCode;

pub async fn show(call: &Call) -> Result<Answer> {
    let done =
        ["password", "session", "email"].into_iter().find(|one| call.query.get(one).is_some());
    page(call, StatusCode::OK, SettingsOutcome { done, ..SettingsOutcome::default() }).await
}

async fn page(call: &Call, status: StatusCode, outcome: SettingsOutcome) -> Result<Answer> {
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
    let (base, sessions) = (call.base(&viewer)?, sessions.collect());
    let User { email, shows_presence, .. } = user;
    let page = views::SettingsPage { base, shell, email, shows_presence, sessions, outcome };
    call.page(status, &page)
}

/// The page again, with what was wrong beside the field that it concerns.
async fn refused(
    call: &Call,
    error: Error,
    beside: impl FnOnce(&Refusal, String) -> SettingsOutcome,
) -> Result<Answer> {
    let refusal = refusal(error)?;
    let fault = refusal.faults.first().map_or(&refusal.detail, |fault| &fault.detail);
    let outcome = beside(&refusal, fault.to_string());
    let mut answer = page(call, respond::status(refusal.because), outcome).await?;
    respond::put_hints(&refusal, answer.headers_mut());
    Ok(answer)
}

pub async fn set_theme(call: &Call, form: Form) -> Result<Answer> {
    let theme = Theme::from_name(&form.text("theme")).name();
    let mut answer = respond::see_other("/settings");
    call.app.cookies.set(&mut answer, THEME_SCHEME, Cookie::Theme, theme, Some(KEPT_SECS));
    Ok(answer)
}

/// Whether others see that the viewer is here, and the viewer that of others.
pub async fn set_presence(call: &Call, form: Form) -> Result<Answer> {
    let shows = form.text("shows_presence") == "true";
    call.app.rules.show_presence(call.viewer()?, shows).await?;
    Ok(respond::see_other("/settings#presence-title"))
}

pub async fn set_email(call: &Call, form: Form) -> Result<Answer> {
    let (email, current) = (form.text("email").trim().to_owned(), form.text("current_password"));
    let (parsed, current) = match (Email::parse(&email), GivenPassword::parse(&current)) {
        (Ok(email), Ok(current)) => (email, current),
        (parsed, current) => {
            let (email_fault, email_password_fault) = (parsed.err(), current.err());
            let outcome =
                SettingsOutcome { email_fault, email_password_fault, ..SettingsOutcome::default() };
            return page(call, StatusCode::UNPROCESSABLE_ENTITY, outcome).await;
        }
    };
    let (viewer, from) = (call.viewer()?, call.caller.subnet());
    match call.app.rules.change_email(&viewer, current, &parsed, from).await {
        Ok(_) => Ok(respond::see_other("/settings?email=changed#account-title")),
        Err(error) => {
            refused(call, error, |refusal, fault| match refusal.code {
                "email_taken" => {
                    SettingsOutcome { email_fault: Some(fault), ..SettingsOutcome::default() }
                }
                _ => {
                    let email_password_fault = Some(fault);
                    SettingsOutcome { email_password_fault, ..SettingsOutcome::default() }
                }
            })
            .await
        }
    }
}

pub async fn end_session(call: &Call, form: Form) -> Result<Answer> {
    let number = SessionNumber(form.id("session"));
    match call.app.rules.end_own_session(call.viewer()?, number).await {
        Ok(true) => {
            let mut answer = respond::see_other("/login");
            call.remove_cookie(&mut answer, Cookie::Session);
            Ok(answer)
        }
        Ok(false) => Ok(respond::see_other("/settings?session=ended#sessions-title")),
        // Whatever has ended by itself, or by a first click, is what was wanted.
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
            let outcome =
                SettingsOutcome { current_fault, new_fault, ..SettingsOutcome::default() };
            return page(call, StatusCode::UNPROCESSABLE_ENTITY, outcome).await;
        }
    };
    let from = call.caller.subnet();
    let (passwords, act) = ((current, new), Some(form.act));
    match call.app.rules.change_password(call.viewer()?, passwords, from, act).await {
        Ok(()) => Ok(respond::see_other("/settings?password=changed#password-title")),
        Err(error) => {
            refused(call, error, |_, fault| SettingsOutcome {
                current_fault: Some(fault),
                ..SettingsOutcome::default()
            })
            .await
        }
    }
}

pub async fn delete_account(call: &Call, form: Form) -> Result<Answer> {
    let beside =
        |fault| SettingsOutcome { deletion_fault: Some(fault), ..SettingsOutcome::default() };
    let current = match GivenPassword::parse(&form.text("current_password")) {
        Ok(current) => current,
        Err(fault) => return page(call, StatusCode::UNPROCESSABLE_ENTITY, beside(fault)).await,
    };
    let (viewer, from) = (call.viewer()?, call.caller.subnet());
    // Without a tick, they stay.
    let messages = Fate::from_name(&form.text("messages")).unwrap_or(Fate::Keep);
    match call.app.rules.delete_own_account(&viewer, current, messages, from).await {
        Ok(()) => {
            let mut answer = respond::see_other("/login?deleted");
            call.remove_cookie(&mut answer, Cookie::Session);
            Ok(answer)
        }
        Err(error) => refused(call, error, |_, fault| beside(fault)).await,
    }
}
