use crate::App;
use bytes::Bytes;
use db::webhook_deliveries::{Outcome, Try};
use domain::Timestamp;
use domain::destination::WebAddress;
use http::{Request, header};
use outbound::Limits;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;

/// Time for one try, from looking the name up to the last byte that is read.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of an answer that are read.
const LARGEST_ANSWER: usize = 4_096;

/// Characters of an answer that are kept, so that the owner of the endpoint sees what it said.
const KEPT: usize = 1_000;

/// Characters of what went wrong that are kept.
const LONGEST_ERROR: usize = 200;

/// Sends a message once and tells what came of it. Nothing here is an error of ours: whatever goes wrong is the endpoint's.
pub(crate) async fn call(app: &App, tried: &Try, now: Timestamp) -> Outcome {
    let begun = Instant::now();
    let answer = tokio::time::timeout(TIMEOUT, send(app, tried, now)).await;
    let duration_ms = u32::try_from(begun.elapsed().as_millis()).unwrap_or(u32::MAX);
    let outcome = Outcome {
        duration_ms,
        ..Outcome::default()
    };
    match answer.unwrap_or_else(|_| Err(format!("no answer within {} seconds", TIMEOUT.as_secs()))) {
        Ok((status, body)) => Outcome {
            status: Some(status),
            body: Some(readable(&body)),
            ..outcome
        },
        Err(error) => Outcome {
            error: Some(error.chars().take(LONGEST_ERROR).collect()),
            ..outcome
        },
    }
}

async fn send(app: &App, tried: &Try, now: Timestamp) -> Result<(u16, Bytes), String> {
    // Judged again: what was typed under other rules, or changed past the program, is not called.
    let address = WebAddress::parse(&tried.url).map_err(|problem| format!("the address {problem}"))?;
    let forbidden = |why: domain::destination::Forbidden| format!("the address {}", why.as_str());
    app.reach.check(&address).map_err(forbidden)?;
    let numbers = numbers(app, &address).await?;
    for number in &numbers {
        app.reach.check_number(&address, *number).map_err(forbidden)?;
    }
    let at = now.unix_seconds();
    let signature = runtime::webhook::sign(&tried.secrets, &tried.message_id, at, &tried.payload);
    let request = Request::post(address.as_str())
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, "GiggleFest-Webhooks/1")
        .header("webhook-id", &tried.message_id)
        .header("webhook-timestamp", at)
        .header("webhook-signature", signature)
        .body(Bytes::from(tried.payload.clone()))
        .map_err(|error| format!("the address is none: {error}"))?;
    let limits = Limits {
        timeout: TIMEOUT,
        largest_answer: LARGEST_ANSWER,
    };
    let answer = app.outbound.send_to(request, numbers, limits).await;
    let answer = answer.map_err(|error| chain(&error))?;
    Ok((answer.status().as_u16(), answer.into_body()))
}

/// Where the host of an address is, looked up this once.
async fn numbers(app: &App, address: &WebAddress) -> Result<Vec<IpAddr>, String> {
    let numbers = match (address.number(), address.name()) {
        (Some(number), _) => vec![number],
        (None, Some(name)) => {
            let found = app.names.numbers_of(name).await;
            found.map_err(|_| "the host of the address is not known".to_owned())?
        }
        (None, None) => Vec::new(),
    };
    if numbers.is_empty() {
        return Err("the host of the address is not known".to_owned());
    }
    Ok(numbers)
}

/// The causes of an error on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// The beginning of a body as text without control characters.
fn readable(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let plain = text
        .chars()
        .map(|c| if c.is_control() && c != '\n' { ' ' } else { c });
    plain.take(KEPT).collect()
}
