//! `test`: builds the tests of the workspace once, then runs them in sections, each with what it needs beside it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::ValueEnum;
use serde::Deserialize;

use crate::fleet::{Fleet, Options};
use crate::ports;
use crate::postgres::Server;
use crate::process::Processes;
use crate::repo::{Repo, Workspace};
use crate::services::ORDER;
use crate::terminal::{Interrupt, seconds};
use crate::text::random_hex;
use crate::tools::NodePackages;

/// The parts of a test run, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Section {
    /// Rules, adapters, the simulator, this tool: nothing beside them
    Unit,
    /// SQL against a PostgreSQL of the run's own
    Db,
    /// Each function with its database
    Functions,
    /// The running fleet from outside
    Acceptance,
    /// The pages, in Chromium
    Browser,
}

/// What to run.
#[derive(Debug, Default)]
pub struct Selection {
    pub only: Option<Section>,
    /// Run the fleet with the functions' IAM policies enforced.
    pub enforce_iam: bool,
    /// Packages to run instead of all.
    pub packages: Vec<String>,
    /// Given to each test program: a filter, `--nocapture` and the like.
    pub arguments: Vec<String>,
}

/// A compiled test program.
#[derive(Debug)]
struct Program {
    package: String,
    target: String,
    executable: PathBuf,
    directory: PathBuf,
    section: Section,
    runs_alone: bool,
}

/// Counts of a run.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    passed: usize,
    failed: usize,
}

/// Runs the selected tests and prints a summary. Tells whether everything passed.
///
/// # Errors
/// When the tests do not compile or something they need cannot be started: nothing is skipped.
pub fn test(fleet: &Fleet, selection: &Selection, interrupt: &Interrupt) -> Result<bool> {
    let workspace = fleet.repo.workspace_with_graph()?;
    if let Some(name) = workspace.alone_without_program() {
        bail!("a Cargo.toml lets {name} run alone, and there is no such program");
    }
    let programs = compile(&fleet.repo, &workspace, selection)?;
    let mut run = Run {
        fleet,
        interrupt,
        selection,
        tally: Tally::default(),
        failures: Vec::new(),
    };
    let mut postgres = TestPostgres { fleet, url: None };
    for section in Section::value_variants() {
        let of_section: Vec<&Program> = programs
            .iter()
            .filter(|program| program.section == *section)
            .collect();
        let wanted = selection.only.is_none_or(|only| only == *section);
        if !wanted || (of_section.is_empty() && !selection.packages.is_empty()) {
            continue;
        }
        fleet
            .terminal
            .heading(&format!("{section:?} tests").to_lowercase());
        let started = Instant::now();
        let outcome = if of_section.is_empty() {
            Err(anyhow!("there is none; a part that is missing is a failure"))
        } else {
            run.section(*section, &of_section, &workspace, &mut postgres)
        };
        interrupt.check()?;
        if let Err(error) = outcome {
            fleet.terminal.step(&format!("{error:#}"));
            run.failures.push(format!("{section:?} tests: {error:#}"));
        }
        fleet
            .terminal
            .step(&format!("{section:?} tests took {}", seconds(started.elapsed())).to_lowercase());
    }
    drop(postgres);
    fleet.terminal.heading(&format!(
        "all sections took {}",
        seconds(fleet.terminal.elapsed())
    ));
    for failure in &run.failures {
        println!("failed: {failure}");
    }
    println!(
        "{} passed, {} failed",
        run.tally.passed,
        run.tally.failed.max(run.failures.len())
    );
    Ok(run.failures.is_empty())
}

struct Run<'a> {
    fleet: &'a Fleet,
    interrupt: &'a Interrupt,
    selection: &'a Selection,
    tally: Tally,
    failures: Vec<String>,
}

