//! Tables in `docs/` that are made from the code, and must be current.

use std::{fmt::Write as _, fs, path::Path};

use ananke_core::conditions::Reason;

/// `docs/reasons.md`, from the doc lines of [`Reason`].
fn reasons() -> String {
    let mut page = String::from(
        "# Reasons\n\nEvery reason that a condition, an Event or a metric of ananke may carry. \
         Made from the code; `ANANKE_UPDATE=1 cargo test -p ananke-core --test tables` makes it \
         anew.\n\n| reason | meaning | needs a person |\n|---|---|---|\n",
    );
    for reason in Reason::ALL {
        let person = if reason.needs_a_person() { "yes" } else { "" };
        // Writing to a String has no way to fail.
        let _ = writeln!(page, "| `{}` | {} | {person} |", reason.as_str(), reason.doc().trim());
    }
    page
}

#[test]
fn the_page_of_reasons_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reasons.md");
    if std::env::var_os("ANANKE_UPDATE").is_some() {
        fs::write(&path, reasons()).unwrap();
    }
    let page = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        page == reasons(),
        "docs/reasons.md is old: ANANKE_UPDATE=1 cargo test -p ananke-core --test tables"
    );
}
