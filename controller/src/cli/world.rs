//! `world`: plays fate for an embedded world, from a second terminal.

use ananke_sim::{
    ports::WorldHandle as _,
    world::{Fate, HostFault, HostRow, Show, TelemetryFault},
};

use super::{
    args::{Args, Switch, World, WorldCommand},
    exit::{Exit, Failure},
    output::{Table, say, structured},
};
use crate::{
    publish::span,
    wiring::embedded::{self, Embedded},
};

pub(crate) fn world(args: &Args, command: &World) -> Result<Exit, Failure> {
    let beside = args.config.as_ref().and_then(|config| config.parent().map(Into::into));
    let folder = beside.or_else(embedded::folder).ok_or_else(|| {
        Failure::new(Exit::Usage, "there is no embedded world")
            .remedy("ananke run --world embedded")
    })?;
    let world = Embedded::at(folder).open().map_err(|error| {
        Failure::new(Exit::Unreachable, error.to_string()).remedy("ananke run --world embedded")
    })?;
    let Some((fate, done)) = fate(&command.what) else {
        let show = world.look(ananke_sim::world::World::show)?;
        if !structured(args.output, &show)? {
            table(&show);
        }
        return Ok(Exit::Done);
    };
    world
        .act(|world| world.suffer(&fate))?
        .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    say!("{done}");
    Ok(Exit::Done)
}

fn fate(command: &WorldCommand) -> Option<(Fate, String)> {
    Some(match command {
        WorldCommand::Show => return None,
        WorldCommand::Mains { switch, supply } => {
            let present = *switch == Switch::On;
            let of = supply.as_ref().map_or_else(String::new, |supply| format!(" of {supply}"));
            let done = if present { "are back" } else { "are off" };
            (Fate::Mains { supply: supply.clone(), present }, format!("mains{of} {done}"))
        }
        WorldCommand::Break { host } => (
            Fate::Break { host: host.clone(), fault: HostFault::Broken },
            format!("{host} is broken: off, and does not boot until it is repaired"),
        ),
        WorldCommand::Freeze { host } => (
            Fate::Break { host: host.clone(), fault: HostFault::Frozen },
            format!("{host} is frozen: on, and answers nothing"),
        ),
        WorldCommand::Repair { host } => {
            (Fate::Repair { host: host.clone() }, format!("{host} is repaired"))
        }
        WorldCommand::Telemetry { switch, supply } => {
            let silent = *switch == Switch::Off;
            let fault = silent.then_some(TelemetryFault::Silent);
            let done = if silent { "is silent" } else { "speaks again" };
            (Fate::Telemetry { supply: supply.clone(), fault }, format!("{supply} {done}"))
        }
    })
}

fn table(show: &Show) {
    let mut supplies = Table::new(&["SUPPLY", "STATUS", "CHARGE", "RUNTIME", "LOAD"]);
    for supply in &show.supplies {
        supplies.row([
            supply.name.clone(),
            supply.status.clone(),
            format!("{} %", supply.charge_percent),
            supply.runtime_seconds.map(span).unwrap_or_default(),
            format!("{} W", supply.load_watts),
        ]);
    }
    supplies.print();
    say!("");
    let mut hosts = Table::new(&["HOST", "POWER", "SERVICE", "CONTAINERS", "VOLUMES", "NODE"]);
    for host in &show.hosts {
        hosts.row([
            host.name.clone(),
            power(host),
            host.service.into(),
            host.containers.to_string(),
            host.volumes.to_string(),
            node(host),
        ]);
    }
    hosts.print();
    say!("");
    let mut objects = Table::new(&["OBJECT", "STATE"]);
    objects.row(["API".into(), show.api.to_lowercase()]);
    for object in &show.gitops {
        let state = match (object.suspended, object.ours) {
            (false, _) => "reconciled",
            (true, true) => "suspended by ananke",
            (true, false) => "suspended by a person",
        };
        objects.row([object.object.clone(), state.into()]);
    }
    objects.print();
}

/// `on`, `on, frozen`.
fn power(host: &HostRow) -> String {
    let mut words = vec![host.power.to_lowercase()];
    words.extend(host.faults.iter().map(|fault| fault.to_lowercase()));
    words.join(", ")
}

/// `Ready, cordoned (ananke)`.
fn node(host: &HostRow) -> String {
    host.node.replace(",ours", " (ananke)").replace(",SchedulingDisabled", ", cordoned")
}
