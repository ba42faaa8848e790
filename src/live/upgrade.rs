//! The handshake: what a request needs to become a socket, and where it wants to resume.
//!
//! Errors are answered in HTTP, before any 101. `http` decides who may have which socket. An admitted
//! request leaves a note in its connection's ticket, with which `server` hands the bare socket to its
//! shard.

use crate::limits::RESUME_PAIRS_MAX;
use crate::model::error::{Because, Error, Fault, Result};
use crate::model::ids::{Change, ChatId, Seq};
use crate::registry::{Admitted, Arrival, Registry, Resume, Scope};
use base64::Engine;
use bytes::Bytes;
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::{Version, http};
use parking_lot::Mutex;
use std::net::TcpStream;
use std::sync::Arc;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Where a request leaves word for its HTTP connection about what to do after the 101.
#[derive(Clone, Default)]
pub struct Ticket(Arc<Mutex<Option<Admitted>>>);

impl Ticket {
    pub fn put(&self, admitted: Admitted) {
        *self.0.lock() = Some(admitted);
    }

    /// Hands the socket to its shard, if one was admitted, together with the unsent 101 and the bytes
    /// that the client sent early.
    pub fn use_up(&self, registry: &Registry, stream: TcpStream, answer: Bytes, early: Bytes) {
        let admitted = self.0.lock().take();
        if let Some(admitted) = admitted {
            registry.arrive(Arrival { stream, answer, early, admitted });
        }
    }

    pub fn holds_socket(&self) -> bool {
        self.0.lock().is_some()
    }
}

/// The `Sec-WebSocket-Accept` for a valid handshake (RFC 6455, 4.2.1).
pub fn handshake(version: Version, headers: &HeaderMap) -> Result<String> {
    if version != Version::HTTP_11 {
        return Err(Error::malformed("bad_handshake", "A socket needs HTTP/1.1."));
    }
    let is_upgrade = has_token(headers, &header::UPGRADE, "websocket")
        && has_token(headers, &header::CONNECTION, "upgrade");
    if !is_upgrade {
        return Err(upgrade_required("This is a WebSocket endpoint: request an upgrade."));
    }
    if one(headers, &header::SEC_WEBSOCKET_VERSION) != Some("13") {
        return Err(upgrade_required("Only version 13 of the WebSocket protocol is supported."));
    }
    let bad_key =
        || Error::malformed("bad_handshake", "Sec-WebSocket-Key must be 16 bytes in base64.");
    let key = one(headers, &header::SEC_WEBSOCKET_KEY).ok_or_else(bad_key)?;
    let decoded = base64::engine::general_purpose::STANDARD.decode(key).map_err(|_| bad_key())?;
    if decoded.len() != 16 {
        return Err(bad_key());
    }
    Ok(derive_accept_key(key.as_bytes()))
}

fn upgrade_required(detail: &'static str) -> Error {
    Error::refused(Because::UpgradeRequired, "upgrade_required", detail)
}

