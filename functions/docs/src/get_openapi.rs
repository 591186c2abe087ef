use axum::http::header;
use axum::response::IntoResponse;
use web::{Access, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api-docs/swagger.json",
    Access::Public,
    "get_openapi",
    "The documentation of the API as OpenAPI 3.1",
)
.media_type("application/json");

/// Written by `cargo xtask openapi` from the routes of all functions.
const DOCUMENT: &str = include_str!("../openapi.json");

pub(crate) async fn get_openapi() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "application/json; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, DOCUMENT)
}
