//! What every request and every answer gets, whatever the handler did.

use crate::failure::{Failure, Unfinished};
use crate::origin::RequestId;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::{Error, Kind};
use futures_util::FutureExt as _;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use lambda_http::RequestExt as _;
use runtime::Env;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

/// Largest answer of a function: Lambda's own limit.
pub(crate) const LARGEST_ANSWER: usize = 6 * 1024 * 1024;

/// What the browsers of the site may do.
#[derive(Debug, Clone, Default)]
pub struct Site {
    origins: Vec<String>,
}

impl Site {
    /// Reads `CORS_ORIGINS`, a list of origins separated by commas; `FRONTEND_URL` if it is not set.
    pub fn from_env(env: &Env) -> Self {
        let origins = env
            .get("CORS_ORIGINS")
            .or_else(|| env.get("FRONTEND_URL"))
            .unwrap_or("");
        let origins = origins
            .split(',')
            .map(|origin| origin.trim().trim_end_matches('/').to_owned());
        Self {
            origins: origins.filter(|origin| !origin.is_empty()).collect(),
        }
    }

    /// The value that allows an origin, if it is allowed. An origin is never echoed without being on the list.
    fn allow(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        self.origins
            .iter()
            .any(|allowed| allowed.as_bytes() == origin.as_bytes())
            .then(|| origin.clone())
    }
}

pub(crate) async fn unknown_route() -> Failure {
    Failure::from(Error::new(Kind::NotFound, "route_not_found", "Route not found"))
}

pub(crate) async fn unknown_method() -> Failure {
    Failure::from(Error::new(
        Kind::MethodNotAllowed,
        "method_not_allowed",
        "This method is not allowed here",
    ))
}

pub(crate) async fn finish(State(site): State<Arc<Site>>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let request_id = request_id(&request);
    let allowed_origin = site.allow(request.headers());
    let if_none_match = request.headers().get(header::IF_NONE_MATCH).cloned();
    let method = request.method().clone();
    let route = format!("{method} {}", request.uri().path());
    drop_trailing_slash(request.uri_mut());
    request.extensions_mut().insert(RequestId(request_id.clone()));

    let response = if method == Method::OPTIONS {
        preflight()
    } else {
        match AssertUnwindSafe(next.run(request)).catch_unwind().await {
            Ok(response) => response,
            Err(panic) => {
                let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
                let text = text
                    .or_else(|| panic.downcast_ref::<String>().cloned())
                    .unwrap_or_default();
                Failure::from(Error::internal(format!("panic: {text}"))).into_response()
            }
        }
    };
    let response = match response.extensions().get::<Unfinished>() {
        Some(unfinished) => unfinished.finish(&request_id, &route, begun.elapsed()),
        None => response,
    };
    let mut response = with_etag(&method, if_none_match.as_ref(), response).await;
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    secure(headers);
    if let Some(origin) = allowed_origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
        let exposed = "etag, x-request-id, retry-after, ratelimit-limit, ratelimit-remaining, ratelimit-reset, idempotency-replayed, link";
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(exposed),
        );
    }
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    response
}

/// The id that the gateway gave the request, else the runtime's, else one of our own.
fn request_id(request: &Request) -> String {
    if let Some(lambda_http::request::RequestContext::ApiGatewayV2(context)) = request.request_context_ref()
        && let Some(id) = context.request_id.as_ref().filter(|id| !id.is_empty())
    {
        return id.clone();
    }
    match request.lambda_context_ref() {
        Some(context) if !context.request_id.is_empty() => context.request_id.clone(),
        _ => runtime::random::hex::<8>(),
    }
}

/// `/api/v1/events/` is `/api/v1/events`, as existing clients may write it.
fn drop_trailing_slash(uri: &mut Uri) {
    let path = uri.path();
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() || trimmed.len() == path.len() {
        return;
    }
    let target = uri
        .query()
        .map_or_else(|| trimmed.to_owned(), |query| format!("{trimmed}?{query}"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = target.parse::<PathAndQuery>().ok();
    if let Ok(shorter) = Uri::from_parts(parts) {
        *uri = shorter;
    }
}

/// Answers the question of a browser whether it may send a request. The origin is judged by the caller.
fn preflight() -> Response {
    let headers = [
        (
            header::ACCESS_CONTROL_ALLOW_METHODS,
            "GET,POST,PUT,PATCH,DELETE,OPTIONS",
        ),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "content-type,authorization,idempotency-key,if-none-match",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// Headers that keep browsers from guessing. A page of ours sets its own content policy.
fn secure(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::STRICT_TRANSPORT_SECURITY,
            "max-age=31536000; includeSubDomains",
        ),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// Gives the answer to a GET a weak validator, and leaves the body out if the client has it already.
async fn with_etag(method: &Method, if_none_match: Option<&HeaderValue>, response: Response) -> Response {
    if (method != Method::GET && method != Method::HEAD) || response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, LARGEST_ANSWER).await else {
        return Failure::from(Error::internal("the answer is larger than Lambda takes")).into_response();
    };
    let hash = ring::digest::digest(&ring::digest::SHA256, &bytes);
    let tag = format!(
        "W/\"{}\"",
        runtime::random::to_hex(hash.as_ref().get(..16).unwrap_or_default())
    );
    let known = if_none_match
        .and_then(|value| value.to_str().ok())
        .is_some_and(|list| {
            list.split(',').map(str::trim).any(|known| {
                known == "*" || known == tag || known.strip_prefix("W/") == tag.strip_prefix("W/")
            })
        });
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, tag);
    }
    if known {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailing_slash_does_not_matter() {
        for (given, expected) in [
            ("/a/b/", "/a/b"),
            ("/a/b", "/a/b"),
            ("/", "/"),
            ("/a/?x=1", "/a?x=1"),
            ("//", "//"),
        ] {
            let mut uri: Uri = given.parse().unwrap();
            drop_trailing_slash(&mut uri);
            assert_eq!(uri.to_string(), expected);
        }
    }

    #[test]
    fn only_listed_origins_are_allowed() {
        let site = Site::from_env(&Env::of([(
            "CORS_ORIGINS",
            "https://a.example, http://localhost:3000/",
        )]));
        let allowed = |origin: &'static str| {
            site.allow(&HeaderMap::from_iter([(
                header::ORIGIN,
                HeaderValue::from_static(origin),
            )]))
            .is_some()
        };
        assert!(allowed("https://a.example"));
        assert!(allowed("http://localhost:3000"));
        for origin in [
            "null",
            "https://a.example.evil",
            "http://a.example",
            "https://A.example",
            "https://b.example",
        ] {
            assert!(!allowed(origin), "{origin}");
        }
    }
}
