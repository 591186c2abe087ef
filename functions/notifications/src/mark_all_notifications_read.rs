use crate::App;
use axum::extract::State;
use std::sync::Arc;
use web::{Access, Answer, Caller, Route};

pub(crate) const ROUTE: Route = Route::new(
    "PATCH",
    "/api/v1/notifications/mark-all-read",
    Access::User,
    "mark_all_notifications_read",
    "Mark whatever the caller was told as read",
);

pub(crate) async fn mark_all_notifications_read(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> web::Result<Answer<()>> {
    let conn = app.db.conn().await?;
    db::notifications::mark_all(&conn, caller.id, app.clock.now()).await?;
    Ok(Answer::ok(()).message("All notifications marked as read"))
}
