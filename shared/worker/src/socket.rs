//! Functions behind a WebSocket API: somebody connects, says something, goes.

use domain::{Error, Kind};
use lambda_runtime::{LambdaEvent, service_fn};
use runtime::{BootError, Env};
use std::collections::HashMap;

/// What the gateway hands over.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SocketEvent {
    request_context: Context,
    #[serde(default)]
    query_string_parameters: Option<HashMap<String, String>>,
    #[serde(default)]
    body: Option<String>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    connection_id: String,
    event_type: EventType,
    #[serde(default)]
    identity: Identity,
}

#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum EventType {
    Connect,
    Message,
    Disconnect,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    #[serde(default)]
    source_ip: String,
}

/// Somebody who wants to connect.
#[derive(Debug)]
pub struct Visitor<'a> {
    /// What the gateway will call the connection.
    pub connection: &'a str,
    /// The address they come from.
    pub ip: &'a str,
    /// The ticket in the address, if there is one.
    pub ticket: Option<&'a str>,
}

/// What the gateway is answered: a status that lets somebody in or not, or a text for the connection.
#[derive(Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SocketAnswer {
    /// As in HTTP.
    pub status_code: u16,
    /// What the connection is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// Serves the connections of a WebSocket API.
pub trait Sockets: Send + Sync + 'static {
    /// Lets somebody in.
    ///
    /// # Errors
    /// Why not; its kind becomes the status of the handshake.
    fn connect(&self, visitor: &Visitor<'_>) -> impl Future<Output = Result<(), Error>> + Send;

    /// Answers what a connection says.
    ///
    /// # Errors
    /// If there is nothing that could be answered, which would be a mistake of ours.
    fn answer(&self, connection: &str, text: &str) -> impl Future<Output = Result<String, Error>> + Send;

    /// Forgets a connection that has ended.
    ///
    /// # Errors
    /// If that cannot be written down.
    fn disconnect(&self, connection: &str) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Serves connections until the environment ends.
///
/// # Errors
/// If it cannot start.
pub async fn run_sockets<S: Sockets>(
    boot: impl AsyncFnOnce(Env) -> Result<S, BootError>,
) -> Result<(), lambda_runtime::Error> {
    runtime::telemetry::init();
    let sockets = boot(Env::load().await?).await?;
    let sockets = &sockets;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SocketEvent>| {
        // Boxed for the same reason as a batch.
        Ok::<_, lambda_runtime::Error>(Box::pin(handle_socket(sockets, event.payload)).await)
    }))
    .await
}

/// Handles one event of a connection.
pub async fn handle_socket<S: Sockets>(sockets: &S, event: SocketEvent) -> SocketAnswer {
    let connection = event.request_context.connection_id.as_str();
    let done = match event.request_context.event_type {
        EventType::Connect => {
            let query = event.query_string_parameters.as_ref();
            let visitor = Visitor {
                connection,
                ip: &event.request_context.identity.source_ip,
                ticket: query.and_then(|query| query.get("ticket")).map(String::as_str),
            };
            sockets.connect(&visitor).await.map(|()| None)
        }
        EventType::Message => {
            let text = event.body.as_deref().unwrap_or_default();
            sockets.answer(connection, text).await.map(Some)
        }
        EventType::Disconnect => sockets.disconnect(connection).await.map(|()| None),
    };
    match done {
        Ok(body) => SocketAnswer {
            status_code: 200,
            body,
        },
        Err(error) => {
            log(&error);
            SocketAnswer {
                status_code: status(error.kind),
                body: None,
            }
        }
    }
}

fn log(error: &Error) {
    let cause = error
        .internal
        .as_ref()
        .map(domain::error::Internal::chain)
        .unwrap_or_default();
    match error.kind {
        Kind::Internal => tracing::error!(code = error.code, cause, "a connection failed"),
        Kind::Unavailable => tracing::warn!(code = error.code, cause, "a connection failed for now"),
        _ => tracing::info!(code = error.code, "a connection was refused"),
    }
}

const fn status(kind: Kind) -> u16 {
    match kind {
        Kind::Invalid => 400,
        Kind::Unauthenticated => 401,
        Kind::Forbidden => 403,
        Kind::NotFound => 404,
        Kind::MethodNotAllowed => 405,
        Kind::Conflict => 409,
        Kind::TooLarge => 413,
        Kind::UnsupportedMedia => 415,
        Kind::RateLimited => 429,
        Kind::Unavailable => 503,
        Kind::Internal => 500,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Log(Mutex<Vec<String>>);

    impl Sockets for Log {
        async fn connect(&self, visitor: &Visitor<'_>) -> Result<(), Error> {
            let ticket = visitor
                .ticket
                .ok_or_else(|| Error::unauthenticated("No ticket"))?;
            let line = format!("{} from {} with {ticket}", visitor.connection, visitor.ip);
            self.0.lock().unwrap().push(line);
            Ok(())
        }

        async fn answer(&self, connection: &str, text: &str) -> Result<String, Error> {
            Ok(format!("{connection}: {text}"))
        }

        async fn disconnect(&self, connection: &str) -> Result<(), Error> {
            self.0.lock().unwrap().push(format!("{connection} goes"));
            Ok(())
        }
    }

    async fn handle(log: &Log, event: serde_json::Value) -> SocketAnswer {
        handle_socket(log, serde_json::from_value(event).unwrap()).await
    }

    #[tokio::test]
    async fn somebody_comes_talks_and_goes() {
        let log = Log::default();
        let context = |kind: &str| {
            serde_json::json!({
                "connectionId": "c1", "eventType": kind, "routeKey": "$default", "identity": {"sourceIp": "192.0.2.7"},
            })
        };
        let connect = serde_json::json!({
            "requestContext": context("CONNECT"), "queryStringParameters": {"ticket": "t"}, "isBase64Encoded": false,
        });
        assert_eq!(handle(&log, connect).await.status_code, 200);
        let stranger =
            serde_json::json!({"requestContext": context("CONNECT"), "queryStringParameters": null});
        assert_eq!(handle(&log, stranger).await.status_code, 401);
        let message = serde_json::json!({"requestContext": context("MESSAGE"), "body": "hello"});
        assert_eq!(handle(&log, message).await.body.as_deref(), Some("c1: hello"));
        let gone = serde_json::json!({"requestContext": context("DISCONNECT")});
        assert_eq!(handle(&log, gone).await.body, None);
        assert_eq!(*log.0.lock().unwrap(), ["c1 from 192.0.2.7 with t", "c1 goes"]);
    }
}
