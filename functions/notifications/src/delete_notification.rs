use crate::App;
use axum::extract::State;
use domain::audit::{Changes, Subject};
use domain::{Error, NotificationId};
use std::sync::Arc;
use web::{Access, Admin, Answer, Origin, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "DELETE",
    "/api/v1/notifications/{id}",
    Access::Admin,
    "delete_notification",
    "Delete a notification, one for all for everybody",
);

pub(crate) async fn delete_notification(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    Path(id): Path<NotificationId>,
    origin: Origin,
) -> web::Result<Answer<()>> {
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    if !db::notifications::delete(&tx, id).await? {
        return Err(Error::not_found("Notification").into());
    }
    let subject = Subject::Notification(id);
    let entry = origin.entry(caller, ROUTE.id, subject, Changes::none(), app.clock.now());
    db::audit::record(&tx, &entry).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(()).message("Notification deleted successfully"))
}
