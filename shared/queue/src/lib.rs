//! SQS as the fleet uses it: messages of the outbox go to the queue of their name.

mod gauge;

pub use gauge::Gauge;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use domain::message::{Outgoing, Queue};
use std::sync::Mutex;

/// Most messages of one call.
const BATCH: usize = 10;

/// Why a message was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// SQS refused it or could not be reached.
    #[error("failed to send to queue {queue}")]
    Send {
        /// Name of the queue.
        queue: &'static str,
        /// What SQS said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// This function has no permission for that queue: its address is not configured.
    #[error("no address is configured for queue {0}")]
    NotConfigured(&'static str),
    /// SQS did not say how much is in a queue.
    #[error("failed to read how much is in a queue")]
    Read(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<QueueError> for domain::Error {
    fn from(error: QueueError) -> Self {
        Self::unavailable("The message queue", 5).because(error)
    }
}

/// Sends to the queues of the fleet.
pub struct Publisher(Backend);

enum Backend {
    Sqs {
        client: Client,
        urls: Vec<(Queue, String)>,
    },
    Memory(Mutex<Vec<Outgoing>>),
}

impl Publisher {
    /// The variable that holds the address of a queue: `QUEUE_MAIL_URL` for `mail`.
    pub fn variable(queue: Queue) -> String {
        format!("QUEUE_{}_URL", queue.as_str().to_uppercase().replace('-', "_"))
    }

    /// Sends through SQS to those queues whose address the look-up knows.
    pub async fn connect<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Self {
        let urls = Queue::ALL
            .into_iter()
            .filter_map(|queue| get(&Self::variable(queue)).map(|url| (queue, url.to_owned())))
            .collect();
        Self(Backend::Sqs {
            client: Client::new(&aws::config().await),
            urls,
        })
    }

    /// Keeps messages in memory, for tests of one function.
    pub const fn in_memory() -> Self {
        Self(Backend::Memory(Mutex::new(Vec::new())))
    }

    /// Takes what was sent to a publisher made by [`Publisher::in_memory`].
    pub fn take_sent(&self) -> Vec<Outgoing> {
        match &self.0 {
            Backend::Memory(sent) => sent
                .lock()
                .map(|mut sent| std::mem::take(&mut *sent))
                .unwrap_or_default(),
            Backend::Sqs { .. } => Vec::new(),
        }
    }

    /// Sends one message.
    ///
    /// # Errors
    /// If SQS does not take it.
    pub async fn send(&self, message: &Outgoing) -> Result<(), QueueError> {
        let sent = self.send_all(std::slice::from_ref(message)).await;
        match sent.failed {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Sends one message that arrives after some seconds, at most 900.
    ///
    /// # Errors
    /// If SQS does not take it.
    pub async fn send_later(&self, message: &Outgoing, seconds: u16) -> Result<(), QueueError> {
        let (client, urls) = match &self.0 {
            Backend::Memory(_) => return self.send(message).await,
            Backend::Sqs { client, urls } => (client, urls),
        };
        let queue = message.queue.as_str();
        let Some((_, url)) = urls.iter().find(|(known, _)| *known == message.queue) else {
            return Err(QueueError::NotConfigured(queue));
        };
        let request = client
            .send_message()
            .queue_url(url)
            .message_body(&message.body)
            .delay_seconds(seconds.into());
        let sent = request.send().await.map_err(|error| QueueError::Send {
            queue,
            source: error.into(),
        });
        sent.map(drop)
    }

    /// Sends messages in batches and tells which were taken. A failure of one batch does not stop the others.
    pub async fn send_all(&self, messages: &[Outgoing]) -> Sent {
        let mut sent = Sent {
            ids: Vec::with_capacity(messages.len()),
            failed: None,
        };
        match &self.0 {
            Backend::Memory(kept) => {
                if let Ok(mut kept) = kept.lock() {
                    kept.extend_from_slice(messages);
                    sent.ids.extend(messages.iter().map(|message| message.id.clone()));
                }
            }
            Backend::Sqs { client, urls } => {
                for queue in Queue::ALL {
                    let of_queue: Vec<_> = messages.iter().filter(|message| message.queue == queue).collect();
                    if of_queue.is_empty() {
                        continue;
                    }
                    let Some((_, url)) = urls.iter().find(|(known, _)| *known == queue) else {
                        sent.failed = Some(QueueError::NotConfigured(queue.as_str()));
                        continue;
                    };
                    for batch in of_queue.chunks(BATCH) {
                        send_batch(client, queue, url, batch, &mut sent).await;
                    }
                }
            }
        }
        sent
    }

    /// Sends messages that a commit has just made due, and lets `mark` note which were taken. Whatever fails here is only
    /// logged: the rows are in the outbox, and the relay sweeps them.
    pub async fn publish_committed<E: std::fmt::Debug>(
        &self,
        messages: &[Outgoing],
        mark: impl AsyncFnOnce(&[&str]) -> Result<(), E>,
    ) {
        if messages.is_empty() {
            return;
        }
        let sent = self.send_all(messages).await;
        if let Some(error) = &sent.failed {
            tracing::warn!(?error, "failed to publish at once, the relay will");
        }
        let ids: Vec<&str> = sent.ids.iter().map(String::as_str).collect();
        if ids.is_empty() {
            return;
        }
        if let Err(error) = mark(&ids).await {
            tracing::warn!(
                ?error,
                "failed to mark messages as published, they will be sent twice"
            );
        }
    }
}

/// What became of messages.
#[derive(Debug)]
pub struct Sent {
    /// Ids of those that were taken.
    pub ids: Vec<String>,
    /// The last failure, if any was not.
    pub failed: Option<QueueError>,
}

async fn send_batch(client: &Client, queue: Queue, url: &str, batch: &[&Outgoing], sent: &mut Sent) {
    let failure = |source: Box<dyn std::error::Error + Send + Sync>| QueueError::Send {
        queue: queue.as_str(),
        source,
    };
    let mut request = client.send_message_batch().queue_url(url);
    for message in batch {
        match SendMessageBatchRequestEntry::builder()
            .id(&message.id)
            .message_body(&message.body)
            .build()
        {
            Ok(entry) => request = request.entries(entry),
            Err(error) => sent.failed = Some(failure(error.into())),
        }
    }
    match request.send().await {
        Ok(answer) => {
            sent.ids
                .extend(answer.successful().iter().map(|entry| entry.id().to_owned()));
            if let Some(refused) = answer.failed().first() {
                sent.failed = Some(failure(
                    format!("{}: {}", refused.code(), refused.message().unwrap_or("")).into(),
                ));
            }
        }
        Err(error) => sent.failed = Some(failure(error.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_queue_has_a_variable_of_its_own() {
        assert_eq!(
            Publisher::variable(Queue::PaymentNotifications),
            "QUEUE_PAYMENT_NOTIFICATIONS_URL"
        );
        assert_eq!(Publisher::variable(Queue::Mail), "QUEUE_MAIL_URL");
    }
}
