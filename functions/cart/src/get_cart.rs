use crate::{App, CartItemOut};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Caller, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/cart",
    Access::User,
    "get_cart",
    "Read the cart, newest row first",
)
.data::<CartOut>();

/// The cart.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CartOut {
    items: Vec<CartItemOut>,
    /// Sum of price times quantity, in rupiah.
    total: i64,
    /// How many rows.
    total_items: usize,
}

pub(crate) async fn get_cart(State(app): State<Arc<App>>, caller: Caller) -> web::Result<Answer<CartOut>> {
    let now = app.clock.now();
    let conn = app.db.conn().await?;
    let rows = db::cart::list(&conn, caller.id).await?;
    let total = rows
        .iter()
        .map(|(item, full)| full.ticket.price.get() * i64::from(item.quantity))
        .sum();
    let items: Vec<_> = rows
        .into_iter()
        .map(|(item, full)| CartItemOut::of(&item, full, now))
        .collect();
    Ok(Answer::ok(CartOut {
        total,
        total_items: items.len(),
        items,
    }))
}
