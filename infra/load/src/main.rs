#![doc = include_str!("../README.md")]
#![expect(
    clippy::print_stdout,
    clippy::disallowed_macros,
    reason = "a command line tool talks on the terminal"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the bench talks to PostgreSQL itself, not through RDS Proxy"
)]

mod database;
mod figures;
mod search;
mod seats;
mod stock;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

/// Benchmarks of GiggleFest. Each compares two things in one run; the exit code is 1 when a budget is missed.
#[derive(Parser)]
#[command(name = "load")]
struct Arguments {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// Takes of one unit per second: one hot ticket type on stripes, against rows nobody shares, against one counter row
    Stock {
        /// Address of a server on which databases may be made; `.local/fleet.json` names the one of the fleet
        #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
        database_url: String,
        /// Seconds of measuring in all, without preparations
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Connections at a time
        #[arg(long, default_value_t = 32)]
        connections: usize,
        /// Stripes of the hot ticket type: what a large one has, unless another number shall be tried
        #[arg(long, default_value_t = domain::inventory::MAX_STRIPES, value_parser = clap::value_parser!(u32).range(1..=64))]
        stripes: u32,
    },
    /// Claims of seats per second: seats that somebody chose, against the bare update of a random row, and the best that are left
    Seats {
        /// Address of a server on which databases may be made; `.local/fleet.json` names the one of the fleet
        #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
        database_url: String,
        /// Seconds of measuring in all, without preparations
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Connections at a time
        #[arg(long, default_value_t = 32)]
        connections: usize,
        /// Seats of the map
        #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(100..=20_000))]
        seats: u32,
    },
    /// Listing and searching events in the function, against its statements alone, and with few and with many events
    Search {
        /// Address of a server on which databases may be made; `.local/fleet.json` names the one of the fleet
        #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
        database_url: String,
        /// Seconds of measuring in all, without preparations
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// How many events there are in the end; a hundredth of them is measured first
        #[arg(long, default_value_t = 100_000)]
        events: u32,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Arguments { bench } = Arguments::parse();
    let outcome = match bench {
        Bench::Stock {
            database_url,
            seconds,
            connections,
            stripes,
        } => stock::run(&database_url, Duration::from_secs(seconds), connections, stripes).await,
        Bench::Seats {
            database_url,
            seconds,
            connections,
            seats,
        } => seats::run(&database_url, Duration::from_secs(seconds), connections, seats).await,
        Bench::Search {
            database_url,
            seconds,
            events,
        } => search::run(&database_url, Duration::from_secs(seconds), events).await,
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("the benchmark failed: {error:#}");
            ExitCode::from(2)
        }
    }
}
