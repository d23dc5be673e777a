//! Act: one planned step turned into calls of a port. What comes back is an outcome, never
//! progress: only a fresh observation is.

use std::{future::Future, time::Duration};

use ananke_core::{
    assess::SNAPSHOT_PREFIX,
    marks::Mark,
    signals::{Power, power_of},
    step::{Action, Outcome, PlannedStep, PodRef},
};
use ananke_ports::{ClusterError, HostCommand, HostError, MachineError, Ports, SupplyError};
use futures::{StreamExt, stream};

/// What a step needs to know of the run.
#[derive(Debug, Clone)]
pub struct Run {
    /// Names this run in marks.
    pub id: String,
    /// Supplies that feed this host: the last look at the mains is at these.
    pub own_supplies: Vec<String>,
}

/// Calls to the API at a time: a drain must not starve the API that it drains.
const SIDE_BY_SIDE: usize = 8;

/// Does one step, within its deadline.
pub async fn perform(ports: &Ports, run: &Run, step: &PlannedStep) -> Outcome {
    let late =
        || Outcome::Unknown { message: format!("no answer within {} s", step.deadline.as_secs()) };
    tokio::select! {
        biased;
        outcome = call(ports, run, &step.action, step.deadline) => outcome,
        () = ports.clock.sleep(step.deadline) => late(),
    }
}

async fn call(ports: &Ports, run: &Run, action: &Action, deadline: Duration) -> Outcome {
    match action {
        Action::Suspend { objects } => {
            let mark = mark(ports, run, "spec.suspend");
            let mark = &mark;
            each(objects, |object| ports.cluster.suspend(object, mark, deadline)).await
        }
        Action::Resume { objects } => {
            each(objects, |object| ports.cluster.resume(object, deadline)).await
        }
        Action::Cordon { node } => {
            let mark = mark(ports, run, "spec.unschedulable");
            from_cluster(ports.cluster.cordon(node, &mark, deadline).await)
        }
        Action::Uncordon { node } => from_cluster(ports.cluster.uncordon(node, deadline).await),
        Action::Evict { pods } => each(pods, |pod| evict(ports, pod, deadline)).await,
        Action::DeletePods { pods, grace_seconds, .. } => {
            each(pods, |pod| ports.cluster.delete_pod(pod, *grace_seconds, deadline)).await
        }
        Action::TakeSnapshot { host } => {
            let name = format!("{SNAPSHOT_PREFIX}{}", ports.clock.wall_unix_seconds());
            on_host(ports, host, HostCommand::TakeSnapshot { name }, deadline).await
        }
        Action::StartService { host, service } => {
            on_host(ports, host, HostCommand::Start(*service), deadline).await
        }
        Action::StopService { host, service } => {
            on_host(ports, host, HostCommand::Stop(*service), deadline).await
        }
        Action::KillService { host, service } => {
            on_host(ports, host, HostCommand::Kill(*service), deadline).await
        }
        Action::EndContainers { host } => {
            on_host(ports, host, HostCommand::EndContainers, deadline).await
        }
        Action::PowerOff { host } => on_host(ports, host, HostCommand::PowerOff, deadline).await,
        Action::Wake { host } => match ports.wake.wake(host, deadline).await {
            Ok(()) => Outcome::Done,
            Err(error) => Outcome::Refused { message: error.to_string() },
        },
        Action::SetWakeAlarm { after_seconds } => {
            let after = Duration::from_secs(*after_seconds);
            from_machine(ports.machine.set_wake_alarm(after, deadline).await)
        }
        Action::ForceShutdown { supplies } => force_shutdown(ports, supplies, deadline).await,
        Action::SyncDisks => from_machine(ports.machine.sync(deadline).await),
        Action::PowerOffSelf { reboot_if_mains, cut_supplies } => {
            own_host(ports, run, *reboot_if_mains, cut_supplies, deadline).await
        }
    }
}

fn mark(ports: &Ports, run: &Run, field: &str) -> Mark {
    Mark {
        run: run.id.clone(),
        field: field.into(),
        previous: None,
        at_unix_seconds: ports.clock.wall_unix_seconds(),
    }
}

