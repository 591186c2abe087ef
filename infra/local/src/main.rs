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
use crate::process::Processes;
use crate::repo::Repo;
use crate::suite::{Section, Selection};
use crate::terminal::{Interrupt, Terminal, seconds};

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
    let api_port = if let Command::Up { port, .. } = &command {
        *port
    } else {
        None
    };
    let fleet = Fleet::new(&repo, terminal, api_port)?;
    match command {
        Command::Up {
            detach,
            fresh,
            port: _,
            iam,
        } => up(
            &fleet,
            Options {
                fresh,
                enforce_iam: iam,
            },
            detach,
        ),
        Command::Down => down(&fleet),
        Command::Status { json } => Ok(status(&fleet, json)),
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
            package,
            arguments,
        } => {
            let selection = Selection {
                only,
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

fn down(fleet: &Fleet) -> Result<ExitCode> {
    let _lock = fleet.lock()?;
    let stopped = Processes::of_fleet(&fleet.repo).stop_all(&services::ORDER)?;
    let _ = std::fs::remove_file(fleet.repo.fleet_file());
    if stopped.is_empty() {
        println!("nothing was running");
    } else {
        println!("stopped: {}", stopped.join(", "));
    }
    Ok(ExitCode::SUCCESS)
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

fn up(fleet: &Fleet, options: Options, detach: bool) -> Result<ExitCode> {
    let interrupt = Interrupt::install()?;
    let lock = fleet.lock()?;
    let mut processes = Processes::of_fleet(&fleet.repo);
    let description = match fleet.up(options, &mut processes, &interrupt) {
        Ok(description) => description,
        Err(error) => {
            stop_started_here(&mut processes)?;
            if interrupt.happened() {
                fleet
                    .terminal
                    .step("interrupted; what was started has been stopped");
                return Ok(ExitCode::from(130));
            }
            return Err(error);
        }
    };
    drop(lock);
    print_fleet(&description);
    if detach {
        println!(
            "\nIt runs in the background (ready after {}). `cargo xtask down` stops it.",
            seconds(fleet.terminal.elapsed())
        );
        return Ok(ExitCode::SUCCESS);
    }
    if processes.started_here().is_empty() {
        println!("\nThe fleet was running already and is up to date. `cargo xtask down` stops it.");
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "\nReady after {}. Ctrl-C stops it.",
        seconds(fleet.terminal.elapsed())
    );
    let started: Vec<&'static str> = processes.started_here().to_vec();
    let ended = loop {
        if interrupt.happened() {
            break None;
        }
        // Another command may have stopped the fleet or started a service anew; the file knows.
        let now = Processes::of_fleet(&fleet.repo);
        if let Some(name) = started.iter().find(|name| now.running(name).is_none()) {
            break Some(*name);
        }
        std::thread::sleep(std::time::Duration::from_millis(250));
    };
    let _lock = fleet.lock()?;
    let mut processes = Processes::of_fleet(&fleet.repo);
    if let Some(name) = ended
        && processes.knows(name)
    {
        eprintln!(
            "{name} has ended unexpectedly; stopping the fleet. Its last lines:\n{}",
            processes.log_tail(name)
        );
    }
    let mut result = Ok(());
    for name in started.iter().rev() {
        result = result.and(processes.stop(name));
    }
    let _ = std::fs::remove_file(fleet.repo.fleet_file());
    result?;
    fleet.terminal.step("stopped");
    Ok(if ended.is_some() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn stop_started_here(processes: &mut Processes) -> Result<()> {
    for name in processes.started_here().to_vec().into_iter().rev() {
        processes.stop(name)?;
    }
    Ok(())
}

fn print_fleet(description: &Value) {
    let text = |key: &str| {
        description
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or("-")
            .to_owned()
    };
    println!("\n  API        {}", text("api"));
    println!("  docs       {}", text("docs"));
    println!("  WebSocket  {}", text("websocket"));
    println!("  mailbox    {}", text("mailbox"));
    println!("  payments   {}", text("midtrans"));
    println!("  AWS        {}", text("aws"));
    println!("  database   {}", text("database"));
    for account in description
        .get("accounts")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let field = |key: &str| account.get(key).and_then(Value::as_str).unwrap_or("-");
        println!(
            "  account    {:<10} {} / {}",
            field("role"),
            field("email"),
            field("password")
        );
    }
}

fn status(fleet: &Fleet, as_json: bool) -> ExitCode {
    let processes = Processes::of_fleet(&fleet.repo);
    let services: Vec<(&str, Option<u32>)> = services::ORDER
        .iter()
        .map(|name| (*name, processes.running(name).map(|record| record.pid)))
        .collect();
    let up = fleet.is_up(&processes);
    let description: Value = std::fs::read(fleet.repo.fleet_file())
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or(Value::Null);
    if as_json {
        let services: serde_json::Map<String, Value> = services
            .iter()
            .map(|(name, pid)| ((*name).to_owned(), serde_json::json!(pid)))
            .collect();
        println!(
            "{}",
            serde_json::json!({"up": up, "services": services, "fleet": description})
        );
    } else {
        for (name, pid) in services {
            match pid {
                Some(pid) => println!("  {name:<20} process {pid}"),
                None => println!("  {name:<20} -"),
            }
        }
        if up {
            print_fleet(&description);
        }
    }
    if up { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
