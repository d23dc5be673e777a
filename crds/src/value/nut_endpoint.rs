use std::fmt;
use std::str::FromStr;

use super::{HostAddress, ValueError, string_value};

/// A UPS at a NUT server, written `ups@host[:port]`; an IPv6 host stands in brackets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NutEndpoint {
    /// The name of the UPS in upsd's `ups.conf`.
    pub ups: String,
    /// Where upsd answers.
    pub host: HostAddress,
    /// Its TCP port.
    pub port: u16,
}

impl NutEndpoint {
    /// The port of upsd, as registered with IANA.
    pub const DEFAULT_PORT: u16 = 3493;

    /// Whether upsd answers on this very host, so that its drivers do too.
    pub fn is_local(&self) -> bool {
        self.host.ip().map_or(self.host.as_str() == "localhost", |ip| ip.is_loopback())
    }
}

/// Splits `host`, `host:port`, `[v6]` or `[v6]:port`.
fn split_port(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(bracketed) = text.strip_prefix('[') {
        let (host, rest) = bracketed.split_once(']')?;
        return match rest {
            "" => Some((host, None)),
            _ => rest.strip_prefix(':').map(|port| (host, Some(port))),
        };
    }
    match text.split_once(':') {
        Some((host, port)) => Some((host, Some(port))),
        None => Some((text, None)),
    }
}

impl FromStr for NutEndpoint {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong = |why: &str| {
            let help = "write `ups@host` or `ups@host:port`, as in `pyrphoros@localhost:3493`";
            ValueError::new(format!("`{text}` is not a UPS at a NUT server: {why}"), help)
        };
        let (ups, at) = text.split_once('@').ok_or_else(|| wrong("it has no `@`"))?;
        let is_ups_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if ups.is_empty() || !ups.chars().all(is_ups_char) {
            return Err(wrong("the name before the `@` is not one"));
        }
        let (host, port) = split_port(at).ok_or_else(|| wrong("a bracket is not closed"))?;
        let host = host.parse().map_err(|_| wrong("the host is not one"))?;
        let port = match port.map(str::parse) {
            None => Self::DEFAULT_PORT,
            Some(Ok(port)) if port > 0 => port,
            Some(_) => return Err(wrong("the port is not a number from 1 to 65535")),
        };
        Ok(Self { ups: ups.to_owned(), host, port })
    }
}

impl fmt::Display for NutEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ups, host, port } = self;
        if host.as_str().contains(':') {
            write!(f, "{ups}@[{host}]:{port}")
        } else {
            write!(f, "{ups}@{host}:{port}")
        }
    }
}

string_value!(
    NutEndpoint,
    format: "nut-endpoint",
    pattern: r"^[-_.0-9A-Za-z]+@[^@\s]+$",
    example: "pyrphoros@localhost:3493"
);
