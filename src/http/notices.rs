//! What the operator should know about how requests arrive, logged once in the life of the process: a
//! misconfigured proxy would otherwise cause a line with every request.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

#[derive(Default)]
pub struct Notices {
    untold_client: AtomicBool,
    odd_client: AtomicBool,
    untrusted_proxy: AtomicBool,
    foreign_origin: AtomicBool,
    foreign_host: AtomicBool,
    missing_upgrade: AtomicBool,
}

impl Notices {
    /// What has been noticed so far, each by its name.
    pub fn noticed(&self) -> [(&'static str, bool); 6] {
        [
            ("untold_client", &self.untold_client),
            ("odd_client", &self.odd_client),
            ("untrusted_proxy", &self.untrusted_proxy),
            ("foreign_origin", &self.foreign_origin),
            ("foreign_host", &self.foreign_host),
            ("missing_upgrade", &self.missing_upgrade),
        ]
        .map(|(kind, noticed)| (kind, noticed.load(Relaxed)))
    }

    pub fn untold_client(&self, proxy: IpAddr) {
        if is_first(&self.untold_client) {
            tracing::warn!(
                %proxy,
                "a trusted proxy sent no X-Forwarded-For: everybody behind it counts as one address"
            );
        }
    }

    pub fn odd_client(&self, proxy: IpAddr, said: Option<&str>) {
        if is_first(&self.odd_client) {
            tracing::warn!(
                %proxy,
                said = said.unwrap_or("(not text)"),
                "a trusted proxy sent an X-Forwarded-For that is not an address: the request counts as its own"
            );
        }
    }

    pub fn untrusted_proxy(&self, address: IpAddr) {
        if is_first(&self.untrusted_proxy) {
            tracing::warn!(
                %address,
                "forwarding headers from an address that is not trusted are ignored: if it is your proxy, name \
                 it in SNUG_TRUSTED_PROXIES"
            );
        }
    }

    pub fn foreign_origin(&self, origin: &str, own: &str) {
        if is_first(&self.foreign_origin) {
            tracing::warn!(
                origin,
                own,
                "a browser's request came from another origin than this server's own and was refused: if people \
                 reach it by that address, set SNUG_PUBLIC_URL to it"
            );
        }
    }

    pub fn foreign_host(&self, host: &str) {
        if is_first(&self.foreign_host) {
            tracing::warn!(
                host,
                "a request for a name that is not known to be this server's was refused: if people reach it by \
                 that name, set SNUG_PUBLIC_URL to its address"
            );
        }
    }

    pub fn missing_upgrade(&self) {
        if is_first(&self.missing_upgrade) {
            tracing::warn!(
                "a WebSocket was requested without the header Upgrade: a proxy in between must pass on Upgrade \
                 and Connection"
            );
        }
    }
}

fn is_first(said: &AtomicBool) -> bool {
    !said.swap(true, Relaxed)
}
