//! Forms with a picture (`multipart/form-data`), as clients of the original send them. The fields are then read like a JSON
//! body, so a handler sees no difference.

use crate::failure::Failure;
use crate::input::LARGEST_BODY;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use domain::image::{MAX_IN_FORM, Refusal};
use domain::{Error, Kind};
use http::{HeaderValue, header};
use multer::Multipart;
use serde_json::Value;

/// Most parts of a form.
const MOST_PARTS: usize = 100;

/// The name of the picture's part.
const IMAGE: &str = "image";

/// A picture as it came. Nothing about it is true until it was looked at.
#[derive(Debug, Clone)]
pub struct Upload {
    /// What the client says that it is.
    pub media_type: String,
    /// Its bytes, at most [`MAX_IN_FORM`].
    pub bytes: Bytes,
}

/// A body with a picture, if it came as a form that has one, and what `B` reads of the rest: a JSON body is `B`'s alone.
#[derive(Debug)]
pub struct WithImage<B> {
    /// The picture.
    pub image: Option<Upload>,
    /// The fields.
    pub rest: B,
}

impl<B: FromRequest<S, Rejection = Failure>, S: Send + Sync> FromRequest<S> for WithImage<B> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or("");
        let essence = content_type.split(';').next().unwrap_or("").trim();
        if !essence.eq_ignore_ascii_case("multipart/form-data") {
            let rest = B::from_request(request, state).await?;
            return Ok(Self { image: None, rest });
        }
        let boundary = multer::parse_boundary(content_type).map_err(malformed)?;
        let (mut parts, body) = request.into_parts();
        let body = to_bytes(body, MAX_IN_FORM + LARGEST_BODY)
            .await
            .map_err(|_| Refusal::TooLarge)?;
        let form = read(body, boundary).await?;
        let json = HeaderValue::from_static("application/json");
        parts.headers.insert(header::CONTENT_TYPE, json);
        let request = Request::from_parts(parts, Body::from(form.json));
        let rest = B::from_request(request, state).await?;
        Ok(Self {
            image: form.image,
            rest,
        })
    }
}

struct Form {
    image: Option<Upload>,
    /// The fields as an object. A name that came twice stands in it twice, for the reader of the body to refuse.
    json: String,
}

async fn read(body: Bytes, boundary: String) -> Result<Form, Error> {
    let stream = futures_util::stream::once(std::future::ready(Ok::<_, std::convert::Infallible>(body)));
    let mut form = Multipart::new(stream, boundary);
    let (mut image, mut fields, mut count) = (None, Vec::new(), 0);
    while let Some(field) = form.next_field().await.map_err(malformed)? {
        count += 1;
        if count > MOST_PARTS {
            return Err(Error::invalid("malformed_form", "The form has too many fields"));
        }
        let name = field.name().unwrap_or_default().to_owned();
        let file_name = field.file_name().map(str::to_owned);
        let media_type = field.content_type().map(ToString::to_string);
        let bytes = field.bytes().await.map_err(malformed)?;
        match file_name.as_deref() {
            None => fields.push(text_field(&name, &bytes)?),
            // What a browser sends for a file that was not chosen.
            Some("") if bytes.is_empty() => {}
            Some(_) if name != IMAGE || image.is_some() => {
                return Err(Error::invalid("unexpected_field", "Unexpected field"));
            }
            Some(_) if bytes.len() > MAX_IN_FORM => return Err(Refusal::TooLarge.into()),
            Some(_) => {
                // So that a repetition with the same idempotency key, but another picture, is known to be another request.
                let hash = ring::digest::digest(&ring::digest::SHA256, &bytes);
                let hash = runtime::random::to_hex(hash.as_ref());
                fields.push(format!("\"image sha256\":\"{hash}\""));
                image = Some(Upload {
                    media_type: media_type.unwrap_or_default(),
                    bytes,
                });
            }
        }
    }
    fields.retain(|field| !field.is_empty());
    Ok(Form {
        image,
        json: format!("{{{}}}", fields.join(",")),
    })
}

