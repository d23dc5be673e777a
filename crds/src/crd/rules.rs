//! What the API server checks beyond types: CEL rules and limits, by the path of what they are on.
//!
//! They are the rules of [`crate::validate`] that one object can answer by itself, so that an edit
//! in the cluster that could never be valid is refused there too.

/// A CEL rule and what is said when it is broken.
pub(super) struct CelRule {
    /// The expression; it must be true.
    pub rule: &'static str,
    /// What is said otherwise.
    pub message: &'static str,
}

/// The rules on the value at `path`, where `[]` stands for any item of a list.
pub(super) fn rules_at(path: &str) -> &'static [CelRule] {
    RULES.iter().find(|(at, _)| *at == path).map_or(&[], |(_, rules)| rules)
}

/// Longest list that the API server takes at `path`. It bounds what rules may cost there.
pub(super) fn max_items(path: &str) -> u64 {
    /// One entry per host.
    const HOSTS: u64 = 10_000;
    /// Supplies and paths, which each have a list of hosts.
    const SUPPLIES: u64 = 64;
    /// Any other list of the policy.
    const OTHERS: u64 = 256;
    let per_host = ["hosts", "powers", "reaches", "ignoreUnavailable"];
    match path.rsplit('.').next() {
        Some(name) if per_host.contains(&name) => HOSTS,
        Some("supplies" | "paths") => SUPPLIES,
        _ => OTHERS,
    }
}

/// Longest text of a format.
pub(super) fn max_length(format: &str) -> Option<u64> {
    match format {
        // A DNS-1123 subdomain.
        "dns-1123-name" | "host-selector" | "host-address" => Some(253),
        // Two of them, or a word and one.
        "namespaced-name" | "unit-ref" => Some(507),
        // Six units of twenty digits each are more than enough.
        "go-duration" => Some(128),
        _ => None,
    }
}

const RULES: &[(&str, &[CelRule])] = &[
    (
        "spec",
        &[
            CelRule {
                rule: "self.hosts.filter(h, has(h.self) && h.self).size() <= 1",
                message: "ananke runs on one host: keep `self: true` at one of them",
            },
            CelRule {
                rule: "self.hosts.exists(h, h.role == 'server')",
                message: "there is no host with `role: server`",
            },
            CelRule {
                rule: "!has(self.supplies) || \
                       self.supplies.filter(s, s.powers.exists(p, p == '*')).size() <= 1",
                message: "only one supply can feed every host that nothing else names",
            },
        ],
    ),
    (
        "spec.supplies[]",
        &[
            CelRule {
                rule: "!has(self.via) || self.via.startsWith('host/')",
                message: "a NUT server runs on a host: write `via: host/NAME`",
            },
            CelRule {
                rule: "self.recover.minCharge >= self.trigger.minCharge",
                message: "hosts would start at a charge at which they go down",
            },
        ],
    ),
    (
        "spec.paths[]",
        &[
            CelRule {
                rule: "!has(self.host) || !has(self.supply)",
                message: "leave `supply` out: that of the host counts",
            },
            CelRule {
                rule: "has(self.host) || has(self.address)",
                message: "give the `address` at which it answers, or the `host` that it runs on",
            },
        ],
    ),
    (
        "spec.hosts[]",
        &[CelRule {
            rule: "!has(self.off) || (has(self.self) && self.self)",
            message: "`off` belongs to the host that ananke runs on (`self: true`)",
        }],
    ),
    (
        "spec.shutdown.drain",
        &[CelRule {
            rule: "duration(self.emergencyTimeout) <= duration(self.timeout)",
            message: "a drain would take longer on battery than otherwise",
        }],
    ),
    (
        "spec.shutdown.verifyOff",
        &[CelRule {
            rule: "duration(self.timeout) >= duration(self.longestHalt)",
            message: "a host may halt for longer than it is waited for",
        }],
    ),
    (
        "spec.shutdown.quiesce[]",
        &[CelRule {
            rule: "self.kind != 'scale-to-zero' || has(self.selector)",
            message: "say by a `selector` which workloads are scaled to zero",
        }],
    ),
    (
        "spec.startup.clock",
        &[CelRule {
            rule: "self.mode != 'strict' || !has(self.quorum)",
            message: "with `mode: strict` every clock counts, and no quorum",
        }],
    ),
    (
        "spec.startup.soak",
        &[CelRule {
            rule: "duration(self.timeout) > duration(self.window)",
            message: "the window can never pass within the timeout",
        }],
    ),
];

#[cfg(test)]
pub(super) fn paths() -> Vec<&'static str> {
    RULES.iter().map(|(path, _)| *path).collect()
}
