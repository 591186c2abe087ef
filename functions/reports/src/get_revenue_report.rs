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
    "/api/v1/reports/revenue",
    Access::Publisher,
    "get_revenue_report",
    "What the ledger got and gave back, by event and period; `format=csv` gives a table",
)
.scope(Scope::ReportsRead)
.query::<ReportQuery>()
.data::<Report<RevenueFigures>>();

figures! {
    /// What was earned.
    RevenueFigures {
        /// What came in.
        charged,
        /// What was given back.
        refunded,
        /// What payers' banks took back.
        reversed,
        /// What is left for the organizer; negative if more went back than came in.
        organizer,
        /// What is left of service fees.
        fees,
        /// What is left of taxes.
        tax,
        /// What of these three lies on the organizer's own account, because buyers transferred it there; only the rest is to be paid
        /// out.
        transferred,
    }
}

pub(crate) async fn get_revenue_report(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Query(query): Query<ReportQuery>,
) -> web::Result<Response> {
    let conn = app.db.conn().await?;
    let scope = query.scope(&conn, caller).await?;
    let interval = query.interval();
    let rows = reports::revenue(&conn, scope, interval, MOST_ROWS + 1).await?;
    check_length(&rows)?;
    let rows = rows.into_iter().map(|row| {
        let figures = RevenueFigures {
            charged: row.charged,
            refunded: row.refunded,
            reversed: row.reversed,
            organizer: row.organizer,
            fees: row.fees,
            tax: row.tax,
            transferred: row.transferred,
        };
        (row.period, figures)
    });
    Ok(answer("revenue", rows.collect(), interval, query.format))
}
