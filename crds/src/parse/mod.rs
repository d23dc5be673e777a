//! From text to a checked document, with every problem of it at its place in the text.
//!
//! A text passes through four stages, and is refused at the end of the first that finds anything:
//! YAML syntax ([`yaml`]), form ([`form`]: fields, types, values of single fields), types, meaning
//! ([`crate::validate`]: names that point nowhere, cycles). A stage reports all that it finds.

mod document;
mod form;
mod formats;
mod node;
mod path;
mod problem;
mod source;
mod suggest;
mod yaml;

pub use document::{
    AnyDocument, Document, Place, locate, parse_document, parse_host_configuration, parse_policy,
};
pub use problem::{Problem, Problems, Rule};

pub(crate) use document::Located;
#[cfg(test)]
pub(crate) use formats::check_text;
pub(crate) use node::{Kind as NodeKind, Node};
pub(crate) use path::{Path, Segment};
pub(crate) use suggest::one_of;
pub(crate) use yaml::read;
