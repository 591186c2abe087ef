use crate::page_items::page_items;
use crate::{App, PaymentOut, by_transfer, limits, show};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use db::Transaction;
use db::orders::Order;
use db::payments::{Opened, Payment};
use db::promos::StoredPromo;
use db::stock::{self, Owner, Want};
use domain::event::EventStatus;
use domain::message::Outgoing;
use domain::order;
use domain::payment::PaymentMethod;
use domain::price::{Price, price};
use domain::promo_code::{PromoCode, PromoCodes};
use domain::ticket::{Quantity, SaleError};
use domain::transfer::TransferError;
use domain::waiting_list::EntryStatus;
use domain::{Error, FieldError, Rupiah, TicketTypeId, Timestamp, UserId};
use gateway::{Customer, GatewayError, SnapOrder, SnapPage};
use schemars::JsonSchema;
use serde::Serialize;
use std::slice;
use std::sync::Arc;
use web::{Access, Answer, Caller, ClientIp, Keyed, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/payments/initialize",
    Access::User,
    "initialize_payment",
    "Open the payment page of an order, or of one ticket type bought at once, or tell to which account to transfer the money; \
     asking again gives the same page or account",
)
.status(201)
.body::<InitializeIn>()
.data::<InitializeOut>()
.idempotent()
.conflicts(&[
    "sold_out", "held_by_others", "limit_reached", "below_minimum", "sales_closed", "account_required", "order_paid", "order_closed",
    "request_in_flight", "payment_refused", "promo_used_up", "promo_limit_reached", "promo_changed", "transfer_not_offered",
    "transfer_too_late", "transfer_waiting", "transfer_chosen", "payment_page_opened",
]);

/// Seconds for which the first of two clicks keeps the second from asking the gateway, too.
const LEASE_SECONDS: i64 = 10;

web::input! {
    /// What is paid: an order of the cart (`orderId`), or at once some tickets of one kind (`ticketId` and `quantity`).
    pub(crate) struct InitializeIn {
        /// The order, as checkout called it.
        order_id: Option<String>,
        /// Ticket type, if there is no order yet.
        ticket_id: Option<TicketTypeId>,
        /// How many of it.
        quantity: Option<Quantity>,
        /// A promo code for tickets bought at once, or several with commas between if all of them may be combined. An order of the
        /// cart has those that it was made with.
        promo_code: Option<PromoCodes>,
        /// How to pay: on the page of the gateway, unless it is said otherwise.
        method: Option<PaymentMethod>,
    }
}

enum What<'a> {
    Order(&'a str),
    Tickets(TicketTypeId, Quantity),
}

impl InitializeIn {
    fn what(&self) -> domain::Result<What<'_>> {
        if let Some(code) = &self.order_id {
            return Ok(What::Order(code));
        }
        match (self.ticket_id, self.quantity) {
            (Some(ticket), Some(quantity)) => Ok(What::Tickets(ticket, quantity)),
            (ticket, quantity) => {
                let missing = [("ticketId", ticket.is_none()), ("quantity", quantity.is_none())];
                let missing = missing.into_iter().filter(|(_, missing)| *missing);
                let refused = missing.map(|(field, _)| FieldError {
                    field: field.to_owned(),
                    message: format!("\"{field}\" is required"),
                });
                Err(Error::invalid_fields(refused.collect()))
            }
        }
    }
}

/// The payment and where to pay it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InitializeOut {
    payment: PaymentOut,
    /// For `snap.pay`; null when nothing has to be paid, or by bank transfer.
    transaction_token: Option<String>,
    /// The payment page; null when nothing has to be paid, or by bank transfer.
    redirect_url: Option<String>,
}

