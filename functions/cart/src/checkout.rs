use crate::{App, limits};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use db::cart::CartItem;
use db::seats::Place;
use db::stock::{self, Want};
use db::ticket_types::ForSale;
use domain::order;
use domain::price::{PricedLine, price};
use domain::promo_code::{PromoCode, PromoCodes};
use domain::waiting_list::EntryStatus;
use domain::{Error, OrderId, Rupiah, TicketTypeId, Timestamp, UserId};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use views::SeatOut;
use web::{Access, Answer, Caller, ClientIp, Keyed, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/cart/checkout",
    Access::User,
    "checkout",
    "Turn the cart into an order; its tickets are kept until the time to pay is over",
)
.body::<CheckoutIn>()
.data::<CheckoutOut>()
.idempotent()
.conflicts(&[
    "sold_out",
    "held_by_others",
    "seat_taken",
    "limit_reached",
    "below_minimum",
    "sales_closed",
    "account_required",
    "promo_used_up",
    "promo_limit_reached",
    "promo_changed",
]);

web::input! {
    /// What goes with the order; nothing has to be sent.
    pub(crate) struct CheckoutIn {
        /// A promo code, or several with commas between if all of them may be combined.
        promo_code: Option<PromoCodes>,
    }
}

/// The order.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CheckoutOut {
    user_id: UserId,
    items: Vec<LineOut>,
    /// What will be charged, in rupiah: `subtotal - discount + fee + tax`.
    total: Rupiah,
    /// `pending`: it waits for payment.
    status: &'static str,
    /// What the order is called; `POST /payments/initialize` takes it.
    order_id: String,
    /// Until when it can be paid.
    expires_at: Timestamp,
    /// Prices of the lines, in rupiah.
    subtotal: Rupiah,
    /// What promo codes take off, in rupiah.
    discount: Rupiah,
    /// Service fees, in rupiah.
    fee: Rupiah,
    /// Taxes, in rupiah.
    tax: Rupiah,
    /// The promo codes, in the order in which they were applied.
    promo_codes: Vec<PromoCode>,
}

/// A line of the order.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct LineOut {
    ticket_id: TicketTypeId,
    quantity: u32,
    /// Price of one in rupiah.
    price: Rupiah,
    /// Price of the line in rupiah.
    subtotal: Rupiah,
    /// What promo codes take off the line, in rupiah.
    discount: Rupiah,
    /// Service fee of the line, in rupiah.
    fee: Rupiah,
    /// Tax of the line, in rupiah.
    tax: Rupiah,
    /// What the line is charged, in rupiah.
    charged: Rupiah,
    /// Which seats; null if it is no ticket with seats.
    seats: Option<Vec<SeatOut>>,
}

