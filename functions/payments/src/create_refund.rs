use crate::App;
use crate::refund_out::RefundOut;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use db::Transaction;
use db::orders::Order;
use db::payments::Payment;
use db::refunds::{self, Asked};
use domain::audit::{Changes, Subject};
use domain::order::OrderStatus;
use domain::payment::PaymentStatus;
use domain::refund::{
    By, Cause, MOST_TICKETS, Plan, RefundError, RefundReason, Sale, Wish, is_refundable, plan,
    plan_of_conflict, promised,
};
use domain::{Error, IssuedTicketId, PaymentId, Rupiah, Timestamp, UserId};
use std::sync::Arc;
use web::{Access, Answer, Caller, Keyed, Origin, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/payments/{id}/refunds",
    Access::User,
    "create_refund",
    "Give money back: organizers for tickets of their events, admins for all, buyers while an event's organizer lets them",
)
.status(201)
.body::<RefundIn>()
.data::<RefundOut>()
.idempotent()
.conflicts(&[
    "not_refundable", "nothing_to_refund", "refund_too_large", "refund_not_allowed", "ticket_void", "ticket_used",
    "request_in_flight",
]);

web::input! {
    /// What is given back. Without tickets and amount it is everything that the caller may give back.
    pub(crate) struct RefundIn {
        /// The tickets to take back.
        ticket_ids: Option<Vec<IssuedTicketId>>,
        /// How much, in rupiah, if it is less than the tickets were charged. Without tickets it is a gesture: money goes back
        /// and no ticket is touched.
        amount: Option<Rupiah>,
        /// Why; the buyer reads it.
        reason: RefundReason,
    }
}

impl RefundIn {
    fn wish(&self) -> domain::Result<Wish> {
        let refuse = |field, message: String| Err(Error::invalid_field(field, message));
        match &self.ticket_ids {
            Some(ids) if ids.is_empty() => {
                return refuse("ticketIds", "\"ticketIds\" must not be empty".to_owned());
            }
            Some(ids) if ids.len() > MOST_TICKETS => {
                let message = format!("\"ticketIds\" must be at most {MOST_TICKETS}");
                return refuse("ticketIds", message);
            }
            _ => {}
        }
        if self.amount == Some(Rupiah::ZERO) {
            return refuse("amount", "\"amount\" must be at least 1".to_owned());
        }
        Ok(Wish {
            tickets: self.ticket_ids.clone(),
            amount: self.amount,
        })
    }
}

pub(crate) async fn create_refund(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<PaymentId>,
    origin: Origin,
    mut request: Keyed<RefundIn>,
) -> web::Result<Response> {
    let now = app.clock.now();
    let once = request.take_once(ROUTE.id, caller.id);
    let wish = request.body.wish()?;
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    if let Some(stored) = db::idempotency::claim(&tx, once.as_ref(), now).await? {
        return Ok(web::answer::stored(stored));
    }
    let missing = || Error::not_found("Payment");
    let access = refunds::access(tx.client(), id, caller.id, caller.is_admin()).await?;
    let access = access.ok_or_else(missing)?;
    // Two requests at a time are decided one after the other: the second sees what the first has promised.
    let order = db::orders::lock(&tx, access.order).await?.ok_or_else(missing)?;
    let payment = db::payments::lock_of_order(&tx, order.id).await?;
    let payment = payment.ok_or_else(missing)?;
    let (cause, plan) = decide(&tx, &order, &payment, access.by, caller.id, &wish, now).await?;
    let asked = Asked {
        cause,
        by: Some(caller.id),
        event: None,
        reason: request.body.reason.as_str(),
    };
    let random = runtime::random::hex::<16>;
    let (refund, messages) = refunds::request(&tx, &order, &payment, &asked, &plan, &random, now).await?;
    db::settlement::end_if_free_and_empty(&tx, &order, &payment, &random, now).await?;
    let changes = Changes::none()
        .set("refund", refund)
        .set("amount", plan.amount)
        .set("tickets", &plan.tickets);
    let entry = origin.entry(caller, ROUTE.id, Subject::Payment(id), changes, now);
    db::audit::record(&tx, &entry).await?;
    let made = refunds::find(tx.client(), refund).await?;
    let made = made.ok_or_else(|| Error::internal("a refund that is not there"))?;
    tx.commit().await.map_err(db::DbError::from)?;
    app.queue
        .publish_committed(&messages, async |ids| {
            db::outbox::mark_published(&conn, ids, now).await
        })
        .await;
    let answer = Answer::created("Refund requested successfully", RefundOut::new(made, access.by));
    db::idempotency::store(&conn, once.as_ref(), &answer.to_stored()).await?;
    Ok(answer.into_response())
}

/// What of a locked payment is given back, and why.
async fn decide(
    tx: &Transaction<'_>,
    order: &Order,
    payment: &Payment,
    by: By,
    caller: UserId,
    wish: &Wish,
    now: Timestamp,
) -> domain::Result<(Cause, Plan)> {
    let earlier = refunds::known(&refunds::of_payment(tx.client(), payment.id).await?);
    let left = payment.paid().minus(promised(&earlier)).unwrap_or(Rupiah::ZERO);
    match payment.status {
        PaymentStatus::Refunded => Err(RefundError::NothingLeft.into()),
        // Money that is not in rupiah is not in the books: people give it back at the gateway.
        PaymentStatus::Conflicted if payment.received.is_some() => {
            Ok((Cause::WrongAmount, plan_of_conflict(by, wish, left)?))
        }
        status if !is_refundable(status) => Err(RefundError::NotPaid.into()),
        // What came too late goes back by itself.
        _ if order.status != OrderStatus::Paid => Err(RefundError::NothingLeft.into()),
        _ => {
            let organizer = (by == By::Organizer).then_some(caller);
            let mut live = db::issued::lock_live(tx, order.id).await?;
            if by == By::Buyer {
                // What somebody else has by now is not the buyer's to give back.
                live.retain(|ticket| ticket.with_buyer);
            }
            let void = db::issued::void_of_order(tx.client(), order.id).await?;
            let takings = refunds::takings(tx.client(), order.id, organizer).await?;
            let sale = Sale {
                held: &refunds::held(&live),
                void: &void,
                takings: &takings,
                left,
            };
            Ok((Cause::Request, plan(by, wish, sale, now)?))
        }
    }
}
