//! Headers with several values: comma-separated lists and semicolon-separated cookies, which may take
//! several header lines.
//!
//! Other programs write into the same headers, so a part that is not text must not hide the others.
//! Pure.

use hyper::header::{AsHeaderName, HeaderMap};

/// The parts of all lines of this header, in order, without surrounding white space; `None` for a part
/// that is not UTF-8.
pub fn parts(
    headers: &HeaderMap,
    name: impl AsHeaderName,
    separator: u8,
) -> impl DoubleEndedIterator<Item = Option<&str>> {
    let lines: Vec<&[u8]> = headers.get_all(name).iter().map(|line| line.as_bytes()).collect();
    let parts = lines.into_iter().flat_map(move |line| line.split(move |byte| *byte == separator));
    parts.map(|part| std::str::from_utf8(part).ok().map(str::trim))
}

/// The readable parts of a comma-separated list.
pub fn list(headers: &HeaderMap, name: impl AsHeaderName) -> impl Iterator<Item = &str> {
    parts(headers, name, b',').flatten().filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{self, HeaderValue};

    #[test]
    fn an_unreadable_part_does_not_hide_the_others() {
        let mut headers = HeaderMap::new();
        let bytes = b"gzip;q=0.5 , \xff, br".as_slice();
        headers.append(header::ACCEPT_ENCODING, HeaderValue::from_bytes(bytes).expect("a value"));
        headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static("zstd,,"));
        let found: Vec<_> = list(&headers, header::ACCEPT_ENCODING).collect();
        assert_eq!(found, ["gzip;q=0.5", "br", "zstd"]);
        assert_eq!(parts(&headers, header::ACCEPT_ENCODING, b',').nth(1), Some(None));
        assert_eq!(list(&headers, header::ACCEPT).next(), None);
    }
}
