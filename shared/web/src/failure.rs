//! Errors to HTTP: the only place that knows statuses.

use axum::response::{IntoResponse, Response};
use domain::{Error, FieldError, Kind, Timestamp};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// An error on its way to the client. `?` makes it from anything that is or becomes a [`domain::Error`].
#[derive(Debug, Clone)]
pub struct Failure {
    // Behind pointers, because every result of a handler carries them.
    error: Arc<Error>,
    headers: Option<Box<HeaderMap>>,
}

impl Failure {
    /// The code of its error.
    #[cfg(test)]
    pub(crate) fn code(&self) -> &'static str {
        self.error.code
    }

    /// Whether something that was needed did not answer, so that it says nothing about whoever asked.
    pub fn is_unavailable(&self) -> bool {
        self.error.kind == Kind::Unavailable
    }

    /// Headers for its answer, beside those that its error asks for.
    pub(crate) fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers = Some(Box::new(headers));
        self
    }
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            error: Arc::new(error.into()),
            headers: None,
        }
    }
}

/// Status of an error. Exhaustive on purpose: a new kind must be decided here.
pub const fn status_of(kind: Kind) -> StatusCode {
    match kind {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::UnsupportedMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    status: &'static str,
    message: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    details: &'a [FieldError],
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_at: Option<Timestamp>,
    request_id: &'a str,
}

/// The error inside a response that is not finished yet: the body needs the id of the request, which is known outside.
#[derive(Clone)]
pub(crate) struct Unfinished(Failure);

impl Unfinished {
    /// The answer with its envelope; logs what is worth it, once, and how long it took.
    pub(crate) fn finish(&self, request_id: &str, route: &str, took: Duration) -> Response {
        let error = self.0.error.as_ref();
        let cause = error.internal.as_ref().map(domain::error::Internal::chain);
        let (cause, code) = (cause.as_deref().unwrap_or(""), error.code);
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        match error.kind {
            Kind::Internal => {
                tracing::error!(request_id, route, code, cause, duration_ms, "request failed");
            }
            Kind::Unavailable => {
                tracing::warn!(
                    request_id,
                    route,
                    code,
                    cause,
                    duration_ms,
                    "dependency not available"
                );
            }
            _ => tracing::info!(request_id, route, code, cause, duration_ms, "request refused"),
        }
        let envelope = Envelope {
            status: "error",
            message: &error.message,
            code: error.code,
            details: &error.fields,
            retry_at: error.retry_at,
            request_id,
        };
        let body = serde_json::to_string(&envelope).unwrap_or_default();
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        let mut response = (status_of(error.kind), [(header::CONTENT_TYPE, json)], body).into_response();
        if let Some(seconds) = error.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(headers) = &self.0.headers {
            response.headers_mut().extend(headers.as_ref().clone());
        }
        response
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = status_of(self.error.kind).into_response();
        response.extensions_mut().insert(Unfinished(self));
        response
    }
}
