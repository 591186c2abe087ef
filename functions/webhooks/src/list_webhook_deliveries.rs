use crate::out::DeliveryOut;
use crate::{App, missing};
use axum::extract::State;
use domain::api_key::Scope;
use domain::webhook::DeliveryState;
use domain::{DeliveryId, WebhookId};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Path, Publisher, Query, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/webhooks/{id}/deliveries",
    Access::Publisher,
    "list_webhook_deliveries",
    "What a webhook was sent in the last 30 days and what became of it, newest first",
)
.scope(Scope::WebhooksWrite)
.query::<DeliveryQuery>()
.data::<DeliveryList>();

/// Deliveries of one answer.
const PAGE: u32 = 50;

web::input! {
    /// Which deliveries.
    pub(crate) struct DeliveryQuery {
        /// Those that stand there.
        state: Option<DeliveryState>,
        /// `nextCursor` of the page before, to go on where it ended.
        cursor: Option<DeliveryId>,
    }
}

/// A page of deliveries.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeliveryList {
    deliveries: Vec<DeliveryOut>,
    /// Where the next page begins; `null` on the last one.
    next_cursor: Option<DeliveryId>,
}

pub(crate) async fn list_webhook_deliveries(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<WebhookId>,
    Query(query): Query<DeliveryQuery>,
) -> web::Result<Answer<DeliveryList>> {
    let conn = app.db.conn().await?;
    db::webhooks::find_own(&conn, id, caller.id)
        .await?
        .ok_or_else(missing)?;
    let (state, cursor) = (query.state, query.cursor);
    let mut rows = db::webhook_deliveries::list(&conn, id, caller.id, state, cursor, PAGE + 1).await?;
    let page = usize::try_from(PAGE).unwrap_or(usize::MAX);
    let more = rows.len() > page;
    rows.truncate(page);
    Ok(Answer::ok(DeliveryList {
        next_cursor: rows.last().filter(|_| more).map(|last| last.id),
        deliveries: rows.into_iter().map(DeliveryOut::from).collect(),
    }))
}
