//! What the repository says about itself: its folders, `template.yaml`, `Cargo.toml`.

use crate::gateway::Target;
use anyhow::{Context as _, Result};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the API document stands, from the root of the repository.
pub const OPENAPI: &str = "functions/docs/openapi.json";

/// Where the document of the WebSocket API stands, from the root of the repository.
pub const ASYNCAPI: &str = "functions/docs/asyncapi.json";

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Names of the entries of a folder, sorted.
///
/// # Errors
/// If it cannot be read.
pub fn entries(folder: &str) -> Result<Vec<String>> {
    let path = root().join(folder);
    let mut names = fs::read_dir(&path)
        .and_then(|entries| {
            entries
                .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
                .collect::<std::io::Result<Vec<_>>>()
        })
        .with_context(|| format!("{folder} cannot be read"))?;
    names.sort();
    Ok(names)
}

/// Text of a file.
///
/// # Errors
/// If it cannot be read.
pub fn read(file: &str) -> Result<String> {
    fs::read_to_string(root().join(file)).with_context(|| format!("{file} cannot be read"))
}

/// A JSON file.
///
/// # Errors
/// If it cannot be read or is none.
pub fn read_json(file: &str) -> Result<Value> {
    serde_json::from_str(&read(file)?).with_context(|| format!("{file} is not JSON"))
}

/// A function as the template describes it.
#[derive(Debug)]
pub struct Deployed {
    /// Its name in the template.
    pub resource: String,
    /// The folder of its code under `target/lambda`.
    pub name: String,
    /// The end of its name on AWS, behind the name of the stack.
    pub function_name: String,
    /// The requests it gets.
    pub targets: Vec<Target>,
    /// Names in the template of the queues it consumes.
    pub queues: Vec<String>,
    /// Whether a schedule starts it.
    pub scheduled: bool,
    /// Whether it is behind a WebSocket API.
    pub serves_sockets: bool,
}

/// The functions of `template.yaml`.
///
/// # Errors
/// If it cannot be read, or a function is described otherwise than the others.
pub fn deployed() -> Result<Vec<Deployed>> {
    let template: Value =
        serde_saphyr::from_str(&read("template.yaml")?).context("template.yaml is not YAML")?;
    let resources = template
        .get("Resources")
        .and_then(Value::as_object)
        .context("template.yaml has no Resources")?;
    let behind_sockets = |name: &str| {
        let arn = format!("${{{name}.Arn}}");
        resources.values().any(|resource| {
            text(resource, "/Type") == Some("AWS::ApiGatewayV2::Integration")
                && text(resource, "/Properties/IntegrationUri").is_some_and(|uri| uri.contains(&arn))
        })
    };
    resources
        .iter()
        .filter(|(_, resource)| text(resource, "/Type") == Some("AWS::Serverless::Function"))
        .map(|(name, resource)| {
            let mut function =
                function(name, resource).with_context(|| format!("template.yaml, function {name}"))?;
            function.serves_sockets = behind_sockets(name);
            Ok(function)
        })
        .collect()
}

