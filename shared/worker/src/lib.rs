//! Functions that no client calls by HTTP: consumers of queues, jobs of a schedule, and what is behind a WebSocket API.
//!
//! A batch never fails as a whole. Every record is decoded and consumed on its own, a panic of one is caught, and only
//! those that failed are reported, so that SQS delivers them again and at last moves them to the dead-letter queue.

mod socket;

pub use socket::{SocketAnswer, SocketEvent, Sockets, Visitor, handle_socket, run_sockets};

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use domain::{Error, Kind};
use futures_util::FutureExt as _;
use lambda_runtime::{LambdaEvent, service_fn};
use runtime::{BootError, Env};
use std::panic::AssertUnwindSafe;

/// A message as SQS delivered it.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// SQS's id of the message, by which a failure is reported.
    pub message_id: String,
    /// The text of the message.
    pub body: String,
    /// How often it was delivered, this time included.
    pub receive_count: u32,
}

/// Consumes the messages of a queue.
pub trait Consumer: Send + Sync + 'static {
    /// Does what a message asks for. Deliveries repeat, so the effect must be idempotent.
    ///
    /// # Errors
    /// Any error means: deliver it again, and after the last time move it to the dead-letter queue.
    fn consume(&self, record: &Record) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Runs a consumer until its environment ends.
///
/// # Errors
/// If it cannot start.
pub async fn run_queue<C: Consumer>(
    boot: impl AsyncFnOnce(Env) -> Result<C, BootError>,
) -> Result<(), lambda_runtime::Error> {
    runtime::telemetry::init();
    let consumer = boot(Env::load().await?).await?;
    let consumer = &consumer;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        // Boxed, because the runtime's own layers over a consumer with database and HTTP calls nest futures deeper than
        // the compiler looks into by default.
        Ok::<_, lambda_runtime::Error>(Box::pin(handle_batch(consumer, event.payload)).await)
    }))
    .await
}

/// Consumes a batch, record by record, and reports those that failed.
pub async fn handle_batch<C: Consumer>(consumer: &C, event: SqsEvent) -> SqsBatchResponse {
    let mut failures = Vec::new();
    for message in event.records {
        let receive_count = message
            .attributes
            .get("ApproximateReceiveCount")
            .and_then(|count| count.parse().ok());
        let record = Record {
            message_id: message.message_id.unwrap_or_default(),
            body: message.body.unwrap_or_default(),
            receive_count: receive_count.unwrap_or(1),
        };
        let outcome = AssertUnwindSafe(consumer.consume(&record)).catch_unwind().await;
        let error = match outcome {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error,
            Err(_) => Error::internal("the consumer panicked"),
        };
        let cause = error
            .internal
            .as_ref()
            .map(domain::error::Internal::chain)
            .unwrap_or_default();
        let (message_id, receive_count) = (record.message_id.as_str(), record.receive_count);
        if error.kind == Kind::Unavailable {
            tracing::warn!(
                message_id,
                receive_count,
                code = error.code,
                cause,
                "message will be delivered again"
            );
        } else {
            tracing::error!(
                message_id,
                receive_count,
                code = error.code,
                cause,
                "message failed"
            );
        }
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = record.message_id;
        failures.push(failure);
    }
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failures;
    response
}

/// Reads the envelope of a message.
///
/// # Errors
/// `undecodable` if it is not the JSON of that type: repeating does not help, the dead-letter queue keeps it for people.
pub fn decode<T: serde::de::DeserializeOwned>(body: &str) -> Result<T, Error> {
    serde_json::from_str(body).map_err(|error| {
        Error::invalid("undecodable", "The message is not of the expected form").because(error)
    })
}

/// A job that a schedule or an operator starts.
pub trait Job: Send + Sync + 'static {
    /// What it is told; a schedule tells nothing.
    type Order: serde::de::DeserializeOwned + Send;
    /// What it reports.
    type Report: serde::Serialize;

    /// Does the job once. Two runs at a time must not disturb each other.
    ///
    /// # Errors
    /// What went wrong; the invocation fails then and is told in the log.
    fn run(&self, order: Self::Order) -> impl Future<Output = Result<Self::Report, Error>> + Send;
}

/// Runs a job at each invocation until its environment ends.
///
/// # Errors
/// If it cannot start.
pub async fn run_job<J: Job>(
    boot: impl AsyncFnOnce(Env) -> Result<J, BootError>,
) -> Result<(), lambda_runtime::Error> {
    runtime::telemetry::init();
    let job = boot(Env::load().await?).await?;
    let job = &job;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<J::Order>| {
        // Boxed for the same reason as a batch above.
        Box::pin(job.run(event.payload)).await.map_err(|error| {
            let cause = error
                .internal
                .as_ref()
                .map(domain::error::Internal::chain)
                .unwrap_or_default();
            tracing::error!(code = error.code, cause, "job failed");
            lambda_runtime::Error::from(error)
        })
    }))
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    struct Picky(Mutex<Vec<String>>);

    impl Consumer for Picky {
        async fn consume(&self, record: &Record) -> Result<(), Error> {
            self.0.lock().unwrap().push(record.body.clone());
            match record.body.as_str() {
                "panic" => panic!("as asked"),
                "bad" => decode::<u32>("x").map(|_| ()),
                "down" => Err(Error::unavailable("The database", 2)),
                _ => Ok(()),
            }
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn one_bad_record_does_not_hurt_its_neighbours() {
        let records = ["a", "panic", "b", "bad", "down", "c"].map(|body| {
            serde_json::json!({
                "messageId": format!("id-{body}"), "body": body, "attributes": {}, "messageAttributes": {},
            })
        });
        let event = serde_json::json!({ "Records": records });
        let consumer = Picky(Mutex::new(Vec::new()));
        let response = handle_batch(&consumer, serde_json::from_value(event).unwrap()).await;
        let failed: Vec<_> = response
            .batch_item_failures
            .iter()
            .map(|f| f.item_identifier.as_str())
            .collect();
        assert_eq!(failed, ["id-panic", "id-bad", "id-down"]);
        assert_eq!(consumer.0.lock().unwrap().len(), 6);
    }
}
