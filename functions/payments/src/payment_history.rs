use crate::{App, PaymentList, show};
use axum::extract::State;
use db::payments::{Begin, Filter};
use std::sync::Arc;
use web::input::PageQuery;
use web::{Access, Answer, Caller, Meta, Query, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/payments/history",
    Access::User,
    "payment_history",
    "List own payments, newest first",
)
.query::<PageQuery>()
.data::<PaymentList>();

pub(crate) async fn payment_history(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> web::Result<Answer<PaymentList>> {
    let conn = app.db.conn().await?;
    let own = Filter {
        payer: Some(caller.id),
        ..Filter::default()
    };
    let begin = Begin::Offset(query.page.offset());
    let (rows, total) = db::payments::list(&conn, &own, begin, query.page.limit).await?;
    let payments = show(&conn, rows, app.clock.now()).await?;
    Ok(Answer::ok(PaymentList {
        payments,
        meta: Meta::of(query.page, total),
    }))
}
