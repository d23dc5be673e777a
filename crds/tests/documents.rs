//! The documents in `desired/` and `configs/`: the good ones pass, and every bad one is told as the
//! file beside it says. `ANANKE_UPDATE=1 cargo test -p ananke-crds` writes those files anew.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::case_sensitive_file_extension_comparisons,
    reason = "a test that fails here tells why"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ananke_crds::{
    AnyDocument, Problem, Problems, Rule, check_pair, crd, parse_document,
    parse_host_configuration, parse_policy,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Entries of a folder of the repository, by name.
fn entries(folder: &str) -> Vec<String> {
    let mut entries: Vec<String> = fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| format!("{folder}/{}", entry.unwrap().file_name().to_str().unwrap()))
        .collect();
    entries.sort();
    entries
}

fn yaml_files(folder: &str) -> Vec<String> {
    entries(folder).into_iter().filter(|path| path.ends_with(".yaml")).collect()
}

/// Compares `actual` with the file at `path`, or writes it there.
fn expect_file(path: &str, actual: &str, stale: &mut Vec<String>) {
    if std::env::var_os("ANANKE_UPDATE").is_some() {
        fs::write(root().join(path), actual).unwrap();
    } else if fs::read_to_string(root().join(path)).ok().as_deref() != Some(actual) {
        stale.push(format!("{path} should be:\n{actual}"));
    }
}

fn problems_of(path: &str) -> Problems {
    match parse_document(&read(path), path) {
        Err(problems) => problems,
        Ok(_) => panic!("{path} is valid"),
    }
}

fn problems_of_pair(folder: &str) -> Problems {
    let (config, policy) = (format!("{folder}/ananke.yaml"), format!("{folder}/policy.yaml"));
    let policy = parse_policy(&read(&policy), &policy).unwrap_or_else(|p| panic!("{p}"));
    let config =
        parse_host_configuration(&read(&config), &config).unwrap_or_else(|p| panic!("{p}"));
    check_pair(&policy, &config).expect_err(folder)
}

/// Every example of something invalid: where the expected messages are, and what is told.
fn corpus() -> Vec<(String, Problems)> {
    let alone = ["desired/invalid", "configs/invalid"].into_iter().flat_map(yaml_files);
    let alone = alone.map(|path| (path.replace(".yaml", ".expected"), problems_of(&path)));
    let pairs = entries("configs/invalid/pairs").into_iter();
    let pairs = pairs.map(|folder| (format!("{folder}/expected"), problems_of_pair(&folder)));
    alone.chain(pairs).collect()
}

#[test]
fn the_examples_are_valid_as_they_stand() {
    for (policy, configs) in [
        ("desired/atlas.yaml", vec!["configs/coordinator.yaml", "configs/peer.yaml"]),
        ("desired/single-host.yaml", vec!["configs/single-host.yaml"]),
        ("desired/minimal.yaml", vec![]),
    ] {
        let policy = parse_policy(&read(policy), policy).unwrap_or_else(|p| panic!("{p}"));
        for config in configs {
            let config =
                parse_host_configuration(&read(config), config).unwrap_or_else(|p| panic!("{p}"));
            check_pair(&policy, &config).unwrap_or_else(|problems| panic!("{problems}"));
        }
    }
}

#[test]
fn no_example_is_left_out_of_the_test_above() {
    let all: Vec<_> = ["desired", "configs"].into_iter().flat_map(yaml_files).collect();
    let named = [
        "configs/coordinator.yaml",
        "configs/peer.yaml",
        "configs/single-host.yaml",
        "desired/atlas.yaml",
        "desired/minimal.yaml",
        "desired/single-host.yaml",
    ];
    for path in all {
        let is_document = read(&path).contains("apiVersion: ananke.dev/");
        assert_eq!(is_document, named.contains(&path.as_str()), "{path}");
    }
}

#[test]
fn invalid_documents_are_told_as_expected() {
    let mut stale = Vec::new();
    for (expected, problems) in corpus() {
        expect_file(&expected, &format!("{problems}\n"), &mut stale);
    }
    assert!(stale.is_empty(), "{}", stale.join("\n"));
}