/// The value of a header that is present exactly once.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.to_str().ok()).flatten()
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let lines = headers.get_all(name).iter().map(|line: &http::HeaderValue| line.as_bytes());
    let mut parts = lines.flat_map(|line| line.split(|byte| *byte == b','));
    parts.any(|part| part.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// Where the client wants to resume: `after`, `change` and `epoch` in the query.
pub fn resume(scope: Scope, query: &[(String, String)]) -> Result<Resume> {
    let (mut resume, mut change) = (Resume::default(), None);
    for (name, value) in query {
        match name.as_str() {
            "after" => resume.after = after(scope, value)?,
            "change" => change = Some(parsed_change(value)?),
            "epoch" => resume.epoch = Some(value.as_str().into()),
            _ => {}
        }
    }
    if let Some(change) = change {
        match (scope, resume.after.as_mut_slice()) {
            (Scope::One(_), [(.., of_one)]) => *of_one = Some(change),
            (Scope::One(_) | Scope::All, _) => {
                let rule = "It goes with after, on /ws as the third number of each chat: 7:812:31.";
                return Err(Error::invalid(vec![Fault::new("change", rule)]));
            }
        }
    }
    Ok(resume)
}

fn parsed_change(text: &str) -> Result<Change> {
    let rule = "Give the number of the last change that you have.";
    Change::parse(text).ok_or_else(|| Error::invalid(vec![Fault::new("change", rule)]))
}

fn after(scope: Scope, text: &str) -> Result<Vec<(ChatId, Seq, Option<Change>)>> {
    match scope {
        Scope::One(chat_id) => {
            let seq = Seq::parse(text)
                .ok_or_else(|| bad_after("Give the number of the last message that you have."))?;
            Ok(vec![(chat_id, seq, None)])
        }
        Scope::All => {
            let pairs: Option<Vec<_>> =
                text.split(',').filter(|pair| !pair.is_empty()).map(pair).collect();
            let pairs = pairs.ok_or_else(|| {
                bad_after("Write pairs like 7:812, or 7:812:31 with a change, separated by commas.")
            })?;
            if pairs.len() > RESUME_PAIRS_MAX {
                return Err(bad_after(format!(
                    "At most {RESUME_PAIRS_MAX} pairs; resume the others with join frames."
                )));
            }
            Ok(pairs)
        }
    }
}

fn pair(text: &str) -> Option<(ChatId, Seq, Option<Change>)> {
    let (chat_id, position) = text.split_once(':')?;
    let (seq, change) = match position.split_once(':') {
        Some((seq, change)) => (seq, Some(Change::parse(change)?)),
        None => (position, None),
    };
    Some((ChatId::parse(chat_id)?, Seq::parse(seq)?, change))
}

fn bad_after(detail: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::invalid(vec![Fault::new("after", detail)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let value = http::HeaderValue::from_static;
        pairs.iter().map(|(name, text)| (HeaderName::from_static(name), value(text))).collect()
    }

    const PROPER: [(&str, &str); 4] = [
        ("upgrade", "WebSocket"),
        ("connection", "keep-alive, Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    #[test]
    fn a_valid_handshake_is_accepted() {
        // The example of RFC 6455, 1.3.
        let accept = handshake(Version::HTTP_11, &headers(&PROPER)).expect("accepted");
        assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn an_invalid_handshake_is_told_what_is_wrong() {
        let because = |version, pairs: &[_]| match handshake(version, &headers(pairs)) {
            Err(Error::Refused(refusal)) => refusal.because,
            other => panic!("not refused: {other:?}"),
        };
        assert_eq!(because(Version::HTTP_10, &PROPER), Because::Malformed);
        assert_eq!(because(Version::HTTP_11, &PROPER[1..]), Because::UpgradeRequired);
        for (at, value, expected) in [
            (2, "12", Because::UpgradeRequired),
            (3, "dGhlIHNhbXBsZSBub25jZQ", Because::Malformed),
            (3, "dGhlIHNhbXBsZSBub25j", Because::Malformed),
            (1, "close", Because::UpgradeRequired),
        ] {
            let mut pairs = PROPER;
            pairs[at].1 = value;
            assert_eq!(because(Version::HTTP_11, &pairs), expected, "{value}");
        }
    }

    #[test]
    fn positions_are_pairs_on_ws_and_plain_elsewhere() {
        let query = |text: &str| vec![("after".to_owned(), text.to_owned())];
        let all = resume(Scope::All, &query("7:812:31,9:0")).expect("pairs");
        let (first, second) = ((ChatId(7), Seq(812), Some(Change(31))), (ChatId(9), Seq(0), None));
        assert_eq!(all.after, [first, second]);
        let one = resume(Scope::One(ChatId(7)), &query("812")).expect("a position");
        assert_eq!(one.after, [(ChatId(7), Seq(812), None)]);
        let change = ("change".to_owned(), "31".to_owned());
        let both = [query("812"), vec![change.clone()]].concat();
        assert_eq!(resume(Scope::One(ChatId(7)), &both).expect("a position").after, [first]);
        assert!(resume(Scope::One(ChatId(7)), std::slice::from_ref(&change)).is_err());
        assert!(resume(Scope::All, &[query("7:812"), vec![change]].concat()).is_err());
        for bad in ["812", "7:-1", "0:1", "7:8:-1", "7:8:", "7:8:9:1", "a:b"] {
            assert!(resume(Scope::All, &query(bad)).is_err(), "{bad}");
        }
        let many = vec!["1:1"; RESUME_PAIRS_MAX + 1].join(",");
        assert!(resume(Scope::All, &query(&many)).is_err());
        assert!(resume(Scope::One(ChatId(1)), &query("7:812")).is_err());
    }
}
