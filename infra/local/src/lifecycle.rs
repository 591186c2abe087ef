//! `up`, `down` and `status` as a person sees them.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::fleet::{Fleet, Options};
use crate::process::Processes;
use crate::services;
use crate::terminal::{Interrupt, seconds};

/// Brings the fleet up and, unless `detach`, stays until Ctrl-C or the end of a service.
///
/// # Errors
/// When it cannot be brought up; what was started for it has been stopped then.
pub fn up(fleet: &Fleet, options: Options, detach: bool) -> Result<ExitCode> {
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
    let started = processes.started_here().to_vec();
    let ended = watch_over(fleet, &started, &interrupt)?;
    let _lock = fleet.wait_for_lock()?;
    let mut processes = Processes::of_fleet(&fleet.repo);
    // A service that somebody stopped by command is forgotten; one that crashed is still known.
    let crashed = ended.filter(|name| processes.knows(name));
    if let Some(name) = crashed {
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
    Ok(if crashed.is_some() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Waits for Ctrl-C (`None`) or for the end of a service, which another command may have stopped.
fn watch_over(
    fleet: &Fleet,
    started: &[&'static str],
    interrupt: &Interrupt,
) -> Result<Option<&'static str>> {
    let missing = || {
        let now = Processes::of_fleet(&fleet.repo);
        started.iter().copied().find(|name| now.running(name).is_none())
    };
    while !interrupt.happened() {
        if missing().is_some() {
            // Another command may just be starting it anew; what it leaves behind counts.
            let _lock = fleet.wait_for_lock()?;
            if let Some(name) = missing() {
                return Ok(Some(name));
            }
        }
        std::thread::sleep(Duration::from_millis(250));
    }
    Ok(None)
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
    println!("  images     {}/admin/files", text("imagekit"));
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

/// Prints what runs; succeeds when the fleet is up.
pub fn status(fleet: &Fleet, as_json: bool) -> ExitCode {
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

/// Stops the fleet, whoever started it.
///
/// # Errors
/// When another command is working on it or a process cannot be stopped.
pub fn down(fleet: &Fleet) -> Result<ExitCode> {
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
