//! Cookies: what ours are called, how they are found in a request, and how they are set.
//!
//! Browsers share cookies between the ports of a host, so each instance has names of its own, made from its
//! key. Over https they begin with `__Host-`, which keeps sibling domains from planting one (RFC 6265bis,
//! 4.1.3.2). What they contain is up to the callers: `guard` (the session) and `pages` (form tokens, the
//! theme, the last chat).

use super::header_parts::parts;
use super::respond::Answer;
use crate::http::public_url::Scheme;
use hmac::{Hmac, KeyInit, Mac};
use hyper::header::{self, HeaderMap, HeaderValue};
use sha2::Sha256;

/// What a cookie of ours is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cookie {
    /// Carries a token.
    Session,
    /// Tells browsers apart before anybody has signed in.
    Door,
    Theme,
    /// The chat in which this browser was last. Scripts write it, too: from chat to chat no page is loaded.
    LastChat,
}

impl Cookie {
    fn word(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Door => "door",
            Self::Theme => "theme",
            Self::LastChat => "chat",
        }
    }
}

/// Browsers keep a cookie for at most 400 days (RFC 6265bis).
pub const KEPT_SECS: u64 = 400 * 24 * 60 * 60;

/// The cookies of this instance.
#[derive(Debug, Clone)]
pub struct Cookies {
    /// What tells this instance from others on the same host.
    instance: String,
}

impl Cookies {
    /// From the key that signs tokens, since instances that share it are one.
    pub fn new(secret: &[u8]) -> Self {
        let mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
        let digest = mac.chain_update(b"snug: names of cookies").finalize().into_bytes();
        Self { instance: digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect() }
    }

    pub fn name(&self, cookie: Cookie, scheme: Scheme) -> String {
        let prefix = match scheme {
            Scheme::Https => "__Host-",
            Scheme::Http => "",
        };
        format!("{prefix}snug_{}_{}", cookie.word(), self.instance)
    }

    /// What the browser presents, if it presents one.
    pub fn find<'a>(
        &self,
        cookie: Cookie,
        scheme: Scheme,
        headers: &'a HeaderMap,
    ) -> Option<&'a str> {
        self.all(cookie, scheme, headers).next()
    }

    /// Everything that it presents by this name: others on this host can have set one for a longer path,
    /// which then comes first.
    pub fn all<'a>(
        &self,
        cookie: Cookie,
        scheme: Scheme,
        headers: &'a HeaderMap,
    ) -> impl Iterator<Item = &'a str> {
        let name = self.name(cookie, scheme);
        let pairs = parts(headers, header::COOKIE, b';').flatten();
        let pairs = pairs.filter_map(|pair| pair.split_once('='));
        pairs.filter(move |(key, _)| key.trim_end() == name).map(|(_, value)| value.trim_start())
    }

    /// Kept for so many seconds, or, without a number, until the browser is closed.
    pub fn set(
        &self,
        answer: &mut Answer,
        scheme: Scheme,
        cookie: Cookie,
        value: &str,
        seconds: Option<u64>,
    ) {
        let cookie = self.written(scheme, cookie, value, seconds);
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            answer.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }

    /// As `Set-Cookie` has it.
    pub fn written(
        &self,
        scheme: Scheme,
        cookie: Cookie,
        value: &str,
        seconds: Option<u64>,
    ) -> String {
        let name = self.name(cookie, scheme);
        let kept = seconds.map(|seconds| format!(" Max-Age={seconds};")).unwrap_or_default();
        let hidden = if cookie == Cookie::LastChat { "" } else { " HttpOnly;" };
        let secure = match scheme {
            Scheme::Https => "; Secure",
            Scheme::Http => "",
        };
        format!("{name}={value};{kept} Path=/;{hidden} SameSite=Lax{secure}")
    }

    pub fn remove(&self, answer: &mut Answer, scheme: Scheme, cookie: Cookie) {
        self.set(answer, scheme, cookie, "", Some(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(cookies: &[u8]) -> HeaderMap {
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_bytes(cookies).expect("a value"))])
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let cookies = Cookies::new(b"one");
        let name = cookies.name(Cookie::Session, Scheme::Http);
        let find = |headers: &HeaderMap| {
            let found = cookies.find(Cookie::Session, Scheme::Http, headers);
            found.map(str::to_owned)
        };
        assert_eq!(
            find(&headers(format!("a=1; {name}=x.y.z").as_bytes())).as_deref(),
            Some("x.y.z")
        );
        let beside = [b"n=\xf6; ", name.as_bytes(), b"=x.y.z"].concat();
        assert_eq!(find(&headers(&beside)).as_deref(), Some("x.y.z"));
        assert_eq!(find(&headers(b"snug_session=x.y.z")), None);
    }

    #[test]
    fn names_differ_by_instance_and_by_scheme() {
        let (one, other) = (Cookies::new(b"one"), Cookies::new(b"other"));
        for scheme in [Scheme::Http, Scheme::Https] {
            assert_ne!(one.name(Cookie::Session, scheme), other.name(Cookie::Session, scheme));
            assert_eq!(
                one.name(Cookie::Session, scheme),
                Cookies::new(b"one").name(Cookie::Session, scheme)
            );
        }
        assert!(one.name(Cookie::Door, Scheme::Https).starts_with("__Host-snug_door_"));
    }
}
