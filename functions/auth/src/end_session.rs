use crate::App;
use axum::extract::State;
use domain::{Error, SessionId};
use std::sync::Arc;
use web::{Access, Answer, Caller, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "DELETE",
    "/api/v1/auth/sessions/{id}",
    Access::User,
    "end_session",
    "End one session of the caller, as on a lost device",
);

pub(crate) async fn end_session(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<SessionId>,
) -> web::Result<Answer<()>> {
    let conn = app.db.conn().await?;
    if !db::sessions::end(&conn, id, caller.id, app.clock.now()).await? {
        return Err(Error::not_found("Session").into());
    }
    app.tokens.distrust(id);
    Ok(Answer::ok(()).message("Session ended"))
}
