use crate::App;
use crate::venue_out::FullVenueOut;
use axum::extract::State;
use domain::api_key::Scope;
use domain::{Error, VenueId};
use std::sync::Arc;
use web::{Access, Answer, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/events/venues/{venueId}",
    Access::Publisher,
    "get_venue",
    "Read a house with its seats",
)
.scope(Scope::EventsRead)
.data::<FullVenueOut>();

pub(crate) async fn get_venue(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<VenueId>,
) -> web::Result<Answer<FullVenueOut>> {
    let conn = app.db.conn().await?;
    let venue = db::venues::find(&conn, id, caller.id, caller.is_admin())
        .await?
        .ok_or_else(|| Error::not_found("Venue"))?;
    Ok(Answer::ok(venue.into()))
}
