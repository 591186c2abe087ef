//! Where things are: the repository, its `.local` directory, its crates.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

/// The repository and the places inside `.local` that this tool writes to; it writes nowhere else but `target`.
#[derive(Debug, Clone)]
pub struct Repo {
    /// The top directory, which holds the workspace's `Cargo.toml`.
    pub root: PathBuf,
}

impl Repo {
    /// Finds the repository: from the crate's own place when cargo runs us, else upwards from the current directory.
    ///
    /// # Errors
    /// When neither leads to a directory with `infra/local/Cargo.toml`.
    pub fn find() -> Result<Self> {
        let start = match std::env::var_os("CARGO_MANIFEST_DIR") {
            Some(manifest) => PathBuf::from(manifest),
            None => std::env::current_dir().context("the current directory is gone")?,
        };
        let root = start
            .ancestors()
            .find(|dir| dir.join("infra/local/Cargo.toml").is_file())
            .with_context(|| format!("{} is not inside the repository", start.display()))?;
        Ok(Self {
            root: root.to_path_buf(),
        })
    }

    pub fn template(&self) -> PathBuf {
        self.root.join("template.yaml")
    }

    /// `.local/<name>`.
    pub fn local(&self, name: &str) -> PathBuf {
        self.root.join(".local").join(name)
    }

    /// The description of the running fleet that tests and people read.
    pub fn fleet_file(&self) -> PathBuf {
        self.local("fleet.json")
    }

    /// Physical names and uploaded code, kept by the deployment helper.
    pub fn deployment_file(&self) -> PathBuf {
        self.local("run/deployment.json")
    }

    /// A Python source file of this crate.
    pub fn python_source(&self, name: &str) -> PathBuf {
        self.root.join("infra/local/python").join(name)
    }

