//! How browsers reach this server: the scheme, and the host of its pages.
//!
//! Created from the settings; used wherever an origin is compared or a link is written. Pure.

use super::host::Host;
use std::fmt;
use std::net::SocketAddr;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Http,
    Https,
}

/// How browsers reach us. `Display` gives exactly what they send as `Origin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    pub scheme: Scheme,
    /// The host, and the port unless it is the scheme's default; in lower case.
    pub authority: String,
}

impl Scheme {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    pub fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl PublicUrl {
    pub fn host(&self) -> Host {
        Host::of(&self.authority)
    }

    /// Whether a request with this `Host` came by another address. Many proxies leave the port out.
    pub fn is_elsewhere(&self, host: &str) -> bool {
        let port = |authority: &str| {
            let (_, port) = authority.rsplit_once(':')?;
            port.parse::<u16>().ok()
        };
        let own = port(&self.authority).unwrap_or(self.scheme.port());
        Host::of(host) != self.host() || port(host).is_some_and(|port| port != own)
    }
}

/// Where the pages are on the machine itself, for a server that listens there.
pub fn home(listen: SocketAddr) -> String {
    match listen.ip().is_unspecified() {
        true => format!("http://localhost:{}", listen.port()),
        false => format!("http://{listen}"),
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority)
    }
}