impl Run<'_> {
    fn section(
        &mut self,
        section: Section,
        programs: &[&Program],
        workspace: &Workspace,
        postgres: &mut TestPostgres<'_>,
    ) -> Result<()> {
        let fleet = self.fleet;
        fleet.tools.install_python(fleet.terminal)?;
        let mut environment: BTreeMap<&str, OsString> = BTreeMap::new();
        environment.insert("GIGGLEFEST_NODE", fleet.tools.node()?.into_os_string());
        let python = fleet.tools.program("python").into_os_string();
        environment.insert("GIGGLEFEST_VENV_PYTHON", python);
        match section {
            Section::Unit => {
                fleet.tools.install_node(fleet.terminal, NodePackages::Midtrans)?;
                let modules = fleet.tools.node_modules(NodePackages::Midtrans);
                environment.insert("GIGGLEFEST_NODE_MODULES_MIDTRANS", modules.into_os_string());
                fleet.tools.install_node(fleet.terminal, NodePackages::ImageKit)?;
                let modules = fleet.tools.node_modules(NodePackages::ImageKit);
                environment.insert("GIGGLEFEST_NODE_MODULES_IMAGEKIT", modules.into_os_string());
                self.run_in_pairs(programs, &environment)?;
                if self.selection.packages.is_empty() {
                    self.python_tests()?;
                    self.doc_tests(workspace)?;
                }
                Ok(())
            }
            Section::Db | Section::Functions => {
                fleet.tools.install_node(fleet.terminal, NodePackages::Webhooks)?;
                let modules = fleet.tools.node_modules(NodePackages::Webhooks);
                environment.insert("GIGGLEFEST_NODE_MODULES_WEBHOOKS", modules.into_os_string());
                environment.insert("TEST_DATABASE_URL", postgres.url()?.into());
                self.run_in_pairs(programs, &environment)
            }
            Section::Acceptance => self.against_fleet(programs, &mut environment),
            Section::Browser => {
                fleet.tools.install_node(fleet.terminal, NodePackages::Browser)?;
                let modules = fleet.tools.node_modules(NodePackages::Browser);
                environment.insert("GIGGLEFEST_NODE_MODULES", modules.into_os_string());
                environment.insert("TMPDIR", fleet.tools.browser_directory().into_os_string());
                self.against_fleet(programs, &mut environment)
            }
        }
    }

    /// Runs programs against the fleet, which is started if it is not up, and stopped again if it was started.
    fn against_fleet(
        &mut self,
        programs: &[&Program],
        environment: &mut BTreeMap<&str, OsString>,
    ) -> Result<()> {
        let fleet = self.fleet;
        let mut processes = Processes::of_fleet(&fleet.repo);
        let options = Options {
            fresh: false,
            enforce_iam: self.selection.enforce_iam,
        };
        let up = {
            let _lock = fleet.lock()?;
            fleet.up(options, &mut processes, self.interrupt)
        };
        environment.insert("GIGGLEFEST_FLEET", fleet.repo.fleet_file().into_os_string());
        let (alone, others): (Vec<&Program>, Vec<&Program>) =
            programs.iter().partition(|program| program.runs_alone);
        let result = up
            .and_then(|_| self.run_in_pairs(&others, environment))
            .and_then(|()| self.run_all(&alone, environment));
        let started: Vec<&'static str> = processes.started_here().to_vec();
        if !started.is_empty() {
            let _lock = fleet.lock()?;
            let mut processes = Processes::of_fleet(&fleet.repo);
            for name in ORDER.iter().rev().filter(|name| started.contains(name)) {
                processes.stop(name)?;
            }
            fleet.terminal.step("fleet stopped");
        }
        result
    }

    /// Runs programs one after the other.
    fn run_all(&mut self, programs: &[&Program], environment: &BTreeMap<&str, OsString>) -> Result<()> {
        for program in programs {
            self.interrupt.check()?;
            println!("\n-- {}", program.label());
            let mut command = self.command(program, environment);
            self.run_one(&program.label(), &mut command)?;
        }
        Ok(())
    }

    /// Runs programs two at a time, each with as many threads as there are cores: half of what they do is to wait for the
    /// database or for a schedule of the fleet. What a program prints is shown when it has ended.
    fn run_in_pairs(&mut self, programs: &[&Program], environment: &BTreeMap<&str, OsString>) -> Result<()> {
        if programs.len() == 1 || !self.selection.arguments.is_empty() {
            // Whoever looks closely wants to see it happen.
            return self.run_all(programs, environment);
        }
        let waiting = Mutex::new(programs.iter());
        let ended = Mutex::new(Vec::new());
        let folder = self.fleet.repo.local("tmp");
        fs::create_dir_all(&folder)?;
        let work = |worker: u32| -> Result<()> {
            let file = folder.join(format!("tests-{}-{worker}.log", std::process::id()));
            loop {
                self.interrupt.check()?;
                let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(program) = next else { return Ok(()) };
                println!("-- {} begins", program.label());
                let (output, status) = output_of(&mut self.command(program, environment), &file)
                    .with_context(|| format!("{} does not start", program.label()))?;
                let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
                let mut terminal = std::io::stdout().lock();
                writeln!(terminal, "\n-- {}", program.label()).and_then(|()| terminal.write_all(&output))?;
                ended.push((program.label(), output, status));
            }
        };
        let outcome = std::thread::scope(|scope| {
            let other = scope.spawn(|| work(2));
            let mine = work(1);
            let others = other
                .join()
                .unwrap_or_else(|_| bail!("running the tests ended in a panic"));
            mine.and(others)
        });
        for (label, output, status) in ended.into_inner().unwrap_or_else(PoisonError::into_inner) {
            let mut told = Tally::default();
            for line in output.split(|byte| *byte == b'\n') {
                told.add(Tally::from_line(&String::from_utf8_lossy(line)));
            }
            self.note(&label, told, status);
        }
        outcome
    }

    fn command(&self, program: &Program, environment: &BTreeMap<&str, OsString>) -> Command {
        let mut command = Command::new(&program.executable);
        command
            .args(&self.selection.arguments)
            .current_dir(&program.directory)
            .env("CARGO_MANIFEST_DIR", &program.directory)
            .envs(environment);
        command
    }

    /// Runs a command whose output is that of Rust's test harness or of Python's unittest.
    fn run_one(&mut self, label: &str, command: &mut Command) -> Result<()> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{label} does not start"))?;
        let mut told = Tally::default();
        if let Some(output) = child.stdout.take() {
            let mut terminal = std::io::stdout().lock();
            for line in BufReader::new(output).split(b'\n') {
                let line = line?;
                told.add(Tally::from_line(&String::from_utf8_lossy(&line)));
                terminal
                    .write_all(&line)
                    .and_then(|()| terminal.write_all(b"\n"))?;
            }
        }
        let status = child.wait()?;
        self.note(label, told, status);
        Ok(())
    }

    fn note(&mut self, label: &str, told: Tally, status: ExitStatus) {
        self.tally.add(told);
        if !status.success() {
            self.failures.push(format!("{label} ({status})"));
        }
    }

    fn python_tests(&mut self) -> Result<()> {
        println!("\n-- deployment helper (Python)");
        let mut command = Command::new("sh");
        // unittest reports on standard error; the tally is read from standard output.
        command
            .args([
                "-c",
                "exec \"$0\" -m unittest discover --start-directory infra/local/python 2>&1",
            ])
            .arg(self.fleet.tools.program("python"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .current_dir(&self.fleet.repo.root);
        self.run_one("infra/local/python", &mut command)
    }

    fn doc_tests(&mut self, workspace: &Workspace) -> Result<()> {
        println!("\n-- examples in the documentation");
        let repo = &self.fleet.repo;
        let libraries = ["shared", "functions", "infra"]
            .iter()
            .flat_map(|folder| workspace.packages_in(repo, folder))
            .filter(|name| {
                workspace
                    .package(name)
                    .is_some_and(|package| package.has_library())
            });
        let mut command = repo.cargo();
        command
            .args(["test", "--quiet", "--doc"])
            .args(libraries.flat_map(|name| ["-p", name]));
        self.run_one("documentation", &mut command)
    }
}

impl Program {
    fn label(&self) -> String {
        format!("{} {}", self.package, self.target)
    }
}

/// Runs a command. Gives what it wrote to both of its outputs by the time of its end: a file, because whatever it started and left
/// running would keep a pipe open.
fn output_of(command: &mut Command, file: &Path) -> Result<(Vec<u8>, ExitStatus)> {
    let output = File::create(file)?;
    let status = command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .status()?;
    let output = fs::read(file)?;
    fs::remove_file(file)?;
    Ok((output, status))
}

impl Tally {
    fn add(&mut self, more: Self) {
        self.passed += more.passed;
        self.failed += more.failed;
    }

    /// Reads `test result: ok. 3 passed; 0 failed; …` and `Ran 5 tests in 0.1s`; other lines count nothing.
    fn from_line(line: &str) -> Self {
        let count = |text: &str| {
            text.split_whitespace()
                .next()
                .and_then(|number| number.parse().ok())
                .unwrap_or(0)
        };
        if let Some(counts) = line.strip_prefix("test result: ") {
            let part = |what: &str| {
                let words = counts
                    .split([';', '.'])
                    .find(|part| part.trim_end().ends_with(what));
                words.map_or(0, |part| count(part.trim_start()))
            };
            return Self {
                passed: part(" passed"),
                failed: part(" failed"),
            };
        }
        match line.strip_prefix("Ran ") {
            Some(rest) if rest.contains(" test") => Self {
                passed: count(rest),
                failed: 0,
            },
            _ => Self::default(),
        }
    }
}

/// A PostgreSQL for one test run: new, without care for durability, gone at the end.
struct TestPostgres<'a> {
    fleet: &'a Fleet,
    url: Option<String>,
}

