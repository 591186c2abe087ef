use crate::App;
use crate::scan_out::ScanList;
use axum::extract::State;
use db::attendance;
use domain::api_key::Scope;
use domain::{CheckInId, Error, EventId};
use std::sync::Arc;
use web::{Access, Answer, Path, Publisher, Query, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/check-ins/event/{eventId}/conflicts",
    Access::Publisher,
    "list_check_in_conflicts",
    "Read who was let in but should not have been, newest first: with a ticket with which somebody was in already, or that did not \
     admit. Gates without a connection cannot know",
)
.scope(Scope::TicketsCheck)
.query::<ConflictQuery>()
.data::<ScanList>();

web::input! {
    /// From where.
    pub(crate) struct ConflictQuery {
        /// `nextCursor` of the page before, to go on where it ended.
        cursor: Option<CheckInId>,
    }
}

pub(crate) async fn list_check_in_conflicts(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(event): Path<EventId>,
    Query(query): Query<ConflictQuery>,
) -> web::Result<Answer<ScanList>> {
    let conn = app.db.conn().await?;
    if !db::events::is_own(&conn, event, caller.id, caller.is_admin()).await? {
        return Err(Error::not_found("Event").into());
    }
    let scans = attendance::conflicts(&conn, event, query.cursor, ScanList::PAGE).await?;
    Ok(Answer::ok(ScanList::new(scans)))
}
