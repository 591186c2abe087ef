//! The front page of the API, its documentation, the page at the end of a payment, and the answer to whatever has no route
//! anywhere: the gateway sends it here.

mod get_asyncapi;
mod get_docs_asset;
mod get_openapi;
mod payment_finished;
mod show_api_docs;
mod welcome;

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use runtime::{Clock, Env};
use web::{Route, Router, Site};

/// What the handlers work with.
pub struct App {
    /// Tells the time.
    pub clock: Clock,
    /// Address of the web client, if there is one to go back to.
    pub frontend_url: Option<String>,
}

impl App {
    /// Reads the configuration; all of it is optional.
    pub fn from_env(env: &Env) -> Self {
        Self {
            clock: Clock::system(),
            frontend_url: env
                .get("FRONTEND_URL")
                .map(|url| url.trim_end_matches('/').to_owned()),
        }
    }
}

/// The routes of this function.
pub const ROUTES: &[Route] = &[
    welcome::ROUTE,
    show_api_docs::ROUTE,
    get_openapi::ROUTE,
    get_asyncapi::ROUTE,
    get_docs_asset::ROUTE,
    payment_finished::ROUTE,
];

/// The router of this function.
pub fn router(app: App, site: Site) -> axum::Router {
    Router::default()
        .at(&welcome::ROUTE, welcome::welcome)
        .at(&show_api_docs::ROUTE, show_api_docs::show_api_docs)
        .at(&get_openapi::ROUTE, get_openapi::get_openapi)
        .at(&get_asyncapi::ROUTE, get_asyncapi::get_asyncapi)
        .at(&get_docs_asset::ROUTE, get_docs_asset::get_docs_asset)
        .at(&payment_finished::ROUTE, payment_finished::payment_finished)
        .build(app, site)
        .layer(from_fn(lead_to_the_path_without_its_slash))
}

/// To the gateway `/api/v1/events/` is a path without a route, so it arrives here. A redirection that keeps method and body
/// leads to the function it is meant for.
async fn lead_to_the_path_without_its_slash(request: Request, next: Next) -> Response {
    let target = without_slash(request.uri());
    let mut response = next.run(request).await;
    if let (StatusCode::NOT_FOUND, Some(target)) = (response.status(), target) {
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        response.headers_mut().insert(header::LOCATION, target);
    }
    response
}

/// The same address with no slash at the end of its path, if it is one of the API. Two slashes in a row are left alone:
/// `//host` would lead to another host.
fn without_slash(uri: &Uri) -> Option<HeaderValue> {
    let path = uri.path().strip_suffix('/')?;
    if !path.starts_with("/api/v1/") || path.contains("//") {
        return None;
    }
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    HeaderValue::from_str(&format!("{path}{query}")).ok()
}
