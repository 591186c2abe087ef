use crate::{App, is_for_everybody};
use axum::extract::State;
use domain::audit::{Changes, Subject};
use domain::notice::Notice;
use domain::{Error, PromoId};
use std::sync::Arc;
use web::{Access, Answer, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "DELETE",
    "/api/v1/promos/{id}",
    Access::Publisher,
    "delete_promo",
    "End a promo code for good; orders that were made with it keep their price",
);

pub(crate) async fn delete_promo(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<PromoId>,
    origin: Origin,
) -> web::Result<Answer<()>> {
    let now = app.clock.now();
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let found = db::promos::lock_own(&tx, id, caller.id, caller.is_admin()).await?;
    let before = found.ok_or_else(|| Error::not_found("Promo code"))?;
    db::promos::delete(&tx, id, caller.id, caller.is_admin(), now).await?;
    if is_for_everybody(&before.promo.terms, before.campaign) {
        let code = before.promo.code.as_str().to_owned();
        db::notifications::tell_all(&tx, &Notice::PromoEnded { code }, &id.to_string(), now).await?;
    }
    let entry = origin.entry(caller, ROUTE.id, Subject::Promo(id), Changes::none(), now);
    db::audit::record(&tx, &entry).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(()).message("Promo code deleted successfully"))
}
