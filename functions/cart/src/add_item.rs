use crate::{App, CartItemOut, limits, reserve};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::order::MAX_LINES;
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
        /// How many more.
        quantity: Quantity,
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
    let item = match cart.iter().find(|item| item.ticket_type_id == sale.id) {
        Some(item) => {
            let quantity = item.quantity.saturating_add(input.quantity.get());
            sale.rules.check(quantity, bought, now)?;
            reserve::set_quantity(&app, &tx, item, &sale, quantity, now).await?;
            item.id
        }
        None => {
            let quantity = input.quantity.get();
            sale.rules.check(quantity, bought, now)?;
            if cart.len() >= MAX_LINES {
                let message = format!("A cart holds at most {MAX_LINES} kinds of tickets");
                return Err(Error::conflict("cart_full", message).into());
            }
            reserve::add(&app, &tx, caller.id, &sale, quantity, now).await?
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
    Ok(Answer::created(
        "Item added to cart successfully",
        CartItemOut::of(&item, ticket, now),
    ))
}
