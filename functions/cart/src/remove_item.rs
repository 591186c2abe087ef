use crate::App;
use axum::extract::State;
use domain::{CartItemId, Error};
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
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let item = db::cart::lock(&tx, id, caller.id)
        .await?
        .ok_or_else(|| Error::not_found("Cart item"))?;
    db::stock::release_cart_item(&tx, item.id).await?;
    db::cart::delete(&tx, item.id).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(()).message("Item removed from cart successfully"))
}
