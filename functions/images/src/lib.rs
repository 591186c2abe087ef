//! Pictures that are uploaded to the store directly: a signed URL is asked for, the file is put there, and the id of the picture
//! goes into an event or a ticket type. Small pictures may come inside the form of either instead.

mod complete_image;
mod create_image;
mod get_image;

use blob::Blobs;
use db::images::Image;
use domain::image::{Purpose, State};
use domain::{ImageId, Timestamp};
use gateway::imagekit::Delivery;
use runtime::{BootError, Clock, Env};
use schemars::JsonSchema;
use serde::Serialize;
use web::{Route, Router, Site, Tokens};

/// Seconds for which the URL of a private picture works.
const PRIVATE_URL_SECONDS: i64 = 3_600;

/// What the handlers work with.
pub struct App {
    /// The database.
    pub db: db::Db,
    /// Checks tokens.
    pub tokens: Tokens,
    /// Tells the time.
    pub clock: Clock,
    /// Where uploads go.
    pub blobs: Blobs,
    /// Makes the URLs that show pictures.
    pub delivery: Delivery,
}

impl App {
    /// Reads the configuration.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn from_env(env: &Env) -> Result<Self, BootError> {
        let config = db::Config::from_lookup(|name| env.get(name)).map_err(BootError::Other)?;
        Ok(Self {
            db: db::Db::new(config),
            tokens: Tokens::from_env(env)?,
            clock: Clock::system(),
            blobs: Blobs::from_env(env)?,
            delivery: Delivery::from_env(env)?,
        })
    }
}

web::service!(App);

/// The routes of this function.
pub const ROUTES: &[Route] = &[create_image::ROUTE, get_image::ROUTE, complete_image::ROUTE];

/// The router of this function.
pub fn router(app: App, site: Site) -> axum::Router {
    Router::default()
        .at(&create_image::ROUTE, create_image::create_image)
        .at(&get_image::ROUTE, get_image::get_image)
        .at(&complete_image::ROUTE, complete_image::complete_image)
        .build(app, site)
}

/// A picture.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageOut {
    /// Its id.
    pub id: ImageId,
    /// What it is for.
    pub purpose: Purpose,
    /// How far it is.
    pub state: State,
    /// Why it failed: a code.
    pub reason: Option<String>,
    /// Width in pixels, once it is ready.
    pub width: Option<u32>,
    /// Height in pixels, once it is ready.
    pub height: Option<u32>,
    /// Whether only signed URLs show it.
    pub private: bool,
    /// Where it is, once it is ready; of a private one, for an hour.
    pub url: Option<String>,
    /// The same picture, smaller.
    pub variants: Vec<VariantOut>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A picture that is smaller.
#[derive(Debug, Serialize, JsonSchema)]
pub struct VariantOut {
    /// Its width in pixels.
    pub width: u32,
    /// Where it is.
    pub url: String,
}

impl ImageOut {
    fn new(image: Image, delivery: &Delivery, now: Timestamp) -> Self {
        let url = |transformation: Option<&str>| {
            let path = image.file_path.as_deref()?;
            Some(if image.private {
                let until = now.plus_seconds(PRIVATE_URL_SECONDS);
                delivery.signed_url(path, transformation, Some(until))
            } else {
                delivery.url(path, transformation)
            })
        };
        let variant = |width: u32| {
            let url = url(Some(&format!("w-{width}")))?;
            Some(VariantOut { width, url })
        };
        Self {
            id: image.id,
            purpose: image.purpose,
            state: image.state,
            width: image.size.map(|size| size.0),
            height: image.size.map(|size| size.1),
            private: image.private,
            url: url(None),
            variants: image.variants.iter().copied().filter_map(variant).collect(),
            reason: image.reason,
            created_at: image.created_at,
        }
    }
}