    /// `cargo`, as if called from a shell in the repository: what an outer `cargo run` put into our environment is
    /// taken out, because build scripts (ring's, for one) watch these variables and would run again and again.
    pub fn cargo(&self) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
        command.current_dir(&self.root);
        for (name, _) in std::env::vars_os() {
            let Some(text) = name.to_str() else { continue };
            if is_set_by_cargo_run(text) {
                command.env_remove(text);
            }
        }
        command
    }

    /// The workspace's packages, from `cargo metadata` without dependencies.
    ///
    /// # Errors
    /// When cargo cannot read the workspace; its own message is part of the error.
    pub fn workspace(&self) -> Result<Workspace> {
        self.metadata(&["--no-deps"])
    }

    /// As [`Repo::workspace`], with the resolved dependency graph.
    ///
    /// # Errors
    /// As [`Repo::workspace`].
    pub fn workspace_with_graph(&self) -> Result<Workspace> {
        self.metadata(&[])
    }

    fn metadata(&self, arguments: &[&str]) -> Result<Workspace> {
        let output = self
            .cargo()
            .args(["metadata", "--format-version", "1"])
            .args(arguments)
            .output()
            .context("cargo does not start")?;
        if !output.status.success() {
            bail!(
                "cargo cannot read the workspace:\n{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        serde_json::from_slice(&output.stdout).context("cargo metadata gave something unexpected")
    }
}

fn is_set_by_cargo_run(name: &str) -> bool {
    name.starts_with("CARGO_PKG_")
        || matches!(
            name,
            "CARGO"
                | "CARGO_MANIFEST_DIR"
                | "CARGO_MANIFEST_PATH"
                | "CARGO_BIN_NAME"
                | "CARGO_CRATE_NAME"
                | "CARGO_PRIMARY_PACKAGE"
        )
}

/// The part of `cargo metadata` that matters here.
#[derive(Debug, Deserialize)]
pub struct Workspace {
    pub packages: Vec<Package>,
    pub target_directory: PathBuf,
    pub resolve: Option<Resolve>,
}

#[derive(Debug, Deserialize)]
pub struct Package {
    pub id: String,
    pub name: String,
    pub manifest_path: PathBuf,
    pub targets: Vec<Target>,
    pub metadata: Option<PackageMetadata>,
}

/// What a package says for this tool, in `[package.metadata]`.
#[derive(Debug, Default, Deserialize)]
pub struct PackageMetadata {
    /// Test programs that disturb others, and run while no other does.
    #[serde(default)]
    pub alone: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub struct Target {
    pub name: String,
    pub kind: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub struct Resolve {
    pub nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
pub struct Node {
    pub id: String,
    pub deps: Vec<NodeDependency>,
}

#[derive(Debug, Deserialize)]
pub struct NodeDependency {
    pub pkg: String,
    pub dep_kinds: Vec<DependencyKind>,
}

#[derive(Debug, Deserialize)]
pub struct DependencyKind {
    /// `None` for a normal dependency, else `dev` or `build`.
    pub kind: Option<String>,
}

impl Package {
    pub fn has_library(&self) -> bool {
        self.targets.iter().any(|target| {
            target
                .kind
                .iter()
                .any(|kind| kind == "lib" || kind == "proc-macro")
        })
    }
}

impl Workspace {
    /// Whether a package names another one among its dependencies of any kind.
    pub fn depends_directly(&self, package: &str, on: &str) -> bool {
        let (Some(resolve), Some(from), Some(to)) = (&self.resolve, self.package(package), self.package(on))
        else {
            return false;
        };
        resolve
            .nodes
            .iter()
            .any(|node| node.id == from.id && node.deps.iter().any(|dependency| dependency.pkg == to.id))
    }

    pub fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }

    /// Whether a test program of a package runs while no other does.
    pub fn runs_alone(&self, package: &str, target: &str) -> bool {
        let metadata = self
            .package(package)
            .and_then(|package| package.metadata.as_ref());
        metadata.is_some_and(|metadata| metadata.alone.iter().any(|name| name == target))
    }

    /// A name among those of programs that run alone which is none of a program.
    pub fn alone_without_program(&self) -> Option<&str> {
        self.packages.iter().find_map(|package| {
            let mut alone = package.metadata.iter().flat_map(|metadata| &metadata.alone);
            let missing = alone.find(|name| package.targets.iter().all(|target| target.name != **name));
            missing.map(String::as_str)
        })
    }

    /// Names of the packages whose folder lies in `folder` of the repository, in alphabetical order.
    pub fn packages_in(&self, repo: &Repo, folder: &str) -> Vec<&str> {
        let folder = repo.root.join(folder);
        let mut names: Vec<&str> = self
            .packages
            .iter()
            .filter(|package| package.manifest_path.parent().and_then(Path::parent) == Some(&folder))
            .map(|package| package.name.as_str())
            .collect();
        names.sort_unstable();
        names
    }

    /// Whether a package links, by normal dependencies, a crate for which `wanted` says yes.
    pub fn links(&self, package: &str, wanted: impl Fn(&str) -> bool) -> bool {
        let (Some(resolve), Some(start)) = (&self.resolve, self.package(package)) else {
            return false;
        };
        let mut open = vec![start.id.as_str()];
        let mut seen = std::collections::HashSet::new();
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            if self
                .packages
                .iter()
                .any(|package| package.id == id && wanted(&package.name))
            {
                return true;
            }
            let normal = resolve
                .nodes
                .iter()
                .filter(|node| node.id == id)
                .flat_map(|node| &node.deps);
            open.extend(
                normal
                    .filter(|dependency| dependency.dep_kinds.iter().any(|kind| kind.kind.is_none()))
                    .map(|dependency| dependency.pkg.as_str()),
            );
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> Workspace {
        serde_json::from_value(serde_json::json!({
            "target_directory": "/r/target",
            "packages": [
                {"id": "cart 1", "name": "cart", "manifest_path": "/r/functions/cart/Cargo.toml", "targets": []},
                {"id": "mailer 1", "name": "mailer", "manifest_path": "/r/functions/mailer/Cargo.toml", "targets": []},
                {"id": "db 1", "name": "db", "manifest_path": "/r/shared/db/Cargo.toml", "targets": []},
                {"id": "sdk 1", "name": "aws-sdk-ses", "manifest_path": "/x/aws-sdk-ses/Cargo.toml", "targets": []}
            ],
            "resolve": {"nodes": [
                {"id": "cart 1", "deps": [
                    {"pkg": "db 1", "dep_kinds": [{"kind": null}]},
                    {"pkg": "sdk 1", "dep_kinds": [{"kind": "dev"}]}
                ]},
                {"id": "mailer 1", "deps": [{"pkg": "sdk 1", "dep_kinds": [{"kind": null}]}]},
                {"id": "db 1", "deps": []},
                {"id": "sdk 1", "deps": []}
            ]}
        }))
        .unwrap()
    }

    #[test]
    fn packages_are_found_by_folder() {
        let repo = Repo {
            root: PathBuf::from("/r"),
        };
        assert_eq!(workspace().packages_in(&repo, "functions"), ["cart", "mailer"]);
        assert_eq!(workspace().packages_in(&repo, "shared"), ["db"]);
    }

    #[test]
    fn a_development_dependency_is_not_linked() {
        let is_sdk = |name: &str| name.starts_with("aws-sdk-");
        assert!(workspace().links("mailer", is_sdk));
        assert!(!workspace().links("cart", is_sdk));
        assert!(workspace().depends_directly("cart", "aws-sdk-ses"));
        assert!(!workspace().depends_directly("mailer", "db"));
    }

    #[test]
    fn variables_of_the_outer_cargo_are_told_from_settings_of_the_person() {
        assert!(is_set_by_cargo_run("CARGO_PKG_NAME"));
        assert!(is_set_by_cargo_run("CARGO_MANIFEST_DIR"));
        assert!(!is_set_by_cargo_run("CARGO_TARGET_DIR"));
        assert!(!is_set_by_cargo_run("CARGO_TERM_COLOR"));
    }
}
