//! A time server for the hosts, so that their chronyd is in sync: plain SNTP over UDP.

use std::net::UdpSocket;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use crate::hub::Hub;
use crate::spec::HUB_ADDRESS;

/// Seconds from 1900, where NTP counts from, to 1970 (RFC 5905).
const NTP_EPOCH: u64 = 2_208_988_800;
/// A server that follows no better one but is good enough for its own network.
const STRATUM: u8 = 8;

/// Answers at the hub's address from now on.
pub(crate) fn serve(hub: &Hub) -> Result<()> {
    let socket =
        hub.enter(|| UdpSocket::bind((HUB_ADDRESS, 123)))?.context("cannot serve the time")?;
    std::thread::Builder::new()
        .name("time".to_owned())
        .spawn(move || {
            let mut query = [0; 128];
            while let Ok((length, from)) = socket.recv_from(&mut query) {
                if let Some(query) = query.get(..length).and_then(|q| q.first_chunk()) {
                    socket.send_to(&answer(query, now()), from).ok();
                }
            }
        })
        .context("cannot start the time server's thread")
        .map(drop)
}

/// NTP's time stamp: seconds since 1900 and their fraction, 32 bits each.
fn now() -> [u8; 8] {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let fraction = (u64::from(now.subsec_nanos()) << 32) / 1_000_000_000;
    (((now.as_secs() + NTP_EPOCH) << 32) | fraction).to_be_bytes()
}

/// RFC 5905 figure 8: leap, version and mode; stratum; poll; precision; delay, dispersion,
/// reference; then reference, origin, receive and transmit time.
fn answer(query: &[u8; 48], now: [u8; 8]) -> [u8; 48] {
    let [first, _, poll, ..] = *query;
    let version = first & 0b0011_1000;
    let mode_server = 4;
    let precision: i8 = -20;
    let mut origin = [0; 8];
    origin.copy_from_slice(query.split_at(40).1);
    let head = [version | mode_server, STRATUM, poll, precision.to_be_bytes()[0]];
    let mut reply = [0; 48];
    let parts: [&[u8]; 7] = [&head, &[0; 8], b"LOCL", &now, &origin, &now, &now];
    for (byte, value) in reply.iter_mut().zip(parts.concat()) {
        *byte = value;
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_returns_the_clients_time_stamp_and_adds_ours() {
        let mut query = [0; 48];
        query[0] = 0x23; // version 4, client
        query[40..].copy_from_slice(&[7; 8]);
        let reply = answer(&query, [9; 8]);
        assert_eq!(reply[0], 0x24); // no leap, version 4, server
        assert_eq!(reply[1], STRATUM);
        assert_eq!(reply[24..32], [7; 8]);
        assert_eq!(reply[40..48], [9; 8]);
    }
}
