//! What proxies say about a request that they pass on: which address it came from, and by which scheme.
//!
//! Called by `guard`, which believes it only from proxies that the operator trusts. Pure.

use super::header_parts::{list, parts};
use super::public_url::Scheme;
use hyper::header::{self, HeaderMap, HeaderName};
use std::net::{IpAddr, SocketAddr};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// Headers that proxies add: any of them means that there was a proxy.
const OF_PROXIES: [HeaderName; 6] = [
    FORWARDED_FOR,
    FORWARDED_PROTO,
    HeaderName::from_static("forwarded"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-real-ip"),
    header::VIA,
];

/// Whether the request came through a proxy, trusted or not.
pub fn is_forwarded(headers: &HeaderMap) -> bool {
    OF_PROXIES.iter().any(|name| headers.contains_key(name))
}

/// The client behind the proxies.
#[derive(Debug, PartialEq, Eq)]
pub enum Client {
    Address(IpAddr),
    /// The proxies did not say.
    Untold,
    /// They said something that is not an address; `None` if it is not text.
    Odd(Option<String>),
}

/// The nearest address that is not a trusted proxy: anyone may have written what is to the left of it.
pub fn client(headers: &HeaderMap, is_trusted: impl Fn(&IpAddr) -> bool) -> Client {
    let mut nearest = Client::Untold;
    for part in parts(headers, FORWARDED_FOR, b',').rev() {
        match part.map(|text| (text, address(text))) {
            Some(("", _)) => {}
            Some((_, Some(address))) => {
                nearest = Client::Address(address);
                if !is_trusted(&address) {
                    break;
                }
            }
            Some((text, None)) => return Client::Odd(Some(text.to_owned())),
            None => return Client::Odd(None),
        }
    }
    nearest
}

/// The scheme by which the browser reached the first proxy. The first of a list counts, because each
/// proxy adds its own at the end.
pub fn scheme(headers: &HeaderMap) -> Option<Scheme> {
    let first = list(headers, FORWARDED_PROTO).next()?;
    match first.to_ascii_lowercase().as_str() {
        "https" | "wss" => Some(Scheme::Https),
        "http" | "ws" => Some(Scheme::Http),
        _ => None,
    }
}

/// An address in the forms that proxies write: bare, with a port, in brackets, in quotes, with a zone.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches('"');
    let without_zone = |text: &str| text.split('%').next().unwrap_or_default().parse().ok();
    let address: IpAddr = if let Some(rest) = text.strip_prefix('[') {
        let (inside, port) = rest.split_once(']')?;
        let is_port = |port: &str| port.parse::<u16>().is_ok();
        (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
            .then(|| without_zone(inside))??
    } else if let Ok(socket) = text.parse::<SocketAddr>() {
        socket.ip()
    } else {
        without_zone(text)?
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn headers(lines: &[(HeaderName, &[u8])]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, HeaderValue::from_bytes(value).expect("a value"));
        }
        headers
    }

    fn client_of(lines: &[&[u8]]) -> Client {
        let lines: Vec<_> = lines.iter().map(|line| (FORWARDED_FOR, *line)).collect();
        client(&headers(&lines), |address| address.to_string().starts_with("10."))
    }

    #[test]
    fn only_what_a_trusted_proxy_added_counts() {
        let client = client_of(&[b"6.6.6.6, 1.2.3.4", b"10.0.0.2"]);
        assert_eq!(client, Client::Address("1.2.3.4".parse().expect("an address")));
        assert_eq!(client_of(&[]), Client::Untold);
        assert_eq!(client_of(&[b""]), Client::Untold);
    }

    #[test]
    fn an_address_is_read_in_every_form_that_proxies_write() {
        for form in
            ["198.51.100.7", "198.51.100.7:4711", "\"198.51.100.7:80\"", "::ffff:198.51.100.7"]
        {
            assert_eq!(address(form), "198.51.100.7".parse().ok(), "{form}");
        }
        for form in ["2001:db8::7", "[2001:db8::7]", "[2001:db8::7]:4711", "\"[2001:db8::7]:80\""] {
            assert_eq!(address(form), "2001:db8::7".parse().ok(), "{form}");
        }
        assert_eq!(address("fe80::1%eth0"), "fe80::1".parse().ok());
        assert_eq!(address("[fe80::1%eth0]:80"), "fe80::1".parse().ok());
        for odd in
            ["unknown", "_hidden", "1.2.3", "1.2.3.4:x", "[::1", "[::1]x", "chat.example", ""]
        {
            assert_eq!(address(odd), None, "{odd}");
        }
    }

    #[test]
    fn an_invalid_address_is_not_ignored() {
        assert_eq!(
            client_of(&[b"6.6.6.6, unknown, 10.0.0.2"]),
            Client::Odd(Some("unknown".into()))
        );
        assert_eq!(client_of(&[b"6.6.6.6, \xff"]), Client::Odd(None));
        let beyond = client_of(&[b"\xff, unknown, 1.2.3.4"]);
        assert_eq!(beyond, Client::Address("1.2.3.4".parse().expect("an address")));
    }

    #[test]
    fn the_first_of_several_schemes_counts() {
        let scheme = |value: &[u8]| scheme(&headers(&[(FORWARDED_PROTO, value)]));
        assert_eq!(scheme(b"https,http"), Some(Scheme::Https));
        assert_eq!(scheme(b" HTTPS , http"), Some(Scheme::Https));
        assert_eq!(scheme(b"http, https"), Some(Scheme::Http));
        assert_eq!(scheme(b"wss"), Some(Scheme::Https));
        assert_eq!(scheme(b"gopher"), None);
        assert_eq!(scheme(b""), None);
    }
}
