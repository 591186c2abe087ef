use crate::App;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use domain::{Error, Timestamp};
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/",
    Access::Public,
    "welcome",
    "What this is, and that it runs",
)
.media_type("application/json");

/// Flat, without `data`: clients of the original know it so.
#[derive(Serialize)]
struct Welcome {
    status: &'static str,
    message: &'static str,
    version: &'static str,
    server: &'static str,
    timestamp: Timestamp,
}

pub(crate) async fn welcome(State(app): State<Arc<App>>) -> web::Result<impl IntoResponse> {
    let welcome = Welcome {
        status: "success",
        message: "Welcome to GiggleFest API",
        version: env!("CARGO_PKG_VERSION"),
        server: "running",
        timestamp: app.clock.now(),
    };
    let body = serde_json::to_string(&welcome).map_err(Error::internal)?;
    Ok(([(header::CONTENT_TYPE, "application/json; charset=utf-8")], body))
}