pub(crate) async fn checkout(
    State(app): State<Arc<App>>,
    caller: Caller,
    ip: ClientIp,
    mut request: Keyed<CheckoutIn>,
) -> web::Result<Response> {
    let now = app.clock.now();
    let quota = limits::write(&app, &ip, caller, now).await?;
    let expires_at = now.plus_seconds(app.payment_seconds);
    let once = request.take_once(ROUTE.id, caller.id);
    let codes = request.body.promo_code.unwrap_or_default();
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    if let Some(stored) = db::idempotency::claim(&tx, once.as_ref(), now).await? {
        return Ok(web::answer::stored(stored));
    }
    let buyer = db::users::lock_buyer(&tx, caller.id).await?;
    let buyer = buyer.ok_or_else(|| Error::unauthenticated("Invalid token"))?;
    let items = db::cart::lock_all(&tx, caller.id).await?;
    if items.is_empty() {
        return Err(Error::invalid("cart_empty", "Cart is empty").into());
    }
    let types: Vec<_> = items.iter().map(|item| item.ticket_type_id).collect();
    let bought = db::orders::bought(&tx, caller.id, &types).await?;
    let sales = db::ticket_types::for_sale(tx.client(), &types).await?;
    let mut lines = Vec::with_capacity(items.len());
    for item in &items {
        let sale = sale_of(&sales, item)?;
        let others = bought
            .iter()
            .find(|(id, _)| *id == sale.id)
            .map_or(0, |(_, quantity)| *quantity);
        sale.rules
            .check_guest(buyer.is_guest)
            .and_then(|()| sale.rules.check(item.quantity, others, now))
            .map_err(|error| named(error.into(), sale))?;
        lines.push(sale.line(item.quantity));
    }
    let promos = db::promos::for_purchase(tx.client(), &codes, caller.id, now).await?;
    let terms: Vec<_> = promos.iter().map(|stored| &stored.promo.terms).collect();
    let price = price(&lines, &terms)?;
    let code = order::code(runtime::random::bytes());
    let (order, line_ids) = db::orders::insert(&tx, &code, caller.id, &price, expires_at, now).await?;
    db::waiting_list::end_offers(&tx, caller.id, &items, EntryStatus::Claimed, now).await?;
    let mail = db::orders::tell_placed(&tx, &order, &runtime::random::hex::<16>, now).await?;
    // The counters come last, after all holds, and the promo codes after them; rows and lines stand in the order in which they are
    // locked.
    let mut held = Vec::with_capacity(items.len());
    for item in &items {
        held.push(stock::lock_cart_holds(&tx, item.id).await?);
    }
    for ((item, line), held) in items.iter().zip(line_ids).zip(held) {
        let sale = sale_of(&sales, item)?;
        if sale.seated {
            let mut pick = runtime::random::below;
            db::cart::hand_over_seats(&tx, item, line, sale, expires_at, now, &mut pick)
                .await
                .map_err(|error| named(error, sale))?;
            continue;
        }
        let want = Want {
            ticket_type: sale.id,
            quantity: item.quantity,
            first_stripe: runtime::random::below(sale.stripes),
            until: expires_at,
        };
        db::cart::hand_over(&tx, item.id, held, line, want, now)
            .await?
            .map_err(|error| named(error.into(), sale))?;
    }
    db::promos::redeem(&tx, order.id, caller.id, &promos, &price, now).await?;
    let places = if sales.iter().any(|sale| sale.seated) {
        db::seats::of_orders(tx.client(), &[order.id]).await?
    } else {
        Vec::new()
    };
    let data = CheckoutOut {
        user_id: caller.id,
        items: price
            .lines
            .iter()
            .map(|line| LineOut::of(line, &places))
            .collect(),
        total: price.total,
        status: "pending",
        order_id: code,
        expires_at,
        subtotal: price.subtotal,
        discount: price.discount,
        fee: price.fee,
        tax: price.tax,
        promo_codes: promos.into_iter().map(|stored| stored.promo.code).collect(),
    };
    let answer = Answer::ok(data).message("Checkout initialized successfully");
    db::idempotency::store(tx.client(), once.as_ref(), &answer.to_stored()).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    app.queue
        .publish_committed(&[mail], async |ids| {
            db::outbox::mark_published(&conn, ids, now).await
        })
        .await;
    Ok(answer.quota(quota).into_response())
}

fn sale_of<'a>(sales: &'a [ForSale], item: &CartItem) -> domain::Result<&'a ForSale> {
    sales
        .iter()
        .find(|sale| sale.id == item.ticket_type_id)
        .ok_or_else(|| Error::conflict("sales_closed", "A ticket in the cart is not on sale any more"))
}

/// Says which ticket of the cart is meant, in the words that clients know.
fn named(mut error: Error, sale: &ForSale) -> Error {
    error.message = match error.code {
        "sold_out" | "held_by_others" => format!("Not enough tickets available for {}", sale.name),
        _ => format!("{}: {}", sale.name, error.message),
    };
    error
}

impl LineOut {
    fn of(priced: &PricedLine, places: &[(OrderId, Place)]) -> Self {
        let own = places
            .iter()
            .filter(|(_, place)| place.ticket_type == priced.line.ticket_type);
        Self {
            ticket_id: priced.line.ticket_type,
            quantity: priced.line.quantity,
            price: priced.line.unit_price,
            subtotal: priced.subtotal,
            discount: priced.discount,
            fee: priced.fee,
            tax: priced.tax,
            charged: priced.charged,
            seats: SeatOut::of_order(own.map(|(_, place)| place)),
        }
    }
}
