//! Events about the `PowerPolicy`, for `kubectl describe` and for whoever collects them.

use ananke_crds::policy::{GROUP, KIND, VERSION};
use ananke_ports::{ClusterError, EventNote, EventSeverity};
use jiff::Timestamp;
use kube::core::{Request, params::PostParams};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    call::{self, Call},
    fleet::Fleet,
    lease::micro_time,
};

/// Events about objects without a namespace lie here; `kubectl describe` looks for them here.
const NAMESPACE: &str = "default";

/// The API takes this many bytes of `note`, and half a word less does no harm.
const NOTE_BYTES: usize = 1000;

/// Writes an Event.
pub(crate) async fn write(
    fleet: &Fleet,
    note: &EventNote,
    uid: Option<&str>,
    identity: &str,
    until: Instant,
) -> Result<(), ClusterError> {
    let event = event(note, uid, identity, Timestamp::now());
    let call = Call::writes(format!("create events.events.k8s.io in {NAMESPACE}"));
    let path = format!("/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events");
    let body = event.to_string().into_bytes();
    let request = Request::new(path).create(&PostParams::default(), body);
    let IgnoredAny = call::send(fleet, &call, request, until).await?;
    Ok(())
}

fn event(note: &EventNote, uid: Option<&str>, identity: &str, now: Timestamp) -> Value {
    let kind = match note.severity {
        EventSeverity::Normal => "Normal",
        EventSeverity::Warning => "Warning",
    };
    json!({
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"generateName": format!("{}-", note.policy), "namespace": NAMESPACE},
        "type": kind,
        "reason": note.reason,
        "action": note.action,
        "note": shorten(&note.message),
        "eventTime": micro_time(now),
        "reportingController": GROUP,
        "reportingInstance": identity,
        "regarding": {
            "apiVersion": format!("{GROUP}/{VERSION}"),
            "kind": KIND,
            "name": note.policy,
            "uid": uid,
        },
    })
}

fn shorten(text: &str) -> &str {
    let end = (0..=NOTE_BYTES).rev().find(|end| text.is_char_boundary(*end));
    if text.len() <= NOTE_BYTES { text } else { end.and_then(|end| text.get(..end)).unwrap_or("") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_about_the_policy_and_not_longer_than_the_api_takes() {
        let note = EventNote {
            policy: "atlas".into(),
            severity: EventSeverity::Warning,
            reason: "ManualActionRequired".into(),
            action: "Decide".into(),
            message: "é".repeat(2000),
        };
        let event = event(&note, Some("u-1"), "titan-db", Timestamp::UNIX_EPOCH);
        assert_eq!(event["note"].as_str().unwrap().len(), NOTE_BYTES);
        assert_eq!(event["metadata"]["generateName"], "atlas-");
        assert_eq!(event["type"], "Warning");
        assert_eq!(event["regarding"]["name"], "atlas");
        assert_eq!(event["regarding"]["uid"], "u-1");
    }
}
