//! The envelope of success: `{"status":"success","message":…,"data":…}`, always with `data`.

use crate::auth::Viewer;
use axum::response::{IntoResponse, Response};
use domain::idempotency::Stored;
use domain::page::Page;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;

/// An answer.
#[derive(Debug)]
pub struct Answer<T> {
    status: StatusCode,
    message: &'static str,
    data: T,
    cache_seconds: Option<u32>,
    headers: HeaderMap,
}

#[derive(Serialize)]
struct Envelope<'a, T> {
    status: &'static str,
    message: &'a str,
    data: &'a T,
}

impl<T: Serialize> Answer<T> {
    /// 200 with the message `Success`.
    pub fn ok(data: T) -> Self {
        Self {
            status: StatusCode::OK,
            message: "Success",
            data,
            cache_seconds: None,
            headers: HeaderMap::new(),
        }
    }

    /// 201.
    pub fn created(message: &'static str, data: T) -> Self {
        Self {
            status: StatusCode::CREATED,
            message,
            data,
            cache_seconds: None,
            headers: HeaderMap::new(),
        }
    }

    /// Another message.
    #[must_use]
    pub const fn message(mut self, message: &'static str) -> Self {
        self.message = message;
        self
    }

    /// Browsers and CDNs may keep it so many seconds. Without this an answer is not to be stored.
    #[must_use]
    pub const fn cached(mut self, seconds: u32) -> Self {
        self.cache_seconds = Some(seconds);
        self
    }

    /// The same for an answer that shows more to some: it may be kept only if the viewer is a stranger.
    #[must_use]
    pub const fn cached_for_strangers(self, viewer: Viewer, seconds: u32) -> Self {
        if viewer.0.is_none() {
            self.cached(seconds)
        } else {
            self
        }
    }

    /// Adds headers.
    #[must_use]
    pub(crate) fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    /// Status and body as they would be sent, to keep them under an idempotency key.
    pub fn to_stored(&self) -> Stored {
        Stored {
            status: self.status.as_u16(),
            body: self.body(),
        }
    }

    fn body(&self) -> String {
        let envelope = Envelope {
            status: "success",
            message: self.message,
            data: &self.data,
        };
        serde_json::to_string(&envelope).unwrap_or_default()
    }
}

/// An answer that was stored under an idempotency key.
pub fn stored(answer: Stored) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json; charset=utf-8"),
        ),
        (
            HeaderName::from_static("idempotency-replayed"),
            HeaderValue::from_static("true"),
        ),
    ];
    (status, headers, answer.body).into_response()
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        let mut response = (self.status, [(header::CONTENT_TYPE, json)], self.body()).into_response();
        if let Some(value) = self
            .cache_seconds
            .and_then(|seconds| format!("public, max-age={seconds}").parse().ok())
        {
            response.headers_mut().insert(header::CACHE_CONTROL, value);
        }
        response.headers_mut().extend(self.headers);
        response
    }
}

/// Totals of a list, as most lists of the API show them.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    /// This page, from 1.
    pub page: u32,
    /// Rows on a page.
    pub limit: u32,
    /// Rows in all.
    pub total: i64,
    /// Pages in all.
    pub total_pages: i64,
}

impl Meta {
    /// Totals of a page.
    pub const fn of(page: Page, total: i64) -> Self {
        Self {
            page: page.number,
            limit: page.limit,
            total,
            total_pages: page.pages_of(total),
        }
    }
}

/// Declares the `data` of a paged list: a struct with the rows under their own key, and `meta`.
#[macro_export]
macro_rules! list {
    ($(#[$doc:meta])* $name:ident { $key:ident: $row:ty }) => {
        $(#[$doc])*
        #[derive(Debug, serde::Serialize, schemars::JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            /// The rows of this page.
            pub $key: Vec<$row>,
            /// Totals.
            pub meta: $crate::answer::Meta,
        }
    };
}
