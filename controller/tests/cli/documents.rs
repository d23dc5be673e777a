//! Commands that need no daemon: documents, schemas, completions, man pages.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use super::stage::Stage;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn documents(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(repository().join(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut found: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|kind| kind == "yaml")).collect();
    found.sort();
    assert!(!found.is_empty(), "{folder}");
    found
}

#[test]
fn every_invalid_document_is_refused_with_place_and_help() {
    let stage = Stage::new();
    for folder in ["desired/invalid", "configs/invalid"] {
        for file in documents(folder) {
            let ran = stage.run(&["validate", file.to_str().unwrap()]);
            assert_eq!(ran.out, "");
            let told = ran.told(2);
            assert!(told.starts_with("error["), "{told}");
            assert!(told.contains(&format!("--> {}:", file.display())), "{told}");
            assert!(told.contains(" = help: "), "{told}");
        }
    }
}

#[test]
fn the_documents_of_the_repository_are_valid() {
    let stage = Stage::new();
    let mut files = documents("desired");
    files.extend(documents("configs").into_iter().filter(|file| !file.ends_with("rbac.yaml")));
    for file in &files {
        let told = stage.run(&["validate", file.to_str().unwrap()]).done();
        assert!(told.trim_end().ends_with(" is valid"), "{told}");
    }
    let ran = stage.run(&["validate", "/nowhere.yaml"]);
    assert!(ran.told(2).contains("/nowhere.yaml: No such file"));
}

#[test]
fn a_good_document_beside_a_bad_one_does_not_hide_it() {
    let stage = Stage::new();
    let bad = repository().join("desired/invalid/empty-list.yaml");
    let good = stage.document();
    let ran = stage.run(&["validate", bad.to_str().unwrap(), good.to_str().unwrap()]);
    assert_eq!(ran.out.lines().count(), 1);
    ran.told(2);
}

/// Each is valid by itself; together the policy asks for what this host cannot do.
#[test]
fn what_one_document_asks_of_the_other_is_checked() {
    let folder = repository().join("configs/invalid/pairs/way-back-not-ours");
    let files = ["ananke.yaml", "policy.yaml"].map(|name| folder.join(name));
    let [config, policy] = files.each_ref().map(|file| file.to_str().unwrap());
    let stage = Stage::new();
    stage.run(&["validate", config]).done();
    stage.run(&["validate", policy]).done();
    let told = stage.run(&["validate", config, policy]).told(2);
    assert!(told.contains("way-back-not-ours"), "{told}");
}

#[test]
fn the_crd_in_the_repository_is_the_one_that_is_printed() {
    let printed = Stage::new().run(&["crd"]).done();
    assert_eq!(printed, fs::read_to_string(repository().join("crds/powerpolicy.yaml")).unwrap());
}

#[test]
fn schemas_are_json_schemas() {
    let stage = Stage::new();
    for of in ["policy", "host-configuration", "status", "simulation"] {
        let schema = stage.run(&["schema", of]).json();
        assert!(schema["properties"].is_object(), "{of}");
    }
}

#[test]
fn completions_load_in_their_shells() {
    let stage = Stage::new();
    for (shell, check) in
        [("bash", "source \"$0\" && complete -p ananke"), ("zsh", ""), ("fish", "")]
    {
        let script = stage.run(&["completions", shell]).done();
        assert!(script.contains("set-target"), "{shell}");
        let file = stage.path(shell);
        fs::write(&file, script).unwrap();
        if !check.is_empty() {
            let shell = Command::new(shell).args(["-c", check]).arg(&file).output().unwrap();
            assert!(shell.status.success(), "{shell:?}");
        }
    }
}

#[test]
fn man_pages_render_without_a_complaint() {
    let stage = Stage::new();
    let page = stage.run(&["man"]).done();
    assert!(page.contains(".TH ananke 1"), "{page}");
    let folder = stage.path("man");
    stage.run(&["man", folder.to_str().unwrap()]).done();
    let page = fs::read_to_string(folder.join("ananke-set-target.1")).unwrap();
    assert!(page.contains("cluster\\-only\\-down"), "{page}");
}

