//! `up`, `down` and `status`: the fleet as a whole.

use std::fs::{self, File, TryLockError};
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::helper::{Deployment, Helper};
use crate::ports::Ports;
use crate::postgres;
use crate::process::{Processes, Service, write_atomically};
use crate::repo::{Repo, Workspace};
use crate::services::{self, ORDER};
use crate::settings::{self, Secrets, aws_endpoint};
use crate::terminal::{Interrupt, Terminal};
use crate::tools::{NodePackages, Tools};

/// How the fleet is to be brought up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    pub fresh: bool,
    pub enforce_iam: bool,
}

/// Everything a command about the fleet needs.
#[derive(Debug)]
pub struct Fleet {
    pub repo: Repo,
    pub tools: Tools,
    pub ports: Ports,
    pub terminal: Terminal,
}

/// Held while the fleet is changed, so that two commands do not do it at once. The system drops it with the process.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Fleet {
    /// The fleet as the environment and the `--port` option want it.
    ///
    /// # Errors
    /// When a port variable is wrong.
    pub fn to_start(repo: &Repo, terminal: Terminal, api_port: Option<u16>) -> Result<Self> {
        let ports = Ports::from_environment(api_port, |name| std::env::var(name).ok())?;
        Ok(Self {
            repo: repo.clone(),
            tools: Tools::new(repo),
            ports,
            terminal,
        })
    }

    /// The fleet that is up, on the ports it was started with; if none is, as the environment wants it.
    ///
    /// # Errors
    /// When a port variable is wrong.
    pub fn running_or_to_start(repo: &Repo, terminal: Terminal) -> Result<Self> {
        let mut fleet = Self::to_start(repo, terminal, None)?;
        if fleet.is_up(&Processes::of_fleet(repo))
            && let Ok(text) = fs::read(fleet.ports_file())
            && let Ok(ports) = serde_json::from_slice(&text)
        {
            fleet.ports = ports;
        }
        Ok(fleet)
    }

    fn ports_file(&self) -> PathBuf {
        self.repo.local("run/ports.json")
    }

    /// Waits until no other command changes the fleet, then keeps others from it.
    ///
    /// # Errors
    /// When the lock file cannot be used.
    pub fn wait_for_lock(&self) -> Result<Lock> {
        let file = self.lock_file()?;
        file.lock().context("cannot lock .local/run/lock")?;
        Ok(Lock { _file: file })
    }

    fn lock_file(&self) -> Result<File> {
        fs::create_dir_all(self.repo.local("run"))?;
        File::create(self.repo.local("run/lock")).context("cannot write to .local/run")
    }

    /// # Errors
    /// When another command is changing the fleet.
    pub fn lock(&self) -> Result<Lock> {
        let file = self.lock_file()?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => {
                bail!("another cargo xtask command is working on the fleet; wait for it")
            }
            Err(TryLockError::Error(error)) => Err(error).context("cannot lock .local/run/lock"),
        }
    }

    /// The directory of the binaries that `cargo build` makes.
    pub fn binaries(workspace: &Workspace) -> PathBuf {
        workspace.target_directory.join("debug")
    }

    pub fn helper(&self, workspace: &Workspace) -> Helper {
        Helper::new(&self.repo, &self.tools, &self.ports, &Self::binaries(workspace))
    }

    /// Starts what does not run, deploys what changed, migrates, seeds, and describes the fleet in `fleet.json`.
    /// Services started before a failure stay in `processes`; the caller stops them.
    ///
    /// # Errors
    /// At the first step that fails, with its message.
    pub fn up(&self, options: Options, processes: &mut Processes, interrupt: &Interrupt) -> Result<Value> {
        let workspace = self.repo.workspace()?;
        let functions = workspace.packages_in(&self.repo, "functions");
        if !self.repo.template().exists() {
            bail!(
                "{} is missing: it describes the fleet",
                self.repo.template().display()
            );
        }
        if options.fresh {
            self.wipe(processes)?;
        }
        self.require_free_ports(processes)?;
        let secrets = Secrets::load(&self.repo)?;
        self.install_and_build(&functions)?;
        let secrets = secrets.with_passes(&self.repo, &self.tools.program("python"))?;
        interrupt.check()?;

        let database_url = self.start_services(&workspace, &secrets, options, processes)?;
        interrupt.check()?;
        let helper = self.helper(&workspace);
        let parameters = settings::parameters(&self.ports, &secrets, &database_url);
        let deployment = self
            .terminal
            .timed("template.yaml deployed", || helper.deploy(&parameters))?;
        if deployment.outcome != "unchanged" && !deployment.uploaded.is_empty() {
            self.terminal
                .step(&format!("new code: {}", deployment.uploaded.join(" ")));
        }
        interrupt.check()?;
        self.terminal
            .timed("database migrated", || act(&helper, "migrate"))?;
        let seeded = self
            .terminal
            .timed("demo data in place", || act(&helper, "seed"))?;
        let description = self.describe(&deployment, &database_url, &seeded);
        write_atomically(&self.ports_file(), &serde_json::to_vec(&self.ports)?)?;
        write_atomically(&self.repo.fleet_file(), &serde_json::to_vec_pretty(&description)?)?;
        Ok(description)
    }

    fn wipe(&self, processes: &mut Processes) -> Result<()> {
        processes.stop_all(&ORDER)?;
        self.postgres(&Secrets::load(&self.repo)?)
            .wipe(&self.repo, processes)?;
        for leftover in ["fleet.json", "run/deployment.json"] {
            let _ = fs::remove_file(self.repo.local(leftover));
        }
        for leftover in ["logs", "tmp"] {
            let _ = fs::remove_dir_all(self.repo.local(leftover));
        }
        self.terminal.step("database and emulator state deleted");
        Ok(())
    }

    fn require_free_ports(&self, processes: &Processes) -> Result<()> {
        let ports = &self.ports;
        let wanted: [(&str, &[u16]); 5] = [
            (
                "postgres",
                if external_database().is_some() {
                    &[]
                } else {
                    &[ports.postgres]
                },
            ),
            ("emulator", &[ports.aws, ports.api]),
            ("mailbox", &[ports.smtp, ports.mailbox]),
            ("midtrans-simulator", &[ports.midtrans]),
            ("imagekit-simulator", &[ports.imagekit]),
        ];
        let needed: Vec<u16> = wanted
            .iter()
            .filter(|(service, _)| processes.running(service).is_none())
            .flat_map(|(_, ports)| ports.iter().copied())
            .collect();
        ports.require_free(&needed)
    }

    /// Tools are fetched while the compiler works; on a fresh machine both take minutes.
    fn install_and_build(&self, functions: &[&str]) -> Result<()> {
        std::thread::scope(|scope| {
            let tools = scope.spawn(|| {
                let result = self.install_tools();
                if result.is_err() {
                    self.terminal
                        .step("installing the tools failed; the message follows when the build is through");
                }
                result
            });
            let built = self.build(functions);
            let installed = tools
                .join()
                .unwrap_or_else(|_| bail!("installing the tools ended in a panic"));
            installed.and(built)
        })
    }

    /// # Errors
    /// When a package cannot be installed.
    pub fn install_tools(&self) -> Result<()> {
        self.tools.install_python(self.terminal)?;
        self.tools.install_node(self.terminal, NodePackages::Fleet)
    }

    /// Builds all functions and the simulators.
    ///
    /// # Errors
    /// When the compiler refuses; it has printed why.
    pub fn build(&self, functions: &[&str]) -> Result<()> {
        if functions.is_empty() {
            bail!("there is no function in functions/");
        }
        self.cargo_build(&[functions, &["midtrans-simulator", "imagekit-simulator"]].concat())?;
        self.terminal
            .step(&format!("{} functions built", functions.len()));
        Ok(())
    }

    /// Builds packages with the features with which tests have built what they depend on.
    ///
    /// # Errors
    /// When the compiler refuses; it has printed why.
    pub fn cargo_build(&self, packages: &[&str]) -> Result<()> {
        let mut command = self.repo.cargo();
        command
            .args(["build", "-p", "same-features"])
            .args(packages.iter().flat_map(|package| ["-p", package]));
        if !command.status().context("cargo does not start")?.success() {
            bail!("the build failed");
        }
        Ok(())
    }

    fn postgres(&self, secrets: &Secrets) -> postgres::Server {
        postgres::Server {
            service: "postgres",
            port: self.ports.postgres,
            password: secrets.postgres_password.clone(),
            durable: true,
        }
    }

    /// Starts all services at once, then waits for each. Returns the database's URL.
    fn start_services(
        &self,
        workspace: &Workspace,
        secrets: &Secrets,
        options: Options,
        processes: &mut Processes,
    ) -> Result<String> {
        let (repo, tools, ports) = (&self.repo, &self.tools, &self.ports);
        let server = self.postgres(secrets);
        let external = external_database();
        if external.is_none() {
            self.ensure(processes, server.service(repo, tools)?)?;
        }
        self.ensure(processes, services::mailbox(repo, tools, ports)?)?;
        let simulator = Self::binaries(workspace).join("midtrans-simulator");
        self.ensure(processes, services::midtrans(repo, &simulator, ports, secrets)?)?;
        let simulator = Self::binaries(workspace).join("imagekit-simulator");
        self.ensure(processes, services::imagekit(repo, &simulator, ports, secrets)?)?;
        let emulator = services::emulator(repo, tools, ports, options.enforce_iam)?;
        if !processes.is_current(&emulator) {
            if processes.running(emulator.name).is_some() {
                self.terminal.step("the emulator has changed and is started anew");
            }
            // The emulator keeps everything in memory: what an earlier one knew goes with it.
            processes.stop(emulator.name)?;
            let _ = fs::remove_file(repo.deployment_file());
            let _ = fs::remove_dir_all(repo.local("logs/functions"));
            let _ = fs::remove_dir_all(repo.local(&format!("tmp/ministack-provided-code-{}", ports.aws)));
        }
        self.ensure(processes, emulator)?;
        if external.is_none() {
            server.wait(processes)?;
            self.terminal
                .step(&format!("PostgreSQL on port {}", ports.postgres));
        }
        services::wait_for_http(processes, "emulator", ports.aws, "/_ministack/health")?;
        self.terminal.step(&format!("AWS emulator on port {}", ports.aws));
        services::wait_for_http(processes, "mailbox", ports.mailbox, "/api/healthz")?;
        self.terminal.step(&format!("mailbox on port {}", ports.mailbox));
        services::wait_for_http(processes, "midtrans-simulator", ports.midtrans, "/admin/health")?;
        self.terminal
            .step(&format!("Midtrans simulator on port {}", ports.midtrans));
        services::wait_for_http(processes, "imagekit-simulator", ports.imagekit, "/admin/health")?;
        self.terminal
            .step(&format!("ImageKit simulator on port {}", ports.imagekit));
        Ok(external.unwrap_or_else(|| server.url()))
    }

    /// Starts a service unless it runs as wanted.
    fn ensure(&self, processes: &mut Processes, service: Service) -> Result<()> {
        if processes.is_current(&service) {
            return Ok(());
        }
        if processes.running(service.name).is_some() {
            self.terminal
                .step(&format!("{} has changed and is started anew", service.name));
        }
        processes.start(service)
    }

    fn describe(&self, deployment: &Deployment, database_url: &str, seeded: &Value) -> Value {
        let ports = &self.ports;
        let websocket = deployment
            .websocket
            .as_ref()
            .map(|path| format!("ws://localhost:{}/_aws/execute-api/{path}", ports.aws));
        json!({
            "api": format!("http://localhost:{}/api/v1", ports.api),
            "docs": format!("http://localhost:{}/api-docs", ports.api),
            "websocket": websocket,
            "aws": aws_endpoint(ports),
            "midtrans": format!("http://localhost:{}", ports.midtrans),
            "imagekit": format!("http://localhost:{}", ports.imagekit),
            "mailbox": format!("http://localhost:{}", ports.mailbox),
            "database": database_url,
            "accounts": seeded.get("accounts").cloned().unwrap_or_else(|| json!([])),
        })
    }

    /// # Errors
    /// When the fleet is not up.
    pub fn require_up(&self) -> Result<()> {
        if !self.is_up(&Processes::of_fleet(&self.repo)) {
            bail!("the fleet is not up; start it with `cargo xtask up`");
        }
        Ok(())
    }

    /// Whether every service of the fleet runs and it has been deployed.
    pub fn is_up(&self, processes: &Processes) -> bool {
        let postgres = external_database().is_some() || processes.running("postgres").is_some();
        let others = ORDER
            .iter()
            .filter(|name| **name != "postgres")
            .all(|name| processes.running(name).is_some());
        postgres && others && self.repo.fleet_file().exists()
    }
}

/// Calls the `migrate` function, which also seeds.
///
/// # Errors
/// When the function fails; its error and last log lines are part of the message.
pub fn act(helper: &Helper, action: &str) -> Result<Value> {
    let invocation = helper.invoke("migrate", &json!({"action": action}).to_string())?;
    if let Some(kind) = invocation.error {
        bail!(
            "the migrate function failed at `{action}` ({kind}): {}\n{}",
            invocation.payload,
            invocation.log
        );
    }
    serde_json::from_str(&invocation.payload)
        .with_context(|| format!("the migrate function answered {}", invocation.payload))
}

/// A database of the person's own, from `DATABASE_URL`.
fn external_database() -> Option<String> {
    std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty())
}
