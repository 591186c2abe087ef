use crate::App;
use crate::out::WebhookOut;
use axum::extract::State;
use domain::api_key::Scope;
use std::sync::Arc;
use web::{Access, Answer, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/webhooks",
    Access::Publisher,
    "list_webhooks",
    "The caller's webhooks, oldest first",
)
.scope(Scope::WebhooksWrite)
.data::<Vec<WebhookOut>>();

pub(crate) async fn list_webhooks(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
) -> web::Result<Answer<Vec<WebhookOut>>> {
    let conn = app.db.conn().await?;
    let endpoints = db::webhooks::list(&conn, caller.id).await?;
    Ok(Answer::ok(endpoints.into_iter().map(WebhookOut::from).collect()))
}
