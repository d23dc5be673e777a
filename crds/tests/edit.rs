//! Changing one value of a document leaves every other byte of it alone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::case_sensitive_file_extension_comparisons,
    reason = "a test that fails here tells why"
)]

use ananke_crds::edit::{EditError, set_scalar};
use ananke_crds::{locate, parse_policy};
use proptest::prelude::*;

/// Sets `spec.target` to `poweroff`.
fn off(text: &str) -> Result<String, EditError> {
    set_scalar(text, "spec.target", "poweroff")
}

#[test]
fn comments_order_quotes_line_ends_and_the_mark_stay() {
    for (before, after) in [
        ("spec:\n  target: running\n", "spec:\n  target: poweroff\n"),
        ("spec:\n  target: running   # or not\n", "spec:\n  target: poweroff   # or not\n"),
        ("spec:\n  target:   'running'\n", "spec:\n  target:   'poweroff'\n"),
        ("spec:\n  \"target\": \"running\"\n", "spec:\n  \"target\": \"poweroff\"\n"),
        ("a: 1\r\nspec:\r\n  target: running\r\n", "a: 1\r\nspec:\r\n  target: poweroff\r\n"),
        ("\u{feff}spec:\n  target: running", "\u{feff}spec:\n  target: poweroff"),
        ("spec: {target: running, hosts: []}\n", "spec: {target: poweroff, hosts: []}\n"),
        ("{\"spec\": {\"target\": \"running\"}}", "{\"spec\": {\"target\": \"poweroff\"}}"),
        ("---\nspec:\n  target: running\n...\n", "---\nspec:\n  target: poweroff\n...\n"),
        ("spec:\n  target:\n    running\n", "spec:\n  target:\n    poweroff\n"),
        ("spec:\n  target: # none yet\n  x: 1\n", "spec:\n  target: poweroff # none yet\n  x: 1\n"),
        ("spec:\n  target:\n", "spec:\n  target: poweroff\n"),
        ("spec:\n  target: ~\n", "spec:\n  target: poweroff\n"),
    ] {
        assert_eq!(off(before).unwrap_or_else(|e| panic!("{before}: {e}")), after);
    }
}

#[test]
fn a_field_that_is_not_there_is_put_below_its_mapping() {
    for (before, after) in [
        ("spec:\n  hosts: []\n", "spec:\n  target: poweroff\n  hosts: []\n"),
        (
            "spec: # wanted\n    # the machines\n    hosts: []\n",
            "spec: # wanted\n    target: poweroff\n    # the machines\n    hosts: []\n",
        ),
        ("spec:\r\n  x: 1\r\n", "spec:\r\n  target: poweroff\r\n  x: 1\r\n"),
    ] {
        assert_eq!(off(before).unwrap_or_else(|e| panic!("{before}: {e}")), after);
    }
    assert_eq!(set_scalar("# top\na: 1\n", "b", "x").unwrap(), "# top\nb: x\na: 1\n");
}

#[test]
fn what_cannot_be_edited_without_a_doubt_is_refused_and_says_why() {
    for (text, why) in [
        ("spec:\n  target: &t running\n  reason: *t\n", "anchor"),
        ("spec:\n  reason: &t running\n  target: *t\n", "alias"),
        ("spec:\n  target: !!str running\n", "tag"),
        ("spec:\n  target: |\n    running\n", "several lines"),
        ("spec:\n  target: >-\n    running\n    on\n", "several lines"),
        ("spec:\n  target: \"run\n    ning\"\n", "several lines"),
        ("spec:\n  target: [running]\n", "not a single value"),
        ("spec: {hosts: []}\n", "in braces"),
        ("spec: {}\n", "no `spec`"),
        ("spec: running\n", "no `spec`"),
        ("x: 1\n", "no `spec`"),
        ("x: &a {b: 1}\nspec: *a\n", "no `spec`"),
        ("spec: [\n", "cannot be read"),
    ] {
        let error = off(text).expect_err(text);
        assert!(error.to_string().contains(why), "{text}: {error}");
    }
    assert!(matches!(set_scalar("a: 1\n", "a..b", "x"), Err(EditError::NoPath { .. })));
    assert!(matches!(set_scalar("a: [1]\n", "a[3]", "x"), Err(EditError::NoParent { .. })));
}

