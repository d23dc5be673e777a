use std::str::FromStr;

use super::{HostAddress, ValueError, string_value, text_value};

/// An `http://` or `https://` address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HttpUrl(String);

/// Where a Git repository is: `https://`, `http://` or `ssh://`, the forms that Flux takes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GitUrl(String);

/// Why `text` is not a URL of one of `schemes`, if it is not. A light check of the outer form.
fn fault(text: &str, schemes: &[&str], user_allowed: bool) -> Option<&'static str> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Some("it has no `://`");
    };
    if !schemes.contains(&scheme) {
        return Some("its scheme cannot be used here");
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Some("it holds a space");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host_port = match authority.rsplit_once('@') {
        Some(_) if !user_allowed => return Some("credentials do not belong into it"),
        Some((user, _)) if user.contains(':') => return Some("a password does not belong into it"),
        Some((_, host_port)) => host_port,
        None => authority,
    };
    let (host, port) = match host_port.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']').unwrap_or(("", "")),
        None => host_port.find(':').map_or((host_port, ""), |at| {
            host_port.split_at_checked(at).unwrap_or((host_port, ""))
        }),
    };
    if host.parse::<HostAddress>().is_err() {
        return Some("its host is not one");
    }
    let port_is_right = match port.strip_prefix(':') {
        Some(port) => port.parse::<u16>().is_ok_and(|port| port > 0),
        None => port.is_empty(),
    };
    if port_is_right { None } else { Some("its port is not one") }
}

impl FromStr for HttpUrl {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match fault(text, &["http", "https"], false) {
            None => Ok(Self(text.to_owned())),
            Some(fault) => Err(ValueError::new(
                format!("`{text}` is not a web address: {fault}"),
                "begin it with `https://` or `http://`, as in \"https://scm.example.org/healthz\"",
            )),
        }
    }
}

impl FromStr for GitUrl {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match fault(text, &["http", "https", "ssh"], true) {
            None => Ok(Self(text.to_owned())),
            Some(fault) => Err(ValueError::new(
                format!("`{text}` is not the address of a Git repository: {fault}"),
                "write it as Flux has it, as in \"ssh://git@scm.example.org/team/repo.git\"",
            )),
        }
    }
}

text_value!(HttpUrl);
text_value!(GitUrl);
string_value!(
    HttpUrl,
    format: "http-url",
    pattern: r"^https?://[^\s/]+(/\S*)?$",
    example: "https://scm.example.org/api/healthz"
);
string_value!(
    GitUrl,
    format: "git-url",
    pattern: r"^(https?|ssh)://[^\s/]+(/\S*)?$",
    example: "ssh://git@scm.example.org/team/repo.git"
);
