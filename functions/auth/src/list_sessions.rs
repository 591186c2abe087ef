use crate::App;
use axum::extract::State;
use domain::{SessionId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Caller, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/auth/sessions",
    Access::User,
    "list_sessions",
    "Where the caller is logged in, newest first",
)
.data::<Vec<SessionOut>>();

/// A log-in on one device.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionOut {
    id: SessionId,
    /// Whether this request belongs to it.
    current: bool,
    created_at: Timestamp,
    /// When it was begun or last refreshed.
    last_used_at: Timestamp,
    /// When it ends unless it is refreshed before.
    expires_at: Timestamp,
    /// From where it was begun.
    ip: String,
    /// With what it was begun.
    user_agent: String,
}

pub(crate) async fn list_sessions(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> web::Result<Answer<Vec<SessionOut>>> {
    let conn = app.db.conn().await?;
    let sessions = db::sessions::list(&conn, caller.id, app.clock.now()).await?;
    let out = sessions.into_iter().map(|session| SessionOut {
        id: session.id,
        current: caller.session == Some(session.id),
        created_at: session.created_at,
        last_used_at: session.last_used_at,
        expires_at: session.expires_at,
        ip: session.ip,
        user_agent: session.user_agent,
    });
    Ok(Answer::ok(out.collect()))
}