#[test]
fn fields_are_explained_within_80_columns() {
    let stage = Stage::new();
    let told = stage.run(&["explain", "policy.spec.shutdown.drain"]).done();
    assert!(told.contains("emergencyTimeout"), "{told}");
    narrow(&told);
    narrow(&stage.run(&["explain", "policy.spec"]).done());
    narrow(&stage.run(&["explain", "config.ssh"]).done());
    let told = stage.run(&["explain", "policy.spec.shutdwn"]).told(2);
    assert!(told.contains("shutdown"), "the nearest name is given: {told}");
}

#[test]
fn usage_errors_are_exit_2_and_help_is_not() {
    let stage = Stage::new();
    assert!(stage.run(&["set-target", "off"]).told(2).contains("cluster-only-down"));
    assert!(stage.run(&["set-targt", "running"]).told(2).contains("set-target"));
    assert!(stage.run(&["--help"]).done().contains("set-target"));
    assert!(stage.run(&["--version"]).done().starts_with("ananke "));
    let told = stage.run(&["--config", "/nowhere.yaml", "status"]).told(2);
    assert!(told.contains("/nowhere.yaml") && told.contains("try: "), "{told}");
}

#[test]
fn without_a_daemon_status_says_so() {
    let stage = Stage::new();
    let told = stage.run(&["status"]).told(5);
    assert!(told.contains("no daemon has told anything here yet"), "{told}");
    let told = stage.run(&["world", "show"]).told(5);
    assert!(told.contains("try: ananke run --world embedded"), "{told}");
}

#[test]
fn set_target_changes_two_values_and_nothing_else() {
    let stage = Stage::new();
    let real = stage.path("real.yaml");
    let text = "# mine\nkind: PowerPolicy\napiVersion: ananke.dev/v1alpha1\nmetadata: {name: embedded}\n\
                spec:\n  hosts:   # in any order\n    - {role: server, name: alpha}\n  \
                target: 'running'   # what I want\n  reason: old\n  supplies: [{name: ups, powers: [\"*\"]}]\n";
    fs::write(&real, text).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    fs::remove_file(stage.document()).unwrap();
    symlink(&real, stage.document()).unwrap();
    let owner = fs::metadata(&real).unwrap();

    let ran = stage.run(&["set-target", "poweroff", "--yes", "--reason", "a: storm # soon"]);
    assert!(ran.err.contains("no plan can be shown"), "{ran:?}");
    ran.done();

    assert!(fs::symlink_metadata(stage.document()).unwrap().is_symlink());
    let after = fs::read_to_string(&real).unwrap();
    assert!(after.contains("# what I want") && after.contains("a: storm # soon"), "{after}");
    let kept = |text: &str| -> Vec<String> {
        let changed = |line: &&str| !line.contains("target:") && !line.contains("reason:");
        text.lines().filter(changed).map(str::to_owned).collect()
    };
    assert_eq!(kept(&after), kept(text));
    assert_eq!(after.lines().count(), text.lines().count());
    let now = fs::metadata(&real).unwrap();
    assert_eq!((now.mode(), now.uid(), now.gid()), (owner.mode(), owner.uid(), owner.gid()));
    stage.run(&["validate", real.to_str().unwrap()]).done();
    let left: Vec<_> =
        fs::read_dir(stage.path("")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".ananke")), "{left:?}");
}

#[test]
fn set_target_refuses_what_it_cannot_edit_safely() {
    let stage = Stage::new();
    let text = fs::read_to_string(stage.document()).unwrap();
    let anchored = text.replace("target: running ", "target: &t running ");
    fs::write(stage.document(), &anchored).unwrap();
    let told = stage.run(&["set-target", "poweroff", "--yes"]).told(2);
    assert!(told.contains("by hand"), "{told}");
    assert_eq!(fs::read_to_string(stage.document()).unwrap(), anchored);

    fs::write(stage.document(), text.replace("distribution: k3s", "distribution: k4s")).unwrap();
    let told = stage.run(&["set-target", "poweroff", "--yes"]).told(2);
    assert!(told.contains("embedded.yaml:"), "{told}");
}

/// No line is wider than a terminal of 80 columns.
pub(crate) fn narrow(text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{} columns: {line}", line.chars().count());
    }
}
