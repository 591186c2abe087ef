use crate::App;
use axum::extract::State;
use domain::{ApiKeyId, Error};
use std::sync::Arc;
use web::{Access, Answer, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "DELETE",
    "/api/v1/users/me/api-keys/{id}",
    Access::Publisher,
    "revoke_api_key",
    "Revoke an API key of the caller; it opens nothing from then on",
);

pub(crate) async fn revoke_api_key(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<ApiKeyId>,
) -> web::Result<Answer<()>> {
    let conn = app.db.conn().await?;
    if !db::api_keys::revoke(&conn, id, caller.id, app.clock.now()).await? {
        return Err(Error::not_found("API key").into());
    }
    Ok(Answer::ok(()).message("API key revoked"))
}
