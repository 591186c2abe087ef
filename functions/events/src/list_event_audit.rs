use crate::App;
use axum::extract::State;
use db::audit::Filter;
use domain::api_key::Scope;
use domain::{AuditId, Error, EventId};
use std::sync::Arc;
use views::AuditList;
use web::{Access, Answer, Path, Publisher, Query, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/events/{id}/audit",
    Access::Publisher,
    "list_event_audit",
    "Read who changed an event, its ticket types or its staff, newest first",
)
.query::<AuditQuery>()
.data::<AuditList>()
.scope(Scope::EventsRead);

web::input! {
    /// From where.
    pub(crate) struct AuditQuery {
        /// `nextCursor` of the page before, to go on where it ended.
        cursor: Option<AuditId>,
    }
}

pub(crate) async fn list_event_audit(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<EventId>,
    Query(query): Query<AuditQuery>,
) -> web::Result<Answer<AuditList>> {
    let conn = app.db.conn().await?;
    if !db::events::is_own(&conn, id, caller.id, caller.is_admin()).await? {
        return Err(Error::not_found("Event").into());
    }
    let filter = Filter {
        event: Some(id),
        before: query.cursor,
        ..Filter::default()
    };
    let rows = db::audit::list(&conn, &filter, AuditList::PAGE).await?;
    Ok(Answer::ok(AuditList::new(rows, caller.role)))
}
