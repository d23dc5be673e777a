//! The commands beside a daemon.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::Stdio,
};

use serde_json::Value;

use super::{
    documents::narrow,
    stage::{Stage, condition, is_off, until},
};

/// One of two UPSes fails: whoever asks is told what that takes along, and why.
#[test]
fn why_a_signal_reaches_as_far_as_it_does() {
    let (stage, _daemon) = Stage::running();
    stage.run(&["world", "mains", "off", "statera"]).done();
    stage.status_is("asked down by statera", |status| status["status"]["by"] == "ups/statera");
    let why = "statera feeds titan-23, titan-24";
    for command in [&["explain"][..], &["explain", "host/titan-23"], &["plan"]] {
        let told = stage.run(command).done();
        assert!(told.lines().any(|line| line.trim() == why), "{command:?}: {told}");
    }
    let off = stage.status_is("that of titan-23 and titan-24", |status| {
        let sentence = status["status"]["sentence"].as_str().unwrap_or_default();
        sentence.starts_with("Off: titan-23, titan-24; the rest is up")
    });
    assert_eq!(condition(&off, "Ready"), "True");
    for name in ["supply/statera", "ups/statera"] {
        let told = stage.run(&["explain", name]).done();
        let lines: Vec<&str> = told.lines().map(str::trim).collect();
        assert!(lines[0].starts_with("supply/statera: OB DISCHRG, "), "{told}");
        assert!(lines[1].starts_with("asks for poweroff: statera: "), "{told}");
        assert_eq!(lines[2], why, "{told}");
        narrow(&told);
    }
    let told = stage.run(&["explain", "supply/pyrphoros"]).done();
    assert_eq!(told.lines().count(), 1, "it asks for nothing: {told}");
    let told = stage.run(&["explain", "supply/pyr"]).told(2);
    assert!(told.contains("ananke explain supply/pyrphoros"), "{told}");
    let plan = stage.run(&["plan", "-o", "json"]).json();
    assert_eq!(plan["scope"], serde_json::json!([why]));
    let other = stage.run(&["explain", "host/titan-04"]).done();
    assert!(!other.contains(why), "{other}");
}

#[test]
fn what_is_shown_is_narrow_colourless_and_parses() {
    let (stage, _daemon) = Stage::running();
    let commands: [&[&str]; 8] = [
        &["status"],
        &["plan"],
        &["plan", "--target", "poweroff"],
        &["plan", "--emergency"],
        &["explain"],
        &["explain", "node/titan-04"],
        &["signal", "list"],
        &["world", "show"],
    ];
    for command in commands {
        let shown = stage.run(command).done();
        narrow(&shown);
        assert!(!shown.contains('\u{1b}'), "{shown}");
        if command[0] == "explain" {
            continue;
        }
        let as_json = stage.run(&[command, &["-o", "json"]].concat()).json();
        let as_yaml = stage.run(&[command, &["-o", "yaml"]].concat()).done();
        let read: Value = serde_saphyr::from_str(&as_yaml).unwrap();
        assert_eq!(keys(&read), keys(&as_json), "{command:?}");
    }
    let emergency = stage.run(&["plan", "--emergency", "-o", "json"]).json();
    let steps = emergency["steps"].as_array().unwrap();
    assert!(steps.iter().any(|s| s["unit"] == "host/titan-0a" && s["step"] == "power-off"));
    let budget = &emergency["budget"];
    let parts = budget["criticalPath"].as_array().unwrap();
    assert!(parts.iter().any(|part| part["unit"] == "gitops"), "{budget}");
    assert!(parts.iter().all(|part| part["source"]["from"] == "declared"), "{budget}");
    let seconds = |value: &Value| value["seconds"].as_u64().unwrap();
    let whole: u64 = parts.iter().map(seconds).sum();
    // Each part is told in whole seconds.
    assert!(seconds(budget).abs_diff(whole) <= parts.len() as u64, "{budget}");
    let lasts = &budget["supplies"]["pyrphoros"]["lasts"];
    assert_eq!((&lasts["basis"], &lasts["confidence"]), (&"firmware".into(), &"unchecked".into()));
    let told = stage.run(&["plan", "--emergency"]).done();
    assert!(told.contains("declared") && told.contains("ACTS BELOW"), "{told}");
    stage.run(&["plan", "--emergency", "--target", "running"]).told(2);
    let coloured = stage.run(&["status", "--color", "always"]).done();
    assert!(coloured.contains("\u{1b}[32mTrue\u{1b}[0m"), "{coloured}");
    let shown = stage.run(&["status"]).done();
    let head: Vec<&str> = shown.lines().nth(2).unwrap().split_whitespace().collect();
    assert_eq!(head, ["TARGET", "EFFECTIVE", "BY", "READY", "REASON"]);
    follows(&stage.status(), &stage.run(&["schema", "status"]).json());
}

