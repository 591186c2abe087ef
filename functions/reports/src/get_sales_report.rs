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
    "/api/v1/reports/sales",
    Access::Publisher,
    "get_sales_report",
    "What was sold and taken back, by event and period; `format=csv` gives a table",
)
.scope(Scope::ReportsRead)
.query::<ReportQuery>()
.data::<Report<SalesFigures>>();

figures! {
    /// What was sold.
    SalesFigures {
        /// Orders that were paid. An order for two events counts for both.
        orders,
        /// Tickets that were issued.
        tickets,
        /// Rupiah of the tickets before anything is taken off.
        price,
        /// What promo codes took off.
        discount,
        /// Service fees.
        fee,
        /// Taxes.
        tax,
        /// What was charged: price less discount, fee and tax.
        charged,
        /// Tickets that were taken back in the period, whenever they were sold.
        tickets_returned,
        /// What went back in the period, whenever it was paid.
        returned,
    }
}

pub(crate) async fn get_sales_report(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Query(query): Query<ReportQuery>,
) -> web::Result<Response> {
    let conn = app.db.conn().await?;
    let scope = query.scope(&conn, caller).await?;
    let interval = query.interval();
    let rows = reports::sales(&conn, scope, interval, MOST_ROWS + 1).await?;
    check_length(&rows)?;
    let rows = rows.into_iter().map(|row| {
        let figures = SalesFigures {
            orders: row.orders,
            tickets: row.tickets,
            price: row.price,
            discount: row.discount,
            fee: row.fee,
            tax: row.tax,
            charged: row.charged,
            tickets_returned: row.tickets_returned,
            returned: row.returned,
        };
        (row.period, figures)
    });
    Ok(answer("sales", rows.collect(), interval, query.format))
}
