use crate::{App, NotificationOut};
use axum::extract::State;
use domain::{Error, NotificationId};
use std::sync::Arc;
use web::{Access, Answer, Caller, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "PATCH",
    "/api/v1/notifications/{id}/unread",
    Access::User,
    "mark_notification_unread",
    "Mark a notification of the caller as unread",
)
.data::<NotificationOut>();

pub(crate) async fn mark_notification_unread(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<NotificationId>,
) -> web::Result<Answer<NotificationOut>> {
    let is_read = false;
    let conn = app.db.conn().await?;
    let marked =
        db::notifications::mark(&conn, id, caller.id, is_read, app.language, app.clock.now()).await?;
    let notification = marked.ok_or_else(|| Error::not_found("Notification"))?;
    Ok(Answer::ok(notification.into()))
}
