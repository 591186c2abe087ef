//! Sending notifications: time-out, redirects and retries as Midtrans does them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, LOCATION, USER_AGENT};
use http::{Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::notifications::{DeliveryState, QueueKey, Try};
use crate::sim::Sim;
use crate::world::Effect;

/// Redirects followed for one try.
const MAX_REDIRECTS: usize = 5;
/// More of an answer is not read.
const MAX_ANSWER: usize = 64 * 1024;
/// Seconds between tries, each measured from the one before.
const RETRY_INTERVALS: [f64; 5] = [120.0, 600.0, 1800.0, 5400.0, 12600.0];
/// The first retry may come this early.
const EARLIEST_RETRY: f64 = 33.0;

impl Sim {
    /// Starts what a change of state left to be done.
    pub(crate) fn perform(self: &Arc<Self>, effects: Vec<Effect>) {
        for effect in effects {
            let sim = Arc::clone(self);
            match effect {
                Effect::RunQueue(key) => self.spawn(async move { sim.run_queue(key).await }),
                Effect::DeliverLater { after, delivery } => self.spawn(async move {
                    tokio::time::sleep(after).await;
                    sim.deliver(delivery, None).await;
                }),
                Effect::ReleaseHeld { after, order_id } => self.spawn(async move {
                    tokio::time::sleep(after).await;
                    sim.with(|world, _| world.release_held(&order_id));
                }),
                Effect::ConfirmRefund {
                    after,
                    transaction_id,
                    refund_id,
                } => self.spawn(async move {
                    tokio::time::sleep(after).await;
                    sim.with(|world, now| world.confirm_refund(now, &transaction_id, refund_id));
                }),
                Effect::Aftermath {
                    after,
                    transaction_id,
                    what,
                } => self.spawn(async move {
                    tokio::time::sleep(after).await;
                    sim.with(|world, now| world.aftermath(now, &transaction_id, what));
                }),
            }
        }
    }

    /// Makes the first try of each waiting delivery in turn. Retries do not hold up the queue.
    async fn run_queue(self: Arc<Self>, key: QueueKey) {
        loop {
            let next = self.lock().outbox.next_in_queue(&key);
            let Some(id) = next else { return };
            if let Some(pause) = self.try_once(id).await {
                let sim = Arc::clone(&self);
                self.spawn(async move { sim.deliver(id, Some(pause)).await });
            }
        }
    }

    /// Tries until the delivery is done or given up, first waiting for `pause`.
    async fn deliver(&self, id: u64, mut pause: Option<Duration>) {
        loop {
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            }
            pause = self.try_once(id).await;
            if pause.is_none() {
                return;
            }
        }
    }

    /// One try; returns how long to wait for the next, if there is to be one.
    async fn try_once(&self, id: u64) -> Option<Duration> {
        let (url, body, tried) = {
            let world = self.lock();
            let delivery = world.outbox.get(id)?;
            (
                delivery.url.clone(),
                Arc::clone(&delivery.body),
                delivery.tries.len(),
            )
        };
        let text = Bytes::from(serde_json::to_vec(&*body).unwrap_or_default());
        let _permit = self.senders.acquire().await.ok()?;
        let (at, started) = (self.clock.now(), Instant::now());
        let mut redirects = Vec::new();
        let sending = send(url, text, &mut redirects);
        let result = tokio::time::timeout(self.config.notification_timeout, sending).await;
        let result = result.unwrap_or_else(|_| Err("no answer in time".to_owned()));
        let delivered = matches!(result, Ok(200..=299));
        let again = !delivered && tried < retries_allowed(&result);

        let mut world = self.lock();
        let delivery = world.outbox.get_mut(id)?;
        delivery.tries.push(Try {
            at,
            took: started.elapsed(),
            result,
            redirects,
        });
        delivery.state = match (delivered, again) {
            (true, _) => DeliveryState::Delivered,
            (false, true) => DeliveryState::WaitingForRetry,
            (false, false) => DeliveryState::Failed,
        };
        again.then(|| retry_pause(tried, self.config.retry_scale, random_share()))
    }
}

/// How many retries an answer allows in total.
fn retries_allowed(result: &Result<u16, String>) -> usize {
    match result {
        Ok(200..=299 | 301..=303) => 0,
        Ok(500) => 1,
        Ok(400 | 404) => 2,
        Ok(503) => 4,
        Ok(_) | Err(_) => 5,
    }
}

