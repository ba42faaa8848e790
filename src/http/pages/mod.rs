//! Pages for people, one file per resource, and the files that they load.

pub mod docs;

use super::Call;
use super::assets;
use super::respond::{self, Answer};
use crate::error::{Error, Result};
use crate::views::Page;
use hyper::StatusCode;
use hyper::header::{self, HeaderValue};

impl Page for docs::Docs {
    const TEMPLATE: &'static str = "docs.html";
}

/// The description of the API, for people.
pub(super) fn show_docs(call: &Call) -> Result<Answer> {
    let docs = docs::Docs::embedded();
    Ok(respond::html(StatusCode::OK, call.app.renderer.page(&docs)?))
}

/// A stylesheet, script or icon, in the smallest coding that the browser takes.
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
