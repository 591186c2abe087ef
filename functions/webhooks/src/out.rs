//! Webhooks and deliveries as their owner sees them.

use db::webhook_deliveries::Delivery;
use db::webhooks::Endpoint;
use domain::webhook::{DeliveryState, EventType, Subscription, WhyDisabled};
use domain::{DeliveryId, Timestamp, WebhookId};
use schemars::JsonSchema;
use serde::Serialize;

/// A webhook without its secret.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WebhookOut {
    id: WebhookId,
    url: String,
    description: String,
    events: Subscription,
    /// Whether it gets messages.
    enabled: bool,
    /// Why it gets none.
    disabled_reason: Option<WhyDisabled>,
    /// Since when it gets none.
    disabled_at: Option<Timestamp>,
    /// Failures since the last success.
    failures: u32,
    /// When the first of them was. After three days it is disabled.
    failing_since: Option<Timestamp>,
    /// Until when the secret before the last one signs, too.
    old_secret_until: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Endpoint> for WebhookOut {
    fn from(endpoint: Endpoint) -> Self {
        Self {
            id: endpoint.id,
            url: endpoint.url,
            description: endpoint.description,
            events: endpoint.events,
            enabled: endpoint.disabled.is_none(),
            disabled_reason: endpoint.disabled.map(|(_, why)| why),
            disabled_at: endpoint.disabled.map(|(at, _)| at),
            failures: endpoint.failures,
            failing_since: endpoint.failing_since,
            old_secret_until: endpoint.old_secret_until,
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
        }
    }
}

/// A webhook with its secret, which is shown this once.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WebhookWithSecret {
    #[serde(flatten)]
    pub about: WebhookOut,
    /// What signs its messages; receivers check them with it. Who loses it has another one made.
    pub secret: String,
}

/// A message to a webhook and what became of it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeliveryOut {
    id: DeliveryId,
    /// The `webhook-id` of the message.
    message_id: String,
    #[serde(rename = "type")]
    event: EventType,
    state: DeliveryState,
    /// How often it was tried.
    attempts: u32,
    /// When it is tried next, at the earliest.
    next_attempt_at: Option<Timestamp>,
    last_attempt_at: Option<Timestamp>,
    /// Status of the last answer.
    last_status: Option<u32>,
    /// How long the last try took, in milliseconds.
    last_duration_ms: Option<u32>,
    /// Why there was no answer.
    last_error: Option<String>,
    created_at: Timestamp,
    /// When it was taken or given up.
    finished_at: Option<Timestamp>,
}

impl From<Delivery> for DeliveryOut {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id,
            message_id: delivery.message_id,
            event: delivery.event,
            state: delivery.state,
            attempts: delivery.attempts,
            next_attempt_at: delivery.due_at,
            last_attempt_at: delivery.last_try_at,
            last_status: delivery.last_status,
            last_duration_ms: delivery.last_duration_ms,
            last_error: delivery.last_error,
            created_at: delivery.created_at,
            finished_at: delivery.finished_at,
        }
    }
}
