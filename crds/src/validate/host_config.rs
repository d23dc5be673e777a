//! A host configuration by itself.

use super::{Findings, names};
use crate::host_config::{HostConfiguration, InstanceRole};
use crate::parse::Rule;

pub(super) fn check(config: &HostConfiguration, findings: &mut Findings<'_>) {
    let peers: Vec<_> = config.peers.iter().map(|peer| peer.name.as_str()).collect();
    names::unique(&peers, "peers", findings);
    if config.role == InstanceRole::Peer && config.peers.is_empty() {
        let message = "a peer must know the coordinator that it tells of its supplies";
        let help = "name the coordinator in `peers`, or write `role: coordinator`";
        findings.add(Rule::NoPeers, "role", message, help);
    }
    for (name, endpoint) in &config.supplies {
        let ca_without_need =
            endpoint.tls.as_ref().is_some_and(|tls| tls.ca.is_some() && !tls.required);
        if ca_without_need {
            let message = format!("`{name}` has a certificate that nothing asks for");
            let help = "write `required: true`, or leave `ca` out";
            let path = crate::parse::Path::default().key("supplies").key(name.as_str());
            findings.add_at(Rule::Contradiction, &path.key("tls").key("ca"), message, help);
        }
    }
}
