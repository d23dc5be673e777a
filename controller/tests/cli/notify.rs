//! What is told to systemd, and to people's own commands.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, net::UnixDatagram},
};

use super::stage::{PATIENCE, Stage, is_off, is_up, until};

#[test]
fn systemd_is_told_ready_after_the_first_full_look_and_petted_by_the_loop() {
    let stage = Stage::new();
    let path = stage.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let _daemon = stage.daemon_with(&[("NOTIFY_SOCKET", &path)]);

    let mut told: Vec<String> = Vec::new();
    let mut message = [0; 4096];
    while !told.iter().any(|text| text.contains("STATUS=Running: the cluster")) {
        let length = socket.recv(&mut message).unwrap();
        told.push(String::from_utf8(message[..length].to_vec()).unwrap());
    }
    assert!(told.iter().all(|text| text.contains("WATCHDOG=1")), "every turn pets: {told:?}");
    let ready: Vec<_> = told.iter().filter(|text| text.contains("READY=1")).collect();
    assert_eq!(ready.len(), 1, "{told:?}");
    let first = told.first().unwrap();
    assert!(!first.contains("READY=1"), "nothing was looked at in the first turn: {first}");
    // A loop at rest goes on petting.
    socket.recv(&mut message).unwrap();
}

#[test]
fn commands_of_people_are_run_on_what_happens() {
    let stage = Stage::new();
    let (script, log) = (stage.path("page-me"), stage.path("pages"));
    fs::write(
        &script,
        format!("#!/bin/sh\necho \"$ANANKE_EVENT|$ANANKE_SENTENCE\" >>{}\n", log.display()),
    )
    .unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let config = fs::read_to_string(stage.path("ananke.yaml")).unwrap();
    let notify = format!(
        "notify:\n  - {{on: [falling, held, lifted, manual, done], command: [{}], timeout: 10s}}\n",
        script.display()
    );
    fs::write(stage.path("ananke.yaml"), config + &notify).unwrap();
    let _daemon = stage.daemon();
    stage.world_is("up", is_up);
    stage.is_ready("running");

    stage.run(&["world", "mains", "off"]).done();
    stage.world_is("off", is_off);
    stage.is_ready("poweroff");
    stage.run(&["world", "break", "titan-04"]).done();
    stage.run(&["world", "mains", "on"]).done();
    let pages = until("a person is called", || {
        let pages = fs::read_to_string(&log).unwrap_or_default();
        if pages.contains("manual|") { Ok(pages) } else { Err(pages) }
    });
    let events: Vec<&str> = pages.lines().filter_map(|l| l.split_once('|')).map(|l| l.0).collect();
    let place = |event: &str| events.iter().position(|e| *e == event);
    assert!(place("falling") < place("held") && place("held") < place("lifted"), "{pages}");
    assert!(place("falling").is_some() && place("done").is_some(), "{pages}");
    let falling = pages.lines().find(|line| line.starts_with("falling|")).unwrap();
    assert!(falling.contains("on battery for 60 s"), "{falling}");
    let manual = pages.lines().find(|line| line.starts_with("manual|")).unwrap();
    assert!(manual.contains("A person must act: host/titan-04"), "{manual}");
}
