//! Names: each once, and none that points nowhere.

use std::collections::{BTreeMap, BTreeSet};

use super::Findings;
use crate::parse::{Rule, one_of};
use crate::policy::{Host, PowerPolicySpec, Role};
use crate::value::{HostSelector, Name, UnitKind, UnitRef};

pub(super) fn check(spec: &PowerPolicySpec, findings: &mut Findings<'_>) {
    let names = Names::of(spec);
    duplicates(&names, findings);
    supplies(&names, findings);
    paths(&names, findings);
    hosts(&names, findings);
    startup(&names, findings);
}

/// The names of a policy.
struct Names<'a> {
    spec: &'a PowerPolicySpec,
    /// In the order of the document.
    by_kind: BTreeMap<UnitKind, Vec<&'a str>>,
    known: BTreeSet<(UnitKind, &'a str)>,
}

impl<'a> Names<'a> {
    fn of(spec: &'a PowerPolicySpec) -> Self {
        let by_kind: BTreeMap<_, _> =
            UnitKind::ALL.into_iter().map(|kind| (kind, names_of_kind(spec, kind))).collect();
        let pairs = |(kind, names): (&UnitKind, &Vec<&'a str>)| {
            let kind = *kind;
            names.iter().map(move |name| (kind, *name)).collect::<Vec<_>>()
        };
        let known = by_kind.iter().flat_map(pairs).collect();
        Self { spec, by_kind, known }
    }

    /// The names of the units of a kind.
    fn units(&self, kind: UnitKind) -> Vec<&'a str> {
        self.by_kind.get(&kind).cloned().unwrap_or_default()
    }

    fn has(&self, kind: UnitKind, name: &Name) -> bool {
        self.known.contains(&(kind, name.as_str()))
    }

    fn host(&self, name: &Name) -> Option<&'a Host> {
        self.spec.hosts.iter().find(|host| host.name == *name)
    }

    fn expect_host(&self, name: &Name, path: &str, findings: &mut Findings<'_>) {
        if !self.has(UnitKind::Host, name) {
            let message = format!("there is no host `{name}` in this policy");
            let help = one_of(name.as_str(), "hosts", self.units(UnitKind::Host));
            findings.add(Rule::UnknownHost, path, message, help);
        }
    }

    fn expect_hosts(&self, selectors: &[HostSelector], path: &str, findings: &mut Findings<'_>) {
        for (index, selector) in selectors.iter().enumerate() {
            if let HostSelector::Host(name) = selector {
                self.expect_host(name, &format!("{path}[{index}]"), findings);
            }
        }
    }

    fn expect_layer(&self, name: Option<&Name>, path: &str, findings: &mut Findings<'_>) {
        if let Some(name) = name.filter(|name| !self.has(UnitKind::Layer, name)) {
            let message = format!("there is no layer `{name}` in this policy");
            let help = one_of(name.as_str(), "layers", self.units(UnitKind::Layer));
            findings.add(Rule::UnknownLayer, path, message, help);
        }
    }

    fn expect_units(&self, units: &[UnitRef], path: &str, findings: &mut Findings<'_>) {
        for (index, unit) in units.iter().enumerate() {
            if self.has(unit.kind, &unit.name) {
                continue;
            }
            let what = format!("units of kind `{}`", unit.kind);
            let help = one_of(unit.name.as_str(), &what, self.units(unit.kind));
            let message = format!("there is no unit `{unit}` in this policy");
            findings.add(Rule::UnknownUnit, &format!("{path}[{index}]"), message, help);
        }
    }

    /// The host must exist and have a role that `fits`.
    fn expect_role(
        &self,
        name: &Name,
        fits: impl Fn(Role) -> bool,
        what: &str,
        path: &str,
        findings: &mut Findings<'_>,
    ) {
        match self.host(name) {
            None => self.expect_host(name, path, findings),
            Some(host) if !fits(host.role) => {
                let fitting = self.spec.hosts.iter().filter(|host| fits(host.role));
                let fitting: Vec<_> = fitting.map(|host| host.name.as_str()).collect();
                let message = format!("`{name}` is not {what}");
                findings.add(Rule::WrongRole, path, message, one_of("", "hosts that fit", fitting));
            }
            Some(_) => {}
        }
    }
}

/// The names of the units of a kind, in the order of the document.
fn names_of_kind(spec: &PowerPolicySpec, kind: UnitKind) -> Vec<&str> {
    fn names<'a, T>(items: &'a [T], name: impl Fn(&'a T) -> &'a Name) -> Vec<&'a str> {
        items.iter().map(|item| name(item).as_str()).collect()
    }
    let in_role = |fits: fn(Role) -> bool| {
        spec.hosts.iter().filter(|h| fits(h.role)).map(|h| h.name.as_str()).collect()
    };
    match kind {
        UnitKind::Supply => names(&spec.supplies, |item| &item.name),
        UnitKind::Path => names(&spec.paths, |item| &item.name),
        UnitKind::Host => names(&spec.hosts, |item| &item.name),
        UnitKind::Server => in_role(|role| role == Role::Server),
        UnitKind::Agent => in_role(|role| role == Role::Agent),
        UnitKind::Node => in_role(|role| role != Role::None),
        UnitKind::Quiesce => names(&spec.shutdown.quiesce, |item| &item.name),
        UnitKind::Layer => names(&spec.startup.layers, |item| &item.name),
        UnitKind::Vault => names(&spec.startup.vault, |item| &item.name),
        UnitKind::Images => names(&spec.startup.images, |item| &item.name),
        UnitKind::Gate => names(&spec.startup.services, |item| &item.name),
    }
}

