use crate::{App, ImageOut};
use axum::extract::State;
use domain::api_key::Scope;
use domain::{Error, ImageId};
use std::sync::Arc;
use web::{Access, Answer, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/images/{id}",
    Access::Publisher,
    "get_image",
    "See how far a picture is",
)
.scope(Scope::EventsWrite)
.data::<ImageOut>();

pub(crate) async fn get_image(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<ImageId>,
) -> web::Result<Answer<ImageOut>> {
    let conn = app.db.conn().await?;
    let image = db::images::find_own(&conn, id, caller.id, caller.is_admin())
        .await?
        .ok_or_else(|| Error::not_found("Image"))?;
    Ok(Answer::ok(ImageOut::new(image, &app.delivery, app.clock.now())))
}
