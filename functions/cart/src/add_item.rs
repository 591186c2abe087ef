use crate::reserve::{self, More, Seats};
use crate::{App, CartItemOut, limits, places};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::order::MAX_LINES;
use domain::seating::{SeatNumber, SeatNumbers};
use domain::ticket::Quantity;
use domain::{CartItemId, Error, TicketTypeId, Timestamp, UserId};
use std::sync::Arc;
use web::{Access, Answer, Caller, ClientIp, Keyed, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/cart",
    Access::User,
    "add_item",
    "Put tickets into the cart and reserve them; adding the same ticket again adds up",
)
.status(201)
.body::<AddItemIn>()
.data::<CartItemOut>()
.idempotent()
.conflicts(&[
    "sold_out",
    "held_by_others",
    "seat_taken",
    "seat_accessible",
    "single_seat",
    "limit_reached",
    "below_minimum",
    "sales_closed",
    "account_required",
    "cart_full",
]);

web::input! {
    /// What is wanted.
    pub(crate) struct AddItemIn {
        /// Which ticket type.
        ticket_id: TicketTypeId,
        /// How many more. Of a ticket with seats, the best that are left, unless `seatIds` says which.
        quantity: Option<Quantity>,
        /// Which seats of the event's map more, for a ticket with seats.
        seat_ids: Option<SeatNumbers>,
        /// Whether seats that are kept for people who need them are asked for: at least one of them, and the others beside it.
        accessible: Option<bool>,
    }
}

impl AddItemIn {
    /// How many more.
    fn quantity(&self) -> domain::Result<u32> {
        let chosen = self.seat_ids.as_ref().map(SeatNumbers::count);
        match (self.quantity.map(Quantity::get), chosen) {
            (Some(quantity), Some(chosen)) if quantity != chosen => Err(Error::invalid_field(
                "quantity",
                "\"quantity\" must be the number of \"seatIds\"",
            )),
            (quantity, chosen) => chosen
                .or(quantity)
                .ok_or_else(|| Error::invalid_field("quantity", "\"quantity\" is required")),
        }
    }

    /// The seats that a row gets beside those that it has.
    fn seats<'a>(&self, has: &[SeatNumber], chosen: &'a mut Vec<SeatNumber>, quantity: u32) -> Seats<'a> {
        let more = match &self.seat_ids {
            Some(seats) => {
                chosen.extend(seats.as_slice().iter().filter(|seat| !has.contains(seat)));
                More::Chosen(chosen)
            }
            None => More::Best(quantity),
        };
        Seats {
            keep: has.to_vec(),
            more,
            accessible: self.accessible.unwrap_or(false),
        }
    }
}

pub(crate) async fn add_item(
    State(app): State<Arc<App>>,
    caller: Caller,
    ip: ClientIp,
    mut request: Keyed<AddItemIn>,
) -> web::Result<Response> {
    let now = app.clock.now();
    let quota = limits::write(&app, &ip, caller, now).await?;
    let once = request.take_once(ROUTE.id, caller.id);
    let input = request.body;
    let more = input.quantity()?;
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    if let Some(stored) = db::idempotency::claim(&tx, once.as_ref(), now).await? {
        return Ok(web::answer::stored(stored));
    }
    let buyer = db::users::lock_buyer(&tx, caller.id).await?;
    let buyer = buyer.ok_or_else(|| Error::unauthenticated("Invalid token"))?;
    let sale = reserve::for_sale(&tx, input.ticket_id).await?;
    sale.rules.check_guest(buyer.is_guest)?;
    let bought = reserve::bought(&tx, caller.id, sale.id).await?;
    let cart = db::cart::lock_all(&tx, caller.id).await?;
    let found = cart.iter().find(|item| item.ticket_type_id == sale.id);
    if found.is_none() && cart.len() >= MAX_LINES {
        let message = format!("A cart holds at most {MAX_LINES} kinds of tickets");
        sale.rules.check(more, bought, now)?;
        return Err(Error::conflict("cart_full", message).into());
    }
    if !sale.seated && (input.seat_ids.is_some() || input.accessible == Some(true)) {
        return Err(Error::invalid_field("seatIds", "This ticket has no seats to choose").into());
    }
    let mut chosen = Vec::new();
    let item = match found {
        Some(item) if sale.seated => {
            let has = item.seats.as_deref().unwrap_or_default();
            let wanted = input.seats(has, &mut chosen, more);
            let has = u32::try_from(has.len()).unwrap_or(u32::MAX);
            sale.rules
                .check(has.saturating_add(wanted.more.count()), bought, now)?;
            reserve::set_seats(&app, &tx, item, &sale, wanted, now).await?;
            item.id
        }
        None if sale.seated => {
            sale.rules.check(more, bought, now)?;
            let wanted = input.seats(&[], &mut chosen, more);
            reserve::add_seats(&app, &tx, caller.id, &sale, wanted, now).await?
        }
        Some(item) => {
            let quantity = item.quantity.saturating_add(more);
            sale.rules.check(quantity, bought, now)?;
            reserve::set_quantity(&app, &tx, item, &sale, quantity, now).await?;
            item.id
        }
        None => {
            sale.rules.check(more, bought, now)?;
            reserve::add(&app, &tx, caller.id, &sale, more, now).await?
        }
    };
    if once.is_none() {
        // The row is read after the commit, so that nobody waits for the stock meanwhile.
        tx.commit().await.map_err(db::DbError::from)?;
        return Ok(shown(&conn, item, caller.id, now)
            .await?
            .quota(quota)
            .into_response());
    }
    let answer = shown(tx.client(), item, caller.id, now).await?;
    db::idempotency::store(tx.client(), once.as_ref(), &answer.to_stored()).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(answer.quota(quota).into_response())
}

async fn shown(
    db: &db::Client,
    item: CartItemId,
    owner: UserId,
    now: Timestamp,
) -> domain::Result<Answer<CartItemOut>> {
    let (item, ticket) = db::cart::find(db, item, owner)
        .await?
        .ok_or_else(|| Error::not_found("Cart item"))?;
    let seats = places(db, &[&item]).await?;
    Ok(Answer::created(
        "Item added to cart successfully",
        CartItemOut::of(&item, ticket, &seats, now),
    ))
}
