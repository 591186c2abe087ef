use crate::{App, CartItemOut, limits, reserve};
use axum::extract::State;
use domain::ticket::Quantity;
use domain::{CartItemId, Error};
use std::sync::Arc;
use web::{Access, Answer, Caller, ClientIp, Json, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "PATCH",
    "/api/v1/cart/{id}",
    Access::User,
    "change_item",
    "Set the quantity of a row of the cart",
)
.body::<ChangeItemIn>()
.data::<CartItemOut>()
.conflicts(&[
    "sold_out",
    "held_by_others",
    "limit_reached",
    "below_minimum",
    "sales_closed",
    "account_required",
]);

web::input! {
    /// The new quantity.
    pub(crate) struct ChangeItemIn {
        /// How many in all.
        quantity: Quantity,
    }
}

pub(crate) async fn change_item(
    State(app): State<Arc<App>>,
    caller: Caller,
    ip: ClientIp,
    Path(id): Path<CartItemId>,
    Json(input): Json<ChangeItemIn>,
) -> web::Result<Answer<CartItemOut>> {
    let now = app.clock.now();
    let quota = limits::write(&app, &ip, caller, now).await?;
    let missing = || Error::not_found("Cart item");
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let buyer = db::users::lock_buyer(&tx, caller.id)
        .await?
        .ok_or_else(|| Error::unauthenticated("Invalid token"))?;
    let item = db::cart::lock(&tx, id, caller.id).await?.ok_or_else(missing)?;
    let sale = reserve::for_sale(&tx, item.ticket_type_id).await?;
    sale.rules.check_guest(buyer.is_guest)?;
    let bought = reserve::bought(&tx, caller.id, sale.id).await?;
    sale.rules.check(input.quantity.get(), bought, now)?;
    reserve::set_quantity(&app, &tx, &item, &sale, input.quantity.get(), now).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    let (item, ticket) = db::cart::find(&conn, id, caller.id).await?.ok_or_else(missing)?;
    Ok(Answer::ok(CartItemOut::of(&item, ticket, now))
        .message("Cart updated successfully")
        .quota(quota))
}
