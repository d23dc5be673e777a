//! The values that appear inside documents.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::case_sensitive_file_extension_comparisons,
    reason = "a test that fails here tells why"
)]

use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::time::Duration;

use ananke_crds::policy::Target;
use ananke_crds::value::{
    GitUrl, GoDuration, HostAddress, HostSelector, HttpUrl, LabelSelector, MacAddress, Name,
    NamespacedName, NutEndpoint, Percent, RelativePath, UnitKind, UnitRef,
};
use proptest::prelude::*;

fn accepts<T>(texts: &[&str])
where
    T: FromStr + Display,
    T::Err: Debug,
{
    for text in texts {
        assert_eq!(text.parse::<T>().unwrap().to_string(), *text);
    }
}

fn refuses<T: FromStr + Debug>(texts: &[&str]) {
    for text in texts {
        if let Ok(value) = text.parse::<T>() {
            panic!("{text:?} is {value:?}");
        }
    }
}

#[test]
fn durations() {
    for (text, millis, canonical) in [
        ("90s", 90_000, "1m30s"),
        ("15m", 900_000, "15m"),
        ("1h30m", 5_400_000, "1h30m"),
        ("500ms", 500, "500ms"),
        ("1.5h", 5_400_000, "1h30m"),
        ("0s", 0, "0s"),
        ("8760h", 31_536_000_000, "8760h"),
    ] {
        let duration: GoDuration = text.parse().unwrap();
        assert_eq!(duration.get(), Duration::from_millis(millis), "{text}");
        assert_eq!(duration.to_string(), canonical);
    }
    assert_eq!("1us".parse::<GoDuration>().unwrap().get(), Duration::from_micros(1));
    assert_eq!("1ns".parse::<GoDuration>().unwrap().get(), Duration::from_nanos(1));
    refuses::<GoDuration>(&[
        "",
        "0",
        "90",
        "-1s",
        "+1s",
        "s",
        "1",
        "1d",
        "1 s",
        " 1s",
        "1s ",
        "1..5s",
        ".5s",
        "1.s",
        "1S",
        "1µs",
        "8761h",
        "99999999999999999999999999999999999999999h",
        "1m30",
        "1.0000000001s",
        "١s",
    ]);
    let error = "900".parse::<GoDuration>().unwrap_err();
    assert_eq!(error.message, "`900` is not a duration: it has no unit");
    assert!(error.help.contains("`90s`"));
}

#[test]
fn targets_are_ordered_by_how_far_down_they_are() {
    accepts::<Target>(&["running", "cluster-only-down", "poweroff"]);
    refuses::<Target>(&["", "Running", "off", "cluster-only"]);
    assert!(
        Target::Running < Target::ClusterOnlyDown && Target::ClusterOnlyDown < Target::Poweroff
    );
    assert_eq!(Target::ALL.iter().max(), Some(&Target::Poweroff));
    assert_eq!(format!("{:>10}|", Target::Running), "   running|");
    for target in Target::ALL {
        assert_eq!(serde_json::to_value(target).unwrap(), target.as_str());
    }
}

#[test]
fn percentages_end_at_a_hundred() {
    assert_eq!(Percent::try_from(100).unwrap().get(), 100);
    assert!(Percent::try_from(101).is_err());
    assert_eq!(Percent::saturating(200).get(), 100);
    assert_eq!(Percent::saturating(20).to_string(), "20 %");
    assert!((Percent::saturating(35).ratio() - 0.35).abs() < f64::EPSILON);
}

#[test]
fn names_and_what_is_made_of_them() {
    let label = "a".repeat(63);
    accepts::<Name>(&["a", "titan-04", "0a", "node-1.lan.example.org", &label]);
    refuses::<Name>(&[
        "",
        "A",
        "a_b",
        "-a",
        "a-",
        "a..b",
        ".a",
        "a.",
        "ä",
        "a b",
        &format!("{label}a"),
    ]);
    refuses::<Name>(&[&format!("{label}.{label}.{label}.{label}")]);
    accepts::<HostSelector>(&["*", "titan-04"]);
    refuses::<HostSelector>(&["", "**", "titan-*"]);
    accepts::<NamespacedName>(&["gitea/gitea"]);
    refuses::<NamespacedName>(&["gitea", "/gitea", "gitea/", "a/b/c"]);
    accepts::<UnitRef>(
        &UnitKind::ALL.map(|kind| format!("{kind}/x")).each_ref().map(String::as_str),
    );
    refuses::<UnitRef>(&["", "host", "host/", "/x", "hosts/x", "host/X", "host/a/b", "api/x"]);
}

