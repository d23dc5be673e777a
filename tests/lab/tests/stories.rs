//! The stories: a document takes a real cluster down and brings it back.
//!
//! Each ends with the audit that the stories in virtual time end with, on evidence from outside:
//! journals of the hosts, process trees, power logs, the API's audit log; never ananke's own words.
//! `ANANKE_SEED=N` replays the points at which the daemon is killed.

#![expect(clippy::indexing_slicing, reason = "a JSON value that is not there is null")]

#[path = "stories/chaos.rs"]
mod chaos;
#[path = "stories/documents.rs"]
mod documents;
#[path = "stories/looks.rs"]
mod looks;
#[path = "stories/stage.rs"]
mod stage;
#[path = "stories/tools.rs"]
mod tools;

use std::time::Duration;

use ananke_audit::Wanted;
use ananke_lab::{HostAction, OnAcReturn};
use anyhow::Result;
use stage::Stage;

const DOWN: Duration = Duration::from_secs(240);
/// ananke is done within seconds; Flux takes minutes to call itself Ready after its own restart.
const UP: Duration = Duration::from_secs(480);

#[test]
fn a_document_takes_the_cluster_down_and_brings_it_back() -> Result<()> {
    let mut stage = Stage::begin("a document takes the cluster down and brings it back")?;
    stage.declare("cluster-only-down")?;
    stage.wait("the cluster is down, its hosts are on", DOWN, Stage::cluster_is_down)?;
    stage.audit(Wanted::ClusterOnlyDown)?;
    stage.declare("running")?;
    stage.wait("the cluster runs again", UP, Stage::cluster_runs)?;
    stage.audit(Wanted::Running)?;
    stage.declare("poweroff")?;
    stage.wait("every host is off", DOWN, Stage::everything_is_off)?;
    stage.audit(Wanted::Poweroff)?;
    stage.declare("running")?;
    stage.wait("every host was woken and the cluster runs again", UP, Stage::cluster_runs)?;
    stage.woken_by_magic_packets()?;
    stage.is_ready()?;
    stage.audit(Wanted::Running)?;
    stage.end()
}

#[test]
fn the_ups_runs_low_and_the_mains_return() -> Result<()> {
    let mut stage = Stage::begin("the UPS runs low and the mains return")?;
    let document = stage.document()?;
    stage.mains(false)?;
    stage.wait("every host is off", DOWN, Stage::everything_is_off)?;
    stage.audit(Wanted::Poweroff)?;
    stage.tell_unchanged(&document)?;
    stage.mains(true)?;
    stage.wait("the cluster runs by itself", UP, Stage::cluster_runs)?;
    stage.tell_unchanged(&document)?;
    stage.is_ready()?;
    stage.audit(Wanted::Running)?;
    stage.end()
}

#[test]
fn the_mains_return_half_way_down() -> Result<()> {
    let mut stage = Stage::begin("the mains return half-way down")?;
    stage.mains(false)?;
    stage.wait("the first worker's agent is stopped", DOWN, Stage::an_agent_is_stopped)?;
    stage.mains(true)?;
    stage.wait("the cluster runs by itself", UP, Stage::cluster_runs)?;
    stage.is_ready()?;
    stage.audit(Wanted::Running)?;
    stage.end()
}

/// Too little to start anything on; what the firmware boots is left on all the same.
#[test]
fn the_mains_return_at_nine_percent() -> Result<()> {
    let booting = ["n1", "n2"];
    let mut stage = Stage::begin("the mains return at 9 percent")?;
    for host in booting {
        stage.lab.host_action(host, HostAction::OnAcReturn(OnAcReturn::Boot))?;
    }
    stage.charge(80.0)?;
    stage.mains(false)?;
    stage.wait("every host is off", DOWN, Stage::everything_is_off)?;
    stage.audit(Wanted::Poweroff)?;
    stage.charge(0.0)?;
    stage.mains(true)?;
    stage.charge(9.0)?;
    stage.wait("n1 and n2 booted by themselves", UP, |stage| stage.have_booted(&booting))?;
    stage.wait("upsd tells how little is stored", UP, Stage::is_low)?;
    stage.sleeps_until_charged("n3")?;
    stage.charge(100.0)?;
    stage.wait("n3 was woken and the cluster runs", UP, Stage::cluster_runs)?;
    stage.is_ready()?;
    stage.on_since_the_mains(&booting)?;
    stage.audit(Wanted::Running)?;
    stage.end()
}
