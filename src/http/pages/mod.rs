//! Pages for people, one file per resource, and the files that they load.
//!
//! Every change arrives as a form, whose token is checked here, before any handler. A refusal is shown
//! beside what was typed; after a success the browser is redirected to a page. One route answers the
//! pages' script with JSON: what the socket does not replay.

mod chat;
mod dashboard;
pub mod docs;
mod invite;
pub mod reader;
mod rooms;
pub mod route;
mod settings;
mod shell;
mod signup_login;

use super::assets;
use super::form::{Form, TokenHolder};
use super::respond::{self, Answer};
use super::{Call, cookies};
use crate::error::{Error, Refusal, Result};
use crate::http::views::Page;
use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use route::PageRoute;

impl Call {
    /// A page as the answer.
    fn page<P: Page>(&self, status: StatusCode, page: &P) -> Result<Answer> {
        reader::page(&self.app, reader::takes_gzip(&self.headers), status, page)
    }

    /// The form's fields, if one of our pages that was shown to the caller sent it.
    fn form(&self) -> Result<Form> {
        let holder = match &self.viewer {
            Some(viewer) => Some(TokenHolder::Session(viewer.session)),
            None => cookies::named(&self.headers, signup_login::COOKIE).map(TokenHolder::Door),
        };
        Form::of(&self.body, &self.app.form_key, holder)
    }
}

pub(super) async fn dispatch(route: PageRoute, call: Call) -> Result<Answer> {
    match route {
        PageRoute::SignupForm => signup_login::show_signup(&call),
        PageRoute::LoginForm => signup_login::show_login(&call),
        PageRoute::Dashboard => dashboard::show(&call).await,
        PageRoute::Chat(place) => chat::show(&call, place).await,
        PageRoute::Invite(room_id) => invite::show(&call, room_id).await,
        PageRoute::Requests => rooms::open_requests(&call).await,
        PageRoute::Settings => settings::show(&call).await,
        PageRoute::SignUp => signup_login::sign_up(&call, signup_login::form(&call)?).await,
        PageRoute::LogIn => signup_login::log_in(&call, signup_login::form(&call)?).await,
        PageRoute::LogOut => signup_login::log_out(&call, call.form()?).await,
        PageRoute::Post(place) => chat::post(&call, place, call.form()?).await,
        PageRoute::Read(place) => chat::read(&call, place, call.form()?).await,
        PageRoute::OpenPrivate => dashboard::open_private(&call, call.form()?).await,
        PageRoute::CreateRoom => dashboard::create_room(&call, call.form()?).await,
        PageRoute::Join => dashboard::join(&call, call.form()?).await,
        PageRoute::Ask(room_id) => invite::ask(&call, room_id, call.form()?).await,
        PageRoute::Approve(room_id) => rooms::approve(&call, room_id, call.form()?).await,
        PageRoute::Deny(room_id) => rooms::deny(&call, room_id, call.form()?).await,
        PageRoute::Remove(room_id) => rooms::remove(&call, room_id, call.form()?).await,
        PageRoute::Rotate(room_id) => rooms::rotate(&call, room_id, call.form()?).await,
        PageRoute::Leave(room_id) => rooms::leave(&call, room_id, call.form()?).await,
        PageRoute::SetTheme => settings::set_theme(&call, call.form()?),
        PageRoute::SetPassword => settings::set_password(&call, call.form()?).await,
    }
}

/// A refusal to show beside what was typed; anything unavailable, broken or not found has its own page.
fn refusal(error: Error) -> Result<Refusal> {
    match error {
        Error::Refused(refusal) if refusal.code != "not_found" => Ok(*refusal),
        Error::Refused(_) | Error::Unavailable(_) | Error::Broken(_) => Err(error),
    }
}

/// The page that the form says it was on; anything but one of our pages is ignored.
fn next(form: &Form) -> Option<String> {
    let next = form.text("next");
    PageRoute::at(&next).map(|_| next)
}

impl Page for docs::Docs {
    const TEMPLATE: &'static str = "docs.html";
}

/// The description of the API, for people.
pub(super) fn show_docs(call: &Call) -> Result<Answer> {
    call.page(StatusCode::OK, &call.app.docs)
}

/// A stylesheet, script or icon, in the smallest encoding that the browser accepts.
pub(super) fn asset(call: &Call, path: &str) -> Result<Answer> {
    let asset = assets::find(path).ok_or_else(Error::not_found)?;
    let accepted = call.headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let (bytes, coding) = asset.encoded(accepted.unwrap_or_default());
    let mut answer = respond::with_type(StatusCode::OK, asset.media_type, bytes);
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(assets::CACHE_CONTROL));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(coding) = coding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    Ok(answer)
}
