//! The two documents that ananke reads: [`policy::PowerPolicy`] says *what* is wanted,
//! [`host_config::HostConfiguration`] says *where and how from this host*.
//!
//! The types here are the only definition of both. The custom resource definition, the JSON
//! schemas for editors, `ananke explain` and every check of a document are derived from them.
//! This crate does no I/O and knows no Kubernetes client: the pure core depends on it.
//!
//! ```
//! let text = "\
//! apiVersion: ananke.dev/v1alpha1
//! kind: PowerPolicy
//! metadata: {name: lab}
//! spec:
//!   target: runing
//!   hosts:
//!     - {name: a, role: server}
//! ";
//! let problems = ananke_crds::parse_policy(text, "lab.yaml").unwrap_err();
//! let [problem] = problems.as_slice() else { panic!("{problems}") };
//! assert_eq!((problem.line, problem.column), (5, 11));
//! assert_eq!(problem.help, "did you mean `running`?");
//! ```

pub mod crd;
pub mod edit;
pub mod explain;
pub mod host_config;
mod parse;
pub mod policy;
mod shape;
mod validate;
pub mod value;

pub use parse::{
    AnyDocument, Document, Place, Problem, Problems, Rule, locate, parse_document,
    parse_host_configuration, parse_policy,
};
pub use validate::check_pair;
