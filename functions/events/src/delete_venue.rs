use crate::App;
use axum::extract::State;
use domain::api_key::Scope;
use domain::audit::{Changes, Subject};
use domain::{Error, VenueId};
use std::sync::Arc;
use web::{Access, Answer, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "DELETE",
    "/api/v1/events/venues/{venueId}",
    Access::Publisher,
    "delete_venue",
    "Delete a house; the maps of events that were made from it stay as they are",
)
.scope(Scope::EventsWrite);

pub(crate) async fn delete_venue(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<VenueId>,
    origin: Origin,
) -> web::Result<Answer<()>> {
    let now = app.clock.now();
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    db::venues::lock(&tx, id, caller.id, caller.is_admin())
        .await?
        .ok_or_else(|| Error::not_found("Venue"))?;
    db::venues::delete(&tx, id).await?;
    let entry = origin.entry(caller, ROUTE.id, Subject::Venue(id), Changes::none(), now);
    db::audit::record(&tx, &entry).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(()).message("Venue deleted successfully"))
}