/// One value may stand for itself as often as it likes; lists of lists of lists may not.
#[test]
fn aliases_are_bounded_by_what_they_stand_for() {
    let minimal = read("desired/minimal.yaml");
    let with = |annotations: &str| {
        let annotations = format!("metadata:\n  annotations:\n{annotations}");
        parse_policy(&minimal.replacen("metadata:\n", &annotations, 1), "p.yaml")
    };
    let alike: Vec<String> = (0..300).map(|n| format!("    a{n}: *a")).collect();
    assert!(with(&format!("    a: &a x\n{}\n", alike.join("\n"))).is_ok());
    let level = |pair: &[&str]| {
        let list = [format!("*{}", pair[0]).as_str(); 10].join(", ");
        format!("    {0}: &{0} [{list}]", pair[1])
    };
    let levels: Vec<String> = ["a", "b", "c", "d", "e"].windows(2).map(level).collect();
    let levels = format!("{}\n", levels.join("\n"));
    let Err(refused) = with(&format!("    a: &a x\n{levels}")) else { panic!("it is read") };
    let [problem] = refused.as_slice() else { panic!("{refused}") };
    assert_eq!(problem.rule, Rule::TooLarge);
    assert!(problem.message.contains("stand for more than 10000 values"), "{problem}");
}

#[test]
fn every_rule_has_an_example() {
    let told: BTreeSet<Rule> =
        corpus().iter().flat_map(|(_, problems)| problems.as_slice()).map(|p| p.rule).collect();
    let untold: Vec<_> = Rule::ALL.iter().filter(|rule| !told.contains(rule)).collect();
    assert!(untold.is_empty(), "{untold:?}");
}

#[test]
fn every_message_names_its_place_and_what_is_expected() {
    for (path, problems) in corpus() {
        assert!(!problems.as_slice().is_empty(), "{path}");
        for Problem { line, column, message, help, snippet, .. } in problems.as_slice() {
            assert!(*line >= 1 && *column >= 1, "{path}");
            assert!(snippet.contains('^'), "{path}: {snippet}");
            assert!(message.len() > 10 && message.len() < 160, "{path}: {message}");
            assert!(help.len() > 5 && help.len() < 200, "{path}: {help}");
            assert!(!snippet.contains('\u{1b}') && !message.contains('\u{1b}'), "{path}");
        }
    }
}

#[test]
fn no_prefix_of_a_document_makes_the_reader_panic() {
    let text = read("desired/atlas.yaml");
    for end in (0..text.len()).step_by(101).filter(|end| text.is_char_boundary(*end)) {
        let _ = parse_document(&text[..end], "prefix");
    }
}

#[test]
fn a_document_survives_being_written_and_read_again() {
    let text = read("desired/atlas.yaml");
    let AnyDocument::Policy(document) = parse_document(&text, "atlas").unwrap() else {
        panic!("not a policy");
    };
    let json = serde_json::to_string(&document.value).unwrap();
    let again = parse_policy(&json, "json").unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(again.value, document.value);
}

#[test]
fn the_custom_resource_definition_is_current() {
    let mut stale = Vec::new();
    expect_file("crds/powerpolicy.yaml", &crd::crd_yaml(), &mut stale);
    assert!(stale.is_empty(), "run ANANKE_UPDATE=1 cargo test -p ananke-crds");
}

#[test]
fn the_json_schemas_hold_nothing_that_only_this_program_knows() {
    for schema in [crd::json_schema_policy(), crd::json_schema_host_configuration()] {
        let text = schema.to_string();
        assert!(!text.contains("x-ananke") && !text.contains("go-duration"), "{text}");
        assert!(!text.contains("\\n"), "a line break of the source in a description");
        assert_eq!(schema["type"], "object");
    }
}

#[test]
fn a_large_policy_is_checked_whole() {
    use std::fmt::Write as _;
    let mut text = read("desired/minimal.yaml");
    for number in 0..1_000 {
        let _ = writeln!(text, "    - {{name: w{number}, role: agent, after: [host/alpha]}}");
    }
    let policy = parse_policy(&text, "large").unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(policy.value.spec.hosts.len(), 1_002);
    let ring = text.replacen("after: [host/alpha]", "after: [host/w999]", 1);
    let ring = ring.replacen(
        "w999, role: agent, after: [host/alpha]",
        "w999, role: agent, after: [host/w0]",
        1,
    );
    let problems = parse_policy(&ring, "large").unwrap_err();
    assert_eq!(problems.as_slice().len(), 1, "{problems}");
}

#[test]
fn a_flood_of_problems_is_cut() {
    let fields: Vec<_> = (0..2_000).map(|number| format!("k{number}: 1")).collect();
    let text = format!("kind: PowerPolicy\n{}\n", fields.join("\n"));
    let problems = parse_document(&text, "flood").unwrap_err();
    assert_eq!(problems.as_slice().len(), 100);
}

#[test]
fn a_problem_is_data_too() {
    let problems = parse_policy("kind: PowerPolicy\nstatus: {}\n", "x.yaml").unwrap_err();
    let json = serde_json::to_value(problems.into_vec()).unwrap();
    let status =
        json.as_array().unwrap().iter().find(|problem| problem["path"] == "status").unwrap();
    assert_eq!((&status["rule"], &status["line"]), (&"status-in-document".into(), &2.into()));
}
