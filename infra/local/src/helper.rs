//! Runs `python/fleet.py`, which speaks to the emulator through the AWS API.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::ports::Ports;
use crate::repo::Repo;
use crate::settings::{REGION, STACK, aws_endpoint};
use crate::tools::Tools;

/// What the helper is told about this fleet.
#[derive(Debug, Clone)]
pub struct Helper {
    repo: Repo,
    python: std::path::PathBuf,
    config: Value,
}

/// The answer of a direct call.
#[derive(Debug, Deserialize)]
pub struct Invocation {
    /// What the function returned: JSON text.
    pub payload: String,
    /// Set when the function failed; then `payload` describes the error.
    pub error: Option<String>,
    /// The last lines the function printed.
    pub log: String,
}

/// What a deployment did.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// `created`, `updated` or `unchanged`.
    pub outcome: String,
    /// Functions whose code was new.
    pub uploaded: Vec<String>,
    /// `<api id>/<stage>` of the WebSocket API.
    pub websocket: Option<String>,
}

/// Variables by function.
pub type Environments = BTreeMap<String, BTreeMap<String, String>>;

impl Helper {
    pub fn new(repo: &Repo, tools: &Tools, ports: &Ports, binaries: &std::path::Path) -> Self {
        let config = json!({
            "endpoint": aws_endpoint(ports),
            "region": REGION,
            "stack": STACK,
            "template": repo.template(),
            "binaries": binaries,
            "state": repo.deployment_file(),
        });
        Self {
            repo: repo.clone(),
            python: tools.program("python"),
            config,
        }
    }

    /// Brings the stack to the state of `template.yaml` and the built binaries.
    ///
    /// # Errors
    /// When the template is wrong or the emulator refuses it; the message is meant for people.
    pub fn deploy(&self, parameters: &impl serde::Serialize) -> Result<Deployment> {
        self.ask("deploy", &[("parameters", json!(parameters))])
    }

    /// Calls a function directly, as `aws lambda invoke` does.
    ///
    /// # Errors
    /// When it is not deployed or the emulator does not answer. A failing function is not an error here.
    pub fn invoke(&self, function: &str, payload: &str) -> Result<Invocation> {
        self.ask(
            "invoke",
            &[("function", json!(function)), ("payload", json!(payload))],
        )
    }

    /// The environment variables of each deployed function.
    ///
    /// # Errors
    /// When the emulator does not answer.
    pub fn environment(&self) -> Result<Environments> {
        self.ask("env", &[])
    }

    fn ask<T: serde::de::DeserializeOwned>(&self, subcommand: &str, more: &[(&str, Value)]) -> Result<T> {
        let mut child = self
            .command(subcommand)
            .stderr(Stdio::piped())
            .spawn()
            .context("Python does not start")?;
        let mut stdin = child.stdin.take().context("Python was given no input")?;
        // A helper that ended early tells why on its standard error, which is better than "broken pipe" here.
        let _ = writeln!(stdin, "{}", self.config_with(more));
        drop(stdin);
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim_end());
        }
        serde_json::from_slice(&output.stdout).with_context(|| {
            format!(
                "fleet.py {subcommand} answered {}",
                String::from_utf8_lossy(&output.stdout)
            )
        })
    }

    fn command(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.python);
        command
            .arg(self.repo.python_source("fleet.py"))
            .arg(subcommand)
            .current_dir(&self.repo.root)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        command
    }

    fn config_with(&self, more: &[(&str, Value)]) -> Value {
        let mut config = self.config.clone();
        for (key, value) in more {
            if let Some(object) = config.as_object_mut() {
                object.insert((*key).to_owned(), value.clone());
            }
        }
        config
    }

    /// Starts a helper that replaces the code of single functions quickly.
    ///
    /// # Errors
    /// When Python does not start.
    pub fn updater(&self) -> Result<Updater> {
        let mut child = self.command("update").spawn().context("Python does not start")?;
        let mut input = child.stdin.take().context("Python was given no input")?;
        let output = child.stdout.take().context("Python was given no output")?;
        writeln!(input, "{}", self.config)?;
        Ok(Updater {
            child,
            input,
            output: BufReader::new(output),
        })
    }
}

/// A running helper; replaces one function's code per request.
#[derive(Debug)]
pub struct Updater {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Updater {
    /// Puts the newly built binary of a function in place.
    ///
    /// # Errors
    /// When the function is not deployed or the helper has ended.
    pub fn replace(&mut self, function: &str) -> Result<()> {
        writeln!(self.input, "{}", json!({"function": function}))
            .context("the deployment helper has ended")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let answer: Value = serde_json::from_str(&line).context("the deployment helper has ended")?;
        match answer.get("error").and_then(Value::as_str) {
            Some(error) => bail!("{error}"),
            None => Ok(()),
        }
    }
}

impl Drop for Updater {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