#[test]
fn addresses() {
    accepts::<HostAddress>(&["10.77.0.14", "::1", "fe80::1", "titan-04", "a.example.org", "n_1"]);
    refuses::<HostAddress>(&["", "10.77.0.256", "10.77.0", "a b", "a:22", "[::1]", "-a", "a..b"]);
    assert!("10.77.0.14".parse::<HostAddress>().unwrap().ip().is_some());
    assert_eq!("titan-04".parse::<HostAddress>().unwrap().ip(), None);
    accepts::<MacAddress>(&["02:00:5e:00:00:18"]);
    assert_eq!(
        "02-00-5E-00-00-18".parse::<MacAddress>().unwrap().octets(),
        [2, 0, 0x5e, 0, 0, 0x18]
    );
    refuses::<MacAddress>(&[
        "",
        "02:00:5e:00:00",
        "02:00:5e:00:00:18:19",
        "02:00:5e:00:00:1g",
        "2:0:5e:0:0:18",
        "02005e000018",
        "+2:00:5e:00:00:18",
        "00:00:00:00:00:00",
        "ff:ff:ff:ff:ff:ff",
    ]);
}

#[test]
fn nut_endpoints() {
    accepts::<NutEndpoint>(&["pyrphoros@localhost:3493", "ups@[::1]:1", "my.ups_2@10.0.0.1:65535"]);
    for (text, port) in [("a@b", 3493), ("a@[::1]", 3493), ("a@b:1", 1)] {
        assert_eq!(text.parse::<NutEndpoint>().unwrap().port, port, "{text}");
    }
    refuses::<NutEndpoint>(&[
        "",
        "ups",
        "@host",
        "ups@",
        "ups@host:",
        "ups@host:0",
        "ups@host:65536",
        "ups@host:x",
        "u ps@host",
        "ups@ho st",
        "ups@[::1",
        "ups@[::1]1",
        "ups@::1",
        "ups@a@b",
    ]);
}

#[test]
fn urls() {
    accepts::<HttpUrl>(&[
        "https://a.example.org",
        "http://10.0.0.1:8080/x?y#z",
        "https://[::1]:6443/",
        "https://a?q=:@",
    ]);
    refuses::<HttpUrl>(&[
        "",
        "a.example.org",
        "https://",
        "https:///x",
        "ftp://a",
        "https://a b",
        "https://a:0",
        "https://a:x",
        "https://a:99999",
        "https://[::1",
        "https://u@a",
        "HTTPS://a",
    ]);
    accepts::<GitUrl>(&["ssh://git@scm.example.org:2242/a/b.git", "https://scm.example.org/a.git"]);
    refuses::<GitUrl>(&[
        "git@scm.example.org:a/b.git",
        "https://u:p@scm.example.org/a",
        "file:///a",
    ]);
}

#[test]
fn selectors_and_paths() {
    accepts::<LabelSelector>(&[
        "app=vault",
        "app==vault",
        "app!=vault",
        "app",
        "!app",
        "app=",
        "a=b,c!=d,e",
        "app.kubernetes.io/name=vault",
        "tier in (a,b)",
        "tier notin (a, b),!batch",
    ]);
    refuses::<LabelSelector>(&[
        "", "=a", "a=b=c", "a b", "a,,b", "a in b", "a in (b", "a on (b)", "in (a)", "a/b/c=d",
        "a=b c", "-a=b",
    ]);
    accepts::<RelativePath>(&["infrastructure/core", "a..b/c", "x"]);
    refuses::<RelativePath>(&["", "/a", "..", "a/../b", "../a", "a\nb"]);
}

proptest! {
    #[test]
    fn every_duration_is_read_as_it_is_written(nanos in 0u64..31_536_000_000_000_000) {
        let duration = GoDuration(Duration::from_nanos(nanos));
        prop_assert_eq!(duration.to_string().parse::<GoDuration>().unwrap(), duration);
        let json = serde_json::to_string(&duration).unwrap();
        prop_assert_eq!(serde_json::from_str::<GoDuration>(&json).unwrap(), duration);
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in "\\PC{0,24}") {
        let _ = text.parse::<GoDuration>();
        let _ = text.parse::<UnitRef>();
        let _ = text.parse::<MacAddress>();
        let _ = text.parse::<NutEndpoint>();
        let _ = text.parse::<HttpUrl>();
        let _ = text.parse::<LabelSelector>();
        let _ = text.parse::<HostAddress>();
    }
}
