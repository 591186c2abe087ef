//! Runs one simulator until it is told to end.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use imagekit_simulator::{Config, Simulator};

/// A stateful simulator of ImageKit.
#[derive(Parser)]
#[command(version)]
struct Flags {
    /// Address to listen on
    #[arg(long, env = "IMAGEKIT_SIMULATOR_LISTEN", default_value = "127.0.0.1:4800")]
    listen: SocketAddr,
    /// Private key that clients must send and that signs URLs
    #[arg(
        long,
        env = "IMAGEKIT_SIMULATOR_PRIVATE_KEY",
        default_value = "private_TESTKEY",
        hide_env_values = true
    )]
    private_key: String,
    /// Id of the account, the first part of the path of a delivery URL
    #[arg(long, env = "IMAGEKIT_SIMULATOR_ID", default_value = "gigglefest")]
    id: String,
    /// Where browsers reach the simulator [default: http://<listen>]
    #[arg(long, env = "IMAGEKIT_SIMULATOR_PUBLIC_URL")]
    public_url: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    simulator::exit_code("imagekit-simulator", run().await)
}

async fn run() -> io::Result<()> {
    let flags = Flags::parse();
    let config = Config {
        listen: flags.listen,
        private_key: flags.private_key,
        imagekit_id: flags.id,
        public_url: flags.public_url,
    };
    let simulator = Simulator::start(config).await?;
    simulator::until_told_to_end(format_args!("ImageKit simulator at {}", simulator.url())).await?;
    simulator.shutdown().await;
    Ok(())
}
