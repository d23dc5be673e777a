//! A client for the network protocol of NUT (Network UPS Tools), written for a daemon that powers
//! machines off on what it reads here.
//!
//! - [`codec`] is the protocol without any I/O: quoting, lines, requests, answers. It is bounded in
//!   memory, never panics, and refuses an answer about another device than the one asked for.
//! - [`client`] is a thin tokio driver over it: a deadline on every exchange, STARTTLS, and a
//!   connection that is closed as soon as it may be out of step with the server.
//! - [`status`] reads the words of `ups.status` into flags.
//!
//! The crate reports; it judges nothing. Whether `OB` is a reason to act is decided elsewhere.

pub mod client;
pub mod codec;
mod error;
mod secret;
pub mod status;

pub use client::{Ca, Client, Credentials, Endpoint, Tls};
pub use codec::{ErrCode, UpsEntry};
pub use error::NutError;
pub use secret::Secret;
pub use status::{StatusFlag, StatusFlags};
