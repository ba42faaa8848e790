//! The edge for requests: what a request means, who may make it, and what it is answered with.
//!
//! `serve` is called by `server` once per request. The table of routes (`routes`) says who may ask
//! and what is called; the handlers are in `api` (JSON, one file per resource) and `pages` (HTML,
//! likewise). None of them talks to the database: they call the rules in `chat`.

mod api;
mod app;
pub mod assets;
mod body;
mod bounds;
pub mod cookies;
pub mod form;
mod forwarded;
pub mod framing;
mod guard;
mod header_parts;
pub mod host;
pub mod not_http;
pub mod notices;
pub mod pages;
pub mod public_url;
pub mod render;
mod respond;
mod route;
mod routes;
pub mod server;
mod sockets;
pub mod views;

pub use app::{App, HttpTerms};

use crate::limits::{BACKLOG_UNCOUNTED_BYTES_MAX, RETRY_SOON};
use crate::live::Ticket;
use crate::model::error::{Because, Error, Result};
use crate::model::message::Viewer;
use crate::model::text;
use body::{Fields, Query};
use bytes::Bytes;
use cookies::Cookie;
use guard::Caller;
use hyper::header::{self, HeaderMap};
use hyper::{Method, Request, Response, StatusCode};
use public_url::Scheme;
use respond::{Answer, AnswerBody};
use route::{Access, Handler, Kind, NoRoute, Parameters, Route};
use server::RequestBody;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

/// The HTTP connection that requests come from.
#[derive(Clone)]
pub struct Peer {
    pub app: Arc<App>,
    pub address: IpAddr,
    pub ticket: Ticket,
}

/// A request, parsed as far as its route needs.
struct Call {
    app: Arc<App>,
    caller: Caller,
    viewer: Option<Arc<Viewer>>,
    headers: HeaderMap,
    query: Query,
    body: Bytes,
}

impl Call {
    /// The signed-in user; every route for users has one.
    fn viewer(&self) -> Result<Arc<Viewer>> {
        self.viewer.clone().ok_or_else(Error::unauthenticated)
    }

    fn fields(&self) -> Result<Fields> {
        Fields::of_json(&self.body)
    }

    fn user_agent(&self) -> Option<String> {
        let value = self.headers.get(header::USER_AGENT)?;
        value.to_str().ok().map(str::to_owned)
    }

    fn cookie(&self, cookie: Cookie) -> Option<&str> {
        self.app.cookies.find(cookie, self.caller.scheme, &self.headers)
    }

    fn set_cookie(&self, answer: &mut Answer, cookie: Cookie, value: &str, seconds: Option<u64>) {
        self.app.cookies.set(answer, self.caller.scheme, cookie, value, seconds);
    }

    fn remove_cookie(&self, answer: &mut Answer, cookie: Cookie) {
        self.app.cookies.remove(answer, self.caller.scheme, cookie);
    }

    /// Ends the session whose cookie the browser had before it signed in again: nobody else has its token.
    async fn end_replaced_session(&self) {
        if let Some(token) = self.cookie(Cookie::Session) {
            self.app.rules.end_replaced(token, self.caller.address).await;
        }
    }
}

/// The names of all routes except pages, like `GET /chats/room/{room_id}`: `tests/it/reach.rs` has a
/// row for each.
pub fn calls() -> impl Iterator<Item = String> {
    let calls = routes::ROUTES.iter().filter(|route| !route.kind.is_of_pages());
    calls.map(Route::name)
}

/// Answers a request: an error becomes a page or a problem, and every answer is counted and logged.
pub async fn serve(peer: Peer, request: Request<RequestBody>) -> Answer {
    let began = Instant::now();
    let id = format!("{:x}", peer.app.requests.fetch_add(1, Relaxed));
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let found = Route::find(&method, &path);
    let name = found.as_ref().map_or("(none)", |(route, _)| route.pattern);
    let asks_upgrade = request.headers().contains_key(header::UPGRADE);
    let reader = pages::reader::Reader::of(
        &peer.app,
        &request,
        found.as_ref().ok().map(|(route, _)| *route),
    );
    let is_routine = matches!(&found, Ok((route, _)) if route.access.is_routine());
    let mut seen = Seen { scheme: Scheme::Http, address: peer.address.to_canonical(), user: None };
    let answer = answer(&peer, request, found, &mut seen).await;
    let mut answer = match answer.and_then(|answer| held(&peer.app, &seen, answer)) {
        Ok(answer) => answer,
        Err(error) => reader.refusal(&peer.app, &error, &id),
    };
    // A 101 is read only by programs, and there are thousands of them at once.
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        respond::put_common(answer.headers_mut(), seen.scheme, Some(&id));
    }
    let status = answer.status().as_u16();
    if asks_upgrade && status != StatusCode::SWITCHING_PROTOCOLS {
        // What follows may already be frames; `framing` stops watching.
        respond::end_connection(&mut answer);
    }
    peer.app.rules.metrics.answered(name, status);
    let line = RequestLine {
        id: &id,
        method: &method,
        path: &path,
        status,
        user: seen.user.map_or(0, |viewer| viewer.user_id.0),
        duration_ms: text::millis(began.elapsed()),
        // Whoever is refused something may be guessing.
        address: (status >= 400).then_some(seen.address),
    };
    line.log(is_routine);
    answer
}

