use crate::{App, NotificationOut};
use axum::extract::State;
use std::sync::Arc;
use web::input::PageQuery;
use web::{Access, Answer, Caller, Meta, Query, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/notifications",
    Access::User,
    "list_notifications",
    "List what the caller was told, newest first",
)
.query::<PageQuery>()
.data::<NotificationList>();

web::list! {
    /// A page of notifications.
    NotificationList { notifications: NotificationOut }
}

pub(crate) async fn list_notifications(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> web::Result<Answer<NotificationList>> {
    let conn = app.db.conn().await?;
    let (rows, total) = db::notifications::list(&conn, caller.id, query.page, app.language).await?;
    Ok(Answer::ok(NotificationList {
        notifications: rows.into_iter().map(NotificationOut::from).collect(),
        meta: Meta::of(query.page, total),
    }))
}
