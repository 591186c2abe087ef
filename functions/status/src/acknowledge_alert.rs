use crate::App;
use crate::alert_out::AlertOut;
use axum::extract::State;
use domain::audit::{Changes, Subject};
use domain::{AlertId, Error};
use std::sync::Arc;
use web::{Access, Admin, Answer, Origin, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/status/alerts/{id}/acknowledge",
    Access::Admin,
    "acknowledge_alert",
    "Say that somebody sees to it: nobody is told again unless it grows, or is over",
)
.data::<AlertOut>();

pub(crate) async fn acknowledge_alert(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    Path(id): Path<AlertId>,
    origin: Origin,
) -> web::Result<Answer<AlertOut>> {
    let now = app.clock.now();
    let mut conn = app.db.conn().await?;
    let language = app.language_of(&conn, caller.id).await?;
    let tx = conn.begin().await?;
    let before = db::alerts::lock(&tx, id).await?;
    let before = before.ok_or_else(|| Error::not_found("Alert"))?;
    let after = db::alerts::acknowledge(&tx, id, caller.id, now).await?;
    let after = after.ok_or_else(|| Error::conflict("alert_over", "The alert is over"))?;
    let changes = Changes::none().set("alert", after.alert.condition.key()).moved(
        "acknowledgedBy",
        &before.acknowledged_by,
        &after.acknowledged_by,
    );
    let entry = origin.entry(caller, ROUTE.id, Subject::Alert(id), changes, now);
    db::audit::record(&tx, &entry).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(AlertOut::new(after, language)).message("Alert acknowledged successfully"))
}
