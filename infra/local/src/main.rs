//! `cargo xtask`: the local fleet and the repository's chores. See the README beside this crate.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_macros,
    reason = "a command line tool talks on the terminal"
)]

mod check;
mod environment;
mod fleet;
mod helper;
mod http;
mod lifecycle;
mod logs;
mod ports;
mod postgres;
mod process;
mod repo;
mod services;
mod settings;
mod sizes;
mod suite;
mod terminal;
mod text;
mod tools;
mod watch;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use serde_json::Value;

use crate::fleet::{Fleet, Options};
use crate::repo::Repo;
use crate::suite::{Section, Selection};
use crate::terminal::{Interrupt, Terminal};

/// The local fleet and the repository's chores.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the fleet, or bring a running one up to date
    Up {
        /// Leave it running and return
        #[arg(long)]
        detach: bool,
        /// Delete the database and the emulator's state first
        #[arg(long)]
        fresh: bool,
        /// Port of the API [default: 8080, or GIGGLEFEST_PORT]
        #[arg(long)]
        port: Option<u16>,
        /// Let the emulator enforce the functions' IAM policies
        #[arg(long)]
        iam: bool,
    },
    /// Stop the fleet
    Down,
    /// Tell what runs
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Rebuild and replace functions as their sources change
    Watch {
        /// This one only, instead of all that a change touches
        function: Option<String>,
    },
    /// Print what a function has logged
    Logs {
        function: String,
        /// Go on until Ctrl-C
        #[arg(long, short)]
        follow: bool,
        /// How many of the last lines
        #[arg(long, short = 'n', default_value_t = 200)]
        lines: usize,
        /// As printed, one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Put the demo data in place again
    Seed,
    /// Call a deployed function with an event from a file
    Invoke { function: String, event: PathBuf },
    /// Run the tests, all sections or one
    Test {
        /// One section
        #[arg(long)]
        only: Option<Section>,
        /// Let the emulator enforce the functions' IAM policies while the fleet is tested
        #[arg(long)]
        iam: bool,
        /// The tests of these packages
        #[arg(long, short)]
        package: Vec<String>,
        /// For each test program: a filter, --nocapture and the like
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Format, lints, dependencies, template
    Check,
    /// Build the functions for release and hold their sizes against the budgets
    Sizes,
    /// Write the environment file for `cargo lambda watch`
    Env,
    /// Write functions/docs/openapi.json from the routes of all functions
    Openapi,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    let repo = Repo::find()?;
    let terminal = Terminal::new();
    let fleet = match &command {
        Command::Up { port, .. } => Fleet::to_start(&repo, terminal, *port)?,
        _ => Fleet::running_or_to_start(&repo, terminal)?,
    };
    match command {
        Command::Up {
            detach,
            fresh,
            port: _,
            iam,
        } => lifecycle::up(
            &fleet,
            Options {
                fresh,
                enforce_iam: iam,
            },
            detach,
        ),
        Command::Down => lifecycle::down(&fleet),
        Command::Status { json } => Ok(lifecycle::status(&fleet, json)),
        Command::Watch { function } => {
            fleet.require_up()?;
            watch::watch(&fleet, function.as_deref(), &Interrupt::install()?)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Logs {
            function,
            follow,
            lines,
            json,
        } => {
            let wanted = logs::Wanted {
                lines,
                follow,
                raw: json,
            };
            logs::logs(&fleet, &function, wanted, &Interrupt::install()?)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Seed => {
            fleet.require_up()?;
            println!("{:#}", fleet::act(&fleet.helper(&repo.workspace()?), "seed")?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Invoke { function, event } => invoke(&fleet, &function, &event),
        Command::Test {
            only,
            iam,
            package,
            arguments,
        } => {
            let selection = Selection {
                only,
                enforce_iam: iam,
                packages: package,
                arguments,
            };
            Ok(exit_code(suite::test(
                &fleet,
                &selection,
                &Interrupt::install()?,
            )?))
        }
        Command::Check => Ok(exit_code(check::check(&repo, &fleet.tools, terminal)?)),
        Command::Sizes => Ok(exit_code(sizes::sizes(&repo, terminal)?)),
        Command::Env => environment::write(&fleet).map(|()| ExitCode::SUCCESS),
        Command::Openapi => {
            let status = repo
                .cargo()
                .args(["run", "--quiet", "--package", "checks", "--bin", "openapi"])
                .status()?;
            Ok(exit_code(status.success()))
        }
    }
}

fn exit_code(success: bool) -> ExitCode {
    if success {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn invoke(fleet: &Fleet, function: &str, event: &Path) -> Result<ExitCode> {
    fleet.require_up()?;
    let payload =
        std::fs::read_to_string(event).with_context(|| format!("cannot read {}", event.display()))?;
    let invocation = fleet
        .helper(&fleet.repo.workspace()?)
        .invoke(function, &payload)?;
    match serde_json::from_str::<Value>(&invocation.payload) {
        Ok(answer) => println!("{answer:#}"),
        Err(_) => println!("{}", invocation.payload),
    }
    if let Some(kind) = &invocation.error {
        eprintln!(
            "the function failed ({kind}); its last lines:\n{}",
            invocation.log
        );
    }
    Ok(exit_code(invocation.error.is_none()))
}
