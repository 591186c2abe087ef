use crate::App;
use axum::extract::State;
use db::categories::Deleted;
use domain::api_key::Scope;
use domain::audit::{Changes, Subject};
use domain::{Error, EventId};
use std::sync::Arc;
use web::{Access, Answer, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "DELETE",
    "/api/v1/events/{id}",
    Access::Publisher,
    "delete_event",
    "Delete an event without tickets",
)
.scope(Scope::EventsWrite)
.conflicts(&["in_use"]);

pub(crate) async fn delete_event(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<EventId>,
    origin: Origin,
) -> web::Result<Answer<()>> {
    let missing = || Error::not_found("Event");
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let event = db::events::lock_own(&tx, id, caller.id, caller.is_admin()).await?;
    let event = event.ok_or_else(missing)?;
    match db::events::delete(tx.client(), id, caller.id, caller.is_admin()).await? {
        Deleted::Done => {}
        Deleted::InUse => {
            return Err(Error::conflict(
                "in_use",
                "The event has tickets or was promoted by mail; cancel it instead",
            )
            .into());
        }
        Deleted::Missing => return Err(missing().into()),
    }
    let changes = Changes::none().gone("name", &event.name);
    let entry = origin.entry(caller, ROUTE.id, Subject::Event(id), changes, app.clock.now());
    db::audit::record(&tx, &entry).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(()).message("Event deleted successfully"))
}
