//! Answers, and what every one of them carries.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use uuid::Uuid;

/// JSON with a status.
pub(crate) fn answer(status: StatusCode, body: &Value) -> Response {
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    let mut response = (status, [(header::CONTENT_TYPE, json)], body.to_string()).into_response();
    number(&mut response);
    response
}

/// An error in the form of ImageKit.
pub(crate) fn error(status: StatusCode, message: &str) -> Response {
    let help = "For support kindly contact us at support@imagekit.io .";
    answer(status, &json!({"message": message, "help": help}))
}

/// Gives an answer the id by which ImageKit's support would find it.
pub(crate) fn number(response: &mut Response) {
    if let Ok(id) = HeaderValue::from_str(&Uuid::new_v4().to_string()) {
        response
            .headers_mut()
            .insert(HeaderName::from_static("x-ik-requestid"), id);
    }
}
