use crate::{App, PaymentList, show};
use axum::extract::State;
use std::sync::Arc;
use web::input::PageQuery;
use web::{Access, Admin, Answer, Meta, Query, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/payments",
    Access::Admin,
    "list_payments",
    "List all payments, newest first",
)
.query::<PageQuery>()
.data::<PaymentList>();

pub(crate) async fn list_payments(
    State(app): State<Arc<App>>,
    _: Admin,
    Query(query): Query<PageQuery>,
) -> web::Result<Answer<PaymentList>> {
    let conn = app.db.conn().await?;
    let (rows, total) = db::payments::list(&conn, None, query.page).await?;
    let payments = show(&conn, rows, app.clock.now()).await?;
    Ok(Answer::ok(PaymentList {
        payments,
        meta: Meta::of(query.page, total),
    }))
}
