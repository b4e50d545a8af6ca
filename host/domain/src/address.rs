//! Which addresses lead to the public network, and which inwards. Who may reach which is not decided here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether `ip` is reachable from the whole network, as the IANA special-purpose registries say. What leads
/// inwards, or to the machine itself, is not.
#[must_use]
pub const fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

/// What the IANA special-purpose registry calls not globally reachable is private here, and so are
/// multicast and reserved addresses.
const fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)                // this network, private, loopback, multicast, reserved
            | (100, 64..=127, _)                          // shared, RFC 6598
            | (169, 254, _)                               // link-local; clouds keep their metadata there
            | (172, 16..=31, _)                           // private
            | (192, 0, 0 | 2)                             // protocol assignments, documentation
            | (192, 88, 99)                               // 6to4 relays
            | (192, 168, _)                               // private
            | (198, 18 | 19, _)                           // benchmarks
            | (198, 51, 100)                              // documentation
            | (203, 0, 113) // documentation
    )
}

/// Global unicast (`2000::/3`) without what leads elsewhere: 6to4, Teredo and its neighbours, and
/// documentation. All else is outside it: loopback, unique local, link-local, multicast, and IPv4
/// addresses that are mapped or translated.
const fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    a & 0xe000 == 0x2000
        && !(a == 0x2001 && b < 0x0200)
        && !(a == 0x2001 && b == 0x0db8)
        && a != 0x2002
        && !(a == 0x3fff && b < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_that_leads_inwards_is_public() {
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::7f00:1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn public_addresses_are_public() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.20.0.1",
            "2606:4700::1111",
            "2a00:1450::1",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }
}
