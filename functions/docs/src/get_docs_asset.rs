use axum::http::header;
use axum::response::{IntoResponse, Response};
use domain::{Error, Kind};
use web::{Access, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api-docs/{file}",
    Access::Public,
    "get_docs_asset",
    "Style sheet and programs of the documentation",
)
.media_type("*/*");

/// Seconds that a file may be kept. Its entity tag tells when it has changed.
const CACHED: &str = "public, max-age=3600";

pub(crate) async fn get_docs_asset(Path(file): Path<String>) -> web::Result<Response> {
    const CSS: &str = "text/css; charset=utf-8";
    const JS: &str = "text/javascript; charset=utf-8";
    match file.as_str() {
        "start.js" => {
            let headers = [(header::CONTENT_TYPE, JS), (header::CACHE_CONTROL, CACHED)];
            Ok((headers, include_str!("page/start.js")).into_response())
        }
        "swagger-ui.css" => Ok(compressed(CSS, include_bytes!("../swagger-ui/swagger-ui.css.gz"))),
        "swagger-ui-bundle.js" => Ok(compressed(
            JS,
            include_bytes!("../swagger-ui/swagger-ui-bundle.js.gz"),
        )),
        _ => Err(Error::new(Kind::NotFound, "route_not_found", "Route not found").into()),
    }
}

/// A file that is kept compressed: a quarter of the size in the function and on the line. Every browser takes it.
fn compressed(media_type: &'static str, file: &'static [u8]) -> Response {
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CONTENT_ENCODING, "gzip"),
        (header::CACHE_CONTROL, CACHED),
    ];
    (headers, file).into_response()
}
