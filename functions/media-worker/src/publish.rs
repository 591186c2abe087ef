use crate::App;
use crate::render::{Rendered, render};
use bytes::Bytes;
use db::images::{Image, Published};
use domain::Error;
use domain::breaker::Passage;
use domain::image::{self, MAX_BYTES, Purpose, Refusal};
use gateway::imagekit::{ImageKitError, Picture, Uploaded};
use std::sync::PoisonError;

/// What is shown is a JPEG, whatever was uploaded.
const JPEG: &str = "image/jpeg";

/// Makes the pictures of an upload, puts them where they belong and shows them.
pub(crate) async fn publish(app: &App, image: &Image) -> Result<(), Error> {
    let rendered = match make(app, image).await? {
        Ok(rendered) => rendered,
        Err(reason) => {
            let conn = app.db.conn().await?;
            return Ok(db::images::fail(&conn, image.id, reason, app.clock.now()).await?);
        }
    };
    let variants: Vec<u32> = rendered.variants.iter().map(|(width, _)| *width).collect();
    for (width, bytes) in rendered.variants {
        let key = blob::picture(&image.key, width);
        app.blobs.put(&key, JPEG, bytes.into()).await?;
    }
    let full: Bytes = rendered.full.into();
    app.blobs
        .put(&blob::picture(&image.key, "full"), JPEG, full.clone())
        .await?;
    let uploaded = upload(app, image, &full).await?;
    let url = if image.private {
        app.delivery.signed_url(&uploaded.file_path, None, None)
    } else {
        app.delivery.url(&uploaded.file_path, None)
    };
    let published = Published {
        width: rendered.width,
        height: rendered.height,
        variants: &variants,
        file_id: &uploaded.file_id,
        file_path: &uploaded.file_path,
        url: &url,
    };
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    db::images::publish(&tx, image.id, &published, app.clock.now()).await?;
    Ok(tx.commit().await.map_err(db::DbError::from)?)
}

/// The pictures, or why there are none.
async fn make(app: &App, image: &Image) -> Result<Result<Rendered, &'static str>, Error> {
    let key = blob::original(&image.key);
    let Some(bytes) = app.blobs.get(&key, MAX_BYTES as usize).await? else {
        return Ok(Err("missing"));
    };
    if let Err(refusal) = image::check(image.format.media_type(), &bytes) {
        return Ok(Err(refusal.code()));
    }
    // A picture that makes the decoder panic is broken like any other.
    let format = image.format;
    let rendered = std::panic::catch_unwind(move || render(format, bytes));
    Ok(match rendered {
        Ok(Ok(rendered)) => Ok(rendered),
        Ok(Err(error)) => {
            tracing::info!(image_id = image.id.get(), %error, "the image cannot be decoded");
            Err(Refusal::Broken.code())
        }
        Err(_) => Err(Refusal::Broken.code()),
    })
}

/// Uploads to ImageKit, unless it has failed too often just now.
async fn upload(app: &App, image: &Image, bytes: &[u8]) -> Result<Uploaded, Error> {
    let breaker = || app.breaker.lock().unwrap_or_else(PoisonError::into_inner);
    if matches!(breaker().ask(app.clock.now()), Passage::Shut(_)) {
        return Err(ImageKitError::Unavailable("it failed just now, so it is left alone".into()).into());
    }
    let folder = match image.purpose {
        Purpose::Event => "/events",
        Purpose::Ticket => "/tickets",
    };
    let picture = Picture {
        folder,
        name: &format!("{}.jpg", image.key),
        private: image.private,
        bytes,
    };
    let uploaded = app.imagekit.upload(&picture).await;
    match &uploaded {
        Ok(_) => {
            breaker().succeeded();
        }
        Err(_) => {
            breaker().failed(app.clock.now());
        }
    }
    Ok(uploaded?)
}
