use crate::{App, disabled, missing};
use axum::extract::State;
use db::webhooks::{self, Health};
use db::{audit, webhook_deliveries};
use domain::api_key::Scope;
use domain::audit::{Changes, Subject};
use domain::{Timestamp, WebhookId};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Json, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/webhooks/{id}/replay",
    Access::Publisher,
    "replay_failed_deliveries",
    "Send all messages again that were made since then and given up, the oldest 1,000 at a time",
)
.scope(Scope::WebhooksWrite)
.body::<ReplayIn>()
.data::<Replayed>()
.conflicts(&["webhook_disabled"]);

web::input! {
    /// Which messages.
    pub(crate) struct ReplayIn {
        /// Those that were made at that time or later.
        since: Timestamp,
    }
}

/// What is sent again.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Replayed {
    /// How many messages.
    count: usize,
}

pub(crate) async fn replay_failed_deliveries(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<WebhookId>,
    origin: Origin,
    Json(input): Json<ReplayIn>,
) -> web::Result<Answer<Replayed>> {
    let now = app.clock.now();
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let endpoint = webhooks::lock_own(&tx, id, caller.id).await?;
    let endpoint = endpoint.ok_or_else(missing)?;
    if endpoint.disabled.is_some() {
        return Err(disabled().into());
    }
    let random = runtime::random::hex::<16>;
    let replayed = webhook_deliveries::replay_failed(&tx, id, input.since, &random, now).await?;
    webhooks::note(&tx, id, &Health::tried_anew(&endpoint), now).await?;
    let changes = Changes::none()
        .set("since", input.since)
        .set("count", replayed.len());
    let entry = origin.entry(caller, ROUTE.id, Subject::Webhook(id), changes, now);
    audit::record(&tx, &entry).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    let answer = Answer::ok(Replayed {
        count: replayed.len(),
    });
    Ok(answer.message("The messages are on their way"))
}
