//! Wake-on-LAN: the magic packet, over UDP.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use ananke_crds::value::{HostAddress, MacAddress};
use tokio::{
    net::{UdpSocket, lookup_host},
    time::sleep,
};

use super::interfaces::networks;

/// The discard port: where magic packets go by custom. The card looks at the bytes only.
const PORT: u16 = 9;

/// A packet may be lost, for one while a switch wakes its port; nobody answers.
const COPIES: usize = 3;

/// Between copies.
const PAUSE: Duration = Duration::from_millis(100);

/// Six bytes 0xff, then the card's address sixteen times.
fn packet(mac: MacAddress) -> Vec<u8> {
    let mut packet = vec![0xff; 6];
    packet.extend(mac.octets().repeat(16));
    packet
}

/// Where a packet is sent to, and from which interface.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Aim {
    to: SocketAddr,
    interface: Option<String>,
}

/// Sends the magic packet: to `broadcast` where it is given; else to everybody behind `interface`;
/// else into every network that this host is in.
///
/// # Errors
/// If it could be sent nowhere: everything that was tried.
pub(super) async fn send(
    mac: MacAddress,
    broadcast: Option<&HostAddress>,
    interface: Option<&str>,
) -> Result<(), String> {
    send_to(mac, &aims(broadcast, interface, PORT).await?).await
}

async fn aims(
    broadcast: Option<&HostAddress>,
    interface: Option<&str>,
    port: u16,
) -> Result<Vec<Aim>, String> {
    let addresses = match (broadcast, interface) {
        (Some(address), _) => vec![resolve(address, port).await?],
        (None, Some(_)) => vec![Ipv4Addr::BROADCAST],
        (None, None) => broadcasts()?,
    };
    let interface = interface.map(str::to_owned);
    let aim = |to: Ipv4Addr| Aim { to: (to, port).into(), interface: interface.clone() };
    Ok(addresses.into_iter().map(aim).collect())
}

/// The IPv4 address of a name: only IPv4 has broadcasts.
async fn resolve(address: &HostAddress, port: u16) -> Result<Ipv4Addr, String> {
    let mut found = lookup_host((address.as_str(), port))
        .await
        .map_err(|error| format!("`{address}` has no address: {error}"))?;
    found
        .find_map(|found| match found {
            SocketAddr::V4(found) => Some(*found.ip()),
            SocketAddr::V6(_) => None,
        })
        .ok_or_else(|| format!("`{address}` has no IPv4 address, and only those broadcast"))
}

/// The broadcast addresses of every network that this host is in.
fn broadcasts() -> Result<Vec<Ipv4Addr>, String> {
    let networks = networks().map_err(|error| format!("/proc/net/route: {error}"))?;
    if networks.is_empty() {
        let advice = "this host is in no network with broadcasts; name the `interface` or the \
             `broadcast` address in the policy";
        return Err(advice.to_owned());
    }
    Ok(networks.into_iter().map(|network| network.broadcast).collect())
}

async fn send_to(mac: MacAddress, aims: &[Aim]) -> Result<(), String> {
    let packet = packet(mac);
    let mut sent = false;
    let mut faults = Vec::new();
    for copy in 0..COPIES {
        if copy > 0 {
            sleep(PAUSE).await;
        }
        for aim in aims {
            match send_one(&packet, aim).await {
                Ok(()) => sent = true,
                Err(error) if copy == 0 => faults.push(format!("{}: {error}", describe(aim))),
                Err(_) => {}
            }
        }
    }
    if sent { Ok(()) } else { Err(format!("no packet could be sent ({})", faults.join("; "))) }
}

fn describe(aim: &Aim) -> String {
    let from = aim.interface.as_ref().map(|interface| format!(" from {interface}"));
    format!("to {}{}", aim.to, from.unwrap_or_default())
}

async fn send_one(packet: &[u8], aim: &Aim) -> std::io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    socket.set_broadcast(true)?;
    if let Some(interface) = &aim.interface {
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    socket.send_to(packet, aim.to).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: MacAddress = MacAddress::new([2, 0, 0x5e, 0, 0, 0x18]);

    #[test]
    fn the_packet_is_what_cards_look_for() {
        let packet = packet(MAC);
        assert_eq!(packet.len(), 102);
        assert_eq!(packet[..6], [0xff; 6]);
        assert!(packet[6..].chunks(6).all(|part| part == MAC.octets()));
    }

    #[tokio::test]
    async fn a_given_address_gets_three_packets() {
        let card = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = "127.0.0.1".parse().unwrap();
        let port = card.local_addr().unwrap().port();
        let aims = aims(Some(&address), None, port).await.unwrap();
        send_to(MAC, &aims).await.unwrap();
        for _ in 0..COPIES {
            let mut buffer = [0; 200];
            let (length, _) = card.recv_from(&mut buffer).await.unwrap();
            assert_eq!(buffer[..length], packet(MAC)[..]);
        }
    }

    #[tokio::test]
    async fn an_interface_gets_the_limited_broadcast() {
        let aims = aims(None, Some("br0"), PORT).await.unwrap();
        let to = SocketAddr::from(([255, 255, 255, 255], 9));
        assert_eq!(aims, [Aim { to, interface: Some("br0".to_owned()) }]);
    }

    #[tokio::test]
    async fn what_cannot_be_sent_says_where() {
        let error = send(MAC, None, Some("no-such-if0")).await.unwrap_err();
        assert!(error.contains("to 255.255.255.255:9 from no-such-if0: "), "{error}");
        let six = "::1".parse().unwrap();
        let error = send(MAC, Some(&six), None).await.unwrap_err();
        assert!(error.contains("no IPv4 address"), "{error}");
    }
}
