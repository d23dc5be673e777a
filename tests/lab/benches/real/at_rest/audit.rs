//! What the daemon asked of the API server, by the server's own audit log.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    thread,
    time::{Duration, Instant},
};

use ananke_lab::Lab;
use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::world::SERVER;

/// The user that the daemon is in `configs/rbac.yaml`.
const USER: &str = "system:serviceaccount:kube-system:ananke";
const LOG: &str = "/var/log/audit.jsonl";

/// Switches the audit of the daemon's user on; the API server starts anew for it.
pub(crate) fn begin(lab: &Lab) -> Result<()> {
    let policy = json!({
        "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata", "users": [USER]}, {"level": "None"}],
    });
    let arguments = "kube-apiserver-arg: [audit-policy-file=/etc/audit.yaml, \
                     audit-log-path=/var/log/audit.jsonl]\n";
    let write = "printf %s \"$1\" >/etc/audit.yaml && \
                 printf %s \"$2\" >>/etc/rancher/k3s/config.yaml && \
                 systemctl --no-block restart k3s.service";
    lab.inside(SERVER, &["sh", "-c", write, "sh", &policy.to_string(), arguments])?;
    let end = Instant::now() + Duration::from_secs(60);
    while !lab.processes(SERVER)?.iter().any(|p| p.command.contains("audit-policy-file")) {
        ensure!(Instant::now() < end, "the API server of {SERVER} does not audit");
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// Lines written so far.
pub(crate) fn length(lab: &Lab) -> Result<usize> {
    Ok(lab.inside(SERVER, &["sh", "-c", &format!("wc -l <{LOG}")])?.trim().parse()?)
}

/// Requests by what they were for.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    /// First pages of lists since the daemon began, by kind.
    pub(crate) lists: BTreeMap<String, usize>,
    /// Writes at rest, by verb and kind.
    pub(crate) writes: BTreeMap<String, usize>,
    /// Kinds that were watched at rest.
    pub(crate) watched: BTreeSet<String>,
    /// Watches begun at rest.
    pub(crate) watches: usize,
    /// Looks for a kind that the API does not have, at rest, by kind.
    pub(crate) absent: BTreeMap<String, usize>,
    /// Everything else at rest, by verb and path.
    pub(crate) others: BTreeMap<String, usize>,
}

/// Reads the log; `from` is the line at which rest began.
pub(crate) fn read(lab: &Lab, from: usize) -> Result<Requests> {
    let text = lab.inside(SERVER, &["cat", LOG])?;
    let mut requests = Requests::default();
    for (number, line) in text.lines().enumerate() {
        let event: Value = serde_json::from_str(line)?;
        requests.count(&event, number >= from);
    }
    Ok(requests)
}

impl Requests {
    fn count(&mut self, event: &Value, at_rest: bool) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let verb = text(&event["verb"]);
        let what = &event["objectRef"];
        let sub = what["subresource"].as_str().map(|s| format!("/{s}")).unwrap_or_default();
        let kind = format!("{}{sub}", text(&what["resource"]));
        let uri = text(&event["requestURI"]);
        let is_end = event["stage"] == "ResponseComplete";
        match verb.as_str() {
            "list" if event["responseStatus"]["code"] == 404 => {
                *self.absent.entry(kind).or_default() += usize::from(at_rest);
            }
            "list" if is_end && !uri.contains("continue=") => {
                // Leases are listed by namespace and by name: each is a feed of its own.
                let selector = uri.split('?').nth(1).unwrap_or_default();
                let field = selector.split('&').find(|part| part.starts_with("fieldSelector"));
                let place = [text(&what["namespace"]), field.unwrap_or_default().to_owned()];
                let place: Vec<String> = place.into_iter().filter(|p| !p.is_empty()).collect();
                *self.lists.entry(format!("{kind} {}", place.join(" "))).or_default() += 1;
            }
            "watch" if at_rest && event["stage"] == "ResponseStarted" => {
                self.watches += 1;
                self.watched.insert(kind);
            }
            "create" | "update" | "patch" | "delete" | "deletecollection" if at_rest && is_end => {
                *self.writes.entry(format!("{verb} {kind}")).or_default() += 1;
            }
            "list" | "watch" => {}
            _ if at_rest && is_end => {
                let path = uri.split('?').next().unwrap_or_default();
                *self.others.entry(format!("{verb} {path}")).or_default() += 1;
            }
            _ => {}
        }
    }
}

/// `2 of a, 1 of b`.
pub(crate) fn told(counts: &BTreeMap<String, usize>) -> String {
    let mut text = String::new();
    for (what, count) in counts {
        let parted = if text.is_empty() { "" } else { ", " };
        // Writing into a `String` cannot fail.
        write!(text, "{parted}{count} {}", what.trim_end()).ok();
    }
    if text.is_empty() { "none".to_owned() } else { text }
}
