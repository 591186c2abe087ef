//! Functions built for the local fleet and functions built for tests have the same dependencies with the same features, so that none is
//! compiled twice. [`infra/same-features`](../../same-features/README.md) sees to it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use checks::repository::{entries, root};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Crates that a selection links, each with its features. Macros and build scripts are left out: they have features of their own.
fn linked(selection: &[&str], edges: &str) -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()))
        .args(["tree", "--offline", "--prefix", "none", "--format", "{p}|{f}"])
        .args(["--edges", &format!("{edges},no-proc-macro")])
        .args(selection)
        .current_dir(root())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut found = BTreeMap::<String, BTreeSet<String>>::new();
    // Between selected packages is a blank line, and ours have no features.
    let crates = said
        .lines()
        .filter(|line| !line.is_empty() && !line.contains(" (/"));
    for line in crates {
        let (package, features) = line.trim_end_matches(" (*)").split_once('|').unwrap();
        found
            .entry(package.to_owned())
            .or_default()
            .insert(features.to_owned());
    }
    assert!(found.len() > 100, "{said}");
    found
}

#[test]
fn functions_and_tests_are_built_with_the_same_dependencies() {
    let functions = entries("functions").unwrap();
    let mut selection = vec!["--package", "same-features"];
    selection.extend(functions.iter().flat_map(|name| ["--package", name]));
    let with_functions = linked(&selection, "normal");
    let with_tests = linked(&["--workspace"], "normal,dev");
    let differing: Vec<String> = with_functions
        .iter()
        .filter(|(package, features)| with_tests.get(*package) != Some(*features))
        .map(|(package, features)| {
            let tests = with_tests.get(package);
            format!("{package}: {features:?} with functions, {tests:?} with tests")
        })
        .collect();
    assert!(
        differing.is_empty(),
        "infra/same-features/Cargo.toml asks for too little or too much:\n{}",
        differing.join("\n")
    );
}
