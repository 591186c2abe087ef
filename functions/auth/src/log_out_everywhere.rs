use crate::App;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Caller, Route};

pub(crate) const ROUTE: Route = Route::new(
    "DELETE",
    "/api/v1/auth/sessions",
    Access::User,
    "log_out_everywhere",
    "End all sessions of the caller, this one too",
)
.data::<EndedOut>();

/// What was ended.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EndedOut {
    /// How many sessions.
    ended: u64,
}

pub(crate) async fn log_out_everywhere(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> web::Result<Answer<EndedOut>> {
    let conn = app.db.conn().await?;
    let ended = db::sessions::end_all(&conn, caller.id, app.clock.now()).await?;
    if let Some(session) = caller.session {
        app.tokens.distrust(session);
    }
    Ok(Answer::ok(EndedOut { ended }).message("Logged out everywhere"))
}
