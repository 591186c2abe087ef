use crate::Fleet;
use rustix::process::{Pid, Signal, kill_process};
use std::path::{Path, PathBuf};

impl Fleet {
    /// Kills every process of a function at once, without a chance to end what it does. Returns how many there were.
    ///
    /// # Panics
    /// When the fleet does not run on this machine.
    pub fn kill(&self, function: &str) -> usize {
        let own = self.processes(function).into_iter();
        own.filter(|pid| kill_process(*pid, Signal::KILL).is_ok()).count()
    }

    /// The most memory that a process of a function has had so far, in kilobytes; 0 if none runs.
    ///
    /// # Panics
    /// When the fleet does not run on this machine.
    pub fn peak_memory(&self, function: &str) -> u64 {
        let of = |pid: Pid| {
            let status = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).ok()?;
            let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
            peak.split_whitespace().next()?.parse::<u64>().ok()
        };
        self.processes(function)
            .into_iter()
            .filter_map(of)
            .max()
            .unwrap_or(0)
    }

    fn processes(&self, function: &str) -> Vec<Pid> {
        let variable = format!("AWS_LAMBDA_FUNCTION_NAME=gigglefest-{function}");
        let all = std::fs::read_dir("/proc").expect("this machine shows its processes");
        all.filter_map(Result::ok)
            .filter_map(|entry| running(&entry.path(), &variable))
            .filter(|(_, program)| program.starts_with(&self.local))
            .map(|(pid, _)| pid)
            .collect()
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
