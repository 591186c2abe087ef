use crate::App;
use crate::out::{Report, answer, figures};
use crate::query::{MOST_ROWS, ReportQuery, check_length};
use axum::extract::State;
use axum::response::Response;
use db::reports;
use domain::api_key::Scope;
use std::sync::Arc;
use web::{Access, Publisher, Query, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/reports/attendance",
    Access::Publisher,
    "get_attendance_report",
    "How many of those with tickets were there, by event and the period in which it begins; `format=csv` gives a table",
)
.scope(Scope::ReportsRead)
.query::<ReportQuery>()
.data::<Report<AttendanceFigures>>();

figures! {
    /// Who was there.
    AttendanceFigures {
        /// Tickets that may be sold.
        capacity,
        /// Tickets that are good or were used.
        tickets,
        /// Tickets with which somebody went in.
        used,
        /// Tickets that were taken back.
        returned,
    }
}

pub(crate) async fn get_attendance_report(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Query(query): Query<ReportQuery>,
) -> web::Result<Response> {
    let conn = app.db.conn().await?;
    let scope = query.scope(&conn, caller).await?;
    let interval = query.interval();
    let rows = reports::attendance(&conn, scope, interval, MOST_ROWS + 1).await?;
    check_length(&rows)?;
    let rows = rows.into_iter().map(|row| {
        let figures = AttendanceFigures {
            capacity: row.capacity,
            tickets: row.tickets,
            used: row.used,
            returned: row.returned,
        };
        (row.period, figures)
    });
    Ok(answer("attendance", rows.collect(), interval, query.format))
}