/// Pause before the retry with this index; `share` from 0 to 1 is the random shift.
fn retry_pause(index: usize, scale: f64, share: f64) -> Duration {
    let last = RETRY_INTERVALS.last().copied().unwrap_or_default();
    let interval = RETRY_INTERVALS.get(index).copied().unwrap_or(last);
    let seconds = match index {
        0 => EARLIEST_RETRY + share * (interval - EARLIEST_RETRY),
        _ => interval * (0.95 + share / 10.0),
    };
    Duration::try_from_secs_f64(seconds * scale).unwrap_or(Duration::ZERO)
}

fn random_share() -> f64 {
    let (_, random, ..) = Uuid::new_v4().as_fields();
    f64::from(random) / f64::from(u16::MAX)
}

/// Posts a notification, following 307 and 308 as they are, and returns the final status.
async fn send(mut url: String, body: Bytes, redirects: &mut Vec<String>) -> Result<u16, String> {
    loop {
        let uri: Uri = url
            .parse()
            .map_err(|error| format!("{url} is not a URL: {error}"))?;
        let (status, location) = post(&uri, body.clone()).await?;
        let Some(location) = location.filter(|_| matches!(status, 307 | 308)) else {
            return Ok(status);
        };
        if redirects.len() == MAX_REDIRECTS {
            return Err(format!("more than {MAX_REDIRECTS} redirects"));
        }
        url = if location.starts_with('/') {
            format!(
                "http://{}{location}",
                uri.authority().map_or("", http::uri::Authority::as_str)
            )
        } else {
            location
        };
        redirects.push(url.clone());
    }
}

/// One exchange on a connection of its own; returns the status and the `Location` header.
async fn post(uri: &Uri, body: Bytes) -> Result<(u16, Option<String>), String> {
    if uri.scheme_str() != Some("http") {
        return Err(format!("{uri}: the simulator sends to http:// URLs only"));
    }
    let authority = uri.authority().ok_or_else(|| format!("{uri} names no host"))?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80)))
        .await
        .map_err(|error| format!("cannot connect to {authority}: {error}"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| format!("cannot talk to {authority}: {error}"))?;
    let exchange = async {
        let request = Request::post(uri.path_and_query().map_or("/", |path| path.as_str()))
            .header(HOST, authority.as_str())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, "Veritrans")
            .body(Full::new(body))
            .map_err(|error| format!("cannot make a request: {error}"))?;
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| format!("{authority} did not answer: {error}"))?;
        let location = response
            .headers()
            .get(LOCATION)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let status = response.status().as_u16();
        // The status decides; the rest is read only to end the exchange politely.
        let _ = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        Ok((status, location))
    };
    tokio::pin!(exchange);
    tokio::pin!(connection);
    tokio::select! {
        result = &mut exchange => result,
        // The connection may end before the answer has been read from its buffers.
        _ = &mut connection => exchange.await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_decide_the_number_of_retries() {
        for (status, retries) in [
            (200, 0),
            (204, 0),
            (301, 0),
            (302, 0),
            (303, 0),
            (400, 2),
            (401, 5),
            (404, 2),
            (429, 5),
            (500, 1),
            (502, 5),
            (503, 4),
        ] {
            assert_eq!(retries_allowed(&Ok(status)), retries, "{status}");
        }
        assert_eq!(retries_allowed(&Err("connection refused".to_owned())), 5);
    }

    #[test]
    fn pauses_follow_the_scaled_table() {
        let seconds = |index, scale, share| retry_pause(index, scale, share).as_secs_f64();
        let near = |left: f64, right: f64| (left - right).abs() < 1e-6;
        assert!(near(seconds(0, 1.0, 0.0), 33.0));
        assert!(near(seconds(0, 1.0, 1.0), 120.0));
        assert!(near(seconds(1, 0.01, 0.5), 6.0));
        assert!(near(seconds(2, 0.01, 0.5), 18.0));
        assert!(near(seconds(3, 0.01, 0.5), 54.0));
        assert!(near(seconds(4, 0.01, 0.5), 126.0));
        assert!(near(seconds(4, -1.0, 0.5), 0.0));
    }
}
