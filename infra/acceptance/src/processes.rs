use crate::Fleet;
use rustix::process::{Pid, Signal, kill_process};
use std::path::{Path, PathBuf};

impl Fleet {
    /// Kills every process of a function at once, without a chance to end what it does. Returns how many there were.
    ///
    /// # Panics
    /// When the fleet does not run on this machine.
    pub fn kill(&self, function: &str) -> usize {
        let variable = format!("AWS_LAMBDA_FUNCTION_NAME=gigglefest-{function}");
        let all = std::fs::read_dir("/proc").expect("this machine shows its processes");
        let own = all
            .filter_map(Result::ok)
            .filter_map(|entry| running(&entry.path(), &variable))
            .filter(|(_, program)| program.starts_with(&self.local));
        own.filter(|(pid, _)| kill_process(*pid, Signal::KILL).is_ok())
            .count()
    }
}

/// The number and the program of a process that has a variable in its environment.
fn running(folder: &Path, variable: &str) -> Option<(Pid, PathBuf)> {
    let number = folder.file_name()?.to_str()?.parse().ok()?;
    // Others' processes cannot be read, and some end meanwhile.
    let environment = std::fs::read(folder.join("environ")).ok()?;
    let has = environment
        .split(|byte| *byte == 0)
        .any(|pair| pair == variable.as_bytes());
    let program = std::fs::read_link(folder.join("exe")).ok()?;
    has.then_some((Pid::from_raw(number)?, program))
}
