use crate::App;
use axum::extract::State;
use domain::audit::{Changes, Subject};
use domain::{Error, EventId, UserId};
use std::sync::Arc;
use web::{Access, Answer, Origin, Paths, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "DELETE",
    "/api/v1/events/{id}/staff/{userId}",
    Access::Publisher,
    "remove_event_staff",
    "Let somebody check tickets at an event no longer",
);

pub(crate) async fn remove_event_staff(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Paths(id, user): Paths<EventId, UserId>,
    origin: Origin,
) -> web::Result<Answer<()>> {
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    db::events::lock_own(&tx, id, caller.id, caller.is_admin())
        .await?
        .ok_or_else(|| Error::not_found("Event"))?;
    if !db::event_staff::remove(&tx, id, user).await? {
        return Err(Error::not_found("Staff").into());
    }
    let changes = Changes::none().gone("staff", user);
    let entry = origin.entry(caller, ROUTE.id, Subject::Event(id), changes, app.clock.now());
    db::audit::record(&tx, &entry).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(()).message("Staff removed successfully"))
}
