//! The Kubernetes API behind the port [`Cluster`](ananke_ports::Cluster).
//!
//! * [`fleet`]: the API servers, and which of them is asked; `/readyz` is the only thing that
//!   looks for a way back when none answers.
//! * [`feed`] and [`store`]: one list and one watch per kind of object. kube's own `watcher` is
//!   not used: it swallows the bookmarks that prove a quiet watch alive, and waits without bound
//!   for a server that accepts a watch and goes silent.
//! * [`nodes`], [`pods`], [`flux`], [`longhorn`]: the few fields of an object that are kept.
//! * [`facts`]: what the core sees, or why it sees nothing.
//! * [`marks`], [`drain`], [`mirror`], [`events`], [`lease`]: what is written.
//!
//! No retry happens here. A call ends within its deadline with an answer or with an error that
//! says whether its effect may have happened; to try again is the core's decision.

mod call;
mod cluster;
mod config;
mod drain;
mod errors;
mod events;
mod facts;
mod feed;
mod fleet;
mod flux;
mod lease;
mod longhorn;
mod marks;
mod mirror;
mod nodes;
mod pods;
mod selector;
mod server;
mod store;
mod wire;

pub use cluster::KubeCluster;
pub use config::{KubeConfig, KubeConfigError, SourceRef};
