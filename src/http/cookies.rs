//! Cookies: how they are found in a request, and how ours are set.
//!
//! What they contain is up to the callers: `guard` (the session) and `pages` (form tokens, the theme).

use super::header_parts::parts;
use super::respond::Answer;
use crate::http::public_url::Scheme;
use hyper::header::{self, HeaderMap, HeaderValue};

/// The cookie that carries a token.
const SESSION: &str = "snug_session";

/// The token that a browser presents.
pub fn session(headers: &HeaderMap) -> Option<&str> {
    named(headers, SESSION)
}

/// The value of a cookie by its name.
pub fn named<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs = parts(headers, header::COOKIE, b';').flatten();
    let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| key.trim_end() == name).map(|(_, value)| value.trim_start())
}

/// A cookie that carries the token, or one that removes it.
pub fn of_session(token: Option<(&str, u64)>, scheme: Scheme) -> String {
    let (token, max_age) = token.unwrap_or(("", 0));
    format!("{SESSION}={token}; Max-Age={max_age}; {}", attributes(scheme))
}

/// The attributes of every cookie that only the server reads.
pub fn attributes(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Https => "Path=/; HttpOnly; SameSite=Lax; Secure",
        Scheme::Http => "Path=/; HttpOnly; SameSite=Lax",
    }
}

pub fn set(answer: &mut Answer, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        answer.headers_mut().append(header::SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=1; snug_session=x.y.z".parse().expect("a value"));
        assert_eq!(session(&headers), Some("x.y.z"));
        assert_eq!(named(&headers, "b"), None);
        let beside = HeaderValue::from_bytes(b"n=\xf6; snug_session=x.y.z").expect("a value");
        let headers = HeaderMap::from_iter([(header::COOKIE, beside)]);
        assert_eq!(session(&headers), Some("x.y.z"));
    }
}
