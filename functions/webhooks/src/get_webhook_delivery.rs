use crate::App;
use crate::out::DeliveryOut;
use axum::extract::State;
use domain::api_key::Scope;
use domain::{DeliveryId, Error, WebhookId};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use web::{Access, Answer, Paths, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/webhooks/{id}/deliveries/{deliveryId}",
    Access::Publisher,
    "get_webhook_delivery",
    "A message to a webhook with what was answered",
)
.scope(Scope::WebhooksWrite)
.data::<DeliveryDetail>();

/// A message and what was answered.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeliveryDetail {
    #[serde(flatten)]
    about: DeliveryOut,
    /// The message.
    payload: Value,
    /// The beginning of the last answer's body.
    last_body: Option<String>,
}

pub(crate) async fn get_webhook_delivery(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Paths(id, delivery): Paths<WebhookId, DeliveryId>,
) -> web::Result<Answer<DeliveryDetail>> {
    let conn = app.db.conn().await?;
    let found = db::webhook_deliveries::find_own(&conn, id, caller.id, delivery).await?;
    let mut found = found.ok_or_else(|| Error::not_found("Delivery"))?;
    Ok(Answer::ok(DeliveryDetail {
        payload: serde_json::from_str(&found.payload).map_err(Error::internal)?,
        last_body: found.last_body.take(),
        about: found.into(),
    }))
}
