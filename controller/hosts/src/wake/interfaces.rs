//! The networks of this host: where a broadcast can be sent.

use std::{fs, net::Ipv4Addr, path::Path};

/// Flags of an interface (`linux/if.h`): it is up, and it knows broadcasts.
const UP: u32 = 0x1;
const BROADCAST: u32 = 0x2;

/// Flags of a route (`linux/route.h`): it is up, and it goes over a gateway.
const ROUTE_UP: u32 = 0x1;
const ROUTE_GATEWAY: u32 = 0x2;

/// A network that this host is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Network {
    /// The interface.
    pub(super) interface: String,
    /// The address that reaches everybody there.
    pub(super) broadcast: Ipv4Addr,
}

/// The networks that this host is in, over interfaces that are up and know broadcasts.
///
/// # Errors
/// If the kernel does not tell its routes.
pub(super) fn networks() -> std::io::Result<Vec<Network>> {
    let mut networks = connected(&fs::read_to_string("/proc/net/route")?);
    networks.retain(|network| can_broadcast(&network.interface));
    Ok(networks)
}

/// What `/sys` does not tell is tried: it may show another network namespace than ours.
fn can_broadcast(interface: &str) -> bool {
    let file = Path::new("/sys/class/net").join(interface).join("flags");
    let flags = fs::read_to_string(file)
        .ok()
        .and_then(|text| u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok());
    flags.is_none_or(|flags| flags & (UP | BROADCAST) == UP | BROADCAST)
}

/// The networks in the text of `/proc/net/route` that no gateway leads to. Lines that are none are
/// passed over.
fn connected(table: &str) -> Vec<Network> {
    let mut networks = Vec::new();
    for line in table.lines().skip(1) {
        let Some(network) = connected_by(line) else { continue };
        if !networks.contains(&network) {
            networks.push(network);
        }
    }
    networks
}

fn connected_by(line: &str) -> Option<Network> {
    let columns: Vec<&str> = line.split_whitespace().collect();
    let column = |number: usize| columns.get(number).copied();
    let flags = u32::from_str_radix(column(3)?, 16).ok()?;
    let (destination, mask) = (address(column(1)?)?, address(column(7)?)?);
    // A default route has mask 0; one to a single host has no broadcast.
    let is_network = flags & (ROUTE_UP | ROUTE_GATEWAY) == ROUTE_UP && mask != 0 && mask < !1;
    is_network.then(|| Network {
        interface: column(0).unwrap_or_default().to_owned(),
        broadcast: Ipv4Addr::from_bits(destination | !mask),
    })
}

/// The kernel prints addresses as numbers of the machine's byte order, bytes in network order.
fn address(text: &str) -> Option<u32> {
    let bytes = u32::from_str_radix(text, 16).ok()?.to_ne_bytes();
    Some(u32::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn networks_without_a_gateway() {
        let table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
            eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
            br0\t00004D0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
            br0\t00004D0A\t00000000\t0001\t0\t0\t9\t00FFFFFF\t0\t0\t0\n\
            eth1\t0010A8C0\t00000000\t0001\t0\t0\t0\t00F0FFFF\t0\t0\t0\n\
            wg0\t0500A8C0\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0\n\
            p2p\t0400A8C0\t00000000\t0001\t0\t0\t0\tFEFFFFFF\t0\t0\t0\n\
            down\t0010A8C0\t00000000\t0000\t0\t0\t0\t00F0FFFF\t0\t0\t0\n\
            torn\t0010\n";
        let network = |interface: &str, broadcast: [u8; 4]| Network {
            interface: interface.to_owned(),
            broadcast: broadcast.into(),
        };
        assert_eq!(
            connected(table),
            [network("br0", [10, 77, 0, 255]), network("eth1", [192, 168, 31, 255])]
        );
    }

    #[test]
    fn loopback_is_no_network_to_wake_anybody_in() {
        assert!(!can_broadcast("lo"));
        assert!(networks().unwrap().iter().all(|network| network.interface != "lo"));
    }

    #[test]
    fn an_interface_that_sys_does_not_show_is_tried() {
        assert!(can_broadcast("no-such-interface"));
    }
}
