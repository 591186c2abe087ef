//! The official Node.js library against the simulator: what it accepts and what it refuses must be what the real
//! gateway gives it.

use std::path::Path;

use midtrans_simulator::{Config, Simulator};
use simulator::OfficialClient;

#[tokio::test]
async fn the_official_library_finds_nothing_unusual() {
    let config = Config::default();
    let simulator = Simulator::start(config.clone()).await.unwrap();
    let client = OfficialClient {
        script: &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node/official_client.mjs"),
        modules: "GIGGLEFEST_NODE_MODULES_MIDTRANS",
        settings: &[
            ("MIDTRANS_SIMULATOR_URL", simulator.url()),
            ("MIDTRANS_SIMULATOR_SERVER_KEY", &config.server_key),
            ("MIDTRANS_SIMULATOR_CLIENT_KEY", &config.client_key),
        ],
    };
    if let Err(problem) = client.run().await {
        panic!("{problem}");
    }
    simulator.shutdown().await;
}
