//! The services beside PostgreSQL: the AWS emulator, the mailbox, the simulators of the payment and image services.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::http;
use crate::ports::Ports;
use crate::process::{Processes, Service, isolate};
use crate::repo::Repo;
use crate::settings::{IMAGEKIT_ID, REGION, Secrets, aws_endpoint};
use crate::text::hex_sha256;
use crate::tools::{NodePackages, Tools};

/// Services in the order in which they start; they stop in the opposite one.
pub const ORDER: [&str; 5] = [
    "postgres",
    "mailbox",
    "midtrans-simulator",
    "imagekit-simulator",
    "emulator",
];

/// Id of the HTTP API, which the localized template pins (`HTTP_API_ID` in `python/localize.py`).
const HTTP_API_ID: &str = "gigglefest";

fn clean_command(repo: &Repo, program: &Path) -> Result<Command> {
    let mut command = Command::new(program);
    isolate(repo, &mut command)?;
    Ok(command)
}

/// A service whose fingerprint covers its command line, its environment and the given files.
fn service(name: &'static str, command: Command, files: &[&Path]) -> Result<Service> {
    let mut all = format!("{command:?}").into_bytes();
    for file in files {
        all.extend(fs::read(file).with_context(|| format!("cannot read {}", file.display()))?);
    }
    Ok(Service {
        name,
        command,
        fingerprint: hex_sha256(&all),
    })
}

/// The AWS emulator with the front door.
///
/// # Errors
/// When its launcher cannot be read.
pub fn emulator(repo: &Repo, tools: &Tools, ports: &Ports, enforce_iam: bool) -> Result<Service> {
    let launcher = repo.python_source("emulator.py");
    let lock = repo.root.join("infra/local/tools/python/requirements.txt");
    let mut command = clean_command(repo, &tools.program("python"))?;
    command
        .arg(&launcher)
        .env("GATEWAY_PORT", ports.aws.to_string())
        .env("BIND_HOST", "127.0.0.1")
        .env("FRONT_DOOR_PORT", ports.api.to_string())
        .env("FRONT_DOOR_API", HTTP_API_ID)
        .env("FUNCTION_LOGS", repo.local("logs/functions"))
        .env("AWS_ENDPOINT_URL", aws_endpoint(ports))
        .env("MINISTACK_REGION", REGION)
        .env("SMTP_HOST", format!("127.0.0.1:{}", ports.smtp))
        // Idle execution environments each hold a database connection.
        .env("LAMBDA_WARM_TTL_SECONDS", "60")
        .env("AUTH", if enforce_iam { "true" } else { "false" })
        .env("LOG_LEVEL", "WARNING")
        // Its defaults lie in the system's directory for temporary files, which other users and fleets share.
        .env("STATE_DIR", repo.local("tmp/emulator"))
        .env("S3_DATA_DIR", repo.local("tmp/emulator/s3"))
        .env("SFTP_ENABLED", "0")
        .env("IOT_MTLS_ENABLED", "0")
        // The template asks for JSON logs; the emulator does not tell the functions.
        .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONUNBUFFERED", "1")
        .env("RUST_BACKTRACE", "1");
    service("emulator", command, &[&launcher, &lock])
}

/// The mailbox: takes mail by SMTP, shows it on a page and by a REST API.
///
/// # Errors
/// When it is not installed.
pub fn mailbox(repo: &Repo, tools: &Tools, ports: &Ports) -> Result<Service> {
    let program = tools
        .node_modules(NodePackages::Fleet)
        .join("maildev/dist/bin/maildev.js");
    let mut command = clean_command(repo, &tools.node()?)?;
    command.arg(&program).args([
        "--ip",
        "127.0.0.1",
        "--web-ip",
        "127.0.0.1",
        "--max-emails",
        "5000",
    ]);
    command.args([
        "--smtp",
        &ports.smtp.to_string(),
        "--web",
        &ports.mailbox.to_string(),
    ]);
    service("mailbox", command, &[&program])
}

/// The payment provider's simulator, which `cargo build` has made.
///
/// # Errors
/// When the binary is missing.
pub fn midtrans(repo: &Repo, binary: &Path, ports: &Ports, secrets: &Secrets) -> Result<Service> {
    let mut command = clean_command(repo, binary)?;
    let api = format!("http://127.0.0.1:{}/api/v1", ports.api);
    command
        .args(["--listen", &format!("127.0.0.1:{}", ports.midtrans)])
        .args(["--server-key", &secrets.midtrans_server_key])
        .args(["--client-key", &secrets.midtrans_client_key])
        .args(["--notification-url", &format!("{api}/payments/notifications")])
        .args(["--public-url", &format!("http://localhost:{}", ports.midtrans)])
        .args([
            "--finish-url",
            &format!("http://localhost:{}/payment/finish", ports.api),
        ])
        .args(["--retry-scale", "0.01"]);
    service("midtrans-simulator", command, &[binary])
}

/// The image service's simulator, which `cargo build` has made.
///
/// # Errors
/// When the binary is missing.
pub fn imagekit(repo: &Repo, binary: &Path, ports: &Ports, secrets: &Secrets) -> Result<Service> {
    let mut command = clean_command(repo, binary)?;
    command
        .args(["--listen", &format!("127.0.0.1:{}", ports.imagekit)])
        .args(["--private-key", &secrets.imagekit_private_key])
        .args(["--id", IMAGEKIT_ID])
        .args(["--public-url", &format!("http://localhost:{}", ports.imagekit)]);
    service("imagekit-simulator", command, &[binary])
}

/// Waits for a service that answers `GET <path>` with 200.
///
/// # Errors
/// When it ends or is not ready within half a minute.
pub fn wait_for_http(processes: &Processes, name: &str, port: u16, path: &str) -> Result<()> {
    processes.wait_until(name, Duration::from_secs(30), || {
        http::get_status(port, path).is_ok_and(|s| s == 200)
    })
}
