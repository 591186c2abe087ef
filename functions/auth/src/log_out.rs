use crate::App;
use axum::extract::State;
use std::sync::Arc;
use web::{Access, Answer, Caller, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/auth/logout",
    Access::User,
    "log_out",
    "End the session that the token belongs to",
);

pub(crate) async fn log_out(State(app): State<Arc<App>>, caller: Caller) -> web::Result<Answer<()>> {
    let conn = app.db.conn().await?;
    // Whoever ended it already wants the same.
    if let Some(session) = caller.session {
        db::sessions::end(&conn, session, caller.id, app.clock.now()).await?;
        app.tokens.distrust(session);
    }
    Ok(Answer::ok(()).message("Logged out"))
}
