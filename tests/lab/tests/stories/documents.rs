//! The documents of a story.

use std::{fmt::Write as _, fs, path::Path};

use ananke_lab::{HUB_ADDRESS, Lab, NUT_PORT, SECONDARY};
use anyhow::Result;

/// The policy: short spans, for nobody waits for a lab.
pub(crate) fn policy(lab: &Lab) -> String {
    let host = |host: &ananke_lab::HostSpec| {
        let role = match host.role {
            ananke_lab::Role::Server => "server",
            ananke_lab::Role::Agent => "agent",
            ananke_lab::Role::None => "none",
        };
        format!(
            "    - {{name: {}, role: {role}, wake: {{method: wol, mac: \"{}\"}}}}\n",
            host.name,
            host.mac_text()
        )
    };
    let hosts: String = lab.spec().hosts.iter().map(host).collect();
    format!(
        "# The document of a story; a person may edit it.\n\
         apiVersion: ananke.dev/v1alpha1\n\
         kind: PowerPolicy\n\
         metadata:\n  name: lab\n\
         spec:\n  target: running   # what a person wants\n  \
         supplies:\n    - name: ups\n      powers: [\"*\"]\n      \
         trigger: {{minCharge: 20, debounce: 2}}\n      \
         recover: {{minCharge: 25, stableFor: 5s}}\n  \
         hosts:\n{hosts}  \
         shutdown:\n    drain: {{timeout: 30s, emergencyTimeout: 15s, podGrace: 10s}}\n    \
         snapshot: {{kind: etcd}}\n    emergency: {{budget: 90s, skip: [snapshot]}}\n    \
         verifyOff: {{timeout: 20s, longestHalt: 8s}}\n    serviceTimeout: 30s\n  \
         startup:\n    longestBoot: 60s\n    serviceTimeout: 2m\n"
    )
}

/// Everything in `folder` that the daemon reads.
pub(crate) fn write(lab: &Lab, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder.join("desired"))?;
    fs::write(folder.join("desired/lab.yaml"), policy(lab))?;
    fs::write(
        folder.join("nut-credentials"),
        format!("username: {}\npassword: {}\n", SECONDARY.name, SECONDARY.password),
    )?;
    let mut hosts = String::new();
    for host in &lab.spec().hosts {
        writeln!(hosts, "    {}: {{address: {}}}", host.name, host.address())?;
    }
    let config = format!(
        "apiVersion: ananke.dev/v1alpha1\nkind: HostConfiguration\nrole: coordinator\n\
         desired: {at}/desired\npolicy: lab\nstate: {at}/state\nlisten: 127.0.0.1:9560\n\
         kubernetes:\n  kubeconfig: {kubeconfig}\n\
         ssh:\n  identity: {identity}\n  knownHosts: {known}\n  user: ananke\n  hosts:\n{hosts}\
         supplies:\n  ups: {{ups: \"ups@{HUB_ADDRESS}:{NUT_PORT}\", \
         credentials: {at}/nut-credentials, poll: 1s}}\n",
        at = folder.display(),
        kubeconfig = lab.kubeconfig().display(),
        identity = lab.identity().display(),
        known = lab.known_hosts().display(),
    );
    fs::write(folder.join("ananke.yaml"), config)?;
    Ok(())
}
