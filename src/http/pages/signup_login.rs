//! Signing up, logging in, logging out.
//!
//! Before there is a session, forms belong to the browser, by means of a cookie that has no other use:
//! another site cannot log anybody in (login CSRF).

use super::{next, refusal, shell};
use crate::chat::{self, Credentials, LinkToken, SignedUp, Token};
use crate::http::Call;
use crate::http::cookies::Cookie;
use crate::http::form::{Form, TokenHolder, fresh_name};
use crate::http::respond::{self, Answer};
use crate::http::route::Route;
use crate::http::views::{LOGIN_NEWS, LoginPage, SignupFaults, SignupPage, WELCOME, door, href};
use crate::model::error::{Error, Refusal, Result};
use crate::model::ids::{ChatId, UserId};
use crate::model::message::ChatType;
use crate::model::text::{Email, GivenPassword, Password, Username};
use hyper::StatusCode;

/// Too long to guess; all that we create have this length.
const COOKIE_CHARS: usize = 22;

pub async fn show_login(call: &Call) -> Result<Answer> {
    let next = asked_next(call);
    if call.viewer.is_some() {
        return Ok(respond::see_other(&next));
    }
    login(call, StatusCode::OK, next, String::new(), None)
}

pub async fn show_signup(call: &Call) -> Result<Answer> {
    let next = asked_next(call);
    if call.viewer.is_some() {
        return Ok(respond::see_other(&next));
    }
    let invite = call.query.get("invite").unwrap_or_default().to_owned();
    let typed = Typed { next, invite, ..Typed::default() };
    signup(call, StatusCode::OK, typed, SignupFaults::default()).await
}

/// The page to redirect to afterwards.
fn asked_next(call: &Call) -> String {
    let next = call.query.get("next").unwrap_or_default();
    if Route::is_page(next) { next.to_owned() } else { "/".to_owned() }
}

pub async fn log_in(call: &Call, form: Form) -> Result<Answer> {
    let (username, next) = (form.text("username"), next(&form).unwrap_or_else(|| "/".into()));
    let password = match GivenPassword::parse(&form.text("password")) {
        Ok(password) => password,
        Err(fault) => {
            let fault = Some(fault);
            return login(call, StatusCode::UNPROCESSABLE_ENTITY, next, username, fault);
        }
    };
    let user_agent = call.user_agent();
    let address = call.caller.address;
    let credentials = Credentials { username: username.clone(), password, user_agent, address };
    match call.app.rules.log_in(credentials).await {
        Ok(token) => Ok(signed_in(call, &token, next).await),
        Err(error) => {
            let refusal = refusal(error)?;
            let fault = refusal.detail.to_string();
            let status = respond::status(refusal.because);
            let mut answer = login(call, status, next, username, Some(fault))?;
            respond::put_hints(&refusal, answer.headers_mut());
            Ok(answer)
        }
    }
}

pub async fn sign_up(call: &Call, form: Form) -> Result<Answer> {
    let next = next(&form).unwrap_or_else(|| "/".into());
    let (username, email, made) = account(&form);
    let typed = Typed { next, invite: form.text("invite"), username, email };
    let made = match made {
        Ok(made) => made,
        Err(faults) => return signup(call, StatusCode::UNPROCESSABLE_ENTITY, typed, faults).await,
    };
    let invite = Some(&typed.invite).filter(|invite| !invite.is_empty());
    let (invite, from) = (invite.cloned().map(LinkToken::presented), call.caller.subnet());
    match call.app.rules.sign_up(made, invite, from, Some(form.act)).await {
        Ok(SignedUp { is_pending: true, .. }) => Ok(respond::see_other("/login?waiting")),
        Ok(SignedUp { user_id, is_pending: false }) => sign_in(call, user_id, typed.next).await,
        Err(error) => {
            let (refusal, faults) = refused_account(error)?;
            let mut answer = signup(call, respond::status(refusal.because), typed, faults).await?;
            respond::put_hints(&refusal, answer.headers_mut());
            Ok(answer)
        }
    }
}

/// The name and the address as they are shown again, and the account, or what is wrong with it.
pub(super) fn account(form: &Form) -> (String, String, Result<chat::Signup, SignupFaults>) {
    // White space around them comes with what phones complete, as at the login.
    let [username, email] = ["username", "email"].map(|name| form.text(name).trim().to_owned());
    let password = Password::parse(&form.text("password"));
    let made = match (Username::parse(&username), Email::parse(&email), password) {
        (Ok(username), Ok(email), Ok(password)) => Ok(chat::Signup { username, password, email }),
        (name, address, password) => Err(SignupFaults {
            form: None,
            username: name.err(),
            email: address.err(),
            password: password.err(),
        }),
    };
    (username, email, made)
}

