use crate::App;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Caller, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/users/me/claims",
    Access::User,
    "claim_orders",
    "Take over what was bought as a guest with the caller's mail address; those guests end",
)
.data::<ClaimedOut>();

/// What came over.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ClaimedOut {
    /// Orders, paid or not.
    orders: u64,
    /// Tickets.
    tickets: u64,
}

pub(crate) async fn claim_orders(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> web::Result<Answer<ClaimedOut>> {
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let claimed = db::guests::claim(&tx, caller.id, app.clock.now()).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    let data = ClaimedOut {
        orders: claimed.orders,
        tickets: claimed.tickets,
    };
    Ok(Answer::ok(data).message("Orders claimed successfully"))
}
