//! Services that outlive the command that started them: started in process groups of their own, remembered in a
//! file, and stopped only after proof that the remembered process is still the same one.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

use crate::repo::Repo;

/// Carried by every process of a fleet, so that strays are known for ours: the repository's path.
const OWNER: &str = "GIGGLEFEST_OWNER";

/// Stopping a service takes this long at most before it is killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// A started service. A pid alone can mean another process later; with its start time and the boot it cannot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub pid: u32,
    /// Start of the process in clock ticks since boot.
    pub started: u64,
    /// The kernel's id of this boot.
    pub boot: String,
    /// What the service was started with; another value means that it has to be started anew.
    pub fingerprint: String,
}

impl Record {
    fn of(pid: u32, fingerprint: String) -> Option<Self> {
        Some(Self {
            pid,
            started: start_time(pid)?,
            boot: boot_id(),
            fingerprint,
        })
    }

    /// Whether the very process of this record runs.
    pub fn is_alive(&self) -> bool {
        self.boot == boot_id() && start_time(self.pid) == Some(self.started)
    }
}

/// How a service is to be started.
#[derive(Debug)]
pub struct Service {
    pub name: &'static str,
    pub command: Command,
    /// Changes when anything the service was started with changes.
    pub fingerprint: String,
}

/// Started services, kept in a file of `.local/run`: one file for the fleet, one for test runs, which may go on
/// beside each other.
#[derive(Debug)]
pub struct Processes {
    owner: String,
    file: PathBuf,
    logs: PathBuf,
    records: BTreeMap<String, Record>,
    /// Services started by this very command, in order.
    started_here: Vec<&'static str>,
}

impl Processes {
    /// The fleet's services, as earlier commands left them.
    pub fn of_fleet(repo: &Repo) -> Self {
        Self::load(repo, "fleet")
    }

    /// The services of a test run, as earlier commands left them.
    pub fn of_tests(repo: &Repo) -> Self {
        Self::load(repo, "tests")
    }

    fn load(repo: &Repo, name: &str) -> Self {
        let file = repo.local("run").join(format!("{name}-processes.json"));
        let records = fs::read(&file)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();
        let owner = repo.root.display().to_string();
        Self {
            owner,
            file,
            logs: repo.local("logs"),
            records,
            started_here: Vec::new(),
        }
    }

    /// The record of a service that runs.
    pub fn running(&self, name: &str) -> Option<&Record> {
        self.records.get(name).filter(|record| record.is_alive())
    }

    /// Whether a service runs as it would be started now.
    pub fn is_current(&self, service: &Service) -> bool {
        self.running(service.name)
            .is_some_and(|record| record.fingerprint == service.fingerprint)
    }

    /// Whether a service of this name has been started and not been stopped by command.
    pub fn knows(&self, name: &str) -> bool {
        self.records.contains_key(name)
    }

    pub fn started_here(&self) -> &[&'static str] {
        &self.started_here
    }

    /// Starts a service with its output in `.local/logs/<name>.log`, after stopping what runs under its name.
    ///
    /// # Errors
    /// When the program does not start.
    pub fn start(&mut self, mut service: Service) -> Result<()> {
        self.stop(service.name)?;
        fs::create_dir_all(&self.logs)?;
        let log = File::create(self.logs.join(format!("{}.log", service.name)))?;
        let child = service
            .command
            .env(OWNER, &self.owner)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .with_context(|| {
                format!(
                    "cannot start {} ({})",
                    service.name,
                    service.command.get_program().display()
                )
            })?;
        let Some(record) = Record::of(child.id(), service.fingerprint) else {
            bail!("{} ended at once:\n{}", service.name, self.log_tail(service.name));
        };
        self.records.insert(service.name.to_owned(), record);
        self.started_here.push(service.name);
        self.save()
    }

    /// Waits until `ready` says yes.
    ///
    /// # Errors
    /// When the service ends or is not ready in time; the end of its log is part of the error.
    pub fn wait_until(&self, name: &str, patience: Duration, ready: impl Fn() -> bool) -> Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            if self.running(name).is_none() {
                bail!("{name} ended while starting:\n{}", self.log_tail(name));
            }
            if ready() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!(
                    "{name} is not ready after {} s:\n{}",
                    patience.as_secs(),
                    self.log_tail(name)
                );
            }
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// The last lines a service printed.
    pub fn log_tail(&self, name: &str) -> String {
        let path = self.logs.join(format!("{name}.log"));
        let text = fs::read(&path)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines.iter().skip(lines.len().saturating_sub(15));
        tail.map(|line| format!("  | {line}\n"))
            .chain([format!("  ({})", path.display())])
            .collect()
    }

    /// Stops a service and what is left of its process group. Does nothing when it does not run.
    ///
    /// # Errors
    /// When the process survives even a kill, or the list of services cannot be written.
    pub fn stop(&mut self, name: &str) -> Result<()> {
        let Some(record) = self.records.get(name).cloned() else {
            return Ok(());
        };
        if record.is_alive() {
            // PostgreSQL waits for its clients on SIGTERM; SIGINT is its fast shutdown.
            let signal = if name.starts_with("postgres") {
                Signal::INT
            } else {
                Signal::TERM
            };
            send(record.pid, signal);
            if !wait_for_end(&record, PATIENCE) {
                send(record.pid, Signal::KILL);
                if !wait_for_end(&record, PATIENCE) {
                    bail!("{name} (process {}) cannot be stopped", record.pid);
                }
            }
        }
        if record.boot == boot_id() {
            for stray in group_members(record.pid, &self.owner) {
                send(stray, Signal::KILL);
            }
        }
        self.records.remove(name);
        self.started_here.retain(|started| *started != name);
        self.save()
    }

    /// Stops everything, the last started first where that is known. Returns what ran.
    ///
    /// # Errors
    /// As [`Processes::stop`], after trying all.
    pub fn stop_all(&mut self, order: &[&str]) -> Result<Vec<String>> {
        let mut names: Vec<String> = self.records.keys().cloned().collect();
        names.sort_by_key(|name| order.iter().position(|known| known == name));
        let ran = names
            .iter()
            .filter(|name| self.running(name).is_some())
            .cloned()
            .collect();
        let mut result = Ok(());
        for name in names.iter().rev() {
            result = result.and(self.stop(name));
        }
        result.map(|()| ran)
    }

    fn save(&self) -> Result<()> {
        write_atomically(&self.file, &serde_json::to_vec_pretty(&self.records)?)
    }
}

