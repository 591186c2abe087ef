//! Logs: one JSON object per line on standard output, where Lambda collects them.

use std::str::FromStr as _;
use tracing_subscriber::filter::LevelFilter;

/// Begins to log. The level is `AWS_LAMBDA_LOG_LEVEL` (the function's logging configuration), else `RUST_LOG`, else `info`;
/// it is one level for all, because a filter per module would bring a regular expression engine into every function.
/// Calling it again changes nothing.
pub fn init() {
    let level = ["AWS_LAMBDA_LOG_LEVEL", "RUST_LOG"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    let level = level
        .and_then(|level| LevelFilter::from_str(&level).ok())
        .unwrap_or(LevelFilter::INFO);
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_max_level(level)
        .try_init();
}
