//! Who sends a request, from where, and whether they may: address, origin, token, cookie.
//!
//! Called once per request, before any handler. The answers never distinguish a bad token from an
//! expired one.

use super::cookies;
use crate::chat::{Authenticated, Subnet};
use crate::error::{Error, Result};
use crate::http::App;
use crate::http::public_url::Scheme;
use hyper::header::{self, HeaderMap, HeaderName};
use std::net::IpAddr;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED: HeaderName = HeaderName::from_static("forwarded");
/// Headers that proxies add: any of them means that there was a proxy.
const OF_PROXIES: [HeaderName; 6] = [
    FORWARDED_FOR,
    FORWARDED_PROTO,
    FORWARDED,
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-real-ip"),
    header::VIA,
];
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
}

impl Caller {
    /// Refused unless there is exactly one valid `Host`. Forwarding headers count only if they come
    /// from a proxy that the operator trusts.
    pub fn of(
        app: &App,
        peer: IpAddr,
        headers: &HeaderMap,
        authority: Option<&str>,
    ) -> Result<Self> {
        let peer = peer.to_canonical();
        let trusts = |address: &IpAddr| {
            app.terms.trusted_proxies.iter().any(|network| network.contains(address))
        };
        let is_forwarded = OF_PROXIES.iter().any(|name| headers.contains_key(name));
        let (mut address, mut scheme) = (peer, Scheme::Http);
        if trusts(&peer) {
            address = forwarded_address(headers, trusts).unwrap_or(peer);
            if headers.get(FORWARDED_PROTO).is_some_and(|value| value == "https") {
                scheme = Scheme::Https;
            }
        }
        let host = host(headers, authority)?;
        let origin = match &app.terms.public_url {
            Some(url) => {
                scheme = url.scheme;
                url.to_string()
            }
            None => origin(scheme, host),
        };
        Ok(Self { address, is_forwarded, scheme, origin })
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

/// The nearest address that is not one of our proxies: anyone may have written what is to the left of
/// it.
fn forwarded_address(headers: &HeaderMap, trusts: impl Fn(&IpAddr) -> bool) -> Option<IpAddr> {
    let values = headers.get_all(FORWARDED_FOR).iter();
    let chain: Vec<&str> =
        values.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(',')).collect();
    let mut nearest = None;
    for text in chain.iter().rev() {
        let address: IpAddr = text.trim().parse().ok()?;
        nearest = Some(address.to_canonical());
        if !trusts(&address.to_canonical()) {
            break;
        }
    }
    nearest
}

fn host<'a>(headers: &'a HeaderMap, authority: Option<&str>) -> Result<&'a str> {
    let bad = || Error::malformed("bad_host", "A request needs exactly one valid Host.");
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok()).ok_or_else(bad)?;
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    if hosts.next().is_some() || authority.is_some() || !host.bytes().all(is_plain) {
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
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<(Authenticated, By)> {
    let bearer = bearer(headers)?;
    let cookie = cookies::session(headers);
    match (bearer.or(query), cookie) {
        (Some(token), None) => Ok((app.rules.authenticate(token).await?, By::Token)),
        (None, Some(cookie)) => Ok((app.rules.authenticate(cookie).await?, By::Cookie)),
        (Some(token), Some(cookie)) => {
            let by_token = app.rules.authenticate(token).await?;
            match app.rules.authenticate(cookie).await {
                Ok(by_cookie) if !by_token.is_same_user(&by_cookie) => Err(Error::malformed(
                    "two_users",
                    "The token and the cookie belong to different users; send only one of them.",
                )),
                Ok(_) | Err(Error::Refused(_)) => Ok((by_token, By::Token)),
                Err(error) => Err(error),
            }
        }
        (None, None) => Err(Error::unauthenticated()),
    }
}

/// With the cookie, requests that change something must come from our own pages.
pub fn refuse_foreign(caller: &Caller, headers: &HeaderMap, by: By) -> Result<()> {
    match by {
        By::Cookie if !caller.is_same_origin(headers) => Err(foreign_origin()),
        By::Cookie | By::Token => Ok(()),
    }
}

/// Refuses a form if the browser says that it comes from another site. Our own pages send no referrer,
/// so their origin may be `null`: then the form's token decides.
pub fn refuse_foreign_form(caller: &Caller, headers: &HeaderMap) -> Result<()> {
    let named = headers.get(header::ORIGIN).is_some_and(|origin| origin != "null");
    let site = headers.get(FETCH_SITE);
    let sited = site.is_some_and(|site| site != "same-origin" && site != "none");
    if (named || sited) && !caller.is_same_origin(headers) {
        return Err(foreign_origin());
    }
    Ok(())
}

pub fn foreign_origin() -> Error {
    Error::forbidden("foreign_origin", "This can only be requested from this server's own pages.")
}

/// Schemes other than Bearer are refused like a bad token.
pub fn bearer(headers: &HeaderMap) -> Result<Option<&str>> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let token = value.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    token.map(Some).ok_or_else(Error::unauthenticated)
}

/// For callers on this machine that did not come through a proxy, and for those with the token; to
/// everybody else it does not exist.
pub fn require_operator(app: &App, caller: &Caller, headers: &HeaderMap) -> Result<()> {
    use subtle::ConstantTimeEq;
    let is_local = caller.address.is_loopback() && !caller.is_forwarded;
    let token = app.terms.metrics_token.as_ref();
    let shown = bearer(headers).ok().flatten();
    let has_token = token
        .zip(shown)
        .is_some_and(|(token, shown)| bool::from(token.as_bytes().ct_eq(shown.as_bytes())));
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

    #[test]
    fn only_what_a_trusted_proxy_added_counts() {
        let mut headers = HeaderMap::new();
        headers.append(FORWARDED_FOR, "6.6.6.6, 1.2.3.4".parse().expect("a value"));
        headers.append(FORWARDED_FOR, "10.0.0.2".parse().expect("a value"));
        let trusts = |address: &IpAddr| address.to_string().starts_with("10.");
        assert_eq!(forwarded_address(&headers, trusts), "1.2.3.4".parse().ok());
    }
}
