use crate::{App, missing};
use axum::extract::State;
use domain::WebhookId;
use domain::api_key::Scope;
use domain::audit::{Changes, Subject};
use std::sync::Arc;
use web::{Access, Answer, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "DELETE",
    "/api/v1/webhooks/{id}",
    Access::Publisher,
    "delete_webhook",
    "Delete a webhook with everything that it was sent",
)
.scope(Scope::WebhooksWrite);

pub(crate) async fn delete_webhook(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<WebhookId>,
    origin: Origin,
) -> web::Result<Answer<()>> {
    let now = app.clock.now();
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    if !db::webhooks::delete(&tx, id, caller.id).await? {
        return Err(missing().into());
    }
    let entry = origin.entry(caller, ROUTE.id, Subject::Webhook(id), Changes::none(), now);
    db::audit::record(&tx, &entry).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(()).message("Webhook deleted successfully"))
}
