//! `simulate`: what if the mains went. It needs no daemon, and leaves none behind.

use std::{fs, os::unix::net::UnixDatagram, path::Path, process::Stdio};

use serde_json::Value;

use super::{
    commands::{follows, keys},
    documents::narrow,
    stage::{Ran, Stage, until},
};

/// Enough to tell a hopeless battery from a full one.
const RUNS: &str = "6";

fn simulate(stage: &Stage, more: &[&str]) -> Value {
    stage.run(&[&["simulate", "--runs", RUNS, "-o", "json"], more].concat()).json()
}

fn clean(simulation: &Value) -> u64 {
    assert_eq!(simulation["clean"]["of"], 6, "{simulation}");
    simulation["clean"]["runs"].as_u64().unwrap()
}

/// Every file below a folder, and what is in it.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.push((path.display().to_string(), Vec::new()));
            all.extend(files(&path));
        } else {
            all.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    all.sort();
    all
}

#[test]
fn less_charge_ends_worse_and_nothing_is_touched() {
    let stage = Stage::new();
    let before = files(&stage.path(""));
    let full = simulate(&stage, &[]);
    let low = simulate(&stage, &["--charge", "8"]);
    let hopeless = simulate(&stage, &["--charge", "1", "--load", "100%"]);
    assert_eq!(files(&stage.path("")), before);

    assert_eq!((clean(&full), clean(&hopeless)), (6, 0));
    assert!((1..6).contains(&clean(&low)), "{}", low["clean"]);
    assert_eq!(full["supplies"]["statera"]["chargeFrom"], "assumed");
    let interval = |of: &Value| (of["clean"]["low"].as_f64(), of["clean"]["high"].as_f64());
    assert_eq!(
        (interval(&full), interval(&hopeless)),
        ((Some(0.61), Some(1.0)), (Some(0.0), Some(0.39)))
    );

    // Nothing has to be given up with a full battery, and each run gives something up without one.
    assert_eq!(full["sacrificedFirst"], Value::Array(Vec::new()));
    let sum = |all: &Value| -> u64 {
        all.as_array().unwrap().iter().map(|first| first["runs"].as_u64().unwrap()).sum()
    };
    assert_eq!((sum(&low["sacrificedFirst"]), sum(&hopeless["sacrificedFirst"])), (6, 6));
    let first = &hopeless["sacrificedFirst"][0];
    assert!(first["example"].as_str().is_some_and(|name| !name.is_empty()), "{first}");
    assert!(sum(&hopeless["faults"]) >= 6, "{}", hopeless["faults"]);

    assert_eq!((&full["offInTime"], &hopeless["offInTime"]), (&6.into(), &0.into()));
    let hosts = |of: &Value| of["stages"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(hosts(&hopeless)["slackSecondsP50"], Value::Null);
    assert_eq!((&hosts(&full)["stage"], &hosts(&full)["shortRuns"]), (&"hosts".into(), &0.into()));
    assert!(hosts(&full)["slackSecondsP5"].as_i64().unwrap() > 60, "{}", hosts(&full));

    // The world tells its end: the hosts are off in one, and lose their power in the other.
    let end = |of: &Value| -> String {
        let moments = of["timelines"][0]["moments"].as_array().unwrap();
        moments.iter().map(|moment| moment["what"].as_str().unwrap()).collect::<Vec<_>>().join("\n")
    };
    assert!(
        end(&full).contains("takes a snapshot") && end(&full).ends_with("off"),
        "{}",
        end(&full)
    );
    assert!(!end(&full).contains("lose") && end(&hopeless).contains("lose their power"));
}

#[test]
fn one_seed_is_one_answer() {
    let stage = Stage::new();
    let told = |seed: &str| {
        let arguments = ["simulate", "--runs", "4", "--charge", "10", "--seed", seed, "-o", "json"];
        stage.run(&arguments).done()
    };
    assert_eq!(told("7"), told("7"));
    let without_seed = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.contains("\"seed\"")).map(str::to_owned).collect()
    };
    assert_ne!(without_seed(&told("7")), without_seed(&told("8")));
}

#[test]
fn one_supply_takes_its_own_hosts_only() {
    let stage = Stage::new();
    let alone = simulate(&stage, &["--ups", "statera", "--soc", "60", "--load", "30W"]);
    let supplies = alone["supplies"].as_object().unwrap();
    assert_eq!(supplies.keys().collect::<Vec<_>>(), ["statera"]);
    assert_eq!(
        (&supplies["statera"]["chargePercent"], &supplies["statera"]["loadPercent"]),
        (&60.into(), &10.into())
    );
    assert_eq!(clean(&alone), 6, "{}", alone["faults"]);
    let text = alone["timelines"].to_string();
    assert!(text.contains("titan-23") && !text.contains("titan-04"), "{text}");
}

