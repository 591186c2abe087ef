use axum::http::header;
use axum::response::IntoResponse;
use web::{Access, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api-docs/asyncapi.json",
    Access::Public,
    "get_asyncapi",
    "The documentation of the WebSocket API as AsyncAPI 3.0",
)
.media_type("application/json");

/// Written by `cargo xtask openapi` from the messages.
const DOCUMENT: &str = include_str!("../asyncapi.json");

pub(crate) async fn get_asyncapi() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "application/json; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, DOCUMENT)
}
