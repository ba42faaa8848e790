//! The names by which this server answers. Another site can make its own name point to this machine's
//! address (DNS rebinding). For the browser that name is the same origin, so it must not be answered.
//!
//! Addresses, `localhost` and the machine's own names are always accepted; of other names only the
//! public URL's. Pure.

use super::public_url::PublicUrl;
use std::net::{IpAddr, Ipv6Addr};

/// The host of a request, in lower case and without its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host(Box<str>);

impl Host {
    /// Parses a `Host` header or the authority of a URL.
    pub fn of(authority: &str) -> Self {
        let name = match authority.rfind(']') {
            Some(end) => &authority[..=end],
            None => authority.split(':').next().unwrap_or_default(),
        };
        Self(name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase().into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn address(&self) -> Option<IpAddr> {
        match self.0.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(inside) => inside.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            None => self.0.parse().ok(),
        }
    }

    /// A loopback address, or `localhost`, which browsers never look up elsewhere.
    pub fn is_loopback(&self) -> bool {
        let is_localhost = &*self.0 == "localhost" || self.0.ends_with(".localhost");
        is_localhost || self.address().is_some_and(|address| address.to_canonical().is_loopback())
    }

    /// Whether it is one of our names; `machine` holds the machine's own names.
    pub fn is_ours(&self, machine: &[Host], public_url: Option<&PublicUrl>) -> bool {
        self.address().is_some()
            || self.is_loopback()
            || machine.contains(self)
            || public_url.is_some_and(|url| url.host() == *self)
    }

    /// A machine's names, derived from its host name: unchanged, its first part, and its name in the
    /// local network.
    pub fn of_machine(name: &str) -> Vec<Self> {
        let short = name.split('.').next().unwrap_or_default();
        let names = [name.to_owned(), short.to_owned(), format!("{short}.local")];
        names.iter().filter(|_| !short.is_empty()).map(|name| Self::of(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::public_url::Scheme;

    #[test]
    fn a_name_given_to_us_by_somebody_else_is_not_ours() {
        let machine = Host::of_machine("Pi.home.example");
        let url = PublicUrl { scheme: Scheme::Https, authority: "chat.example:8443".into() };
        let is_ours = |host: &str| Host::of(host).is_ours(&machine, Some(&url));
        for ours in [
            "127.0.0.1:8000",
            "192.168.1.7",
            "[::1]:8000",
            "[2001:db8::7]",
            "localhost:8000",
            "snug.localhost",
            "PI:80",
            "pi.local",
            "pi.home.example",
            "Chat.Example",
            "chat.example.:1",
        ] {
            assert!(is_ours(ours), "{ours}");
        }
        for foreign in [
            "",
            "evil.example",
            "chat.example.evil.example",
            "127.0.0.1.evil.example",
            "xlocalhost",
            "[::1",
            "[evil]",
            "local",
            "1.2.3",
            "home.example",
        ] {
            assert!(!is_ours(foreign), "{foreign}");
        }
        assert!(!Host::of("chat.example").is_ours(&machine, None));
        assert!(Host::of_machine("").is_empty());
    }

    #[test]
    fn only_loopback_means_the_machine_itself() {
        for local in
            ["127.0.0.1:8000", "127.8.9.1", "[::1]", "[::ffff:127.0.0.1]:1", "LocalHost:8000"]
        {
            assert!(Host::of(local).is_loopback(), "{local}");
        }
        for other in ["192.168.1.7", "chat.example", "0.0.0.0", "[2001:db8::7]"] {
            assert!(!Host::of(other).is_loopback(), "{other}");
        }
    }
}
