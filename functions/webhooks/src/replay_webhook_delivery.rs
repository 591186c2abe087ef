use crate::out::DeliveryOut;
use crate::{App, disabled, missing};
use axum::extract::State;
use db::webhooks::{self, Health};
use db::{audit, webhook_deliveries};
use domain::api_key::Scope;
use domain::audit::{Changes, Subject};
use domain::webhook::DeliveryState;
use domain::{DeliveryId, Error, WebhookId};
use std::sync::Arc;
use web::{Access, Answer, Origin, Paths, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/webhooks/{id}/deliveries/{deliveryId}/replay",
    Access::Publisher,
    "replay_webhook_delivery",
    "Send a message again that was taken or given up, under the same id",
)
.scope(Scope::WebhooksWrite)
.data::<DeliveryOut>()
.conflicts(&["webhook_disabled", "delivery_pending"]);

pub(crate) async fn replay_webhook_delivery(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Paths(id, delivery): Paths<WebhookId, DeliveryId>,
    origin: Origin,
) -> web::Result<Answer<DeliveryOut>> {
    let now = app.clock.now();
    let not_found = || Error::not_found("Delivery");
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let endpoint = webhooks::lock_own(&tx, id, caller.id).await?;
    let endpoint = endpoint.ok_or_else(missing)?;
    let found = webhook_deliveries::find_own(tx.client(), id, caller.id, delivery).await?;
    let found = found.ok_or_else(not_found)?;
    if endpoint.disabled.is_some() {
        return Err(disabled().into());
    }
    let random = runtime::random::hex::<16>;
    let replayed = webhook_deliveries::replay(&tx, id, delivery, &random, now).await?;
    if found.state == DeliveryState::Pending || replayed.is_none() {
        let message = "The message is on its way already";
        return Err(Error::conflict("delivery_pending", message).into());
    }
    webhooks::note(&tx, id, &Health::tried_anew(&endpoint), now).await?;
    let changes = Changes::none().set("deliveryId", delivery);
    let entry = origin.entry(caller, ROUTE.id, Subject::Webhook(id), changes, now);
    audit::record(&tx, &entry).await?;
    let found = webhook_deliveries::find_own(tx.client(), id, caller.id, delivery).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    let found = found.ok_or_else(not_found)?;
    Ok(Answer::ok(DeliveryOut::from(found)).message("The message is on its way"))
}
