//! The official Node.js library against the simulator: what it accepts and what it refuses must be what ImageKit gives it.
#![expect(clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

use imagekit_simulator::{Config, Simulator};

/// A setting of `cargo xtask test`, which installs Node and the library. The test never skips itself.
fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set. This test needs Node and the official ImageKit library; run `cargo xtask test`, which \
             installs both, or set GIGGLEFEST_NODE to a node binary and GIGGLEFEST_NODE_MODULES_IMAGEKIT to a folder \
             in which `npm ci` was run with the lock file of infra/imagekit-simulator/tests/node"
        )
    })
}

#[tokio::test]
async fn the_official_library_finds_nothing_unusual() {
    let (node, modules) = (
        setting("GIGGLEFEST_NODE"),
        setting("GIGGLEFEST_NODE_MODULES_IMAGEKIT"),
    );
    let simulator = Simulator::start(Config::default()).await.unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node/official_client.mjs");
    let mut command = Command::new(&node);
    command
        .arg(script)
        .env("IMAGEKIT_SIMULATOR_URL", simulator.url())
        .env("IMAGEKIT_SIMULATOR_ENDPOINT", simulator.endpoint())
        .env("GIGGLEFEST_NODE_MODULES_IMAGEKIT", modules)
        .env("NO_PROXY", "127.0.0.1");
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap();
    let output = output.unwrap_or_else(|error| panic!("cannot run {node}: {error}"));
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}\n{err}");
    simulator.shutdown().await;
}
