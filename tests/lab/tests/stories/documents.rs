//! The documents of a story.

use std::{fmt::Write as _, fs, path::Path};

use ananke_lab::{HUB_ADDRESS, Lab, NUT_PORT, SECONDARY};
use anyhow::Result;

/// The policy; the stories in virtual time are under the same one.
const POLICY: &str = include_str!("policy.yaml");

/// Everything in `folder` that the daemon reads.
pub(crate) fn write(lab: &Lab, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder.join("desired"))?;
    fs::write(folder.join("desired/lab.yaml"), POLICY)?;
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
