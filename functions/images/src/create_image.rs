use crate::App;
use axum::extract::State;
use domain::api_key::Scope;
use domain::image::{FileSize, Format, Purpose};
use domain::{ImageId, Timestamp};
use pictures::Use;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Json, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/images",
    Access::Publisher,
    "create_image",
    "Ask where to upload a picture",
)
.scope(Scope::EventsWrite)
.status(201)
.body::<ImageIn>()
.data::<UploadOut>();

web::input! {
    /// A picture that is to be uploaded.
    pub(crate) struct ImageIn {
        /// What it is for.
        purpose: Purpose,
        /// Its type.
        media_type: Format,
        /// Its exact size in bytes.
        bytes: FileSize,
        /// Whether only signed URLs show it, to nobody in another size; public unless said otherwise.
        private: Option<bool>,
    }
}

/// Where to put a file. The answer to the upload is S3's.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UploadOut {
    /// The id of the picture, for `imageId` of an event or a ticket type.
    pub id: ImageId,
    /// `PUT`.
    pub method: &'static str,
    /// Where to.
    pub url: String,
    /// Headers that are part of the signature.
    pub headers: UploadHeaders,
    /// When the URL ends.
    pub expires_at: Timestamp,
}

/// Headers of an upload.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct UploadHeaders {
    /// The type as it was told.
    pub content_type: &'static str,
    /// The size as it was told.
    pub content_length: String,
}

pub(crate) async fn create_image(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Json(input): Json<ImageIn>,
) -> web::Result<Answer<UploadOut>> {
    let now = app.clock.now();
    let using = Use {
        owner: caller.id,
        any_owner: false,
        purpose: input.purpose,
    };
    let (format, bytes) = (input.media_type, input.bytes.get());
    let wanted = (format, bytes, input.private.unwrap_or(false));
    let conn = app.db.conn().await?;
    let expected = pictures::expect(&conn, &app.blobs, using, wanted, now).await?;
    let upload = UploadOut {
        id: expected.id,
        method: "PUT",
        url: expected.url,
        headers: UploadHeaders {
            content_type: format.media_type(),
            content_length: bytes.to_string(),
        },
        expires_at: now.plus_seconds(i64::from(blob::UPLOAD_SECONDS)),
    };
    Ok(Answer::created("Upload the image to this URL", upload))
}