/// The names of a value, as deep as they go.
pub(crate) fn keys(value: &Value) -> Vec<String> {
    match value {
        Value::Object(map) => {
            let mut all: Vec<String> = map.keys().cloned().collect();
            all.extend(map.values().flat_map(keys));
            all.sort();
            all
        }
        Value::Array(items) => items.iter().flat_map(keys).collect(),
        _ => Vec::new(),
    }
}

/// A value has what its schema requires and nothing that the schema does not know, all the way.
pub(crate) fn follows(value: &Value, schema: &Value) {
    fn check(value: &Value, schema: &Value, root: &Value, path: &str) {
        if let Some(reference) = schema["$ref"].as_str() {
            let target = root.pointer(reference.trim_start_matches('#')).unwrap();
            return check(value, target, root, path);
        }
        for key in schema["required"].as_array().into_iter().flatten() {
            assert!(!value[key.as_str().unwrap()].is_null(), "{path} lacks {key}");
        }
        let kind = schema["type"].as_str().unwrap_or_default();
        let right = match kind {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "integer" => value.is_i64(),
            "boolean" => value.is_boolean(),
            _ => true,
        };
        assert!(right, "{path}: {value} is not of type {kind}");
        if let (Some(map), Some(known)) = (value.as_object(), schema["properties"].as_object()) {
            for (key, value) in map {
                let schema = known.get(key).unwrap_or_else(|| panic!("{path}.{key} is not in it"));
                check(value, schema, root, &format!("{path}.{key}"));
            }
        }
        for item in value.as_array().into_iter().flatten() {
            check(item, &schema["items"], root, &format!("{path}[]"));
        }
    }
    check(value, schema, schema, "status");
}

#[test]
fn going_down_is_asked_on_a_terminal_and_refused_without_one() {
    let (stage, _daemon) = Stage::running();
    let before = fs::read(stage.document()).unwrap();

    let ran = stage.run(&["set-target", "poweroff"]);
    assert!(ran.err.contains("host/titan-04"), "the plan is shown: {}", ran.err);
    assert!(ran.told(2).contains("try: --yes"));
    let ran = stage.on_a_terminal("set-target poweroff", "n\n");
    assert!(ran.out.contains("Take embedded down to poweroff? [y/N]"), "{ran:?}");
    assert!(ran.out.contains("nothing was changed"), "{ran:?}");
    assert_eq!(ran.code, 3);
    assert_eq!(fs::read(stage.document()).unwrap(), before);

    let ran = stage.on_a_terminal("set-target poweroff", "y\n");
    assert!(ran.done().contains("embedded declares poweroff"));
    stage.world_is("off", is_off);
}

#[test]
fn requests_are_answered() {
    let (stage, _daemon) = Stage::running();
    let told = stage.run(&["hold", "--reason", "hands off"]).done();
    assert!(told.contains("`ananke release`") && told.contains("UPS signals still act"), "{told}");
    stage.run(&["set-target", "cluster-only-down", "--yes"]).done();
    let held = stage.status_is("on hold", |status| status.to_string().contains("OnHold"));
    assert!(held["status"]["sentence"].as_str().unwrap().contains("hands off"), "{held:#}");
    let ran = stage.run(&["set-target", "cluster-only-down", "--wait", "--timeout", "1s"]);
    assert!(ran.told(4).contains("still under way after 1s; the daemon goes on"));
    stage.run(&["set-target", "running"]).done();
    assert_eq!(stage.run(&["release"]).done(), "released: steps go on\n");
    assert_eq!(stage.run(&["release"]).done(), "nothing was held\n");

    let told = stage.run(&["host", "titan-04", "maintenance", "on"]).done();
    assert!(told.contains("`ananke host titan-04 maintenance off`"), "{told}");
    stage.run(&["host", "titan-04", "maintenance", "off"]).done();
    let told = stage.run(&["host", "nobody", "maintenance", "on"]).told(2);
    assert!(told.contains("there is no host nobody; there are titan-0a, "), "{told}");

    let nothing = stage.run(&["signal", "mask", "ups/statera", "--for", "30m", "--reason", "test"]);
    assert!(nothing.told(3).contains("nothing to mask"));
    let unknown = stage.run(&["signal", "mask", "ups/x", "--for", "30m", "--reason", "test"]);
    assert!(unknown.told(2).contains("there are ups/pyrphoros, ups/statera"));
    assert!(stage.run(&["signal", "clear", "ups/statera"]).told(2).contains("is not masked"));
}

