use axum::http::header;
use axum::response::{Html, IntoResponse};
use web::{Access, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api-docs",
    Access::Public,
    "show_api_docs",
    "The documentation of the API, to read and to try",
)
.media_type("text/html");

/// Scripts come from here alone. Swagger UI sets styles on its elements and draws icons from data URLs.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) async fn show_api_docs() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, Html(include_str!("page/index.html")))
}
