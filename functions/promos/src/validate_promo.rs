use crate::out::PromoOut;
use crate::{App, limits};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::promo::{PromoError, Usage};
use domain::promo_code::PromoCode;
use std::sync::Arc;
use web::{Access, Answer, ClientIp, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/promos/validate/{code}",
    Access::Public,
    "validate_promo",
    "Say whether a promo code works at this moment, and what it does",
)
.data::<PromoOut>()
.conflicts(&["promo_used_up"]);

pub(crate) async fn validate_promo(
    State(app): State<Arc<App>>,
    ip: ClientIp,
    Path(code): Path<String>,
) -> web::Result<Response> {
    let now = app.clock.now();
    let quota = limits::tried(&app, &ip, now).await?;
    // What cannot be a code is answered like a code that nobody made.
    let code = PromoCode::parse(&code).map_err(|_| PromoError::Unknown)?;
    let conn = app.db.conn().await?;
    let found = db::promos::by_code(&conn, &code).await?;
    let stored = found.ok_or(PromoError::Unknown)?;
    let usage = Usage {
        redeemed: stored.redeemed,
        ..Usage::default()
    };
    stored.promo.check(usage, now)?;
    Ok(Answer::ok(PromoOut::from(stored)).quota(quota).into_response())
}