#[test]
fn a_document_is_all_that_it_needs() {
    let stage = Stage::new();
    let document = stage.document();
    let arguments = ["--policy", document.to_str().unwrap(), "simulate", "--runs", "1"];
    let mut command = stage.command(&arguments);
    command.env_remove("ANANKE_CONFIG").env("ANANKE_EMBEDDED", stage.path("nowhere"));
    // What systemd listens to is not for a simulated daemon to speak to.
    let socket = UnixDatagram::bind(stage.path("notify")).unwrap();
    socket.set_nonblocking(true).unwrap();
    command.env("NOTIFY_SOCKET", stage.path("notify")).stdout(Stdio::piped());
    let (mut child, mut spoken) = (command.spawn().unwrap(), 0);
    until("the simulation ends", || {
        // Whoever speaks to a systemd that does not listen waits for it.
        while socket.recv(&mut [0; 4096]).is_ok() {
            spoken += 1;
        }
        child.try_wait().unwrap().ok_or_else(|| "it still runs".to_owned())
    });
    assert_eq!(spoken, 0, "systemd was spoken to");
    let told = Ran::from(child.wait_with_output().unwrap()).done();
    assert!(told.contains("clean end: 1 of 1 runs"), "{told}");
    narrow(&told);
    assert!(!stage.path("nowhere").exists());
}

#[test]
fn past_runs_are_read_and_a_damaged_file_is_told_and_left_alone() {
    let stage = Stage::new();
    fs::create_dir(stage.path("state")).unwrap();
    let units = r#"{"agent":{"arrived":true,"steps":{"stop":{"millis":4000}}}}"#;
    let run = |number: u32| {
        format!(
            r#"{{"id":"{number}","path":"emergency","endedUnixSeconds":0,"millis":9000,"units":{units}}}"#
        )
    };
    let runs: Vec<String> = (0..5).map(run).collect();
    fs::write(stage.path("state/runs.json"), format!(r#"{{"runs":[{}]}}"#, runs.join(",")))
        .unwrap();
    let arguments = ["simulate", "--runs", "1", "-o", "json"];
    let known = stage.run(&arguments).json();
    assert_eq!(known["pastRuns"], 5);

    fs::write(stage.path("state/runs.json"), "{").unwrap();
    let before = files(&stage.path(""));
    let ran = stage.run(&arguments);
    assert!(ran.err.contains("past runs are left out"), "{ran:?}");
    assert_eq!(ran.json()["pastRuns"], 0);
    assert_eq!(files(&stage.path("")), before);
}

#[test]
fn what_cannot_be_is_told() {
    let stage = Stage::new();
    let told = |arguments: &[&str]| stage.run(&[&["simulate"], arguments].concat()).told(2);
    let unknown = told(&["--supply", "pyrphorus"]);
    assert!(unknown.contains("`pyrphorus`") && unknown.contains("pyrphoros, statera"), "{unknown}");
    assert!(told(&["--charge", "101"]).contains("0..=100"));
    assert!(told(&["--load", "45"]).contains("45% or 440W"));
    assert!(told(&["--load", "120%"]).contains("cannot carry 120%"));
    assert!(told(&["--runs", "0"]).contains("1..=10000"));

    let text = fs::read_to_string(stage.document()).unwrap();
    let fed_twice = text.replacen("powers: [\"*\"]", "powers: [titan-23, titan-24, \"*\"]", 1);
    fs::write(stage.document(), fed_twice).unwrap();
    let nothing = told(&["--supply", "statera"]);
    assert!(nothing.contains("no host has only statera"), "{nothing}");

    let unsupported = text.replacen(
        "serviceTimeout: 30s",
        "onOwnHostShutdown: cluster\n    serviceTimeout: 30s",
        1,
    );
    fs::write(stage.document(), unsupported).unwrap();
    let refused = told(&[]);
    assert!(refused.contains("cannot act on spec.shutdown.onOwnHostShutdown"), "{refused}");
}

#[test]
fn what_the_daemon_read_is_what_it_begins_with() {
    let (stage, _daemon) = Stage::running();
    let one = |more: &[&str]| {
        stage.run(&[&["simulate", "--runs", "1", "-o", "json"], more].concat()).json()
    };
    let read = one(&[]);
    let pyrphoros = &read["supplies"]["pyrphoros"];
    for from in ["chargeFrom", "loadFrom", "fullFrom"] {
        assert_eq!(pyrphoros[from], "read", "{pyrphoros}");
    }
    // As the embedded world has it: 20 minutes under three servers and two agents, and itself.
    assert_eq!((&pyrphoros["chargePercent"], &pyrphoros["loadPercent"]), (&100.into(), &50.into()));
    assert!((1190..=1200).contains(&pyrphoros["fullSeconds"].as_u64().unwrap()), "{pyrphoros}");
    // It tells what it is built for, so watts have a meaning.
    let heavy = one(&["--supply", "pyrphoros", "--load", "400W"]);
    let heavy = &heavy["supplies"]["pyrphoros"];
    assert!(heavy["loadPercent"].as_u64().unwrap() > 50, "{heavy}");
    assert!(heavy["fullSeconds"].as_u64() < pyrphoros["fullSeconds"].as_u64(), "{heavy}");

    follows(&read, &stage.run(&["schema", "simulation"]).json());
    let yaml = stage.run(&["simulate", "--runs", "1", "-o", "yaml"]).done();
    let yaml: Value = serde_saphyr::from_str(&yaml).unwrap();
    assert_eq!(keys(&yaml), keys(&read));
    let shown = stage.run(&["simulate", "--runs", "1"]).done();
    narrow(&shown);
    assert!(shown.contains("as read last") && shown.contains("the median run"), "{shown}");
}