async fn evict(ports: &Ports, pod: &PodRef, deadline: Duration) -> Result<(), ClusterError> {
    ports.cluster.evict(pod, deadline).await.map_err(|error| match error {
        ClusterError::Busy { message, disruption_budget: true } => ClusterError::Busy {
            message: format!(
                "a PodDisruptionBudget keeps {}/{}: {message}",
                pod.namespace, pod.name
            ),
            disruption_budget: true,
        },
        other => other,
    })
}

/// Does the same to each, some at a time; the first failure speaks for all.
async fn each<'t, T, F>(things: &'t [T], call: impl Fn(&'t T) -> F) -> Outcome
where
    F: Future<Output = Result<(), ClusterError>>,
{
    let calls: Vec<F> = things.iter().map(call).collect();
    let returned = stream::iter(calls).buffered(SIDE_BY_SIDE).collect::<Vec<_>>().await;
    let outcomes: Vec<Outcome> = returned.into_iter().map(from_cluster).collect();
    let failures = outcomes.iter().filter(|outcome| **outcome != Outcome::Done).count();
    let first = outcomes.into_iter().find(|outcome| *outcome != Outcome::Done);
    match first {
        None => Outcome::Done,
        Some(Outcome::Refused { message }) if failures > 1 => Outcome::Refused {
            message: format!("{message} (and {} more of {})", failures - 1, things.len()),
        },
        Some(outcome) => outcome,
    }
}

fn from_cluster(result: Result<(), ClusterError>) -> Outcome {
    match result {
        Ok(()) => Outcome::Done,
        Err(error) if error.is_unknown() => Outcome::Unknown { message: error.to_string() },
        Err(error) => Outcome::Refused { message: error.to_string() },
    }
}

async fn on_host(ports: &Ports, host: &str, command: HostCommand, deadline: Duration) -> Outcome {
    match ports.hosts.run(host, &command, deadline).await {
        Ok(()) => Outcome::Done,
        Err(error @ HostError::Unknown { .. }) => Outcome::Unknown { message: error.to_string() },
        Err(error) => Outcome::Refused { message: error.to_string() },
    }
}

/// How long the last look at the mains may take.
const LAST_LOOK: Duration = Duration::from_secs(3);

/// Mains present at the very last look, at either of its feeds: a reboot, for a halted host would
/// wait for a return of mains that never comes.
async fn own_host(
    ports: &Ports,
    run: &Run,
    reboot_if_mains: bool,
    cut_supplies: &[String],
    deadline: Duration,
) -> Outcome {
    let looks = run.own_supplies.iter().map(|supply| ports.supplies.read(supply, LAST_LOOK));
    let mains = futures::future::join_all(looks)
        .await
        .into_iter()
        .any(|reading| reading.is_ok_and(|reading| power_of(&reading.status) == Power::Mains));
    ports.supplies.close().await;
    let result = if mains && reboot_if_mains {
        ports.machine.reboot(deadline).await
    } else {
        ports.machine.power_off(cut_supplies, deadline).await
    };
    from_machine(result)
}

fn from_machine(result: Result<(), MachineError>) -> Outcome {
    match result {
        Ok(()) => Outcome::Done,
        Err(error) => Outcome::Refused { message: error.to_string() },
    }
}

/// Side by side, for the battery waits for none. Refused only if it stands nowhere: where nobody
/// knows, it may.
async fn force_shutdown(ports: &Ports, supplies: &[String], deadline: Duration) -> Outcome {
    let calls = supplies.iter().map(|supply| ports.supplies.force_shutdown(supply, deadline));
    let returned = futures::future::join_all(calls).await;
    let may_stand =
        returned.iter().any(|result| matches!(result, Ok(()) | Err(SupplyError::Silent { .. })));
    let failed = returned.into_iter().find_map(Result::err).map(|error| error.to_string());
    match failed {
        None => Outcome::Done,
        Some(message) if may_stand => Outcome::Unknown { message },
        Some(message) => Outcome::Refused { message },
    }
}

#[cfg(test)]
mod tests;
