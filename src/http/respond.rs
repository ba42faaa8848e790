//! Answers: JSON, pages, files, and every error, each with the headers that all answers have.
//!
//! The one place that maps refusals to a status and logs everything that is not a refusal, once.

use crate::chat::Export;
use crate::http::public_url::Scheme;
use crate::limits::RETRY_SOON;
use crate::model::error::{Because, Error, Fault, Refusal};
use crate::model::wire::Problem;
use bytes::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

pub type Answer = Response<AnswerBody>;

/// What is answered: all of it, or pages of it as they are read.
pub enum AnswerBody {
    Whole(Bytes),
    Streamed(Export),
}

impl Default for AnswerBody {
    fn default() -> Self {
        Self::Whole(Bytes::new())
    }
}

/// RFC 9457.
pub const PROBLEM: &str = "application/problem+json";
pub const REQUEST_ID: &str = "x-request-id";

/// What a page may load and do: only from our own address, nothing inline, and text only as text. The one
/// policy (Trusted Types) lets the address of the service worker through, in `assets/js/notices.js`.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types snug-worker";

/// For what is no page.
const DATA_SECURITY_POLICY: &str =
    "default-src 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

pub fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    json_of(status, value, 128)
}

/// About this many `bytes`, so that a long answer is not moved repeatedly while it grows.
pub fn json_of(status: StatusCode, value: &impl Serialize, bytes: usize) -> Answer {
    let mut body = Vec::with_capacity(bytes);
    serde_json::to_writer(&mut body, value).expect("our own answers have string keys only");
    // It may have to wait for its reader.
    body.shrink_to_fit();
    with_type(status, "application/json", body)
}

pub fn ok(value: &impl Serialize) -> Answer {
    json(StatusCode::OK, value)
}

pub fn created(value: &impl Serialize) -> Answer {
    json(StatusCode::CREATED, value)
}

pub fn no_content() -> Answer {
    let mut answer = Answer::default();
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer
}

/// Nothing is said about what becomes of it.
pub fn accepted() -> Answer {
    let mut answer = Answer::default();
    *answer.status_mut() = StatusCode::ACCEPTED;
    answer
}

pub fn text(status: StatusCode, text: &'static str) -> Answer {
    with_type(status, "text/plain; charset=utf-8", text)
}

pub fn html(status: StatusCode, page: impl Into<Bytes>) -> Answer {
    with_type(status, "text/html; charset=utf-8", page)
}

pub fn with_type(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(AnswerBody::Whole(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    answer
}

/// A file of JSON lines to be kept, a page at a time.
pub fn lines(pages: Export, file: &str) -> Answer {
    let mut answer = Response::new(AnswerBody::Streamed(pages));
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    if let Ok(kept) = HeaderValue::from_str(&format!("attachment; filename=\"{file}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, kept);
    }
    answer
}

/// A redirect that is followed with GET. `to` must be one of our own paths.
pub fn see_other(to: &str) -> Answer {
    let mut answer = Answer::default();
    *answer.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(to) = HeaderValue::from_str(to) {
        answer.headers_mut().insert(header::LOCATION, to);
    }
    answer
}

/// An error as problem+json, logged once unless it is a refusal.
pub fn problem(error: &Error, request_id: &str) -> Answer {
    log(error, request_id);
    let shown = shown(error);
    let status = status(shown.because);
    let body = problem_body(status, shown.code, &shown.detail, &shown.faults);
    let mut answer = with_type(status, PROBLEM, body);
    put_hints(&shown, answer.headers_mut());
    answer
}

pub fn problem_body(
    status: StatusCode,
    code: &'static str,
    detail: &str,
    errors: &[Fault],
) -> Vec<u8> {
    let title = status.canonical_reason().unwrap_or("Error");
    let (kind, status) = ("about:blank", status.as_u16());
    serde_json::to_vec(&Problem { kind, title, status, code, detail, errors })
        .expect("our own answers have string keys only")
}

/// What people and programs are shown of an error: never its cause.
pub fn shown(error: &Error) -> Refusal {
    match error {
        Error::Refused(refusal) => Refusal::clone(refusal),
        Error::Unavailable(_) => {
            let detail = "The database is unavailable at the moment; try again soon.";
            let mut refusal = Refusal::new(Because::Busy, "unavailable", detail);
            refusal.retry_after = Some(RETRY_SOON);
            refusal
        }
        Error::Broken(_) => Refusal::new(
            Because::Broken,
            "internal",
            "Something went wrong on our side and has been logged; trying again may help.",
        ),
    }
}

/// Comes before the request's own log line; both have the request's id, which the error page shows.
pub fn log(error: &Error, request_id: &str) {
    match error {
        Error::Refused(refusal) => {
            tracing::debug!(request.id = request_id, code = refusal.code, "refused");
        }
        // The store logged that when it began.
        Error::Unavailable(_) => tracing::debug!(request.id = request_id, %error, "unavailable"),
        Error::Broken(_) => tracing::error!(request.id = request_id, %error, "broken"),
    }
}

pub fn status(because: Because) -> StatusCode {
    match because {
        Because::Malformed => StatusCode::BAD_REQUEST,
        Because::Unauthenticated => StatusCode::UNAUTHORIZED,
        Because::Forbidden => StatusCode::FORBIDDEN,
        Because::NotFound => StatusCode::NOT_FOUND,
        Because::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Because::TooSlow => StatusCode::REQUEST_TIMEOUT,
        Because::Conflict => StatusCode::CONFLICT,
        Because::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Because::UnsupportedMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Because::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Because::Misdirected => StatusCode::MISDIRECTED_REQUEST,
        Because::UpgradeRequired => StatusCode::UPGRADE_REQUIRED,
        Because::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Because::Busy => StatusCode::SERVICE_UNAVAILABLE,
        Because::Broken => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The headers that tell a client how to respond to a refusal.
pub fn put_hints(refusal: &Refusal, headers: &mut HeaderMap) {
    match refusal.because {
        Because::Unauthenticated => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        Because::UpgradeRequired => {
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        Because::TooMany | Because::Busy => {
            let wait = refusal.retry_after.unwrap_or(RETRY_SOON).as_millis().div_ceil(1_000);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.max(1) as u64));
        }
        Because::MethodNotAllowed => {
            if let Ok(methods) = HeaderValue::from_str(&refusal.detail) {
                headers.insert(header::ALLOW, methods);
            }
        }
        Because::Malformed
        | Because::Forbidden
        | Because::NotFound
        | Because::Conflict
        | Because::TooLarge
        | Because::TooSlow
        | Because::UnsupportedMedia
        | Because::Misdirected
        | Because::Invalid
        | Because::Broken => {}
    }
}

/// Nothing follows the answer on its connection.
pub fn end_connection(answer: &mut Answer) {
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
}

/// The headers that every answer has.
pub fn put_common(headers: &mut HeaderMap, scheme: Scheme, request_id: Option<&str>) {
    let fixed = HeaderValue::from_static;
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    headers.insert(header::REFERRER_POLICY, fixed("no-referrer"));
    let is_page =
        headers.get(header::CONTENT_TYPE).is_none_or(|it| it.as_bytes().starts_with(b"text/html"));
    let policy = if is_page { CONTENT_SECURITY_POLICY } else { DATA_SECURITY_POLICY };
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(fixed(policy));
    headers.entry(header::CACHE_CONTROL).or_insert(fixed("no-store"));
    if scheme == Scheme::Https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, fixed("max-age=31536000"));
    }
    if let Some(Ok(id)) = request_id.map(HeaderValue::from_str) {
        headers.insert(HeaderName::from_static(REQUEST_ID), id);
    }
}