fn duplicates(names: &Names<'_>, findings: &mut Findings<'_>) {
    for (kind, path) in [
        (UnitKind::Supply, "spec.supplies"),
        (UnitKind::Path, "spec.paths"),
        (UnitKind::Host, "spec.hosts"),
        (UnitKind::Quiesce, "spec.shutdown.quiesce"),
        (UnitKind::Layer, "spec.startup.layers"),
        (UnitKind::Vault, "spec.startup.vault"),
        (UnitKind::Images, "spec.startup.images"),
        (UnitKind::Gate, "spec.startup.services"),
    ] {
        unique(&names.units(kind), path, findings);
    }
}

/// No name may stand twice in the list at `path`.
pub(super) fn unique(names: &[&str], path: &str, findings: &mut Findings<'_>) {
    let mut first = BTreeMap::new();
    for (index, name) in names.iter().enumerate() {
        if let Some(before) = first.insert(name, index) {
            let message = format!("the name `{name}` is taken: `{path}[{before}]` has it");
            let path = format!("{path}[{index}].name");
            findings.add(Rule::DuplicateName, &path, message, "give each a name of its own");
        }
    }
}

fn supplies(names: &Names<'_>, findings: &mut Findings<'_>) {
    for (index, supply) in names.spec.supplies.iter().enumerate() {
        let path = format!("spec.supplies[{index}]");
        names.expect_hosts(&supply.powers, &format!("{path}.powers"), findings);
        let Some(via) = &supply.via else { continue };
        let path = format!("{path}.via");
        if via.kind == UnitKind::Host {
            names.expect_host(&via.name, &path, findings);
        } else {
            let message = format!("a NUT server runs on a host, not on `{via}`");
            let help = format!("write it as `host/{}`", via.name);
            findings.add(Rule::WrongUnitKind, &path, message, help);
        }
    }
}

fn paths(names: &Names<'_>, findings: &mut Findings<'_>) {
    for (index, path) in names.spec.paths.iter().enumerate() {
        let at = format!("spec.paths[{index}]");
        names.expect_hosts(&path.reaches, &format!("{at}.reaches"), findings);
        if let Some(host) = &path.host {
            names.expect_host(host, &format!("{at}.host"), findings);
        }
        let is_unknown = |supply: &&Name| !names.has(UnitKind::Supply, supply);
        if let Some(supply) = path.supply.as_ref().filter(is_unknown) {
            let message = format!("there is no supply `{supply}` in this policy");
            let help = one_of(supply.as_str(), "supplies", names.units(UnitKind::Supply));
            findings.add(Rule::UnknownSupply, &format!("{at}.supply"), message, help);
        }
    }
}

fn hosts(names: &Names<'_>, findings: &mut Findings<'_>) {
    for (index, host) in names.spec.hosts.iter().enumerate() {
        names.expect_units(&host.after, &format!("spec.hosts[{index}].after"), findings);
    }
}

fn startup(names: &Names<'_>, findings: &mut Findings<'_>) {
    let startup = &names.spec.startup;
    for (index, name) in startup.ignore_unavailable.iter().enumerate() {
        let path = format!("spec.startup.ignoreUnavailable[{index}]");
        names.expect_host(name, &path, findings);
    }
    for (index, layer) in startup.layers.iter().enumerate() {
        let after = layer.after.as_deref().unwrap_or_default();
        names.expect_units(after, &format!("spec.startup.layers[{index}].after"), findings);
    }
    for (index, vault) in startup.vault.iter().enumerate() {
        let path = format!("spec.startup.vault[{index}].layer");
        names.expect_layer(vault.layer.as_ref(), &path, findings);
    }
    for (index, images) in startup.images.iter().enumerate() {
        let path = format!("spec.startup.images[{index}]");
        let is_node = |role| role != Role::None;
        let what = "a node of the cluster, so that it has no containerd";
        names.expect_role(&images.host, is_node, what, &format!("{path}.host"), findings);
        names.expect_layer(images.layer.as_ref(), &format!("{path}.layer"), findings);
        names.expect_units(&images.after, &format!("{path}.after"), findings);
    }
    for (index, service) in startup.services.iter().enumerate() {
        let path = format!("spec.startup.services[{index}].after");
        names.expect_units(&service.after, &path, findings);
    }
    if let Some(restore) = &startup.etcd_restore {
        let is_server = |role| role == Role::Server;
        let path = "spec.startup.etcdRestore.host";
        names.expect_role(&restore.host, is_server, "a server", path, findings);
    }
}
