use crate::App;
use crate::scan_out::ScanList;
use axum::extract::State;
use db::attendance::{self, Filter};
use domain::api_key::Scope;
use domain::{CheckInId, Error, EventId, GateId};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use web::{Access, Answer, Path, Publisher, Query, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/check-ins/event/{eventId}",
    Access::Publisher,
    "list_check_ins",
    "Read every scan of a true ticket at an event, newest first: who was let in, who was not, where, by which device and account",
)
.scope(Scope::TicketsCheck)
.query::<LogQuery>()
.data::<ScanList>();

/// Which scans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kept {
    /// Those that let somebody in.
    Admitted,
    /// Those that did not.
    Refused,
}

web::input! {
    /// Which scans are shown.
    pub(crate) struct LogQuery {
        /// Those at that gate.
        gate_id: Option<GateId>,
        /// Those that let somebody in, or those that did not.
        outcome: Option<Kept>,
        /// `nextCursor` of the page before, to go on where it ended.
        cursor: Option<CheckInId>,
    }
}

pub(crate) async fn list_check_ins(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(event): Path<EventId>,
    Query(query): Query<LogQuery>,
) -> web::Result<Answer<ScanList>> {
    let conn = app.db.conn().await?;
    if !db::events::is_own(&conn, event, caller.id, caller.is_admin()).await? {
        return Err(Error::not_found("Event").into());
    }
    let filter = Filter {
        gate: query.gate_id,
        let_in: query.outcome.map(|outcome| outcome == Kept::Admitted),
        before: query.cursor,
    };
    let scans = attendance::log(&conn, event, filter, ScanList::PAGE).await?;
    Ok(Answer::ok(ScanList::new(scans)))
}
