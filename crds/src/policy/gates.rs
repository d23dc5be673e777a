use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{GoDuration, HttpUrl, Name, NamespacedName, UnitRef};

/// An address that must answer as described before the start counts as done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceCheck {
    /// Name of the check; its unit is `gate/NAME`.
    pub name: Name,
    /// What is asked for, with GET. A redirect is an answer and is not followed.
    pub url: HttpUrl,
    /// What the answer must be like.
    #[serde(default)]
    pub expect: Expectation,
    /// Units that come up before it is asked, as `kind/name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub after: Vec<UnitRef>,
}

/// What an answer must be like; all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Expectation {
    /// HTTP status codes, one of which it must have.
    #[schemars(length(min = 1), inner(range(min = 100, max = 599)))]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub status: Vec<u16>,
    /// Text that its body must contain.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub body_contains: Option<String>,
    /// A header that it must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<HeaderExpectation>,
}

impl Default for Expectation {
    fn default() -> Self {
        Self { status: vec![200], body_contains: None, header: None }
    }
}

/// A header that an answer must have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeaderExpectation {
    /// Name of the header; upper and lower case are the same.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Text that its value must contain.
    pub contains: String,
}

/// The check of every host name of every Ingress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct IngressCheck {
    /// Whether the host names are found in the cluster and asked.
    pub discover: bool,
    /// HTTP status codes that count as reachable.
    #[schemars(length(min = 1), inner(range(min = 100, max = 599)))]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub accept: Vec<u16>,
}

impl Default for IngressCheck {
    fn default() -> Self {
        Self { discover: true, accept: vec![200, 301, 302, 307, 308, 401, 403, 404] }
    }
}

/// The check of Deployments, StatefulSets and DaemonSets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Workloads {
    /// Those that must have replicas: scaled to none they are not healthy, and are scaled back to
    /// the number that they had. As `namespace/name`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub critical: Vec<NamespacedName>,
    /// Those that are not looked at, as `namespace/name`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub ignore: Vec<NamespacedName>,
}

/// The window in which nothing may regress before the start counts as done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SoakWindow {
    /// How long everything must stay healthy; a regress begins it anew.
    #[schemars(extend("x-ananke-zero" = true))]
    pub window: GoDuration,
    /// How long that may take altogether before it needs a person.
    pub timeout: GoDuration,
    /// How often one container may restart within the window.
    pub max_restarts: u32,
}

impl Default for SoakWindow {
    fn default() -> Self {
        Self {
            window: GoDuration::from_secs(180),
            timeout: GoDuration::from_mins(15),
            max_restarts: 2,
        }
    }
}
