//! Pages for people, one file per resource, and the files that they load.
//!
//! Every change arrives as a form, whose token is checked before its handler is called. A refusal is
//! shown beside what was typed; after a success the browser is redirected to a page. One route answers
//! the pages' script with JSON: what the socket does not replay.

pub(super) mod chat;
pub(super) mod dashboard;
pub mod docs;
pub(super) mod find;
pub(super) mod forgot;
pub(super) mod invite;
pub(super) mod message;
pub(super) mod reader;
pub(super) mod reset;
pub(super) mod rooms;
pub(super) mod settings;
pub(super) mod setup;
mod shell;
pub(super) mod signup_login;
pub(super) mod signups;

use super::Call;
use super::assets;
use super::cookies::Cookie;
use super::form::{Form, TokenHolder};
use super::guard;
use super::respond::{self, Answer};
use crate::http::route::{Access, Route};
use crate::http::views::Page;
use crate::model::error::{Error, Refusal, Result};
use crate::model::text;
use hyper::StatusCode;
use hyper::header::{self, HeaderValue};

impl Call {
    /// A page as the answer.
    fn page<P: Page>(&self, status: StatusCode, page: &P) -> Result<Answer> {
        let mut answer = reader::page(&self.app, reader::takes_gzip(&self.headers), status, page)?;
        // Browsers may keep a whole page in their memory, whose script asks on coming back whose it is.
        if status == StatusCode::OK && self.viewer.is_some() && !self.asks_part() {
            let kept = HeaderValue::from_static("no-cache, private");
            answer.headers_mut().insert(header::CACHE_CONTROL, kept);
        }
        Ok(answer)
    }

    /// The form's fields, if one of our pages that was shown to the caller sent it. If the route does
    /// not require a user, the form belongs to the browser, even if somebody has signed in in another
    /// tab in the meantime.
    pub(super) fn form(&self, access: Access, path: &str) -> Result<Form> {
        let holder = match access {
            Access::User | Access::Moderator => Some(TokenHolder::Session(self.viewer()?.session)),
            Access::Anyone | Access::OptionalUser | Access::Probe | Access::Operator => {
                self.cookie(Cookie::Door).map(TokenHolder::Door)
            }
        };
        let form = Form::of(path, &self.body, &self.app.form_key, holder);
        form.map_err(|error| guard::wrong_address(&self.app, &self.caller).unwrap_or(error))
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
    Some(form.text("next")).filter(|next| Route::is_page(next))
}

impl Page for docs::Docs {
    const TEMPLATE: &'static str = "docs.html";
}

/// The description of the API, for people.
pub(super) async fn show_docs(call: &Call) -> Result<Answer> {
    call.page(StatusCode::OK, &call.app.docs)
}

/// The markup of what a page's script loads later.
#[derive(serde::Serialize)]
struct Later {}

impl Page for Later {
    const TEMPLATE: &'static str = "later.html";
}

pub(super) async fn show_later(call: &Call) -> Result<Answer> {
    kept_page(call, &Later {})
}

/// What the picker of emoji shows.
#[derive(serde::Serialize)]
struct EmojiList {
    emoji: Vec<(&'static str, &'static str)>,
}

impl Page for EmojiList {
    const TEMPLATE: &'static str = "emoji.html";
}

pub(super) async fn show_emoji(call: &Call) -> Result<Answer> {
    kept_page(call, &EmojiList { emoji: text::all_emoji().collect() })
}

/// Kept as assets are: the address contains the fingerprint of the templates, too.
fn kept_page<P: Page>(call: &Call, page: &P) -> Result<Answer> {
    let mut answer = call.page(StatusCode::OK, page)?;
    let kept = HeaderValue::from_static(assets::CACHE_CONTROL);
    answer.headers_mut().insert(header::CACHE_CONTROL, kept);
    Ok(answer)
}

/// A stylesheet, script or icon, in the smallest encoding that the browser accepts.
pub(super) async fn asset(call: &Call, path: &str) -> Result<Answer> {
    let asset = assets::find(path).ok_or_else(Error::not_found)?;
    let (bytes, coding) = asset.encoded(&reader::accepted_codings(&call.headers));
    let mut answer = respond::with_type(StatusCode::OK, asset.media_type, bytes);
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(assets::CACHE_CONTROL));
    let policy = HeaderValue::from_static(assets::CONTENT_SECURITY_POLICY);
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    // The service worker is for all pages, and not only for those below its own address.
    if asset.path.ends_with("/worker.js") {
        headers.insert("service-worker-allowed", HeaderValue::from_static("/"));
    }
    if let Some(coding) = coding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    Ok(answer)
}