#[test]
fn the_whole_example_differs_in_one_line_only() {
    let text = include_str!("../../desired/atlas.yaml");
    let edited = set_scalar(text, "spec.target", "cluster-only-down").unwrap();
    let edited = set_scalar(&edited, "spec.reason", "a fan: it \"rattles\"").unwrap();
    let changed: Vec<_> = text.lines().zip(edited.lines()).filter(|(a, b)| a != b).collect();
    assert_eq!(text.lines().count(), edited.lines().count());
    assert_eq!(
        changed.iter().map(|(_, after)| after.trim_start()).collect::<Vec<_>>(),
        [
            "target: cluster-only-down                     # running | cluster-only-down | poweroff",
            "reason: \"a fan: it \\\"rattles\\\"\"",
        ]
    );
    let policy = parse_policy(&edited, "atlas").unwrap().value;
    assert_eq!(policy.spec.target.as_str(), "cluster-only-down");
    assert_eq!(policy.spec.reason.as_deref(), Some("a fan: it \"rattles\""));
}

#[test]
fn a_value_is_found_with_its_place() {
    let text = "\u{feff}# é\nspec:\n  target: running\n  hosts:\n    - {name: é}\n";
    let target = locate(text, "spec.target").unwrap();
    assert_eq!((&text[target.range], target.line, target.column), ("running", 3, 11));
    assert_eq!(&text[locate(text, "spec.hosts").unwrap().range], "hosts");
    assert_eq!(&text[locate(text, "spec.hosts[0].name").unwrap().range], "é");
    assert_eq!(locate(text, "spec.hosts[1]"), None);
    assert_eq!(locate("a: [", "a"), None);
}

/// A comment, a blank, an odd key: what people have in their documents.
fn noise() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("# a comment: with a colon".to_owned()),
        Just(String::new()),
        Just("other: {a: [1, 'two'], b: \"three # no comment\"}".to_owned()),
        "k[a-z]{4}: [a-z]{1,8}".prop_map(|line| line),
        Just("text: |\n    target: not this one\n    # nor this".to_owned()),
    ]
}

prop_compose! {
    fn document()(
        above in prop::collection::vec(noise(), 0..3),
        inside in prop::collection::vec(noise(), 0..3),
        below in prop::collection::vec(noise(), 0..3),
        quote in prop_oneof![Just(""), Just("'"), Just("\"")],
        comment in prop_oneof![Just(""), Just("  # why")],
        mark in prop_oneof![Just(""), Just("\u{feff}")],
        end in prop_oneof![Just("\n"), Just("\r\n")],
    ) -> (String, String) {
        let mut lines = Vec::new();
        let number = |(position, line): (usize, &String)| line.replacen(": ", &format!("{position}: "), 1);
        lines.extend(above.iter().enumerate().filter(|(_, line)| !line.contains('|')).map(number));
        lines.push("spec:".to_owned());
        let indented = |line: String| if line.is_empty() { line } else { format!("  {line}") };
        lines.extend(inside.iter().enumerate().map(number).map(indented));
        lines.push(format!("  target: {quote}running{quote}{comment}"));
        let number = |(position, line): (usize, &String)| number((position + 10, line));
        lines.extend(below.iter().enumerate().map(number).map(indented));
        let text = lines.join("\n") + "\n";
        let expected = text.replacen(&format!("  target: {quote}running"), &format!("  target: {quote}poweroff"), 1);
        let finish = |text: String| format!("{mark}{}", text.replace('\n', end));
        (finish(text), finish(expected))
    }
}

proptest! {
    #[test]
    fn only_the_value_changes((text, expected) in document()) {
        prop_assert_eq!(off(&text).unwrap(), expected);
    }

    #[test]
    fn any_text_can_be_set_and_comes_back(value in "\\PC{0,30}", quote in "['\"]?") {
        let text = format!("spec:\n  reason: {quote}old{quote} # kept\n");
        let edited = set_scalar(&text, "spec.reason", &value).unwrap();
        prop_assert!(edited.ends_with(" # kept\n"));
        // Setting it once more changes nothing.
        prop_assert_eq!(set_scalar(&edited, "spec.reason", &value).unwrap(), edited);
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}", path in "[a-z.\\[\\]0-9]{0,12}", value in "\\PC{0,8}") {
        let _ = set_scalar(&text, &path, &value);
    }
}
