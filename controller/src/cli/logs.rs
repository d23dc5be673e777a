//! Logs: to the journal under systemd, else to stderr.

use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// Begins logging. `ANANKE_LOG` filters, as `RUST_LOG` would.
pub(crate) fn begin() {
    let filter = EnvFilter::try_from_env("ANANKE_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,kube_client=off,hyper=warn,tower=warn"));
    let registry = tracing_subscriber::registry().with(filter);
    let under_systemd = std::env::var_os("JOURNAL_STREAM").is_some();
    match tracing_journald::layer() {
        Ok(journal) if under_systemd => {
            registry.with(journal.with_field_prefix(Some("ANANKE".into()))).init();
        }
        _ => {
            use std::io::IsTerminal as _;
            let plain = tracing_subscriber::fmt::layer()
                .with_writer(std::io::stderr)
                .with_ansi(std::io::stderr().is_terminal())
                .with_target(false)
                .compact();
            registry.with(plain).init();
        }
    }
}
