//! The values inside of documents: what is read is written so that it is read as the same.

use std::{fmt::Display, str::FromStr};

use ananke_crds::value::{
    GitUrl, GoDuration, HostAddress, HostSelector, HttpUrl, LabelSelector, MacAddress, Name,
    NamespacedName, NutEndpoint, RelativePath, UnitRef, ValueError,
};

use crate::bytes::text;

pub(crate) fn run(bytes: &[u8]) {
    let text = text(bytes);
    comes_back::<GitUrl>(&text);
    comes_back::<GoDuration>(&text);
    comes_back::<HostAddress>(&text);
    comes_back::<HostSelector>(&text);
    comes_back::<HttpUrl>(&text);
    comes_back::<LabelSelector>(&text);
    comes_back::<MacAddress>(&text);
    comes_back::<Name>(&text);
    comes_back::<NamespacedName>(&text);
    comes_back::<NutEndpoint>(&text);
    comes_back::<RelativePath>(&text);
    comes_back::<UnitRef>(&text);
}

fn comes_back<T>(text: &str)
where
    T: FromStr<Err = ValueError> + Display + PartialEq + std::fmt::Debug,
{
    match text.parse::<T>() {
        Ok(value) => {
            let written = value.to_string();
            assert_eq!(written.parse::<T>().as_ref(), Ok(&value), "{written:?}");
        }
        Err(error) => assert!(!error.message.is_empty() && !error.help.is_empty()),
    }
}
