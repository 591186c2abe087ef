use crate::App;
use axum::extract::State;
use domain::waiting_list::EntryStatus;
use domain::{CartItemId, Error};
use std::slice;
use std::sync::Arc;
use web::{Access, Answer, Caller, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "DELETE",
    "/api/v1/cart/{id}",
    Access::User,
    "remove_item",
    "Remove a row of the cart and give its stock back",
);

pub(crate) async fn remove_item(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<CartItemId>,
) -> web::Result<Answer<()>> {
    let now = app.clock.now();
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let item = db::cart::lock(&tx, id, caller.id)
        .await?
        .ok_or_else(|| Error::not_found("Cart item"))?;
    let removed = slice::from_ref(&item);
    db::waiting_list::end_offers(&tx, caller.id, removed, EntryStatus::Left, now).await?;
    db::stock::release_cart_item(&tx, item.id).await?;
    db::cart::delete(&tx, item.id).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(()).message("Item removed from cart successfully"))
}
