//! The sleeping network cards of all hosts: they hear magic packets and switch their host on.

use std::io::Write as _;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use super::host::Host;
use crate::hub::Hub;

/// The discard port, where magic packets go by custom.
const PORT: u16 = 9;

/// Listens in the hub from now on; every magic packet becomes a line `TIME MAC HOST ACTION`.
pub(crate) fn listen(hub: &Hub, hosts: Vec<Arc<Host>>, log: std::fs::File) -> Result<()> {
    let socket = hub
        .enter(|| UdpSocket::bind(("0.0.0.0", PORT)))?
        .context("cannot listen for magic packets")?;
    std::thread::Builder::new()
        .name("wake-on-lan".to_owned())
        .spawn(move || hear(&socket, &hosts, log))
        .context("cannot start the thread that listens for magic packets")
        .map(drop)
}

fn hear(socket: &UdpSocket, hosts: &[Arc<Host>], mut log: std::fs::File) {
    let mut packet = [0; 1500];
    while let Ok((length, _)) = socket.recv_from(&mut packet) {
        let Some(mac) = packet.get(..length).and_then(woken_mac) else { continue };
        let host = hosts.iter().find(|host| host.spec().mac() == mac);
        let action = host.map_or("unknown", Host::wake);
        let name = host.map_or("-", |host| host.spec().name.as_str());
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mac = mac.map(|byte| format!("{byte:02x}")).join(":");
        let line = format!("{}.{:03} {mac} {name} {action}\n", at.as_secs(), at.subsec_millis());
        log.write_all(line.as_bytes()).ok();
    }
}

/// The address that a magic packet names: six bytes ff, then the address sixteen times, anywhere.
fn woken_mac(packet: &[u8]) -> Option<[u8; 6]> {
    packet.windows(102).find_map(|window| {
        let (sync, addresses) = window.split_at(6);
        let mac: [u8; 6] = addresses.get(..6)?.try_into().ok()?;
        let whole = sync == [0xff; 6] && addresses.chunks(6).all(|chunk| chunk == mac);
        whole.then_some(mac)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [2, 0, 0x5e, 0x77, 0, 11];

    fn magic() -> Vec<u8> {
        [vec![0xff; 6], MAC.repeat(16)].concat()
    }

    #[test]
    fn a_magic_packet_is_found_wherever_it_lies() {
        assert_eq!(woken_mac(&magic()), Some(MAC));
        assert_eq!(woken_mac(&[vec![1, 2, 0xff], magic(), vec![9; 6]].concat()), Some(MAC));
    }

    #[test]
    fn fifteen_repetitions_are_not_enough() {
        assert_eq!(woken_mac(&magic()[..96]), None);
        let mut wrong = magic();
        wrong[101] ^= 1;
        assert_eq!(woken_mac(&wrong), None);
        assert_eq!(woken_mac(b""), None);
    }
}