#[test]
fn one_cause_of_one_supply_can_be_overruled() {
    let (stage, _daemon) = Stage::running();
    stage.run(&["world", "mains", "off", "statera"]).done();
    stage.status_is("asked down by statera", |s| s["status"]["by"] == "ups/statera");
    let told = stage
        .run(&["signal", "mask", "ups/statera", "--for", "90m", "--reason", "it is a test"])
        .done();
    assert_eq!(
        told,
        "time-on-battery of ups/statera is masked for 1 h 30 min; a graver cause still acts\n"
    );
    stage.status_is("asked by the operator", |s| s["status"]["by"] == "operator");
    let rows = stage.run(&["signal", "list", "-o", "json"]).json();
    let row = rows.as_array().unwrap().iter().find(|r| r["signal"] == "ups/statera").unwrap();
    assert!(row["maskedUntil"].is_string(), "{row}");
    stage.run(&["signal", "clear", "ups/statera"]).done();
    stage.status_is("asked down again", |s| s["status"]["by"] == "ups/statera");
}

#[test]
fn an_invalid_edit_leaves_the_last_good_document_in_force_and_says_where() {
    let (stage, daemon) = Stage::running();
    let good = fs::read_to_string(stage.document()).unwrap();
    let bad = good.replacen("maxOnBattery: 60s", "maxOnBattery: 60", 1);
    fs::write(stage.document(), bad.replace("target: running ", "target: poweroff ")).unwrap();

    let status = stage.status_is("InvalidPolicy", |s| condition(s, "Stalled") == "True");
    let sentence = status["status"]["sentence"].as_str().unwrap();
    assert_eq!(sentence.lines().count(), 1);
    assert!(sentence.starts_with("Running: the cluster and its hosts are up. "), "{sentence}");
    assert!(sentence.contains("embedded.yaml:16:23: "), "{sentence}");
    assert_eq!(status["spec"]["target"], "running");
    daemon.says("= help: ");
    daemon.crash();
    let daemon = stage.daemon();
    daemon.says("the last good document is in force");
    stage.status_is("still InvalidPolicy", |s| condition(s, "Stalled") == "True");

    fs::write(stage.document(), good).unwrap();
    stage.is_ready("running");
}

#[test]
fn a_second_daemon_is_told_who_is_the_first() {
    let (stage, _daemon) = Stage::running();
    let first = fs::read_to_string(stage.path("state/lock")).unwrap();
    let told = stage.run(&["run", "--world", "embedded"]).told(3);
    assert!(told.contains(&format!("held by another ananke, process {first};")), "{told}");
    let told = stage.run(&["run", "--world", "embedded", "--fresh"]).told(3);
    assert!(told.contains(&format!("process {first} runs this embedded world")), "{told}");
    stage.run(&["status"]).done();
}

#[test]
fn a_port_that_is_taken_is_named() {
    let stage = Stage::new();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let config = fs::read_to_string(stage.path("ananke.yaml")).unwrap();
    fs::write(stage.path("ananke.yaml"), config.replace("127.0.0.1:0", &address)).unwrap();
    let told = stage.run(&["run", "--world", "embedded"]).told(1);
    assert!(
        told.contains(&format!("cannot listen on {address}: Address already in use")),
        "{told}"
    );
    assert!(told.contains("try: set `listen`"), "{told}");
}

#[test]
fn a_watched_status_ends_when_nobody_reads_it() {
    let (stage, _daemon) = Stage::running();
    let mut child = stage.command(&["status", "--watch"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert_eq!(line, "Running: the cluster and its hosts are up.\n");
    drop(reader);
    stage.run(&["world", "mains", "off"]).done();
    let ended = until("the command ends", || {
        child.try_wait().unwrap().ok_or_else(|| "it still runs".to_owned())
    });
    assert!(ended.success(), "{ended}");
}