impl TestPostgres<'_> {
    /// Its URL; starts it at first use. `TEST_DATABASE_URL` names another server instead.
    fn url(&mut self) -> Result<String> {
        if let Some(url) = &self.url {
            return Ok(url.clone());
        }
        if let Ok(url) = std::env::var("TEST_DATABASE_URL")
            && !url.is_empty()
        {
            return Ok(url);
        }
        let fleet = self.fleet;
        fleet.install_tools()?;
        let mut processes = Processes::of_tests(&fleet.repo);
        let server = Server {
            service: "postgres-test",
            port: ports::any_free()?,
            password: random_hex(8)?,
            durable: false,
        };
        server.wipe(&fleet.repo, &mut processes)?;
        self.url = Some(server.url());
        processes.start(server.service(&fleet.repo, &fleet.tools)?)?;
        server.wait(&processes)?;
        fleet
            .terminal
            .step(&format!("test database on port {}", server.port));
        Ok(server.url())
    }
}

impl Drop for TestPostgres<'_> {
    fn drop(&mut self) {
        if self.url.is_some() {
            let stopped = Processes::of_tests(&self.fleet.repo).stop("postgres-test");
            if let Err(error) = stopped {
                eprintln!("the test database still runs: {error:#}");
            }
            let _ = fs::remove_dir_all(self.fleet.repo.local("postgres-test"));
        }
    }
}