/// Why an account was refused, beside the field that is at fault.
pub(super) fn refused_account(error: Error) -> Result<(Refusal, SignupFaults)> {
    let refusal = refusal(error)?;
    let fault = Some(refusal.detail.to_string());
    let mut faults = SignupFaults::default();
    match refusal.code {
        "username_taken" => faults.username = fault,
        "email_taken" => faults.email = fault,
        _ => faults.form = fault,
    }
    Ok((refusal, faults))
}

/// Signs this browser in to an account that has just been made.
pub(super) async fn sign_in(call: &Call, user_id: UserId, next: String) -> Result<Answer> {
    let lifetime = call.app.terms.token_lifetime;
    let (user_agent, address) = (call.user_agent(), Some(call.caller.address));
    let begun = call.app.rules.begin_session(user_id, user_agent.as_deref(), address, lifetime);
    Ok(signed_in(call, &begun.await?, next).await)
}

pub async fn log_out(call: &Call, _form: Form) -> Result<Answer> {
    call.app.rules.log_out(call.viewer()?).await?;
    let mut answer = respond::see_other("/login");
    call.remove_cookie(&mut answer, Cookie::Session);
    Ok(answer)
}

async fn signed_in(call: &Call, token: &Token, next: String) -> Answer {
    call.end_replaced_session().await;
    let next = if next == "/" { first_page(call, token.user_id).await } else { next };
    let mut answer = respond::see_other(&next);
    let seconds = Some(token.expires_in.as_secs());
    call.set_cookie(&mut answer, Cookie::Session, &token.access_token, seconds);
    answer
}

/// The conversation in which this browser was last, if it is one of this user's; else the general chat, with
/// a welcome.
async fn first_page(call: &Call, user_id: UserId) -> String {
    let last = call.cookie(Cookie::LastChat).and_then(ChatId::parse);
    let standing = match last {
        // If it cannot be read, that is no reason to refuse the login.
        Some(chat_id) => call.app.rules.standing(user_id, chat_id).await.ok().flatten(),
        None => None,
    };
    match standing.filter(|standing| standing.chat_type != ChatType::General) {
        Some(standing) => href(standing.chat_type, standing.chat_id),
        None => format!("/general?{WELCOME}"),
    }
}

fn login(
    call: &Call,
    status: StatusCode,
    next: String,
    username: String,
    fault: Option<String>,
) -> Result<Answer> {
    at_the_door(call, |base| {
        let signup_href = door("/signup", &next);
        let news = LOGIN_NEWS.into_iter().find(|news| call.query.get(news).is_some());
        let (sends_mail, contact) = (call.app.terms.sends_mail, call.app.terms.contact.clone());
        let page =
            LoginPage { base, next, username, fault, news, signup_href, sends_mail, contact };
        call.page(status, &page)
    })
}

/// What is shown again of a sign-up.
#[derive(Default)]
struct Typed {
    next: String,
    /// What an invite contains.
    invite: String,
    username: String,
    email: String,
}

async fn signup(
    call: &Call,
    status: StatusCode,
    typed: Typed,
    faults: SignupFaults,
) -> Result<Answer> {
    let policy = call.app.rules.signup_policy().await?;
    let Typed { next, invite, username, email } = typed;
    at_the_door(call, |base| {
        let login_href = door("/login", &next);
        let page = SignupPage { base, policy, next, invite, username, email, faults, login_href };
        call.page(status, &page)
    })
}

/// A page whose forms belong to this browser. An existing cookie is kept, so that two open pages do not
/// invalidate each other's forms.
pub(super) fn at_the_door(
    call: &Call,
    page: impl FnOnce(crate::http::views::Base) -> Result<Answer>,
) -> Result<Answer> {
    let known = call.cookie(Cookie::Door).filter(|name| name.len() == COOKIE_CHARS);
    if let Some(name) = known {
        return page(shell::base(&call.app, &call.headers, TokenHolder::Door(name))?);
    }
    let name = fresh_name()?;
    let mut answer = page(shell::base(&call.app, &call.headers, TokenHolder::Door(&name))?)?;
    call.set_cookie(&mut answer, Cookie::Door, &name, None);
    Ok(answer)
}
