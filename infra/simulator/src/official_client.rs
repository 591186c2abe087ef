use std::path::Path;
use std::process::Command;

/// The official library of a service, driven by a Node.js script against its simulator: what it accepts and what it refuses
/// must be what the service gives it.
#[derive(Debug, Clone, Copy)]
pub struct OfficialClient<'a> {
    /// The script: it fails if anything is unusual.
    pub script: &'a Path,
    /// Name of the environment variable that says where the library is installed.
    pub modules: &'a str,
    /// Environment variables that the script reads besides.
    pub settings: &'a [(&'a str, &'a str)],
}

impl OfficialClient<'_> {
    /// Runs the script with the node of `GIGGLEFEST_NODE`. Both are settings of `cargo xtask test`, which installs them.
    ///
    /// # Errors
    /// What is not set, or what the script said: a test never skips itself.
    pub async fn run(self) -> Result<(), String> {
        let Self {
            script,
            modules,
            settings,
        } = self;
        let setting = |name: &str| {
            std::env::var(name).map_err(|_| {
                format!(
                    "{name} is not set. This test needs Node and an official library; run `cargo xtask test`, which \
                     installs both, or set GIGGLEFEST_NODE to a node binary and {modules} to a folder in which `npm ci` \
                     was run with the lock file beside {}",
                    script.display()
                )
            })
        };
        let node = setting("GIGGLEFEST_NODE")?;
        let mut command = Command::new(&node);
        command
            .arg(script)
            .env(modules, setting(modules)?)
            .envs(settings.iter().copied())
            // The libraries obey proxy settings, even for loopback.
            .env("NO_PROXY", "127.0.0.1");
        let output = tokio::task::spawn_blocking(move || command.output())
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| format!("cannot run {node}: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        Err(format!("{out}\n{err}"))
    }
}
