//! Down and up again, seen from the world.

use std::fs;

use super::{
    documents::narrow,
    stage::{Stage, condition, is_cluster_down, is_off, is_up, persons_marks_stand},
};

#[test]
fn a_target_in_the_document_takes_the_cluster_down_and_brings_it_back() {
    let (stage, _daemon) = Stage::running();
    let before = fs::read_to_string(stage.document()).unwrap();

    let down = ["set-target", "cluster-only-down", "--yes", "--wait", "--reason", "new switch"];
    let ran = stage.run(&down);
    assert!(ran.err.contains("node/titan-04"), "the plan is shown first: {}", ran.err);
    assert_eq!(ran.done(), "embedded declares cluster-only-down\n");
    let world = stage.world();
    assert!(is_cluster_down(&world), "{world:#}");
    let after = fs::read_to_string(stage.document()).unwrap();
    let expected = before
        .replace("target: running  ", "target: cluster-only-down  ")
        .replace("reason: the embedded world", "reason: new switch");
    assert_eq!(
        after.split_whitespace().collect::<Vec<_>>(),
        expected.split_whitespace().collect::<Vec<_>>()
    );
    assert_eq!(after.lines().count(), before.lines().count());
    assert!(stage.sentence().starts_with("The cluster is down, its hosts are on."));

    stage.run(&["set-target", "running", "--wait"]).done();
    persons_marks_stand(&stage.world_is("up", is_up));
    assert_eq!(stage.sentence(), "Running: the cluster and its hosts are up.");
}

#[test]
fn an_outage_takes_all_down_and_its_end_brings_all_back_without_touching_the_document() {
    let (stage, daemon) = Stage::running();
    let before = fs::read(stage.document()).unwrap();
    let began = fs::metadata(stage.document()).unwrap().modified().unwrap();

    stage.run(&["world", "mains", "off"]).done();
    stage.world_is("off", is_off);
    let status = stage.is_ready("poweroff");
    assert_eq!(status["spec"]["target"], "running", "what is declared stays");
    assert!(status["status"]["by"].as_str().unwrap().starts_with("ups/"), "{status:#}");
    let sentence = status["status"]["sentence"].as_str().unwrap();
    assert!(sentence.starts_with("Everything is off ("), "{sentence}");
    assert!(sentence.contains("on battery for 60 s"), "{sentence}");

    stage.run(&["world", "mains", "on"]).done();
    persons_marks_stand(&stage.world_is("up", is_up));
    stage.is_ready("running");
    assert_eq!(fs::read(stage.document()).unwrap(), before);
    assert_eq!(fs::metadata(stage.document()).unwrap().modified().unwrap(), began);
    assert!(!daemon.log().contains("ERROR"), "{}", daemon.log());
}

#[test]
fn a_daemon_that_was_killed_goes_on_where_the_world_is() {
    let (stage, daemon) = Stage::running();
    stage.run(&["set-target", "cluster-only-down", "--yes"]).done();
    daemon.says("evict");
    daemon.crash();

    assert!(!is_up(&stage.world()), "the world lives on without a daemon");
    let status = stage.run(&["status"]);
    assert!(status.out.contains("Taking the cluster down"), "{status:?}");
    let told = status.told(5);
    assert!(told.contains("no daemon is running: this was told "), "{told}");
    assert!(told.contains("try: systemctl status ananke"), "{told}");
    let told = stage.run(&["hold"]).told(5);
    assert!(told.contains("no daemon is running, so nobody was asked"), "{told}");
    let told = stage.run(&["explain", "api"]);
    assert_eq!(told.code, 0);
    assert!(told.err.contains("no daemon is running"), "{told:?}");

    let _again = stage.daemon();
    stage.world_is("down", is_cluster_down);
    stage.is_ready("cluster-only-down");
    stage.run(&["set-target", "running", "--wait"]).done();
    persons_marks_stand(&stage.world_is("up", is_up));
}

#[test]
fn a_host_that_is_broken_is_told_and_everything_else_comes_up() {
    let (stage, _daemon) = Stage::running();
    stage.run(&["set-target", "poweroff", "--yes", "--wait"]).done();
    assert!(is_off(&stage.world()));
    stage.run(&["world", "break", "titan-04"]).done();

    let ran = stage.run(&["set-target", "running", "--wait"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let status = stage.status();
    assert_eq!(condition(&status, "Stalled"), "True");
    let sentence = stage.sentence();
    assert!(sentence.contains("A person must act: host/titan-04"), "{sentence}");
    let explained = stage.run(&["explain", "node/titan-04"]).done();
    let lines: Vec<&str> = explained.lines().collect();
    assert!(lines[1].starts_with("  node/titan-04 waits on "), "{explained}");
    assert!(lines.last().unwrap().trim_start().starts_with("host/titan-04: "), "{explained}");

    stage.run(&["world", "repair", "titan-04"]).done();
    stage.run(&["set-target", "running", "--wait"]).done();
    stage.world_is("up", is_up);
}

/// A person asks what the way up will be, before anything of the cluster can be seen.
#[test]
fn a_plan_from_off_says_what_it_cannot_know() {
    let (stage, _daemon) = Stage::running();
    stage.run(&["set-target", "poweroff", "--yes", "--wait"]).done();
    assert!(is_off(&stage.world()));
    let plan = stage.run(&["plan", "--target", "running"]).done();
    let wakes = plan.lines().filter(|line| line.ends_with(" wake")).count();
    assert_eq!(wakes, 7, "every host is woken: {plan}");
    assert!(!plan.contains("cannot pass"), "{plan}");
    assert!(plan.contains("not in it, because the API does not answer"), "{plan}");
    narrow(&plan);
    let plan = stage.run(&["plan", "--target", "running", "-o", "json"]).json();
    assert!(plan["totalSeconds"].as_u64().unwrap() < 300, "{plan}");
    assert!(plan["missing"].is_string(), "{plan}");
}
