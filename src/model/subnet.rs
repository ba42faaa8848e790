//! Subnets: by what clients are told apart wherever something is counted, shared or bounded.

use std::net::IpAddr;

/// What translators put before an IPv4 address to pass it on as IPv6 (RFC 6052, 2.1): to a server without IPv4,
/// all of IPv4 comes from there. Nobody routes that prefix: whoever comes from it has been translated.
const TRANSLATED: u128 = 0x0064_ff9b << 96;

/// What one customer of a provider has: an IPv4 address, or an IPv6 /64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subnet(u64);

impl From<IpAddr> for Subnet {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.to_bits().into()),
            IpAddr::V6(address) => match address.to_bits() ^ TRANSLATED {
                translated @ ..=0xffff_ffff => Self(translated as u64),
                _ => Self((address.to_bits() >> 64) as u64),
            },
        }
    }
}

impl Subnet {
    /// The form that the database stores.
    pub fn number(self) -> i64 {
        self.0.cast_signed()
    }

    pub fn site(self) -> Site {
        // An IPv4 address has 32 bits; the first 16 bits of an IPv6 address are not zero.
        let is_ipv4 = self.0 <= u64::from(u32::MAX);
        Site(if is_ipv4 { self.0 } else { self.0 >> 16 << 16 })
    }
}

/// Where whoever has one subnet usually has all: an IPv4 address, or an IPv6 /48.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Site(u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_customer_is_their_64() {
        let subnet = |text: &str| Subnet::from(text.parse::<IpAddr>().expect("an address"));
        assert_eq!(subnet("2001:db8::1"), subnet("2001:db8::ffff"));
        assert_ne!(subnet("2001:db8::1"), subnet("2001:db8:0:1::1"));
        assert_eq!(subnet("::ffff:10.0.0.1"), subnet("10.0.0.1"));
        assert_eq!(subnet("64:ff9b::10.0.0.1"), subnet("10.0.0.1"));
        assert_ne!(subnet("64:ff9b::10.0.0.1"), subnet("64:ff9b::10.0.0.2"));
        assert_ne!(subnet("64:ff9b::1:0:1"), subnet("0.0.0.1"), "only with nothing in between");
        let site = |text: &str| subnet(text).site();
        assert_eq!(site("2001:db8::1"), site("2001:db8:0:1::1"));
        assert_ne!(site("2001:db8::1"), site("2001:db8:1::1"));
        assert_ne!(site("10.0.0.1"), site("10.0.0.2"));
    }
}
