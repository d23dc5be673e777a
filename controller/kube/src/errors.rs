//! From what kube, hyper and rustls say to what the core must know: did it happen, may it have
//! happened, who has to do something about it.

use std::error::Error as StdError;

use ananke_ports::ClusterError;
use hyper_util::client::legacy;
use kube::core::Status;

use crate::call::{Call, Effect};

/// The cause of a 429 that a `PodDisruptionBudget` gives.
const DISRUPTION_BUDGET: &str = "DisruptionBudget";

/// What an error of kube means for this call.
pub(crate) fn classify(error: &kube::Error, call: &Call, server: &str) -> ClusterError {
    match error {
        kube::Error::Api(status) => refused_by_status(status, call, server),
        kube::Error::SerdeError(error) => garbled(error, call, server),
        kube::Error::FromUtf8(error) => garbled(error, call, server),
        kube::Error::Auth(_) | kube::Error::InferKubeconfig(_) => ClusterError::Refused {
            message: format!("{server}: the kubeconfig's credentials cannot be used: {error}"),
        },
        _ => not_answered(error, call, server),
    }
}

/// The deadline passed.
pub(crate) fn overdue(call: &Call, server: &str) -> ClusterError {
    unanswered(call, format!("{server} did not {} within the deadline", call.what))
}

/// An answer that is none.
pub(crate) fn garbled(error: &dyn StdError, call: &Call, server: &str) -> ClusterError {
    let message = format!("{server} answered `{}` with what cannot be read: {error}", call.what);
    match call.effect {
        Effect::None => ClusterError::Failed { message },
        Effect::Write => ClusterError::Unknown { message },
    }
}

/// Nobody answered: a look has no effect that one could be unsure of.
fn unanswered(call: &Call, message: String) -> ClusterError {
    match call.effect {
        Effect::None => ClusterError::Silent { message },
        Effect::Write => ClusterError::Unknown { message },
    }
}

/// The API said no, and why.
fn refused_by_status(status: &Status, call: &Call, server: &str) -> ClusterError {
    let said = if status.message.is_empty() { &status.reason } else { &status.message };
    let said = said.trim();
    let what = &call.what;
    match status.code {
        401 => ClusterError::Refused {
            message: format!(
                "{server} does not know us (401 at `{what}`): the credentials of the kubeconfig \
                 are of another cluster or have expired"
            ),
        },
        403 => ClusterError::Refused {
            message: format!(
                "{server} forbids `{what}`: {said}; apply configs/rbac.yaml, and check whose \
                 credentials the kubeconfig has"
            ),
        },
        409 => ClusterError::Conflict { message: format!("{what}: {said}") },
        429 => {
            let disruption_budget = status
                .details
                .iter()
                .flat_map(|details| &details.causes)
                .any(|cause| cause.reason == DISRUPTION_BUDGET);
            ClusterError::Busy { message: format!("{what}: {said}"), disruption_budget }
        }
        503 => ClusterError::Busy {
            message: format!("{server} is not able to {what} now: {said}"),
            disruption_budget: false,
        },
        504 => unanswered(call, format!("{server} gave `{what}` up: {said}")),
        code => ClusterError::Failed { message: format!("{what}: {code} {said}") },
    }
}

/// There was no answer over HTTP.
fn not_answered(error: &kube::Error, call: &Call, server: &str) -> ClusterError {
    let links = chain(error);
    if let Some(tls) = links.iter().find_map(|link| link.downcast_ref::<rustls::Error>())
        && let Some(message) = untrusted(tls, server)
    {
        return ClusterError::Refused { message };
    }
    let root = links.last().map_or_else(|| error.to_string(), ToString::to_string);
    let connecting = links
        .iter()
        .filter_map(|link| link.downcast_ref::<legacy::Error>())
        .any(legacy::Error::is_connect);
    if connecting {
        return ClusterError::Silent { message: format!("{server}: no connection: {root}") };
    }
    unanswered(call, format!("{server} was cut off during `{}`: {root}", call.what))
}

