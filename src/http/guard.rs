//! Who sends a request, from where, and whether they may: address, origin, token, cookie.
//!
//! Called once per request, before any handler. The answers never distinguish a bad token from an
//! expired one.

use super::cookies::Cookie;
use super::forwarded::{self, Client};
use super::host::Host;
use crate::chat::Authenticated;
use crate::http::App;
use crate::http::public_url::{PublicUrl, Scheme};
use crate::limits::SESSION_COOKIES_MAX;
use crate::model::error::{Because, Error, Result};
use crate::model::message::Viewer;
use crate::model::subnet::Subnet;
use hyper::Version;
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::http::request::Parts;
use std::net::IpAddr;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Where a request comes from.
#[derive(Debug, Clone)]
pub struct Caller {
    pub address: IpAddr,
    /// Whether the request came through a proxy, trusted or not.
    pub is_forwarded: bool,
    pub scheme: Scheme,
    /// The scheme and host by which the caller reaches us, written like a browser's origin.
    pub origin: String,
    pub host: Host,
    /// Whether that is not the public URL.
    is_elsewhere: bool,
}

impl Caller {
    /// Refused unless there is exactly one valid `Host`; HTTP/1.0, in which balancers ask, knows none.
    /// Forwarding headers count only if they come from a proxy that the operator trusts.
    pub fn of(app: &App, peer: IpAddr, request: &Parts, is_probe: bool) -> Result<Self> {
        let headers = &request.headers;
        let is_hostless = request.version == Version::HTTP_10
            && request.method.is_safe()
            && !headers.contains_key(header::HOST);
        let peer = peer.to_canonical();
        let is_trusted = |address: &IpAddr| {
            app.terms.trusted_proxies.iter().any(|network| network.contains(address))
        };
        let is_forwarded = forwarded::is_forwarded(headers);
        let (mut address, mut scheme) = (peer, Scheme::Http);
        if is_trusted(&peer) {
            match forwarded::client(headers, is_trusted) {
                Client::Address(client) => address = client,
                Client::Untold if is_probe || is_hostless => {}
                Client::Untold => app.notices.untold_client(peer),
                Client::Odd(said) => app.notices.odd_client(peer, said.as_deref()),
            }
            scheme = forwarded::scheme(headers).unwrap_or(scheme);
        } else if is_forwarded {
            app.notices.untrusted_proxy(peer);
        }
        let host = if is_hostless { NO_HOST } else { host(request)? };
        let origin = match &app.terms.public_url {
            Some(url) => {
                scheme = url.scheme;
                url.to_string()
            }
            None => origin(scheme, host),
        };
        let is_elsewhere = app.terms.public_url.as_ref().is_some_and(|url| url.is_elsewhere(host));
        Ok(Self { address, is_forwarded, scheme, origin, host: Host::of(host), is_elsewhere })
    }

    pub fn subnet(&self) -> Subnet {
        self.address.into()
    }

    /// Whether a browser sent the request from one of our own pages.
    pub fn is_same_origin(&self, headers: &HeaderMap) -> bool {
        let names_us = |value: &header::HeaderValue| {
            value.as_bytes().eq_ignore_ascii_case(self.origin.as_bytes())
        };
        headers.get(header::ORIGIN).is_some_and(names_us)
            || headers.get(FETCH_SITE).is_some_and(|value| value == "same-origin")
    }

    /// Whether a browser sent the request from another site's page.
    pub fn is_cross_origin(&self, headers: &HeaderMap) -> bool {
        let says = headers.contains_key(header::ORIGIN)
            || headers.get(FETCH_SITE).is_some_and(|value| value == "cross-site");
        says && !self.is_same_origin(headers)
    }
}

/// Stands for a `Host` that was not sent: one of our addresses, but not known to be the machine's own.
const NO_HOST: &str = "0.0.0.0";

fn host(request: &Parts) -> Result<&str> {
    let bad = || Error::malformed("bad_host", "A request needs exactly one valid Host.");
    let mut hosts = request.headers.get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok()).ok_or_else(bad)?;
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    let is_absolute = request.uri.authority().is_some();
    if hosts.next().is_some() || is_absolute || !host.bytes().all(is_plain) {
        return Err(bad());
    }
    Ok(host)
}

fn origin(scheme: Scheme, host: &str) -> String {
    let default_port = match scheme {
        Scheme::Http => ":80",
        Scheme::Https => ":443",
    };
    let host = host.strip_suffix(default_port).unwrap_or(host);
    format!("{}://{}", scheme.as_str(), host.to_ascii_lowercase())
}

/// How the user proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Token,
    Cookie,
}

