//! The list of etcd snapshots, as `k3s etcd-snapshot ls -o json` prints it since 1.28: a list of
//! `ETCDSnapshotFile` objects.

use ananke_core::observe::SnapshotFacts;
use jiff::Timestamp;
use serde::Deserialize;

#[derive(Deserialize)]
struct List {
    /// `null` when there is none; a list without the field is of an older k3s, or of no k3s.
    #[serde(deserialize_with = "Option::deserialize")]
    items: Option<Vec<Item>>,
}

#[derive(Deserialize)]
struct Item {
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    snapshot_name: String,
}

/// Empty while the snapshot is being taken.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    size: Option<String>,
    creation_time: Option<Timestamp>,
    ready_to_use: Option<bool>,
}

/// The newest usable snapshot of the list.
///
/// # Errors
/// Why the list cannot be understood.
pub(super) fn newest(list: &str) -> Result<Option<SnapshotFacts>, String> {
    let list: List = serde_json::from_str(list).map_err(|error| error.to_string())?;
    let mut newest: Option<SnapshotFacts> = None;
    for item in list.items.unwrap_or_default() {
        let Some(snapshot) = usable(item)? else { continue };
        if newest.as_ref().is_none_or(|n| n.taken_unix_seconds <= snapshot.taken_unix_seconds) {
            newest = Some(snapshot);
        }
    }
    Ok(newest)
}

/// One that is complete. A failed one stays in the list with `readyToUse: false`.
fn usable(item: Item) -> Result<Option<SnapshotFacts>, String> {
    let Status { size: Some(size), creation_time: Some(taken), ready_to_use } = item.status else {
        return Ok(None);
    };
    if ready_to_use == Some(false) {
        return Ok(None);
    }
    let size_bytes = bytes(&size).ok_or_else(|| format!("`{size}` is not a size"))?;
    let name = item.spec.snapshot_name;
    Ok(Some(SnapshotFacts { name, taken_unix_seconds: taken.as_second(), size_bytes }))
}

/// A Kubernetes quantity in whole bytes: canonical ones of bytes have a decimal or binary suffix
/// and no fraction.
fn bytes(quantity: &str) -> Option<u64> {
    let digits = quantity.bytes().take_while(u8::is_ascii_digit).count();
    let (number, suffix) = quantity.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let (base, power): (u64, u32) = match suffix {
        "" => (1000, 0),
        "k" => (1000, 1),
        "M" => (1000, 2),
        "G" => (1000, 3),
        "T" => (1000, 4),
        "Ki" => (1024, 1),
        "Mi" => (1024, 2),
        "Gi" => (1024, 3),
        "Ti" => (1024, 4),
        _ => return None,
    };
    number.checked_mul(base.checked_pow(power)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(name: &str, status: &str) -> String {
        format!(r#"{{"spec":{{"snapshotName":"{name}","nodeName":"a"}},"status":{{{status}}}}}"#)
    }

    fn list(items: &[String]) -> String {
        format!(
            r#"{{"kind":"ETCDSnapshotFileList","apiVersion":"k3s.cattle.io/v1","metadata":{{}},"items":[{}]}}"#,
            items.join(",")
        )
    }

    #[test]
    fn the_newest_usable_one() {
        let list = list(&[
            item("old", r#""size":"5M","creationTime":"2026-01-01T00:00:00Z","readyToUse":true"#),
            item("new", r#""size":"2379808","creationTime":"2026-01-02T01:00:00+01:00""#),
            item("bad", r#""size":"0","creationTime":"2026-01-03T00:00:00Z","readyToUse":false"#),
            item("taking", ""),
        ]);
        let expected = SnapshotFacts {
            name: "new".to_owned(),
            taken_unix_seconds: 1_767_312_000,
            size_bytes: 2_379_808,
        };
        assert_eq!(newest(&list), Ok(Some(expected)));
    }

    #[test]
    fn no_items_is_none() {
        assert_eq!(newest(r#"{"items":null}"#), Ok(None));
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for (list, expected) in [
            (String::new(), "EOF"),
            ("{}".to_owned(), "items"),
            (
                list(&[item("a", r#""size":"5 apples","creationTime":"2026-01-01T00:00:00Z""#)]),
                "5 apples",
            ),
            (list(&[item("a", r#""size":"5","creationTime":"yesterday""#)]), "year"),
        ] {
            let error = newest(&list).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn quantities() {
        for (text, expected) in [
            ("0", Some(0)),
            ("12k", Some(12_000)),
            ("3M", Some(3_000_000)),
            ("2Mi", Some(2_097_152)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551615k", None),
            ("1.5M", None),
            ("M", None),
            ("-1", None),
            ("1é", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }
}