pub(crate) async fn initialize_payment(
    State(app): State<Arc<App>>,
    caller: Caller,
    ip: ClientIp,
    mut request: Keyed<InitializeIn>,
) -> web::Result<Response> {
    let now = app.clock.now();
    let quota = limits::begin(&app, &ip, caller, now).await?;
    let once = request.take_once(ROUTE.id, caller.id);
    let codes = request.body.promo_code.take().unwrap_or_default();
    let method = request.body.method.unwrap_or(PaymentMethod::Midtrans);
    let what = request.body.what()?;
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    if let Some(stored) = db::idempotency::claim(&tx, once.as_ref(), now).await? {
        return Ok(web::answer::stored(stored));
    }
    let buyer = db::users::lock_buyer(&tx, caller.id)
        .await?
        .ok_or_else(|| Error::unauthenticated("Invalid token"))?;
    let mut messages = Vec::new();
    let mut used = None;
    let order = match what {
        What::Order(code) => {
            let order = db::orders::lock_own(&tx, code, caller.id).await?;
            let order = order.ok_or_else(|| Error::not_found("Order"))?;
            check_codes(&tx, &order, &codes).await?;
            order
        }
        What::Tickets(ticket, quantity) => {
            let known =
                db::orders::lock_single_line(&tx, caller.id, ticket, quantity.get(), &codes, now).await?;
            match known {
                Some(order) => order,
                None => {
                    let promos = db::promos::for_purchase(tx.client(), &codes, caller.id, now).await?;
                    let wish = Wish {
                        ticket,
                        quantity,
                        promos: &promos,
                        is_guest: buyer.is_guest,
                    };
                    let (order, price) =
                        order_at_once(&app, &tx, caller.id, wish, &mut messages, now).await?;
                    used = Some((promos, price));
                    order
                }
            }
        }
    };
    order::check_payable(order.status, order.expires_at, now)?;
    let events = db::orders::event_statuses(&tx, order.id, now).await?;
    if events.iter().any(|status| *status != EventStatus::Published) {
        return Err(Error::from(SaleError::SalesClosed { opens: None }).into());
    }
    let opened = if method == PaymentMethod::ManualTransfer && order.total > Rupiah::ZERO {
        Opened::ByTransfer(by_transfer::begin(&tx, &order, buyer.is_guest, &mut messages, now).await?)
    } else {
        db::payments::open(&tx, order.id, now.plus_seconds(LEASE_SECONDS), now).await?
    };
    if method == PaymentMethod::Midtrans && matches!(opened, Opened::ByTransfer(_)) {
        // Paid on a page as well, it would be paid twice.
        return Err(Error::from(TransferError::Chosen).into());
    }
    if let (Rupiah::ZERO, Opened::Lease(payment)) = (order.total, &opened) {
        let applied =
            db::settlement::settle_free(&tx, &order, payment, &runtime::random::hex::<16>, now).await?;
        messages.extend(applied.messages);
    }
    // Promo codes are locked after all stock.
    if let Some((promos, price)) = &used {
        db::promos::redeem(&tx, order.id, caller.id, promos, price, now).await?;
    }
    tx.commit().await.map_err(db::DbError::from)?;
    app.queue
        .publish_committed(&messages, async |ids| {
            db::outbox::mark_published(&conn, ids, now).await
        })
        .await;

    // The row is there and no transaction is open: now the gateway may take its time.
    let payment = match opened {
        Opened::Ready(payment) | Opened::ByTransfer(payment) => payment,
        Opened::Lease(payment) if payment.amount == Rupiah::ZERO => payment,
        Opened::Lease(payment) => open_page(&app, &conn, &order, payment, now).await?,
        Opened::Busy => {
            let message = "The payment page is being opened, please try again in a moment";
            return Err(Error::conflict("request_in_flight", message)
                .retry_after(1)
                .into());
        }
    };
    let row = db::payments::find(&conn, payment.id, Some(caller.id))
        .await?
        .ok_or_else(|| Error::not_found("Payment"))?;
    let shown = show(&conn, vec![row], now)
        .await?
        .into_iter()
        .next()
        .ok_or_else(|| Error::not_found("Payment"))?;
    let data = InitializeOut {
        payment: shown,
        transaction_token: payment.transaction_token,
        redirect_url: payment.redirect_url,
    };
    let answer = Answer::created("Payment initialized successfully", data);
    db::idempotency::store(&conn, once.as_ref(), &answer.to_stored()).await?;
    Ok(answer.quota(quota).into_response())
}

/// An order of the cart was priced with its promo codes; it can only be paid with these, or without naming them again.
async fn check_codes(tx: &Transaction<'_>, order: &Order, codes: &PromoCodes) -> domain::Result<()> {
    if codes.is_empty() {
        return Ok(());
    }
    let own = db::promos::of_order(tx.client(), order.id).await?;
    let is_own = |code: &PromoCode| own.iter().any(|(name, _)| name == code.as_str());
    if codes.as_slice().iter().all(is_own) {
        Ok(())
    } else {
        let message = "A promo code is given when the order is made, at checkout";
        Err(Error::invalid("promo_too_late", message))
    }
}

/// What is bought at once.
struct Wish<'a> {
    ticket: TicketTypeId,
    quantity: Quantity,
    promos: &'a [StoredPromo],
    is_guest: bool,
}

