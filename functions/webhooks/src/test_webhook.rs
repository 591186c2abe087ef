use crate::{App, disabled, missing};
use axum::extract::State;
use db::{webhook_deliveries, webhooks};
use domain::api_key::Scope;
use domain::audit::{Changes, Subject};
use domain::webhook::MOST_TESTS_A_MINUTE;
use domain::{Error, Kind, WebhookId};
use std::sync::Arc;
use web::{Access, Answer, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/webhooks/{id}/test",
    Access::Publisher,
    "test_webhook",
    "Send a webhook a message of the type webhook.test; what becomes of it is listed with the others",
)
.scope(Scope::WebhooksWrite)
.conflicts(&["webhook_disabled"]);

/// Seconds in which tests are counted.
const WINDOW_SECONDS: i64 = 60;

pub(crate) async fn test_webhook(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<WebhookId>,
    origin: Origin,
) -> web::Result<Answer<()>> {
    let now = app.clock.now();
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let endpoint = webhooks::lock_own(&tx, id, caller.id).await?;
    if endpoint.ok_or_else(missing)?.disabled.is_some() {
        return Err(disabled().into());
    }
    // The endpoint is locked, so they are counted one after the other.
    let tests = webhook_deliveries::tests_since(&tx, id, now.plus_seconds(-WINDOW_SECONDS)).await?;
    if tests >= MOST_TESTS_A_MINUTE {
        let message = format!("A webhook gets at most {MOST_TESTS_A_MINUTE} tests a minute");
        let error = Error::new(Kind::RateLimited, "rate_limited", message);
        return Err(error.retry_after(60).into());
    }
    webhook_deliveries::tell_test(&tx, id, &runtime::random::hex::<16>, now).await?;
    let entry = origin.entry(caller, ROUTE.id, Subject::Webhook(id), Changes::none(), now);
    db::audit::record(&tx, &entry).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(()).message("A test message is on its way"))
}
