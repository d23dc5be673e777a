use std::net::IpAddr;
use std::str::FromStr;

use super::{ValueError, string_value, text_value};

/// Where a machine answers: an IP address or a name that resolves to one. No port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostAddress(String);

impl HostAddress {
    /// The IP address, unless it is a name.
    pub fn ip(&self) -> Option<IpAddr> {
        self.0.parse().ok()
    }
}

/// Whether `text` may be the name of a host in DNS.
fn is_dns_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let all_numeric = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    text.len() <= 253 && !all_numeric && text.split('.').all(is_label)
}

impl FromStr for HostAddress {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text.parse::<IpAddr>().is_ok() || is_dns_name(text) {
            return Ok(Self(text.to_owned()));
        }
        let message = format!("`{text}` is neither an IP address nor a host name");
        Err(ValueError::new(message, "write an address without a port, as in `10.77.0.14`"))
    }
}

text_value!(HostAddress);
string_value!(
    HostAddress,
    format: "host-address",
    pattern: r"^[0-9A-Za-z_]([-0-9A-Za-z_.:]*[0-9A-Za-z_:])?$|^::",
    example: "10.77.0.14"
);
