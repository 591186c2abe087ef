use crate::out::WebhookOut;
use crate::{App, missing};
use axum::extract::State;
use domain::WebhookId;
use domain::api_key::Scope;
use std::sync::Arc;
use web::{Access, Answer, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/webhooks/{id}",
    Access::Publisher,
    "get_webhook",
    "A webhook of the caller, and whether it works",
)
.scope(Scope::WebhooksWrite)
.data::<WebhookOut>();

pub(crate) async fn get_webhook(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<WebhookId>,
) -> web::Result<Answer<WebhookOut>> {
    let conn = app.db.conn().await?;
    let endpoint = db::webhooks::find_own(&conn, id, caller.id).await?;
    Ok(Answer::ok(endpoint.ok_or_else(missing)?.into()))
}
