use crate::{App, ImageOut};
use axum::extract::State as Shared;
use domain::api_key::Scope;
use domain::image::State;
use domain::{Error, ImageId};
use std::sync::Arc;
use web::{Access, Answer, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/images/{id}/complete",
    Access::Publisher,
    "complete_image",
    "Say that a picture is uploaded",
)
.scope(Scope::EventsWrite)
.data::<ImageOut>()
.conflicts(&["not_uploaded"]);

/// S3 tells the worker about the object by itself. What is said here makes sure of it, and tells the client at once if the
/// object is not there.
const PATIENCE_SECONDS: i64 = 30;

pub(crate) async fn complete_image(
    Shared(app): Shared<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<ImageId>,
) -> web::Result<Answer<ImageOut>> {
    let now = app.clock.now();
    let missing = || Error::not_found("Image");
    let any_owner = caller.is_admin();
    let conn = app.db.conn().await?;
    let image = db::images::find_own(&conn, id, caller.id, any_owner).await?;
    let image = image.ok_or_else(missing)?;
    if image.state != State::Pending {
        return Ok(Answer::ok(ImageOut::new(image, &app.delivery, now)));
    }
    let size = app.blobs.size(&blob::original(&image.key)).await?;
    if size != Some(u64::from(image.bytes)) {
        let message = "The image was not uploaded yet";
        return Err(Error::conflict("not_uploaded", message).into());
    }
    db::images::mark_stored(&conn, id, now.plus_seconds(PATIENCE_SECONDS), now).await?;
    let image = db::images::find_own(&conn, id, caller.id, any_owner).await?;
    let image = image.ok_or_else(missing)?;
    Ok(Answer::ok(ImageOut::new(image, &app.delivery, now)))
}