/// An order of one line without a cart. What the buyer's cart holds of the same kind serves it.
async fn order_at_once(
    app: &App,
    tx: &Transaction<'_>,
    user: UserId,
    wish: Wish<'_>,
    messages: &mut Vec<Outgoing>,
    now: Timestamp,
) -> domain::Result<(Order, Price)> {
    let Wish {
        ticket,
        quantity,
        promos,
        is_guest,
    } = wish;
    let expires_at = now.plus_seconds(app.payment_seconds);
    let sale = db::ticket_types::for_sale(tx.client(), slice::from_ref(&ticket)).await?;
    let sale = sale
        .into_iter()
        .next()
        .ok_or_else(|| Error::not_found("Ticket"))?;
    sale.rules.check_guest(is_guest)?;
    let bought = db::orders::bought(tx, user, slice::from_ref(&ticket)).await?;
    sale.rules.check(
        quantity.get(),
        bought.first().map_or(0, |(_, quantity)| *quantity),
        now,
    )?;
    let in_cart = db::cart::lock_of_type(tx, user, ticket)
        .await?
        .filter(|item| item.quantity == quantity.get());
    let terms: Vec<_> = promos.iter().map(|stored| &stored.promo.terms).collect();
    let price = price(&[sale.line(quantity.get())], &terms)?;
    let code = order::code(runtime::random::bytes());
    let (order, lines) = db::orders::insert(tx, &code, user, &price, expires_at, now).await?;
    messages.push(db::orders::tell_placed(tx, &order, &runtime::random::hex::<16>, now).await?);
    let line = *lines
        .first()
        .ok_or_else(|| Error::internal("an order without a line"))?;
    if sale.seated {
        let mut pick = runtime::random::below;
        match in_cart {
            Some(item) => {
                stock::lock_cart_holds(tx, item.id).await?;
                db::cart::hand_over_seats(tx, &item, line, &sale, expires_at, now, &mut pick).await?;
            }
            None => {
                let quantity = quantity.get();
                db::seats::order_best(tx, line, &sale, quantity, expires_at, now, &mut pick).await?;
            }
        }
        return Ok((order, price));
    }
    let want = Want {
        ticket_type: ticket,
        quantity: quantity.get(),
        first_stripe: runtime::random::below(sale.stripes),
        until: expires_at,
    };
    match in_cart {
        Some(item) => {
            let ordered = slice::from_ref(&item);
            db::waiting_list::end_offers(tx, user, ordered, EntryStatus::Claimed, now).await?;
            let held = stock::lock_cart_holds(tx, item.id).await?;
            db::cart::hand_over(tx, item.id, held, line, want, now).await??;
        }
        None => stock::take(tx, Owner::Order(line), want, now).await??,
    }
    Ok((order, price))
}

/// Asks the gateway for a page and keeps it. If the gateway is away, the lease is given back and the order stays as it is:
/// the tickets are kept until the time to pay is over.
async fn open_page(
    app: &App,
    conn: &db::Client,
    order: &Order,
    mut payment: Payment,
    now: Timestamp,
) -> domain::Result<Payment> {
    match ask_for_page(app, conn, order, now).await {
        Ok(page) => {
            if !db::payments::store_page(conn, payment.id, &page.token, &page.redirect_url, now).await? {
                let message = "The payment was changed meanwhile, please try again";
                return Err(Error::conflict("request_in_flight", message).retry_after(1));
            }
            payment.transaction_token = Some(page.token);
            payment.redirect_url = Some(page.redirect_url);
            Ok(payment)
        }
        Err(error) => {
            if let Err(error) = db::payments::drop_lease(conn, payment.id, now).await {
                tracing::warn!(?error, "the lease of a payment page runs out by itself");
            }
            Err(error)
        }
    }
}

async fn ask_for_page(
    app: &App,
    conn: &db::Client,
    order: &Order,
    now: Timestamp,
) -> domain::Result<SnapPage> {
    let user = db::users::find(conn, order.user_id)
        .await?
        .ok_or_else(|| Error::not_found("User"))?;
    let (lines, promos) = tokio::try_join!(
        db::orders::items(conn, order.id),
        db::promos::of_order(conn, order.id)
    )?;
    let items = page_items(order, &lines, &promos);
    let snap = SnapOrder {
        code: &order.code,
        total: order.total,
        items: &items,
        customer: Customer {
            name: &user.name,
            email: &user.email,
            phone: &user.phone_number,
        },
        starts: now,
        ends: order.expires_at,
        finish_url: &app.finish_url,
    };
    app.midtrans
        .create_page(&snap)
        .await
        .map_err(|error| match error {
            // A method was chosen on a page whose address was lost: the payment goes on without us.
            GatewayError::Refused { code: 400, .. } => {
                let message = "A payment of this order is under way already, please wait for its result";
                Error::conflict("payment_refused", message).because(error)
            }
            other => other.into(),
        })
}
