use crate::App;
use crate::refund_out::RefundOut;
use axum::extract::State;
use db::refunds::{self, Refund};
use domain::refund::By;
use domain::{Error, EventId, PaymentId};
use std::sync::Arc;
use web::{Access, Answer, Caller, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/payments/{id}/refunds",
    Access::User,
    "list_payment_refunds",
    "List what of a payment went back or is on its way: buyers of their own, organizers what their events pay",
)
.data::<Vec<RefundOut>>();

pub(crate) async fn list_payment_refunds(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<PaymentId>,
) -> web::Result<Answer<Vec<RefundOut>>> {
    let conn = app.db.conn().await?;
    let access = refunds::access(&conn, id, caller.id, caller.is_admin()).await?;
    let access = access.ok_or_else(|| Error::not_found("Payment"))?;
    let mut found = refunds::of_payment(&conn, id).await?;
    if access.by == By::Organizer {
        let takings = refunds::takings(&conn, access.order, Some(caller.id)).await?;
        let own = takings.iter().filter(|takings| takings.own);
        let own: Vec<EventId> = own.map(|takings| takings.event).collect();
        let pays = |refund: &Refund| refund.parts.iter().any(|(event, _)| own.contains(event));
        found.retain(|refund| refund.parts.is_empty() || pays(refund));
    }
    let shown = found.into_iter().map(|refund| RefundOut::new(refund, access.by));
    Ok(Answer::ok(shown.collect()))
}
