//! The README's walk, word for word.

use acceptance::Fleet;
use std::path::Path;
use std::process::Command;

/// The shell blocks between the README's markers, one after another.
fn walk() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = std::fs::read_to_string(path).expect("the README is there");
    let (_, from) = readme.split_once("<!-- walk").expect("the walk has a beginning");
    let (walk, _) = from
        .split_once("<!-- end of the walk -->")
        .expect("the walk has an end");
    let blocks = walk
        .split("```sh\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap_or_default());
    format!("set -euo pipefail\n{}", blocks.collect::<String>())
}

#[test]
fn the_walk_of_the_readme_ends_at_the_gate() {
    let fleet = Fleet::running();
    let directory = std::env::temp_dir().join(format!("gigglefest-walk-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory of its own");
    let ran = Command::new("bash")
        .args(["-c", &walk()])
        .current_dir(&directory)
        .env("API", &fleet.api_url)
        .env("MAILBOX", &fleet.mailbox_url)
        .env("MIDTRANS", &fleet.midtrans_url)
        .output()
        .expect("bash runs");
    let (said, complained) = (
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr),
    );
    let _ = std::fs::remove_dir_all(&directory);
    assert!(ran.status.success(), "{said}\n{complained}");
    assert!(said.contains("Email Verified Successfully!"), "{said}");
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines.ends_with(&["True", "True", "already_used"]),
        "the ticket is valid at the gate, and lets somebody in once: {said}"
    );
}
