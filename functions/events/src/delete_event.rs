use crate::App;
use axum::extract::State;
use db::categories::Deleted;
use domain::{Error, EventId};
use std::sync::Arc;
use web::{Access, Answer, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "DELETE",
    "/api/v1/events/{id}",
    Access::Publisher,
    "delete_event",
    "Delete an event without tickets",
)
.conflicts(&["in_use"]);

pub(crate) async fn delete_event(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<EventId>,
) -> web::Result<Answer<()>> {
    let conn = app.db.conn().await?;
    match db::events::delete(&conn, id, caller.id, caller.is_admin()).await? {
        Deleted::Done => Ok(Answer::ok(()).message("Event deleted successfully")),
        Deleted::InUse => Err(Error::conflict("in_use", "The event has tickets; delete them first").into()),
        Deleted::Missing => Err(Error::not_found("Event").into()),
    }
}
