//! The program: flags, environment, signals.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use crate::support::call;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_midtrans-simulator"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Starts the program and reads its address from the first line it prints.
fn start(command: &mut Command) -> (Child, String) {
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    let url = line.split_whitespace().find(|word| word.starts_with("http://"));
    (
        child,
        url.unwrap_or_else(|| panic!("no address in {line:?}")).to_owned(),
    )
}

#[tokio::test]
async fn it_serves_until_it_is_told_to_end() {
    for signal in ["TERM", "INT"] {
        let (mut child, url) = start(program().args(["--listen", "127.0.0.1:0"]));
        let health = call("GET", &format!("{url}/admin/health"), &[], "")
            .await
            .unwrap();
        assert_eq!((health.status, &health.json()["status"]), (200, &"ok".into()));
        let sent = Command::new("kill")
            .args([&format!("-{signal}"), &child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        assert!(child.wait().unwrap().success(), "SIG{signal} is a clean end");
    }
}

#[tokio::test]
async fn settings_come_from_flags_and_environment() {
    let mut command = program();
    command.args([
        "--listen",
        "127.0.0.1:0",
        "--public-url",
        "http://pay.example.test",
    ]);
    command.env("MIDTRANS_SIMULATOR_SERVER_KEY", "SB-Mid-server-abc123cde456");
    let (mut child, url) = start(&mut command);
    let headers = [("authorization", "Basic U0ItTWlkLXNlcnZlci1hYmMxMjNjZGU0NTY6")];
    let body = r#"{"transaction_details": {"order_id": "A", "gross_amount": 1}}"#;
    let reply = call("POST", &format!("{url}/snap/v1/transactions"), &headers, body).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let reply = reply.unwrap();
    assert_eq!(reply.status, 201, "{}", reply.text);
    assert!(
        reply.json()["redirect_url"]
            .as_str()
            .unwrap()
            .starts_with("http://pay.example.test/snap/")
    );
}

#[test]
fn a_busy_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut child = program().args(["--listen", &address]).spawn().unwrap();
    let mut complaint = String::new();
    child
        .stderr
        .as_mut()
        .unwrap()
        .read_to_string(&mut complaint)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(
        complaint.starts_with(&format!("midtrans-simulator: cannot listen on {address}: ")),
        "{complaint}"
    );
}
