use crate::App;
use crate::mailing_out::ProgressOut;
use axum::extract::State;
use domain::{Error, MailingId};
use std::sync::Arc;
use web::{Access, Answer, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/promos/mailings/{id}/audience",
    Access::Publisher,
    "get_mailing_audience",
    "See how many people a promotional mail would reach at this moment; who has had enough of others is told when it is sent",
)
.data::<ProgressOut>();

pub(crate) async fn get_mailing_audience(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<MailingId>,
) -> web::Result<Answer<ProgressOut>> {
    let conn = app.db.conn().await?;
    let mailing = db::mailings::find(&conn, id, caller.id, caller.is_admin())
        .await?
        .ok_or_else(|| Error::not_found("Mailing"))?;
    let audience = db::mailings::count_audience(&conn, &mailing).await?;
    Ok(Answer::ok(audience.into()))
}
