//! Runs one simulator until it is told to end.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use midtrans_simulator::{Config, Simulator};

/// A stateful simulator of the Midtrans payment gateway. No real money.
#[derive(Parser)]
#[command(version)]
struct Flags {
    /// Address to listen on
    #[arg(long, env = "MIDTRANS_SIMULATOR_LISTEN", default_value = "127.0.0.1:4700")]
    listen: SocketAddr,
    /// Server key that clients must send and that signs notifications
    #[arg(
        long,
        env = "MIDTRANS_SIMULATOR_SERVER_KEY",
        default_value = "SB-Mid-server-TESTKEY",
        hide_env_values = true
    )]
    server_key: String,
    /// Client key of the browser
    #[arg(
        long,
        env = "MIDTRANS_SIMULATOR_CLIENT_KEY",
        default_value = "SB-Mid-client-TESTKEY",
        hide_env_values = true
    )]
    client_key: String,
    /// Merchant id in answers and notifications
    #[arg(long, env = "MIDTRANS_SIMULATOR_MERCHANT_ID", default_value = "G000000001")]
    merchant_id: String,
    /// Payment Notification URL (http:// only)
    #[arg(long, env = "MIDTRANS_SIMULATOR_NOTIFICATION_URL")]
    notification_url: Option<String>,
    /// Where browsers reach the simulator [default: http://<listen>]
    #[arg(long, env = "MIDTRANS_SIMULATOR_PUBLIC_URL")]
    public_url: Option<String>,
    /// Where the payment page leads at the end unless the transaction has callbacks.finish
    #[arg(long, env = "MIDTRANS_SIMULATOR_FINISH_URL")]
    finish_url: Option<String>,
    /// Factor for the real retry intervals of notifications
    #[arg(long, env = "MIDTRANS_SIMULATOR_RETRY_SCALE", default_value_t = 0.01)]
    retry_scale: f64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    simulator::exit_code("midtrans-simulator", run().await)
}

async fn run() -> io::Result<()> {
    let flags = Flags::parse();
    let config = Config {
        listen: flags.listen,
        server_key: flags.server_key,
        client_key: flags.client_key,
        merchant_id: flags.merchant_id,
        notification_url: flags.notification_url,
        public_url: flags.public_url,
        finish_url: flags.finish_url,
        retry_scale: flags.retry_scale,
        ..Config::default()
    };
    let simulator = Simulator::start(config).await?;
    simulator::until_told_to_end(format_args!(
        "Midtrans simulator at {} (no real money)",
        simulator.url()
    ))
    .await?;
    simulator.shutdown().await;
    Ok(())
}
