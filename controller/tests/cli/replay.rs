//! The decisions of a journal, made again.

use std::{fs, path::PathBuf};

use super::stage::Stage;

/// The newest segment.
fn newest(stage: &Stage) -> PathBuf {
    let folder = fs::read_dir(stage.path("state/journal")).unwrap();
    folder.map(|entry| entry.unwrap().path()).filter(|p| p.extension().is_some()).max().unwrap()
}

#[test]
fn a_journal_replays_and_a_changed_decision_is_told() {
    let (stage, daemon) = Stage::running();
    stage.run(&["set-target", "cluster-only-down", "--yes", "--wait"]).done();
    daemon.terminate();
    let folder = stage.path("state/journal").display().to_string();
    let told = stage.run(&["replay", &folder]).done();
    assert!(told.lines().all(|line| line.ends_with("made again, none differs")), "{told}");
    let segments = &stage.run(&["replay", &folder, "-o", "json"]).json()["segments"];
    let counts = segments.as_array().unwrap().iter().map(|s| s["decisions"].as_u64().unwrap());
    assert!(counts.sum::<u64>() > 10, "{segments}");

    let file = newest(&stage);
    let text = fs::read_to_string(&file).unwrap();
    let at = text.rfind(r#""by":"operator""#).unwrap();
    let changed = format!("{}{}", &text[..at], text[at..].replacen("operator", "somebody", 1));
    fs::write(&file, &changed).unwrap();
    let name = file.display().to_string();
    let ran = stage.run(&["replay", &name]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("made again, 1 differs"), "{}", ran.out);
    let line = text[..at].lines().count();
    assert!(ran.out.contains(&format!("line {line}, ")), "{}", ran.out);
    assert!(ran.out.contains(r#"effective.by: "somebody", now "operator""#), "{}", ran.out);

    let others = text.split_inclusive('\n').filter(|line| !line.contains(r#""line":"policy""#));
    let without_policy: String = others.collect();
    fs::write(&file, without_policy).unwrap();
    let ran = stage.run(&["replay", &name]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("without the policy that they were made under"), "{}", ran.out);
    stage.run(&["replay", "/nowhere/journal"]).told(2);
}