/// The user behind the request. `query` is the token in a socket's query string.
pub async fn authenticate(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<(Authenticated, By)> {
    // A proxy may send a token of its own, or of whoever signed in there.
    let token = bearers(headers).find(|token| app.rules.has_signed(token)).or(query);
    match (token, by_cookie(app, caller, headers).await) {
        (None, Some(by_cookie)) => Ok((by_cookie?, By::Cookie)),
        (Some(token), by_cookie) => {
            let by_token = app.rules.authenticate(token, caller.address).await?;
            match by_cookie {
                Some(Ok(by_cookie)) if !by_token.is_same_user(&by_cookie) => Err(Error::malformed(
                    "two_users",
                    "The token and the cookie belong to different users; send only one of them.",
                )),
                None | Some(Ok(_) | Err(Error::Refused(_))) => Ok((by_token, By::Token)),
                Some(Err(error)) => Err(error),
            }
        }
        (None, None) => Err(Error::unauthenticated()),
    }
}

/// By the first cookie that proves anything, or why the last one does not.
async fn by_cookie(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
) -> Option<Result<Authenticated>> {
    let mut refused = None;
    let shown = app.cookies.all(Cookie::Session, caller.scheme, headers);
    for cookie in shown.take(SESSION_COOKIES_MAX) {
        match app.rules.authenticate(cookie, caller.address).await {
            Err(error @ Error::Refused(_)) => refused = Some(Err(error)),
            proved => return Some(proved),
        }
    }
    refused
}

/// With the cookie, requests that change something must come from our own pages.
pub fn refuse_foreign(app: &App, caller: &Caller, headers: &HeaderMap, by: By) -> Result<()> {
    match by {
        By::Cookie if !caller.is_same_origin(headers) => Err(foreign_origin(app, caller, headers)),
        By::Cookie | By::Token => Ok(()),
    }
}

/// Refuses a form if the browser says that it comes from another site. Our own pages send no referrer,
/// so their origin may be `null`: then the form's token decides.
pub fn refuse_foreign_form(app: &App, caller: &Caller, headers: &HeaderMap) -> Result<()> {
    let named = headers.get(header::ORIGIN).is_some_and(|origin| origin != "null");
    let site = headers.get(FETCH_SITE);
    let sited = site.is_some_and(|site| site != "same-origin" && site != "none");
    if (named || sited) && !caller.is_same_origin(headers) {
        return Err(foreign_origin(app, caller, headers));
    }
    Ok(())
}

/// Also logs it once: the usual cause is a misconfigured proxy or `SNUG_PUBLIC_URL`, which locks out
/// legitimate users.
pub fn foreign_origin(app: &App, caller: &Caller, headers: &HeaderMap) -> Error {
    let origin =
        headers.get(header::ORIGIN).map(|origin| String::from_utf8_lossy(origin.as_bytes()));
    if let Some(origin) = origin {
        app.notices.foreign_origin(&origin, &caller.origin);
    }
    match elsewhere(app, caller) {
        Some(url) => Error::forbidden(
            "foreign_origin",
            format!("Open this server by its own address, {url}, and try again there."),
        ),
        None => Error::forbidden(
            "foreign_origin",
            "This can only be requested from this server's own pages.",
        ),
    }
}

/// The public URL, where the caller came by another address.
fn elsewhere<'a>(app: &'a App, caller: &Caller) -> Option<&'a PublicUrl> {
    app.terms.public_url.as_ref().filter(|_| caller.is_elsewhere)
}

/// Why a form's token does not fit, if the page was opened at another address: browsers keep our `Secure`
/// cookies over https only. Where the token fits, a proxy passes on a `Host` of its own.
pub fn wrong_address(app: &App, caller: &Caller) -> Option<Error> {
    let url = elsewhere(app, caller).filter(|url| url.scheme == Scheme::Https)?;
    let detail =
        format!("Forms work at this server's own address only: open {url} and try again there.");
    Some(Error::forbidden("wrong_address", detail))
}

/// Refused when the request is for a name that is not known to be ours.
pub fn refuse_foreign_host(app: &App, caller: &Caller) -> Result<()> {
    let terms = &app.terms;
    if caller.host.is_ours(&terms.machine, terms.public_url.as_ref()) {
        return Ok(());
    }
    app.notices.foreign_host(caller.host.as_str());
    let detail = match &terms.public_url {
        Some(url) => format!("This server does not answer by that name. Open {url} instead."),
        None => format!(
            "This server does not answer by that name. Open {} instead, or have its operator set SNUG_PUBLIC_URL.",
            terms.home
        ),
    };
    Err(Error::refused(Because::Misdirected, "foreign_host", detail))
}

/// The bearer tokens in `Authorization`, also those that are meant for somebody else, as credentials of
/// another scheme always are.
fn bearers(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    const SCHEME: &[u8] = b"bearer";
    let values = headers.get_all(header::AUTHORIZATION).iter().map(|value| value.as_bytes());
    let ours = values.filter_map(|value| {
        let (scheme, rest) = value.split_at_checked(SCHEME.len())?;
        let is_bearer = rest.starts_with(b" ") && scheme.eq_ignore_ascii_case(SCHEME);
        is_bearer.then_some(rest)
    });
    ours.filter_map(|rest| std::str::from_utf8(rest).ok()).map(str::trim)
}

/// Refused unless they look after the server.
pub fn require_moderator(viewer: &Viewer) -> Result<()> {
    match viewer.role.moderates() {
        true => Ok(()),
        false => Err(Error::forbidden(
            "not_moderator",
            "Only moderators and owners of this server can do that.",
        )),
    }
}

/// Allows local callers, while nothing suggests a proxy in between, and holders of the metrics token;
/// everybody else gets 404.
pub fn require_operator(app: &App, caller: &Caller, headers: &HeaderMap) -> Result<()> {
    use subtle::ConstantTimeEq;
    let is_direct = !caller.is_forwarded && app.terms.public_url.is_none();
    let is_local = caller.address.is_loopback() && is_direct && caller.host.is_loopback();
    let token = app.terms.metrics_token.as_ref();
    let has_token = token.is_some_and(|token| {
        bearers(headers).any(|shown| bool::from(token.as_bytes().ct_eq(shown.as_bytes())))
    });
    if is_local || has_token { Ok(()) } else { Err(Error::not_found()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        assert_eq!(origin(Scheme::Http, "Example.org:80"), "http://example.org");
        assert_eq!(origin(Scheme::Https, "example.org:8443"), "https://example.org:8443");
    }
}
