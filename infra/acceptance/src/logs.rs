use crate::Fleet;
use serde_json::Value;
use std::path::PathBuf;

/// What a function prints, line by line, as `cargo xtask logs` shows it.
#[derive(Debug, Clone)]
pub struct Logs {
    path: PathBuf,
}

impl Fleet {
    /// The log of a function.
    pub fn logs(&self, function: &str) -> Logs {
        let name = format!("logs/functions/gigglefest-{function}.log");
        Logs {
            path: self.local.join(name),
        }
    }
}

impl Logs {
    /// The lines so far that are JSON, the oldest first: those of all its processes, since the fleet came up.
    ///
    /// # Panics
    /// When the function has printed nothing yet.
    pub fn lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.path);
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", self.path.display()));
        // Each line stands behind the time at which the emulator read it.
        let lines = text.lines().filter_map(|line| Some(line.split_once('\t')?.1));
        lines.filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}
