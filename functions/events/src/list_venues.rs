use crate::App;
use crate::venue_out::VenueOut;
use axum::extract::State;
use domain::api_key::Scope;
use std::sync::Arc;
use web::input::PageQuery;
use web::{Access, Answer, Meta, Publisher, Query, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/events/venues",
    Access::Publisher,
    "list_venues",
    "List one's houses (all, for an admin), newest first",
)
.scope(Scope::EventsRead)
.query::<PageQuery>()
.data::<VenueList>();

web::list! {
    /// A page of houses.
    VenueList { venues: VenueOut }
}

pub(crate) async fn list_venues(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Query(PageQuery { page }): Query<PageQuery>,
) -> web::Result<Answer<VenueList>> {
    let conn = app.db.conn().await?;
    let (rows, total) = db::venues::list(&conn, caller.id, caller.is_admin(), page).await?;
    Ok(Answer::ok(VenueList {
        venues: rows.into_iter().map(VenueOut::from).collect(),
        meta: Meta::of(page, total),
    }))
}
