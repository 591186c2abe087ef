use crate::App;
use crate::render::WIDTHS;
use db::images::Image;
use domain::Error;

/// Deletes everything that was made of a picture which nothing shows, and its row at last: what fails is tried again as a
/// whole.
pub(crate) async fn discard(app: &App, image: &Image) -> Result<(), Error> {
    if let Some(file_id) = &image.file_id {
        app.imagekit.delete(file_id).await?;
    }
    for width in WIDTHS {
        app.blobs.delete(&blob::picture(&image.key, width)).await?;
    }
    app.blobs.delete(&blob::picture(&image.key, "full")).await?;
    app.blobs.delete(&blob::original(&image.key)).await?;
    let conn = app.db.conn().await?;
    Ok(db::images::forget(&conn, image.id).await?)
}
