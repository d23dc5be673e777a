//! The parser behind every `format` of a schema.

use std::net::SocketAddr;
use std::str::FromStr;

use crate::value::{
    GitUrl, GoDuration, HostAddress, HostSelector, HttpUrl, LabelSelector, MacAddress, Name,
    NamespacedName, NutEndpoint, RelativePath, UnitRef, ValueError,
};

/// Whether `text` is a value of `format`; `None` if there is no parser for that format.
pub(crate) fn check_text(format: &str, text: &str) -> Option<Result<(), ValueError>> {
    fn parses<T: FromStr<Err = ValueError>>(text: &str) -> Result<(), ValueError> {
        text.parse::<T>().map(drop)
    }
    Some(match format {
        "dns-1123-name" => parses::<Name>(text),
        "go-duration" => parses::<GoDuration>(text),
        "unit-ref" => parses::<UnitRef>(text),
        "host-selector" => parses::<HostSelector>(text),
        "host-address" => parses::<HostAddress>(text),
        "namespaced-name" => parses::<NamespacedName>(text),
        "label-selector" => parses::<LabelSelector>(text),
        "mac-address" => parses::<MacAddress>(text),
        "nut-endpoint" => parses::<NutEndpoint>(text),
        "relative-path" => parses::<RelativePath>(text),
        "http-url" => parses::<HttpUrl>(text),
        "git-url" => parses::<GitUrl>(text),
        "socket-address" => socket_address(text),
        "absolute-path" => absolute_path(text),
        _ => return None,
    })
}

fn socket_address(text: &str) -> Result<(), ValueError> {
    text.parse::<SocketAddr>().map(drop).map_err(|_| {
        let message = format!("`{text}` is not an IP address with a port");
        ValueError::new(message, "write it as in `127.0.0.1:9560`")
    })
}

fn absolute_path(text: &str) -> Result<(), ValueError> {
    if text.starts_with('/') && !text.contains('\0') {
        return Ok(());
    }
    let message = format!("`{text}` is not an absolute path");
    Err(ValueError::new(message, "write the whole path, as in `/etc/ananke/kubeconfig`"))
}