/// Compiles the test programs. A whole run builds the workspace at once, because a selection of packages may resolve
/// to other features of their dependencies, and those would be compiled again for each selection.
fn compile(repo: &Repo, workspace: &Workspace, selection: &Selection) -> Result<Vec<Program>> {
    let mut packages: Vec<&str> = Vec::new();
    for name in ["shared", "functions", "infra"]
        .iter()
        .flat_map(|folder| workspace.packages_in(repo, folder))
    {
        let sections = sections_of(repo, workspace, name);
        let named = selection.packages.is_empty() || selection.packages.iter().any(|wanted| wanted == name);
        if named && selection.only.is_none_or(|only| sections.contains(&only)) {
            packages.push(name);
        }
    }
    if packages.is_empty() {
        bail!("no package fits this selection");
    }
    let mut command = repo.cargo();
    command.args(["test", "--no-run", "--message-format=json-render-diagnostics"]);
    if selection.only.is_none() && selection.packages.is_empty() {
        command.arg("--workspace");
    } else {
        command.args(packages.iter().flat_map(|name| ["-p", name]));
    }
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .context("cargo does not start")?;
    if !output.status.success() {
        bail!("the tests do not compile");
    }
    let mut programs = Vec::new();
    for line in output.stdout.split(|byte| *byte == b'\n') {
        let Ok(message) = serde_json::from_slice::<CargoMessage>(line) else {
            continue;
        };
        let Some(package) = workspace
            .packages
            .iter()
            .find(|package| package.id == message.package_id)
        else {
            continue;
        };
        let (Some(executable), true) = (message.executable, message.profile.test) else {
            continue;
        };
        let Some(directory) = package.manifest_path.parent() else {
            continue;
        };
        programs.push(Program {
            section: section_of(repo, workspace, &package.name, &message.target.name),
            runs_alone: workspace.runs_alone(&package.name, &message.target.name),
            package: package.name.clone(),
            target: format!("{} ({})", message.target.name, message.target.kind.join(", ")),
            executable,
            directory: directory.to_path_buf(),
        });
    }
    programs.sort_by(|a, b| (a.section, &a.package, &a.target).cmp(&(b.section, &b.package, &b.target)));
    Ok(programs)
}

/// A line of cargo's JSON output, as far as test programs go.
#[derive(Deserialize)]
struct CargoMessage {
    package_id: String,
    target: crate::repo::Target,
    profile: Profile,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

/// The sections in which programs of a package may run.
fn sections_of(repo: &Repo, workspace: &Workspace, package: &str) -> Vec<Section> {
    if package == "acceptance" {
        return vec![Section::Acceptance, Section::Browser];
    }
    vec![section_of(repo, workspace, package, "")]
}

fn section_of(repo: &Repo, workspace: &Workspace, package: &str, target: &str) -> Section {
    match package {
        "acceptance" if target == "browser" => Section::Browser,
        "acceptance" => Section::Acceptance,
        _ if workspace.packages_in(repo, "functions").contains(&package) => Section::Functions,
        "db" | "testkit" => Section::Db,
        _ if workspace.depends_directly(package, "testkit") => Section::Db,
        _ => Section::Unit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_both_harnesses_are_counted() {
        let rust = "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(
            Tally::from_line(rust),
            Tally {
                passed: 12,
                failed: 3
            }
        );
        assert_eq!(
            Tally::from_line("Ran 5 tests in 0.012s"),
            Tally { passed: 5, failed: 0 }
        );
        assert_eq!(Tally::from_line("test it_works ... ok"), Tally::default());
        assert_eq!(Tally::from_line("Ran out of memory"), Tally::default());
    }
}