/// What a person can do about a TLS handshake that failed; `None` where the failure came later.
fn untrusted(error: &rustls::Error, server: &str) -> Option<String> {
    use rustls::CertificateError as Certificate;
    let advice = match error {
        rustls::Error::InvalidCertificate(
            Certificate::UnknownIssuer | Certificate::BadSignature,
        ) => "its certificate is not signed by the CA of the kubeconfig",
        rustls::Error::InvalidCertificate(
            Certificate::Expired | Certificate::ExpiredContext { .. },
        ) => "its certificate has expired; or this host's clock is wrong",
        rustls::Error::InvalidCertificate(
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. },
        ) => "its certificate is not valid yet: this host's clock is wrong",
        rustls::Error::InvalidCertificate(
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. },
        ) => "its certificate does not name this address: add it with --tls-san",
        rustls::Error::InvalidCertificate(_) => "its certificate is not good",
        rustls::Error::AlertReceived(_) => "it refuses our client certificate",
        rustls::Error::InvalidMessage(_) => "it does not speak TLS on this port",
        _ => return None,
    };
    Some(format!("{server}: {advice} ({error})"))
}

/// The error and everything below it. What an `io::Error` wraps is no `source()` of it.
fn chain<'e>(error: &'e (dyn StdError + 'static)) -> Vec<&'e (dyn StdError + 'static)> {
    let mut links = Vec::new();
    let mut next = Some(error);
    while let Some(link) = next {
        links.push(link);
        let inner = link.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner),
            None => link.source(),
        };
    }
    links
}

#[cfg(test)]
mod tests {
    use kube::core::response::{StatusCause, StatusDetails};

    use super::*;

    fn said(code: u16, call: &Call) -> ClusterError {
        let status = Status::failure("words", "Reason").with_code(code);
        classify(&kube::Error::Api(status.boxed()), call, "https://a")
    }

    #[test]
    fn the_status_code_tells_what_the_core_must_know() {
        let write = Call::writes("patch nodes/n");
        assert!(matches!(said(401, &write), ClusterError::Refused { .. }));
        assert!(matches!(said(403, &write), ClusterError::Refused { .. }));
        assert!(matches!(said(409, &write), ClusterError::Conflict { .. }));
        assert!(matches!(said(422, &write), ClusterError::Failed { .. }));
        assert!(matches!(said(500, &write), ClusterError::Failed { .. }));
        assert!(matches!(said(503, &write), ClusterError::Busy { .. }));
        assert!(matches!(said(504, &write), ClusterError::Unknown { .. }));
        assert!(matches!(said(504, &Call::reads("list pods")), ClusterError::Silent { .. }));
    }

    #[test]
    fn a_refusal_names_what_was_refused_and_what_to_check() {
        let text = said(403, &Call::writes("patch nodes/titan-04")).to_string();
        assert!(text.contains("`patch nodes/titan-04`"), "{text}");
        assert!(text.contains("configs/rbac.yaml"), "{text}");
    }

    #[test]
    fn only_the_named_cause_makes_a_429_a_disruption_budget() {
        let mut status = Status::failure("no", "TooManyRequests").with_code(429);
        let busy = |status: &Status| {
            let error = kube::Error::Api(status.clone().boxed());
            match classify(&error, &Call::writes("evict"), "https://a") {
                ClusterError::Busy { disruption_budget, .. } => disruption_budget,
                other => panic!("{other}"),
            }
        };
        assert!(!busy(&status));
        let cause = StatusCause {
            reason: DISRUPTION_BUDGET.into(),
            message: String::new(),
            field: String::new(),
        };
        status.details = Some(StatusDetails {
            name: "p".into(),
            group: String::new(),
            kind: "pods".into(),
            uid: String::new(),
            causes: vec![cause],
            retry_after_seconds: 10,
        });
        assert!(busy(&status));
    }

    #[test]
    fn a_deadline_leaves_a_write_unknown_and_a_look_silent() {
        assert!(overdue(&Call::writes("patch nodes/n"), "https://a").is_unknown());
        assert!(!overdue(&Call::reads("get nodes/n"), "https://a").is_unknown());
    }

    #[test]
    fn tls_errors_are_said_plainly() {
        let wrapped = std::io::Error::other(rustls::Error::InvalidCertificate(
            rustls::CertificateError::UnknownIssuer,
        ));
        let error = kube::Error::Service(Box::new(wrapped));
        let meaning = classify(&error, &Call::reads("get /readyz"), "https://a");
        assert!(matches!(meaning, ClusterError::Refused { .. }));
        assert!(meaning.to_string().contains("not signed by the CA of the kubeconfig"));
    }
}
