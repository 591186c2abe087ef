use crate::App;
use crate::refund_out::RefundOut;
use axum::extract::State;
use db::refunds;
use domain::audit::{Changes, Subject};
use domain::refund::{By, TransferReference};
use domain::{Error, RefundId};
use std::sync::Arc;
use web::{Access, Answer, Json, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/payments/refunds/{id}/done",
    Access::Publisher,
    "complete_refund",
    "Note that the money of a manual refund was transferred; the buyer is told",
)
.body::<TransferIn>()
.data::<RefundOut>()
.conflicts(&["refund_not_manual"]);

web::input! {
    /// The transfer.
    pub(crate) struct TransferIn {
        /// By which it is found again at the bank.
        reference: TransferReference,
    }
}

pub(crate) async fn complete_refund(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<RefundId>,
    origin: Origin,
    Json(input): Json<TransferIn>,
) -> web::Result<Answer<RefundOut>> {
    let now = app.clock.now();
    let missing = || Error::not_found("Refund");
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let order = refunds::order_of_own(tx.client(), id, caller.id, caller.is_admin()).await?;
    let order = order.ok_or_else(missing)?;
    let reference = input.reference.as_str();
    let random = runtime::random::hex::<16>;
    let applied = db::settlement::transferred(&tx, order, id, reference, caller.id, &random, now).await?;
    let refund = refunds::find(tx.client(), id).await?.ok_or_else(missing)?;
    let by = if caller.is_admin() {
        By::Admin
    } else {
        By::Organizer
    };
    let Some(applied) = applied else {
        // The same transfer noted again changes nothing.
        if refund.reference.as_deref() == Some(reference) {
            return Ok(Answer::ok(RefundOut::new(refund, by)).message("Refund completed successfully"));
        }
        let message = "Nobody has to transfer the money of this refund";
        return Err(Error::conflict("refund_not_manual", message).into());
    };
    let changes = Changes::none().set("refund", id).set("reference", reference);
    let entry = origin.entry(
        caller,
        ROUTE.id,
        Subject::Payment(refund.payment_id),
        changes,
        now,
    );
    db::audit::record(&tx, &entry).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    app.queue
        .publish_committed(&applied.messages, async |ids| {
            db::outbox::mark_published(&conn, ids, now).await
        })
        .await;
    Ok(Answer::ok(RefundOut::new(refund, by)).message("Refund completed successfully"))
}
