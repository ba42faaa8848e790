//! Who reads an answer: whether they see pages, in which theme, compressed or not; and what a refusal
//! looks like to them.

use super::shell;
use crate::http::App;
use crate::http::assets;
use crate::http::cookies::Cookie;
use crate::http::header_parts::list;
use crate::http::public_url::Scheme;
use crate::http::respond::{self, Answer};
use crate::http::route::Route;
use crate::http::server::RequestBody;
use crate::http::views::{ENDED, FailurePage, Page, Theme, door};
use crate::limits::COMPRESSED_BYTES_MIN;
use crate::model::error::{Because, Error, Result};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use std::io::Write;

/// Half a millisecond for a page of 50 messages, and within a hundredth of the best compression.
const LEVEL: Compression = Compression::new(6);

pub struct Reader {
    theme: Theme,
    takes_gzip: bool,
    sees_pages: bool,
    /// Where users who are not signed in are redirected.
    login: Option<String>,
}

impl Reader {
    /// `route` is `None` if the request has no route.
    pub fn of(app: &App, request: &Request<RequestBody>, route: Option<&Route>) -> Self {
        let headers = request.headers();
        let sees_pages =
            route.map_or_else(|| prefers_html(headers), |route| route.kind.is_of_pages());
        let needs_login = sees_pages && route.is_some_and(|route| route.access.knows_user());
        let has_cookie = |scheme| app.cookies.find(Cookie::Session, scheme, headers).is_some();
        let was_in = has_cookie(Scheme::Http) || has_cookie(Scheme::Https);
        Self {
            theme: shell::theme(app, headers),
            takes_gzip: takes_gzip(headers),
            sees_pages,
            login: needs_login.then(|| login(request.method(), request.uri(), was_in)),
        }
    }

    /// An error as a page for readers of pages, otherwise as a problem; logged once unless it is a
    /// refusal.
    pub fn refusal(&self, app: &App, error: &Error, request_id: &str) -> Answer {
        if !self.sees_pages {
            return respond::problem(error, request_id);
        }
        let shown = respond::shown(error);
        if let (Because::Unauthenticated, Some(login)) = (shown.because, &self.login) {
            return respond::see_other(login);
        }
        let status = respond::status(shown.because);
        let failure = FailurePage {
            theme: self.theme,
            status: status.as_u16(),
            detail: (shown.because != Because::MethodNotAllowed).then(|| shown.detail.to_string()),
            request_id: Some(request_id.to_owned()),
        };
        match page(app, self.takes_gzip, status, &failure) {
            Ok(mut answer) => {
                respond::log(error, request_id);
                respond::put_hints(&shown, answer.headers_mut());
                answer
            }
            Err(unrendered) => {
                respond::log(&unrendered, request_id);
                respond::problem(error, request_id)
            }
        }
    }
}

/// The login page with a way back: to the page itself, or from a form to the page that contains it. If they
/// were signed in, the page says that this has ended.
fn login(method: &Method, uri: &Uri, was_in: bool) -> String {
    let address = match uri.path_and_query() {
        Some(address) if matches!(*method, Method::GET | Method::HEAD) => address.as_str(),
        Some(_) | None => uri.path(),
    };
    let next = if Route::is_page(address) { address } else { "/" };
    let login = door("/login", next);
    match was_in {
        true if login.contains('?') => format!("{login}&{ENDED}"),
        true => format!("{login}?{ENDED}"),
        false => login,
    }
}

pub fn takes_gzip(headers: &HeaderMap) -> bool {
    assets::accepts(&accepted_codings(headers), "gzip")
}

/// `Accept-Encoding` as one list.
pub fn accepted_codings(headers: &HeaderMap) -> String {
    list(headers, header::ACCEPT_ENCODING).collect::<Vec<_>>().join(",")
}

/// Browsers name HTML first; programs name JSON, or nothing.
fn prefers_html(headers: &HeaderMap) -> bool {
    let (mut html, mut json) = (0.0, 0.0);
    for item in list(headers, header::ACCEPT) {
        let mut parts = item.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
        let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
        match media_type.as_str() {
            "text/html" => html = f32::max(html, quality),
            "application/json" | "application/problem+json" => json = f32::max(json, quality),
            _ => {}
        }
    }
    html > json
}

/// A page, compressed if that is worth it.
pub fn page<P: Page>(app: &App, takes_gzip: bool, status: StatusCode, page: &P) -> Result<Answer> {
    let html = app.renderer.page(page)?;
    if !takes_gzip || html.len() < COMPRESSED_BYTES_MIN {
        return Ok(respond::html(status, html));
    }
    let mut answer = respond::html(status, gzip(html.as_bytes())?);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    Ok(answer)
}

fn gzip(plain: &[u8]) -> Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), LEVEL);
    let compressed = encoder.write_all(plain).and_then(|()| encoder.finish());
    Ok(compressed.map_err(|error| Error::broken("compressing a page", error))?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_see_pages_and_programs_see_problems() {
        let with =
            |text: &str| HeaderMap::from_iter([(header::ACCEPT, text.parse().expect("a value"))]);
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        assert!(prefers_html(&with(browser)));
        assert!(prefers_html(&with("application/json;q=0.5, text/html")));
        for program in ["*/*", "application/json", "application/json, text/html", "text/html;q=0"] {
            assert!(!prefers_html(&with(program)), "{program}");
        }
        assert!(!prefers_html(&HeaderMap::new()));
    }

    #[test]
    fn after_the_login_people_are_back_where_they_were() {
        let ended = |uri: &str| login(&Method::GET, &uri.parse().expect("an address"), true);
        assert_eq!(ended("/"), "/login?ended");
        assert_eq!(ended("/general"), "/login?next=%2Fgeneral&ended");
        let login = |method, uri: &str| login(&method, &uri.parse().expect("an address"), false);
        assert_eq!(login(Method::GET, "/"), "/login");
        assert_eq!(login(Method::GET, "/room/9?before=5"), "/login?next=%2Froom%2F9%3Fbefore%3D5");
        assert_eq!(login(Method::POST, "/room/9"), "/login?next=%2Froom%2F9");
        assert_eq!(login(Method::POST, "/room/9/leave"), "/login");
    }
}
