//! Answers without a request: to bytes that are not HTTP, which hyper refuses with a bare status, and to
//! connections that find no place.
//!
//! `server` passes the start of each answer through here on its way out; hyper's own answers are
//! replaced by one with a problem as its body and the headers that all answers have. Such requests
//! have no route, so they are neither counted nor logged.

use super::respond::{self, Answer, AnswerBody};
use crate::http::public_url::Scheme;
use crate::limits::{HEADER_BYTES_MAX, HEADERS_MAX, RETRY_SOON};
use crate::model::error::Error;
use crate::model::text;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{self, HeaderValue};

/// The answer to send in place of this one, if this is hyper's own. `head` is the start of an answer.
pub fn instead(head: &[u8]) -> Option<Bytes> {
    let after_version = head.strip_prefix(b"HTTP/1.1 ")?;
    let (status, code, detail) = match std::str::from_utf8(after_version.get(..3)?).ok()? {
        "400" => (StatusCode::BAD_REQUEST, "bad_request", "This is not valid HTTP.".to_owned()),
        "414" => (StatusCode::URI_TOO_LONG, "uri_too_long", "The URL is too long.".to_owned()),
        "431" => (
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "headers_too_large",
            format!(
                "The request line and headers may have at most {}, and at most {HEADERS_MAX} headers.",
                text::kib(HEADER_BYTES_MAX as i64)
            ),
        ),
        _ => return None,
    };
    let head = std::str::from_utf8(head).ok()?;
    // All of our own answers have a request id.
    if head.contains(respond::REQUEST_ID) {
        return None;
    }
    let body = respond::problem_body(status, code, &detail, &[]);
    let body = respond::with_type(status, respond::PROBLEM, body);
    let is_kept = |line: &&str| !line.is_empty() && !line.starts_with("content-length:");
    let mut answer = Vec::with_capacity(1_024);
    for line in head.lines().filter(is_kept) {
        answer.extend_from_slice(line.as_bytes());
        answer.extend_from_slice(b"\r\n");
    }
    put_rest(body, &mut answer);
    Some(answer.into())
}

/// For a connection that has found no place, or has just been asked to give up its own.
pub fn crowded() -> Answer {
    let waits = "Too many connections are open; try again in a moment.";
    let mut answer = respond::problem(&Error::busy(waits, RETRY_SOON), "");
    respond::end_connection(&mut answer);
    answer
}

/// The same, as it is written to a connection that hyper has never seen.
pub fn crowded_bytes() -> Bytes {
    let mut bytes = b"HTTP/1.1 503 Service Unavailable\r\n".to_vec();
    put_rest(crowded(), &mut bytes);
    bytes.into()
}

/// The headers that are still missing, and the body.
fn put_rest(answer: Answer, bytes: &mut Vec<u8>) {
    let (mut head, body) = answer.into_parts();
    let body = match body {
        AnswerBody::Whole(body) => body,
        AnswerBody::Streamed(_) => Bytes::new(),
    };
    head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    respond::put_common(&mut head.headers, Scheme::Http, None);
    for (name, value) in &head.headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            bytes.extend_from_slice(part);
        }
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&body);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hypers_own_refusals_are_replaced() {
        let of_hyper = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\
            content-length: 0\r\ndate: x\r\n\r\n";
        let said = instead(of_hyper.as_bytes()).expect("another answer");
        let said = std::str::from_utf8(&said).expect("text");
        let (head, body) = said.split_once("\r\n\r\n").expect("a head");
        assert!(head.contains("date: x\r\n") && head.contains("nosniff"), "{head}");
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
        assert_eq!(head.matches("content-length").count(), 1);
        let ours = of_hyper.replace("date: x", "x-request-id: 1");
        assert_eq!(instead(ours.as_bytes()), None);
        for other in ["", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n"] {
            assert_eq!(instead(other.as_bytes()), None, "{other}");
        }
    }
}
