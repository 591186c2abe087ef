use crate::{App, CartItemOut, reserve};
use axum::extract::State;
use domain::order::MAX_LINES;
use domain::ticket::Quantity;
use domain::{Error, TicketTypeId};
use std::sync::Arc;
use web::{Access, Answer, Caller, Json, Route};

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
.conflicts(&[
    "sold_out",
    "held_by_others",
    "limit_reached",
    "below_minimum",
    "sales_closed",
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
    Json(input): Json<AddItemIn>,
) -> web::Result<Answer<CartItemOut>> {
    let now = app.clock.now();
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let buyer = db::users::lock_buyer(&tx, caller.id).await?;
    buyer.ok_or_else(|| Error::unauthenticated("Invalid token"))?;
    let sale = reserve::for_sale(&tx, input.ticket_id).await?;
    let bought = reserve::bought(&tx, caller.id, sale.id).await?;
    let item = match db::cart::lock_of_type(&tx, caller.id, sale.id).await? {
        Some(item) => {
            let quantity = item.quantity.saturating_add(input.quantity.get());
            sale.rules.check(quantity, bought, now)?;
            reserve::set_quantity(&app, &tx, &item, &sale, quantity, now).await?;
            item.id
        }
        None => {
            let quantity = input.quantity.get();
            sale.rules.check(quantity, bought, now)?;
            if db::cart::lock_all(&tx, caller.id).await?.len() >= MAX_LINES {
                let message = format!("A cart holds at most {MAX_LINES} kinds of tickets");
                return Err(Error::conflict("cart_full", message).into());
            }
            let item = db::cart::insert(&tx, caller.id, sale.id, quantity, now, now).await?;
            reserve::set_quantity(&app, &tx, &item, &sale, quantity, now).await?;
            item.id
        }
    };
    tx.commit().await.map_err(db::DbError::from)?;
    let (item, ticket) = db::cart::find(&conn, item, caller.id)
        .await?
        .ok_or_else(|| Error::not_found("Cart item"))?;
    Ok(Answer::created(
        "Item added to cart successfully",
        CartItemOut::of(&item, ticket, now),
    ))
}
