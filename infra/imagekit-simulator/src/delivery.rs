//! Delivery URLs: transformations are read and left undone, signatures are checked.

use crate::answer;
use crate::world::Sim;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use percent_encoding::percent_decode_str;
use ring::hmac;
use std::sync::Arc;

/// What a signature without an end is made with.
const NEVER: &str = "9999999999";

pub(crate) async fn deliver(State(sim): State<Arc<Sim>>, uri: Uri) -> Response {
    let prefix = format!("/{}/", sim.config.imagekit_id);
    let rest = uri.path().strip_prefix(&prefix).unwrap_or_default();
    let asked = Asked::read(rest, uri.query().unwrap_or(""));
    let now = jiff::Timestamp::now().as_second();
    let is_signed = match &asked.signature {
        None => false,
        Some(signature) if is_valid(&sim.config.private_key, &asked, signature, now) => true,
        Some(_) => {
            return answer::error(
                StatusCode::UNAUTHORIZED,
                "Your request contains an invalid signature.",
            );
        }
    };
    let path = percent_decode_str(&asked.path).decode_utf8_lossy();
    let file = sim.world().files.get(&format!("/{path}")).cloned();
    let Some(file) = file else {
        let mut response = answer::error(StatusCode::NOT_FOUND, "Not found.");
        response.headers_mut().insert(
            HeaderName::from_static("ik-error"),
            HeaderValue::from_static("ENOENT - No file was found at the specified path"),
        );
        return response;
    };
    if file.private && !is_signed && !asked.is_named {
        return answer::error(StatusCode::UNAUTHORIZED, "This file is private.");
    }
    let headers = [
        (header::CONTENT_TYPE, file.media_type),
        (
            header::CACHE_CONTROL,
            "public, s-maxage=31536000, max-age=31536000",
        ),
    ];
    let mut response = (headers, file.bytes).into_response();
    answer::number(&mut response);
    response
}

/// The parts of a delivery URL.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    /// Path of the file, without a slash before it, as it was sent.
    path: String,
    /// Whether a named transformation is asked for.
    is_named: bool,
    /// All that is signed: everything behind the endpoint but the signature itself.
    signed: String,
    /// When the signature ends, as it was sent.
    until: Option<String>,
    signature: Option<String>,
}

impl Asked {
    fn read(rest: &str, query: &str) -> Self {
        let (mut until, mut signature, mut others) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("ik-t", value)) => until = Some(value.to_owned()),
                Some(("ik-s", value)) => signature = Some(value.to_owned()),
                _ => others.push(pair),
            }
        }
        let in_path = rest.strip_prefix("tr:").and_then(|rest| rest.split_once('/'));
        let in_query = others.iter().find_map(|pair| pair.strip_prefix("tr="));
        let (transformation, path) = match in_path {
            Some((transformation, path)) => (Some(transformation), path),
            None => (in_query, rest),
        };
        let signed = if others.is_empty() {
            rest.to_owned()
        } else {
            format!("{rest}?{}", others.join("&"))
        };
        Self {
            path: path.to_owned(),
            is_named: transformation
                .is_some_and(|steps| steps.split([',', ':']).any(|step| step.starts_with("n-"))),
            signed,
            until,
            signature,
        }
    }
}

fn is_valid(private_key: &str, asked: &Asked, signature: &str, now: i64) -> bool {
    let until = asked.until.as_deref().unwrap_or(NEVER);
    if !until.parse::<i64>().is_ok_and(|until| until > now) {
        return false;
    }
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, private_key.as_bytes());
    let wanted = hmac::sign(&key, format!("{}{until}", asked.signed).as_bytes());
    let wanted: String = wanted.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    wanted == signature
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the tests of the official library.
    #[test]
    fn signatures_of_the_official_library_are_valid() {
        for (rest, query, signature) in [
            (
                "sdk-testing-files/future-search.png",
                "",
                "32dbbbfc5f945c0403c71b54c38e76896ef2d6b0",
            ),
            (
                "sdk-testing-files/future-search.png",
                "version=2.0&tr=w-300,h-200",
                "601d97a7834b7554f4dabf0d3fc3a219ceeb6b31",
            ),
            (
                "tr:w-300,h-200/sdk-testing-files/future-search.png",
                "version=2.0",
                "dd1ee8f83d019bc59fd57a5fc4674a11eb8a3496",
            ),
        ] {
            let asked = Asked::read(rest, query);
            assert_eq!(asked.path, "sdk-testing-files/future-search.png");
            assert!(is_valid("dummy-key", &asked, signature, 0), "{rest}?{query}");
            assert!(!is_valid("other-key", &asked, signature, 0));
        }
    }

    #[test]
    fn a_signature_ends_when_it_says() {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"k");
        let signature = hmac::sign(&key, b"a.jpg100");
        let signature: String = signature
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let asked = Asked::read("a.jpg", &format!("ik-t=100&ik-s={signature}"));
        assert_eq!(asked.signature.as_deref(), Some(signature.as_str()));
        assert!(is_valid("k", &asked, &signature, 99));
        assert!(!is_valid("k", &asked, &signature, 100));
        let later = Asked::read("a.jpg", &format!("ik-t=999&ik-s={signature}"));
        assert!(!is_valid("k", &later, &signature, 99), "the end is signed, too");
    }
}