fn function(resource: &str, value: &Value) -> Result<Deployed> {
    let code = text(value, "/Properties/CodeUri").context("CodeUri is missing")?;
    let name = code
        .strip_prefix("target/lambda/")
        .and_then(|rest| rest.strip_suffix('/'))
        .context("CodeUri must be target/lambda/<name>/")?;
    let function_name = text(value, "/Properties/FunctionName")
        .and_then(|name| name.strip_prefix("${AWS::StackName}-"))
        .context("FunctionName must be ${AWS::StackName}-<name>")?;
    let mut deployed = Deployed {
        resource: resource.to_owned(),
        name: name.to_owned(),
        function_name: function_name.to_owned(),
        targets: Vec::new(),
        queues: Vec::new(),
        scheduled: false,
        serves_sockets: false,
    };
    let none = Map::new();
    let events = value.pointer("/Properties/Events").and_then(Value::as_object);
    for (event, value) in events.unwrap_or(&none) {
        match text(value, "/Type") {
            Some("HttpApi") => deployed.targets.push(Target {
                // An event without a path is the route of everything that has none.
                method: text(value, "/Properties/Method").unwrap_or("ANY").to_owned(),
                path: text(value, "/Properties/Path").unwrap_or("$default").to_owned(),
                function: name.to_owned(),
            }),
            Some("SQS") => {
                let queue = text(value, "/Properties/Queue").and_then(|arn| arn.strip_suffix(".Arn"));
                deployed.queues.push(
                    queue
                        .with_context(|| format!("event {event}: Queue must be the Arn of a queue"))?
                        .to_owned(),
                );
            }
            Some("ScheduleV2") => deployed.scheduled = true,
            other => anyhow::bail!("event {event} has a type that is not known here: {other:?}"),
        }
    }
    Ok(deployed)
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// The workspace as cargo describes it.
#[derive(Debug)]
pub struct Workspace {
    /// Folder of each member, from the root, and the members it depends on, tests and build scripts left out.
    pub members: BTreeMap<String, Member>,
    /// Where `cargo lambda watch` sends requests.
    pub watch: Vec<Target>,
}

/// A member of the workspace.
#[derive(Debug)]
pub struct Member {
    /// Name of the package.
    pub name: String,
    /// Names of its binaries.
    pub binaries: Vec<String>,
    /// Its library and its binaries.
    pub programs: Vec<Program>,
    /// Folders of the members it links.
    pub links: Vec<String>,
    /// Folders of the members that only its tests link.
    pub tests_link: Vec<String>,
}

/// A library or a binary of a member.
#[derive(Debug)]
pub struct Program {
    /// The file that it begins with, from the root.
    pub source: String,
    /// Whether cargo makes a program of its unit tests.
    pub is_tested: bool,
}

/// Asks cargo about the workspace.
///
/// # Errors
/// If cargo does not answer as expected.
pub fn workspace() -> Result<Workspace> {
    let root = root().canonicalize().context("the repository has no root")?;
    let output = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(&root)
        .output()
        .context("cargo does not start")?;
    anyhow::ensure!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata is not JSON")?;
    let folder = |path: &str| {
        let path = Path::new(path).strip_prefix(&root).ok()?;
        Some(path.to_string_lossy().into_owned())
    };
    let mut members = BTreeMap::new();
    for package in list(&metadata, "packages") {
        let manifest = text(package, "/manifest_path").and_then(|path| path.strip_suffix("/Cargo.toml"));
        let place = manifest
            .and_then(folder)
            .context("a package stands outside of the repository")?;
        let mut member = Member {
            name: text(package, "/name").unwrap_or_default().to_owned(),
            binaries: Vec::new(),
            programs: Vec::new(),
            links: Vec::new(),
            tests_link: Vec::new(),
        };
        for target in list(package, "targets") {
            if list(target, "kind").any(|kind| kind == "lib" || kind == "bin") {
                let source = text(target, "/src_path").and_then(folder);
                member.programs.push(Program {
                    source: source.context("a source stands outside of the repository")?,
                    is_tested: target.get("test").and_then(Value::as_bool).unwrap_or_default(),
                });
            }
            if list(target, "kind").any(|kind| kind == "bin") {
                member
                    .binaries
                    .push(text(target, "/name").unwrap_or_default().to_owned());
            }
        }
        for dependency in list(package, "dependencies") {
            let Some(place) = text(dependency, "/path").and_then(folder) else {
                continue;
            };
            match text(dependency, "/kind") {
                Some("dev") => member.tests_link.push(place),
                _ => member.links.push(place),
            }
        }
        members.insert(place, member);
    }
    let watch = metadata.pointer("/metadata/lambda/watch/router");
    let watch = watch
        .and_then(Value::as_object)
        .context("Cargo.toml has no [workspace.metadata.lambda.watch.router]")?;
    let watch = watch.iter().map(|(path, function)| {
        Ok(Target {
            method: "ANY".to_owned(),
            path: path.clone(),
            function: function
                .as_str()
                .with_context(|| format!("Cargo.toml, watch router: {path} needs the name of a function"))?
                .to_owned(),
        })
    });
    Ok(Workspace {
        members,
        watch: watch.collect::<Result<_>>()?,
    })
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}
