//! `check`: what can be said about the repository without running it.

use std::process::Command;

use anyhow::{Context as _, Result};

use crate::repo::Repo;
use crate::terminal::{Terminal, seconds};
use crate::tools::Tools;

/// Runs every check, also after one has failed. Tells whether all passed.
///
/// # Errors
/// When the tools cannot be installed or a program does not start.
pub fn check(repo: &Repo, tools: &Tools, terminal: Terminal) -> Result<bool> {
    tools.install_python(terminal)?;
    let template = repo.template();
    let mut failed = Vec::new();
    let mut examine = |name: &'static str, command: &mut Command| -> Result<()> {
        terminal.heading(name);
        let started = std::time::Instant::now();
        let passed = command
            .current_dir(&repo.root)
            .status()
            .with_context(|| format!("{} does not start", command.get_program().display()))?
            .success();
        terminal.step(&format!(
            "{name} {} ({})",
            if passed { "passed" } else { "FAILED" },
            seconds(started.elapsed())
        ));
        if !passed {
            failed.push(name);
        }
        Ok(())
    };

    examine("format", repo.cargo().args(["fmt", "--all", "--check"]))?;
    examine(
        "template",
        Command::new(tools.program("python"))
            .arg(repo.python_source("localize.py"))
            .arg(&template),
    )?;
    // .cfnlintrc names the template and the rules.
    examine("cfn-lint", &mut Command::new(tools.program("cfn-lint")))?;
    let mut deny = Command::new(tools.program("cargo-deny"));
    // Advisories come from a repository on the network; they have a place in a nightly job, not in every check.
    deny.args([
        "--locked",
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ]);
    examine("dependencies", &mut deny)?;
    examine(
        "clippy",
        repo.cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--quiet",
            "--keep-going",
            "--",
            "--deny",
            "warnings",
        ]),
    )?;

    terminal.heading(&match failed.as_slice() {
        [] => "all checks passed".to_owned(),
        names => format!("failed: {}", names.join(", ")),
    });
    Ok(failed.is_empty())
}
