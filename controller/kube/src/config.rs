//! What the adapter must be told.

use std::path::PathBuf;

use kube::core::Selector;

use crate::selector;

/// Where the Kubernetes API is, who we are there, and what the policy asks to be looked at.
#[derive(Debug, Clone)]
pub struct KubeConfig {
    /// The kubeconfig with the credentials. It may be missing now: it is looked for again.
    pub kubeconfig: PathBuf,
    /// URLs of the API servers. Empty: the one that the kubeconfig names.
    pub servers: Vec<String>,
    /// Who holds the Lease and reports Events: the name of this instance.
    pub identity: String,
    /// The `PowerPolicy` in force: it names the Lease `ananke-<policy>` in `kube-system`.
    pub policy: String,
    /// Label selectors, as for `kubectl -l`, of pods that storage needs to detach volumes.
    pub carriers: Vec<String>,
    /// The Git source that the policy names, if any.
    pub source: Option<SourceRef>,
}

/// Names a Flux `GitRepository`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRef {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Why a [`KubeConfig`] cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KubeConfigError {
    /// A server's URL is none.
    #[error("kubernetes.servers: `{url}` is not a URL such as https://10.0.0.11:6443")]
    Server {
        /// What stands there.
        url: String,
        /// Why it is none.
        source: http::uri::InvalidUri,
    },
    /// A selector of carriers is none.
    #[error("shutdown.drain.carriers: `{selector}` is not a label selector such as app=coredns")]
    Selector {
        /// What stands there.
        selector: String,
    },
}

impl KubeConfig {
    /// The URLs of the servers, checked.
    pub(crate) fn server_urls(&self) -> Result<Vec<http::Uri>, KubeConfigError> {
        let parse = |url: &String| {
            url.parse().map_err(|source| KubeConfigError::Server { url: url.clone(), source })
        };
        self.servers.iter().map(parse).collect()
    }

    /// The selectors of carriers, checked.
    pub(crate) fn carrier_selectors(&self) -> Result<Vec<Selector>, KubeConfigError> {
        let parse = |text: &String| {
            selector::parse(text)
                .ok_or_else(|| KubeConfigError::Selector { selector: text.clone() })
        };
        self.carriers.iter().map(parse).collect()
    }
}
