//! `sizes`: what each function's release binary weighs, against its budget.

use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::repo::Repo;
use crate::terminal::Terminal;

/// A megabyte as the budgets mean it.
const MEGABYTE: usize = 1_000_000;

/// Budget of a zipped function that links an AWS SDK, in bytes.
const WITH_SDK: usize = 4 * MEGABYTE;

/// Budget of one that does not.
const WITHOUT_SDK: usize = MEGABYTE * 5 / 2;

/// Builds all functions for release, prints their sizes and tells whether all keep their budget and hold no schemas.
///
/// # Errors
/// When the build fails.
pub fn sizes(repo: &Repo, terminal: Terminal) -> Result<bool> {
    let workspace = repo.workspace_with_graph()?;
    let functions = workspace.packages_in(repo, "functions");
    let (with_sdk, without_sdk): (Vec<&str>, Vec<&str>) =
        functions.iter().partition(|name| workspace.links(name, is_sdk));
    // Built together, those without an SDK would carry what its features bring: HTTP/2, 0.2 MB of a zip.
    for group in [without_sdk, with_sdk] {
        let mut build = repo.cargo();
        build
            .args(["build", "--release"])
            .args(group.iter().flat_map(|name| ["-p", name]));
        if !build.status().context("cargo does not start")?.success() {
            bail!("the release build failed");
        }
    }
    terminal.heading("function                 binary    zipped    budget");
    let mut all_within = true;
    for name in functions {
        let binary = fs::read(workspace.target_directory.join("release").join(name))
            .with_context(|| format!("the release binary of {name} cannot be read"))?;
        let zipped = miniz_oxide::deflate::compress_to_vec(&binary, 6).len();
        let budget = if workspace.links(name, is_sdk) {
            WITH_SDK
        } else {
            WITHOUT_SDK
        };
        let complaint = if zipped > budget {
            "TOO BIG"
        } else if holds_schemas(&binary) {
            "HOLDS SCHEMAS"
        } else {
            ""
        };
        all_within &= complaint.is_empty();
        println!(
            "{name:<20} {:>10} {:>9} {:>9}  {complaint}",
            megabytes(binary.len()),
            megabytes(zipped),
            megabytes(budget),
        );
    }
    Ok(all_within)
}

/// Whether the crate that writes schemas is linked: only the API document needs them, and a reference to any part of a route
/// brings them in. Its panics name its files.
fn holds_schemas(binary: &[u8]) -> bool {
    let mark = b"/schemars-";
    binary.windows(mark.len()).any(|window| window == mark)
}

fn is_sdk(package: &str) -> bool {
    package.starts_with("aws-sdk-")
}

fn megabytes(bytes: usize) -> String {
    format!(
        "{}.{:02} MB",
        bytes / MEGABYTE,
        bytes % MEGABYTE / (MEGABYTE / 100)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_with_schemas_is_known_by_the_files_of_their_crate() {
        assert!(holds_schemas(b"x/registry/src/schemars-1.2.3/src/schema.rs\0"));
        assert!(!holds_schemas(b"x/registry/src/serde-1.0.0/src/lib.rs\0"));
    }

    #[test]
    fn sizes_read_as_decimal_megabytes() {
        assert_eq!(megabytes(4_070_000), "4.07 MB");
        assert_eq!(megabytes(2_500_000), "2.50 MB");
        assert_eq!(megabytes(999), "0.00 MB");
    }
}
