//! The official Node.js library against the simulator: what it accepts and what it refuses must be what ImageKit gives it.

use std::path::Path;

use imagekit_simulator::{Config, Simulator};
use simulator::OfficialClient;

#[tokio::test]
async fn the_official_library_finds_nothing_unusual() {
    let simulator = Simulator::start(Config::default()).await.unwrap();
    let client = OfficialClient {
        script: &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node/official_client.mjs"),
        modules: "GIGGLEFEST_NODE_MODULES_IMAGEKIT",
        settings: &[
            ("IMAGEKIT_SIMULATOR_URL", simulator.url()),
            ("IMAGEKIT_SIMULATOR_ENDPOINT", simulator.endpoint()),
        ],
    };
    if let Err(problem) = client.run().await {
        panic!("{problem}");
    }
    simulator.shutdown().await;
}