/// Gives a service hardly any environment. Functions inherit the emulator's, and a person's own AWS profile, proxies
/// or `RUST_LOG` must not change how they behave; a value that differs between two terminals would also make the
/// second one start the services anew.
///
/// # Errors
/// When the directories for its files cannot be made.
pub fn isolate(repo: &Repo, command: &mut Command) -> Result<()> {
    let home = repo.local("run/home");
    let temporary = repo.local("tmp");
    fs::create_dir_all(&home)
        .and_then(|()| fs::create_dir_all(&temporary))
        .context("cannot write to .local")?;
    command
        .env_clear()
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .env("HOME", &home)
        .env("TMPDIR", &temporary)
        .env("LANG", "C.UTF-8")
        .current_dir(&home);
    Ok(())
}

/// Writes a file so that a reader sees the old content or the new, never half of it.
///
/// # Errors
/// When the file or its directory cannot be written.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))?;
    }
    let temporary = path.with_extension("new");
    fs::write(&temporary, content)
        .and_then(|()| fs::rename(&temporary, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended on its own since we looked.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

fn wait_for_end(record: &Record, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    while record.is_alive() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

/// Processes of a group that carry our mark. Function processes stay behind when the emulator is killed.
fn group_members(group: u32, owner: &str) -> Vec<u32> {
    let mark = format!("{OWNER}={owner}");
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .flatten()
        .filter_map(|process| process.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| stat(*pid).is_some_and(|stat| stat.group == group))
        .filter(|pid| {
            fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
                environment
                    .split(|byte| *byte == 0)
                    .any(|entry| entry == mark.as_bytes())
            })
        })
        .collect()
}

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    state: char,
    group: u32,
    started: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// `/proc/<pid>/stat`. The command in parentheses may itself hold parentheses and spaces.
fn parse_stat(text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.get(text.rfind(')')? + 1..)?.split_whitespace().collect();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        group: fields.get(2)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

/// Start time of a process that runs; a zombie has ended.
fn start_time(pid: u32) -> Option<u64> {
    stat(pid)
        .filter(|stat| !matches!(stat.state, 'Z' | 'X'))
        .map(|stat| stat.started)
}

fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .unwrap_or_default()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn processes(name: &str) -> (Processes, PathBuf) {
        let root = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        (Processes::of_fleet(&Repo { root: root.clone() }), root)
    }

    fn shell(name: &'static str, script: &str) -> Service {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Service {
            name,
            command,
            fingerprint: "1".to_owned(),
        }
    }

    #[test]
    fn a_command_name_with_parentheses_does_not_shift_the_fields() {
        let text = "42 (a) (b c) S 1 77 77 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 1000 10";
        assert_eq!(
            parse_stat(text),
            Some(Stat {
                state: 'S',
                group: 77,
                started: 98765
            })
        );
        assert_eq!(parse_stat("42 (x"), None);
    }

    #[test]
    fn a_service_is_remembered_by_later_commands_and_stopped_with_its_children() {
        let (mut first, root) = processes("remember");
        first.start(shell("sleeper", "sleep 60 & sleep 60")).unwrap();
        let pid = first.running("sleeper").unwrap().pid;

        let mut second = Processes::of_fleet(&Repo { root: root.clone() });
        assert_eq!(second.running("sleeper").unwrap().pid, pid);
        assert!(second.started_here().is_empty());
        assert_eq!(second.stop_all(&[]).unwrap(), ["sleeper"]);
        assert!(second.running("sleeper").is_none());
        let owner = root.display().to_string();
        let gone = Instant::now() + Duration::from_secs(5);
        while !group_members(pid, &owner).is_empty() && Instant::now() < gone {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(group_members(pid, &owner), Vec::<u32>::new());
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_pid_that_now_belongs_to_another_process_is_left_alone() {
        let (mut processes, root) = processes("reused");
        let mut stranger = Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
        let mut record = Record::of(stranger.id(), "1".to_owned()).unwrap();
        record.started -= 1;
        processes.records.insert("emulator".to_owned(), record);

        assert!(processes.running("emulator").is_none());
        processes.stop("emulator").unwrap();
        assert_eq!(stranger.try_wait().unwrap(), None, "the stranger was killed");
        stranger.kill().unwrap();
        stranger.wait().unwrap();
        let _ = fs::remove_dir_all(root);
    }

    #[test]
    fn a_record_of_an_earlier_boot_is_not_alive() {
        let record = Record {
            boot: "earlier".to_owned(),
            ..Record::of(std::process::id(), String::new()).unwrap()
        };
        assert!(!record.is_alive());
    }

    #[test]
    fn a_service_that_dies_is_reported_with_its_log() {
        let (mut processes, root) = processes("dies");
        processes
            .start(shell("brief", "sleep 0.2; echo port taken >&2; exit 3"))
            .unwrap();
        let error = processes
            .wait_until("brief", Duration::from_secs(5), || false)
            .unwrap_err();
        assert!(error.to_string().contains("port taken"), "{error}");
        fs::remove_dir_all(root).unwrap();
    }
}
