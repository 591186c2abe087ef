//! How much waits in the queues.

use crate::{Publisher, QueueError};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use domain::message::Queue;
use domain::status::Depth;

/// Reads how much is in the queues of the fleet and in those behind them for what was given up.
pub struct Gauge(Backend);

enum Backend {
    Sqs {
        client: Client,
        urls: Vec<(Queue, String, String)>,
    },
    Memory(Vec<Depth>),
    Unreachable,
}

impl Gauge {
    /// The variable that holds the address of what was given up: `QUEUE_MAIL_DEAD_URL` for `mail`.
    pub fn dead_variable(queue: Queue) -> String {
        Publisher::variable(queue).replace("_URL", "_DEAD_URL")
    }

    /// Reads through SQS those queues of which the look-up knows both addresses.
    pub async fn connect<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Self {
        let urls = Queue::ALL.into_iter().filter_map(|queue| {
            let (live, dead) = (
                get(&Publisher::variable(queue))?,
                get(&Self::dead_variable(queue))?,
            );
            Some((queue, live.to_owned(), dead.to_owned()))
        });
        Self(Backend::Sqs {
            client: Client::new(&aws::config().await),
            urls: urls.collect(),
        })
    }

    /// Says that, for tests of one function.
    pub const fn in_memory(depths: Vec<Depth>) -> Self {
        Self(Backend::Memory(depths))
    }

    /// Never answers, for tests of what a function does then.
    pub const fn unreachable() -> Self {
        Self(Backend::Unreachable)
    }

    /// How much is in each queue. The figures are approximate: SQS counts on many machines.
    ///
    /// # Errors
    /// If SQS does not answer for one of them.
    pub async fn read(&self) -> Result<Vec<Depth>, QueueError> {
        match &self.0 {
            Backend::Memory(depths) => Ok(depths.clone()),
            Backend::Unreachable => Err(QueueError::Read("SQS does not answer".into())),
            Backend::Sqs { client, urls } => {
                let mut depths = Vec::with_capacity(urls.len());
                for (queue, live, dead) in urls {
                    let (waiting, in_flight) = depth(client, live).await?;
                    let (dead, _) = depth(client, dead).await?;
                    depths.push(Depth {
                        queue: *queue,
                        waiting,
                        in_flight,
                        dead,
                    });
                }
                Ok(depths)
            }
        }
    }
}

/// Messages that wait and that are being worked on.
async fn depth(client: &Client, url: &str) -> Result<(u64, u64), QueueError> {
    let (waiting, in_flight) = (
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
    );
    let request = client
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(waiting.clone())
        .attribute_names(in_flight.clone());
    let answer = request
        .send()
        .await
        .map_err(|error| QueueError::Read(error.into()))?;
    let count = |name: &QueueAttributeName| {
        let text = answer.attributes().and_then(|attributes| attributes.get(name));
        let number = text.and_then(|text| text.parse().ok());
        number.ok_or_else(|| QueueError::Read(format!("{name} is missing").into()))
    };
    Ok((count(&waiting)?, count(&in_flight)?))
}