/// A field as a member of an object; nothing if it is empty, as forms send what was not filled in.
fn text_field(name: &str, bytes: &[u8]) -> Result<String, Error> {
    if bytes.len() > LARGEST_BODY {
        return Err(Error::new(
            Kind::TooLarge,
            "body_too_large",
            "request entity too large",
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(malformed)?;
    if text.is_empty() {
        return Ok(String::new());
    }
    Ok(format!("{}:{}", Value::from(name), Value::from(text)))
}

fn malformed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::invalid("malformed_form", "The body is not a valid form").because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDARY: &str = "----gigglefest";

    fn form(parts: &[(&str, &[u8])]) -> Bytes {
        let mut body = Vec::new();
        for (head, content) in parts {
            body.extend(format!("--{BOUNDARY}\r\ncontent-disposition: form-data; {head}\r\n\r\n").as_bytes());
            body.extend(*content);
            body.extend(b"\r\n");
        }
        body.extend(format!("--{BOUNDARY}--\r\n").as_bytes());
        body.into()
    }

    async fn parse(parts: &[(&str, &[u8])]) -> Result<(String, Option<usize>), String> {
        match read(form(parts), BOUNDARY.to_owned()).await {
            Ok(form) => Ok((form.json, form.image.map(|image| image.bytes.len()))),
            Err(error) => Err(error.message),
        }
    }

    const PICTURE: &str = "name=\"image\"; filename=\"a.png\"\r\ncontent-type: image/png";

    #[tokio::test]
    async fn fields_become_members_and_the_picture_stands_beside_them() {
        let (json, size) = parse(&[
            ("name=\"name\"", "Java \"Jazz\"".as_bytes()),
            ("name=\"description\"", b""),
            (PICTURE, b"\x89PNG\r\n--"),
        ])
        .await
        .unwrap();
        assert_eq!(size, Some(8));
        let value: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["name"], "Java \"Jazz\"");
        assert!(value.get("description").is_none(), "{json}");
        assert_eq!(value["image sha256"].as_str().map(str::len), Some(64));
    }

    #[tokio::test]
    async fn a_field_that_comes_twice_is_left_for_the_reader_to_refuse() {
        let (json, _) = parse(&[("name=\"a\"", b"1"), ("name=\"a\"", b"2")])
            .await
            .unwrap();
        assert_eq!(json, r#"{"a":"1","a":"2"}"#);
    }

    #[tokio::test]
    async fn other_files_and_second_pictures_are_unexpected() {
        let other = "name=\"poster\"; filename=\"a.png\"\r\ncontent-type: image/png";
        assert_eq!(parse(&[(other, b"x")]).await.unwrap_err(), "Unexpected field");
        assert_eq!(
            parse(&[(PICTURE, b"x"), (PICTURE, b"y")]).await.unwrap_err(),
            "Unexpected field"
        );
        let none_chosen = "name=\"poster\"; filename=\"\"\r\ncontent-type: application/octet-stream";
        assert_eq!(
            parse(&[(none_chosen, b"")]).await.unwrap(),
            ("{}".to_owned(), None)
        );
    }

    #[tokio::test]
    async fn a_picture_has_a_largest_size() {
        let largest = vec![0; MAX_IN_FORM + 1];
        assert_eq!(
            parse(&[(PICTURE, &largest[1..])]).await.unwrap().1,
            Some(MAX_IN_FORM)
        );
        assert_eq!(parse(&[(PICTURE, &largest)]).await.unwrap_err(), "File too large");
    }

    #[tokio::test]
    async fn what_is_no_form_is_malformed() {
        for body in ["", "nonsense", "------gigglefest\r\n"] {
            let read = read(Bytes::from_static(body.as_bytes()), BOUNDARY.to_owned()).await;
            assert_eq!(
                read.err().map(|error| error.code),
                Some("malformed_form"),
                "{body:?}"
            );
        }
        let many: Vec<_> = (0..=MOST_PARTS)
            .map(|_| ("name=\"a\"", b"1".as_slice()))
            .collect();
        assert!(parse(&many).await.is_err());
    }
}
