//! Subnets: by what clients are told apart wherever something is counted, shared or bounded.

use std::net::IpAddr;

/// What one customer of a provider has: an IPv4 address, or an IPv6 /64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subnet(u64);

impl From<IpAddr> for Subnet {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.to_bits().into()),
            IpAddr::V6(address) => Self((address.to_bits() >> 64) as u64),
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
        let site = |text: &str| subnet(text).site();
        assert_eq!(site("2001:db8::1"), site("2001:db8:0:1::1"));
        assert_ne!(site("2001:db8::1"), site("2001:db8:1::1"));
        assert_ne!(site("10.0.0.1"), site("10.0.0.2"));
    }
}
