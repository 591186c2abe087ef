//! `logs`: what a function has printed.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};

use crate::fleet::Fleet;
use crate::terminal::Interrupt;

/// What to print, and how.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// How many of the last lines.
    pub lines: usize,
    /// Whether to go on until Ctrl-C.
    pub follow: bool,
    /// Lines as the function printed them, instead of a form for people.
    pub raw: bool,
}

/// Prints a function's log since the fleet was started.
///
/// # Errors
/// When the function is not deployed.
pub fn logs(fleet: &Fleet, function: &str, wanted: Wanted, interrupt: &Interrupt) -> Result<()> {
    let physical = physical_name(fleet, function)?;
    let path = fleet.repo.local("logs/functions").join(format!("{physical}.log"));
    let mut seen = fs::read(&path).unwrap_or_default();
    let text = String::from_utf8_lossy(&seen).into_owned();
    let all: Vec<&str> = text.lines().collect();
    for line in all.iter().skip(all.len().saturating_sub(wanted.lines)) {
        println!("{}", shown(line, wanted.raw));
    }
    if all.is_empty() {
        eprintln!("{function} has printed nothing since the fleet was started");
    }
    while wanted.follow && !interrupt.happened() {
        std::thread::sleep(Duration::from_millis(100));
        let Ok(now) = fs::read(&path) else { continue };
        // A fleet that was started anew begins a new file.
        let new = now.strip_prefix(seen.as_slice()).unwrap_or(&now);
        // A line that is still being written waits for its end.
        let Some(end) = new.iter().rposition(|byte| *byte == b'\n') else {
            continue;
        };
        for line in String::from_utf8_lossy(new.get(..end).unwrap_or_default()).lines() {
            println!("{}", shown(line, wanted.raw));
        }
        let rest = new.len() - end - 1;
        seen = now.get(..now.len() - rest).unwrap_or_default().to_vec();
    }
    Ok(())
}

fn physical_name(fleet: &Fleet, function: &str) -> Result<String> {
    let text =
        fs::read(fleet.repo.deployment_file()).context("the fleet is not deployed; run `cargo xtask up`")?;
    let deployment: Value = serde_json::from_slice(&text)?;
    let functions = deployment.get("functions").and_then(Value::as_object);
    let name = functions
        .and_then(|functions| functions.get(function))
        .and_then(Value::as_str);
    name.map(str::to_owned).with_context(|| {
        let known: Vec<&str> = functions
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
            .collect();
        format!(
            "no function {function} is deployed (there are: {})",
            known.join(", ")
        )
    })
}

/// A line of the file, which begins with the time the emulator saw it and a tab. JSON is shown as
/// `time LEVEL message key=value …`, another line as it is; `raw` gives what the function printed.
fn shown(line: &str, raw: bool) -> String {
    let Some((time, printed)) = line.split_once('\t') else {
        return line.to_owned();
    };
    if raw {
        return printed.to_owned();
    }
    // The date and the zone say nothing to somebody who watches.
    let time = time.get(11..23).unwrap_or(time);
    let record = serde_json::from_str::<Map<String, Value>>(printed).ok();
    match record.as_ref().and_then(readable) {
        Some(text) => format!("{time} {text}"),
        None => format!("{time} {printed}"),
    }
}

fn readable(record: &Map<String, Value>) -> Option<String> {
    let level = record.get("level")?.as_str()?;
    let fields = record.get("fields")?.as_object()?;
    let mut text = format!(
        "{level:<5} {}",
        plain(fields.get("message").unwrap_or(&Value::Null))
    );
    for (name, value) in fields.iter().filter(|(name, _)| *name != "message") {
        let _ = write!(text, " {name}={}", plain(value));
    }
    Some(text)
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = r#"{"level":"WARN","fields":{"message":"request refused","code":"sold_out","attempt":2},"span":{"name":"invoke"}}"#;

    #[test]
    fn a_json_line_is_shown_for_people() {
        let line = format!("2026-11-22T14:01:12.955+00:00\t{PRINTED}");
        assert_eq!(
            shown(&line, false),
            "14:01:12.955 WARN  request refused code=sold_out attempt=2"
        );
        assert_eq!(shown(&line, true), PRINTED);
    }

    #[test]
    fn lines_of_another_form_keep_their_text() {
        for printed in ["thread 'main' panicked", "{\"a\":1}", "", "a\tb"] {
            let line = format!("2026-11-22T14:01:12.955+00:00\t{printed}");
            assert_eq!(shown(&line, false), format!("14:01:12.955 {printed}"));
            assert_eq!(shown(&line, true), printed);
        }
    }
}
