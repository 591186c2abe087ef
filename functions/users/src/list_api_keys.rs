use crate::App;
use crate::api_key::ApiKeyOut;
use axum::extract::State;
use std::sync::Arc;
use web::{Access, Answer, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/users/me/api-keys",
    Access::Publisher,
    "list_api_keys",
    "The caller's API keys that are good, oldest first",
)
.data::<Vec<ApiKeyOut>>();

pub(crate) async fn list_api_keys(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
) -> web::Result<Answer<Vec<ApiKeyOut>>> {
    let conn = app.db.conn().await?;
    let keys = db::api_keys::list(&conn, caller.id, app.clock.now()).await?;
    Ok(Answer::ok(keys.into_iter().map(ApiKeyOut::from).collect()))
}
