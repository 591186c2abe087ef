//! `cargo lambda watch` and `cargo lambda invoke` work on this workspace: the router in the top `Cargo.toml`, the environment
//! that `cargo xtask env` writes, and every event file.

use acceptance::{Api, Fleet, eventually};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use std::fs::File;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// The compiler may have to build the function first.
const PATIENCE: Duration = Duration::from_secs(300);

/// A running `cargo lambda watch` with what it started.
struct Watch {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl Watch {
    fn start(root: &Path, program: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let log = root.join(".local/logs/cargo-lambda.log");
        let output = File::create(&log).unwrap();
        let child = clean(program, root)
            .args([
                "lambda",
                "watch",
                "--ignore-changes",
                "--env-file",
                ".local/lambda.env",
            ])
            .args([
                "--invoke-address",
                "127.0.0.1",
                "--invoke-port",
                &port.to_string(),
            ])
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        Self { child, port, log }
    }

    fn told(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let group = Pid::from_child(&self.child);
        let _ = kill_process_group(group, Signal::INT);
        for _ in 0..100 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = kill_process_group(group, Signal::KILL);
        let _ = self.child.wait();
    }
}

/// A program without what an outer `cargo` put into the environment, which would make it build everything again.
fn clean(program: &Path, root: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root);
    for (name, _) in std::env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        if name.starts_with("CARGO_PKG_")
            || ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_CRATE_NAME"].contains(&name)
        {
            command.env_remove(name);
        }
    }
    command
}

fn run(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{command:?} ended with {}: {}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

#[tokio::test]
async fn functions_answer_through_the_router_and_to_every_event_file() {
    let fleet = Fleet::running();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap();
    let program = fleet.local.join("tools/python/bin/cargo-lambda");
    let cargo = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    run(clean(&cargo, &root).args(["run", "--quiet", "--package", "xtask", "--", "env"]));
    // `watch` builds by the same selection, the workspace's default members, and so finds the functions built.
    run(clean(&cargo, &root).arg("build"));

    let mut watch = Watch::start(&root, &program);
    answers_through_the_router(&mut watch, &fleet.stranger()).await;
    for file in event_files(&root.join("events")) {
        answers_to_event(&program, &root, &watch, &file);
    }
}

async fn answers_through_the_router(watch: &mut Watch, stranger: &Api) {
    let url = format!("http://127.0.0.1:{}/api/v1/categories", watch.port);
    let listed = eventually("the function answers through the router", PATIENCE, async || {
        assert!(
            watch.child.try_wait().unwrap().is_none(),
            "it ended: {}",
            watch.told()
        );
        let request = stranger.request("GET", &format!("{url}?search=Music&limit=1"));
        let answer = request.timeout(Duration::from_secs(120)).send().await.ok()?;
        assert_eq!(answer.status().as_u16(), 200, "{}", watch.told());
        answer.text().await.ok()
    })
    .await;
    let through_the_fleet = stranger.get("/categories?search=Music&limit=1").await;
    assert_eq!(
        listed,
        through_the_fleet.text(),
        "both stand on the same database"
    );
    let missing = stranger.get(&format!("{url}/999999999")).await;
    assert_eq!(missing.error(404), "not_found", "a path below is routed, too");
}

/// All files below a folder of `events/`, in their order.
fn event_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(event_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Calls the function that a file is for, as `events/README.md` says, and looks at the kind of its answer.
fn answers_to_event(program: &Path, root: &Path, watch: &Watch, file: &Path) {
    let file = file.strip_prefix(root).unwrap().to_str().unwrap();
    let parts: Vec<&str> = file.trim_end_matches(".json").split('/').collect();
    let function = match parts[..] {
        [_, "http", function, _] | [_, "schedule", function] => function,
        [_, "sqs", "payment-notifications" | "refunds", _] => "payment-worker",
        [_, "sqs", "mail" | "promotions", _] => "mailer",
        [_, "sqs", "mail-events", _] => "mail-events",
        [_, "sqs", "media", _] => "media-worker",
        [_, "sqs", "webhooks", _] => "webhook-sender",
        [_, "sqs", "notices", _] => "notifier",
        [_, "websocket", _] => "realtime",
        [_, "migrate", _] => "migrate",
        _ => panic!("{file} is for no function"),
    };
    let mut invoke = clean(program, root);
    invoke
        .args(["lambda", "invoke", function, "--data-file", file])
        .args(["--invoke-address", "127.0.0.1"])
        .args(["--invoke-port", &watch.port.to_string()]);
    let told = String::from_utf8(run(&mut invoke).stdout).unwrap();
    let answer: Value = serde_json::from_str(&told).unwrap_or_else(|error| panic!("{file}: {error}: {told}"));
    match parts[1] {
        "http" | "websocket" => {
            let status = answer["statusCode"].as_u64().unwrap();
            assert!((200..500).contains(&status), "{file}: {told}");
        }
        "sqs" => assert!(answer["batchItemFailures"].is_array(), "{file}: {told}"),
        "migrate" => assert!(answer.is_object(), "{file}: {told}"),
        _ => {}
    }
}
