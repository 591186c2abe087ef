use crate::App;
use crate::transfer_out::TransferOut;
use axum::extract::State;
use db::settlement::Confirmation;
use domain::audit::{Changes, Subject};
use domain::refund::TransferReference;
use domain::{Error, PaymentId, Rupiah};
use std::sync::Arc;
use web::{Access, Answer, Json, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/payments/{id}/transfer",
    Access::Publisher,
    "confirm_transfer",
    "Confirm that a bank transfer has come in: its tickets are issued, or, if it came too late and they are gone, its money is to \
     be transferred back. The same reference again gives the same answer",
)
.body::<ConfirmIn>()
.data::<TransferOut>()
.conflicts(&["amount_mismatch", "transfer_confirmed", "reference_used"]);

web::input! {
    /// What the bank says.
    pub(crate) struct ConfirmIn {
        /// By which the transfer is found again at the bank. It confirms one payment.
        reference: TransferReference,
        /// How much came in, in rupiah.
        amount: Rupiah,
    }
}

pub(crate) async fn confirm_transfer(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<PaymentId>,
    origin: Origin,
    Json(input): Json<ConfirmIn>,
) -> web::Result<Answer<TransferOut>> {
    let now = app.clock.now();
    let missing = || Error::not_found("Transfer");
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let order = db::transfers::order_of_own(tx.client(), id, caller.id, caller.is_admin()).await?;
    let order = order.ok_or_else(missing)?;
    let reference = input.reference.as_str();
    let said = Confirmation {
        reference,
        amount: input.amount,
        by: caller.id,
    };
    let applied =
        db::settlement::confirm_transfer(&tx, order, said, &runtime::random::hex::<16>, now).await?;
    let transfer = db::transfers::find(tx.client(), id).await?;
    let answer = Answer::ok(TransferOut::from(transfer.ok_or_else(missing)?));
    let answer = answer.message("Transfer confirmed successfully");
    // Said before: nothing is written.
    let Some(applied) = applied else {
        return Ok(answer);
    };
    let changes = Changes::none()
        .set("reference", reference)
        .set("amount", input.amount)
        .moved("status", &applied.before, &applied.after);
    let entry = origin.entry(caller, ROUTE.id, Subject::Payment(id), changes, now);
    db::audit::record(&tx, &entry).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    app.queue
        .publish_committed(&applied.messages, async |ids| {
            db::outbox::mark_published(&conn, ids, now).await
        })
        .await;
    Ok(answer)
}