struct RequestLine<'a> {
    id: &'a str,
    method: &'a Method,
    path: &'a str,
    status: u16,
    user: i64,
    duration_ms: f64,
    address: Option<IpAddr>,
}

impl RequestLine<'_> {
    /// What balancers and monitoring ask for every few seconds would fill the log.
    fn log(&self, is_routine: bool) {
        macro_rules! event {
            ($level:ident) => {
                tracing::$level!(
                    request.id = self.id,
                    method = %self.method,
                    path = %self.path.escape_debug(),
                    status = self.status,
                    user.id = self.user,
                    address = self.address.map(tracing::field::display),
                    duration_ms = self.duration_ms,
                    "request"
                )
            };
        }
        if is_routine { event!(debug) } else { event!(info) }
    }
}

/// The answer, with a large body in the backlog until its reader has it; refused if too much is waiting
/// there. Those to changes are never that large.
fn held(app: &App, seen: &Seen, answer: Answer) -> Result<Answer> {
    let (head, body) = answer.into_parts();
    let body = match body {
        // What is not only ours, like a script, is in memory anyway.
        AnswerBody::Whole(bytes)
            if bytes.len() > BACKLOG_UNCOUNTED_BYTES_MAX && bytes.is_unique() =>
        {
            let user = seen.user.as_ref().map(|viewer| viewer.user_id);
            let waits = "Too much is waiting for slow readers; try again in a moment.";
            let held = app.backlog.hold(seen.address.into(), user, bytes);
            AnswerBody::Whole(held.ok_or_else(|| Error::busy(waits, RETRY_SOON))?)
        }
        // Of what is streamed, little waits.
        body @ (AnswerBody::Whole(_) | AnswerBody::Streamed(_)) => body,
    };
    Ok(Response::from_parts(head, body))
}

/// What the log and the headers need from a request, even if it is refused.
struct Seen {
    scheme: Scheme,
    address: IpAddr,
    user: Option<Arc<Viewer>>,
}

async fn answer(
    peer: &Peer,
    request: Request<RequestBody>,
    found: Result<(&'static Route, Parameters<'_>), NoRoute>,
    seen: &mut Seen,
) -> Result<Answer> {
    let app = &peer.app;
    let (parts, body) = request.into_parts();
    let is_probe = matches!(&found, Ok((route, _)) if route.access == Access::Probe);
    let caller = Caller::of(app, peer.address, &parts, is_probe)?;
    let headers = parts.headers;
    seen.scheme = caller.scheme;
    seen.address = caller.address;
    if !is_probe {
        guard::refuse_foreign_host(app, &caller)?;
    }
    let (route, mut path) = found.map_err(no_route)?;
    let query = Query::of(parts.uri.query());
    if let Handler::Socket(socket_path) = route.handler {
        let request = sockets::Handshake { version: parts.version, headers, query, caller };
        return sockets::upgrade(peer, socket_path(&mut path), request, &mut seen.user).await;
    }
    let is_change = !matches!(parts.method, Method::GET | Method::HEAD);
    let is_form = route.kind == Kind::Form;
    let viewer = match route.access {
        Access::User | Access::Moderator => {
            let (user, by) = guard::authenticate(app, &caller, &headers, None).await?;
            seen.user = Some(Arc::clone(&user.viewer));
            if is_form {
                guard::refuse_foreign_form(app, &caller, &headers)?;
            } else if is_change {
                guard::refuse_foreign(app, &caller, &headers, by)?;
            }
            if route.access == Access::Moderator {
                guard::require_moderator(&user.viewer)?;
            }
            Some(user.viewer)
        }
        Access::OptionalUser => {
            if is_form {
                guard::refuse_foreign_form(app, &caller, &headers)?;
            }
            match guard::authenticate(app, &caller, &headers, None).await {
                Ok((user, _)) => Some(user.viewer),
                Err(Error::Refused(_)) => None,
                Err(error) => return Err(error),
            }
        }
        Access::Probe => None,
        Access::Anyone => {
            if is_change && caller.is_cross_origin(&headers) {
                return Err(guard::foreign_origin(app, &caller, &headers));
            }
            None
        }
        Access::Operator => {
            guard::require_operator(app, &caller, &headers)?;
            None
        }
    };
    let body = body::of(route.kind, &headers, body, app.terms.waits.read).await?;
    let call = Call { app: Arc::clone(app), caller, viewer, headers, query, body };
    let answering = match route.handler {
        Handler::Call(run) => run(&call, &mut path),
        Handler::Form(run) => run(&call, call.form(route.access, parts.uri.path())?, &mut path),
        // Already upgraded above.
        Handler::Socket(_) => return Err(Error::not_found()),
    };
    // The only await with the call, which can then lie where the futures before it lay.
    answering.await
}

fn no_route(no_route: NoRoute) -> Error {
    match no_route {
        NoRoute::UnknownPath => Error::not_found(),
        NoRoute::OtherMethod(allow) => {
            Error::refused(Because::MethodNotAllowed, "method_not_allowed", allow)
        }
    }
}
