//! The documents of a site: hosts that run nothing, each behind a UPS.

use std::{
    fmt::Write as _,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use ananke_lab::{HUB_ADDRESS, Lab, NO_CLUSTER, NUT_PORT, NutUser, SECONDARY};
use anyhow::Result;

/// A UPS as the daemon knows it.
#[derive(Debug, Clone)]
pub(crate) struct Supply {
    /// Its name, in the lab and in the policy.
    pub(crate) name: &'static str,
    /// The hosts that it feeds.
    pub(crate) powers: Vec<&'static str>,
    /// When an outage takes them down, beside what the policy says by itself.
    pub(crate) trigger: &'static str,
    /// Who logs in.
    pub(crate) user: NutUser,
    /// The CA that its server must have its certificate from; `None`: in clear.
    pub(crate) ca: Option<PathBuf>,
    /// Where the server is.
    pub(crate) port: u16,
}

impl Supply {
    /// One that feeds the host of its own name, with the right password, in clear.
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, powers: vec![name], trigger: "", user: SECONDARY, ca: None, port: NUT_PORT }
    }

    #[must_use]
    pub(crate) fn trigger(self, trigger: &'static str) -> Self {
        Self { trigger, ..self }
    }
}

/// Writes everything that the daemon reads.
pub(crate) fn write(lab: &Lab, folder: &Path, supplies: &[Supply]) -> Result<()> {
    fs::create_dir_all(folder.join("desired"))?;
    fs::write(folder.join("desired/site.yaml"), policy(lab, supplies)?)?;
    private(&folder.join("kubeconfig"), NO_CLUSTER)?;
    for supply in supplies {
        let NutUser { name, password } = supply.user;
        let credentials = format!("username: {name}\npassword: {password}\n");
        private(&folder.join(format!("nut-{}", supply.name)), &credentials)?;
    }
    private(&folder.join("ananke.yaml"), &configuration(lab, folder, supplies)?)
}

/// Wanted is what is there: no cluster, and hosts that are on. So the daemon is at rest on mains,
/// and all that a supply takes down is its hosts.
fn policy(lab: &Lab, supplies: &[Supply]) -> Result<String> {
    let mut text = String::from(
        "apiVersion: ananke.dev/v1alpha1\nkind: PowerPolicy\nmetadata:\n  name: site\nspec:\n  \
         target: cluster-only-down\n  supplies:\n",
    );
    for Supply { name, powers, trigger, .. } in supplies {
        writeln!(
            text,
            "    - name: {name}\n      powers: [{}]\n      trigger: {{debounce: 2{trigger}}}\n      \
             recover: {{minCharge: 25, stableFor: 2s}}",
            powers.join(", ")
        )?;
    }
    text.push_str("  hosts:\n");
    for (at, host) in lab.spec().hosts.iter().enumerate() {
        // A policy without any server is refused.
        let role = if at == 0 { "server" } else { "none" };
        writeln!(text, "    - {{name: {}, role: {role}}}", host.name)?;
    }
    text.push_str(
        "  shutdown:\n    emergency: {budget: 300s}\n    \
         verifyOff: {timeout: 60s, longestHalt: 40s}\n",
    );
    Ok(text)
}

fn configuration(lab: &Lab, folder: &Path, supplies: &[Supply]) -> Result<String> {
    let at = folder.display();
    let mut text = format!(
        "apiVersion: ananke.dev/v1alpha1\nkind: HostConfiguration\nrole: coordinator\n\
         desired: {at}/desired\npolicy: site\nstate: {at}/state\nlisten: 127.0.0.1:9560\n\
         kubernetes: {{kubeconfig: {at}/kubeconfig}}\n\
         ssh:\n  identity: {}\n  knownHosts: {}\n  user: {}\n  hosts:\n",
        lab.identity().display(),
        lab.known_hosts().display(),
        ananke_lab::USER,
    );
    for host in &lab.spec().hosts {
        writeln!(text, "    {}: {{address: {}}}", host.name, host.address())?;
    }
    text.push_str("supplies:\n");
    for Supply { name, ca, port, .. } in supplies {
        write!(
            text,
            "  {name}: {{ups: \"{name}@{HUB_ADDRESS}:{port}\", credentials: {at}/nut-{name}, poll: 1s"
        )?;
        if let Some(ca) = ca {
            write!(text, ", tls: {{required: true, ca: {}}}", ca.display())?;
        }
        text.push_str("}\n");
    }
    Ok(text)
}

/// Writes a file that only root may read.
pub(crate) fn private(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text)?;
    fs::set_permissions(file, Permissions::from_mode(0o600))?;
    Ok(())
}
