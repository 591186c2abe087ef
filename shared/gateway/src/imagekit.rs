//! ImageKit as the fleet uses it: pictures are uploaded and deleted through its API, and its URLs show them, resized where a
//! client asks for it. Source of the protocol: ImageKit documentation, upload API V1, media API, signed URLs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::{Error, Timestamp};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use outbound::{Limits, Outbound};
use ring::hmac;
use runtime::{BootError, Env, Secret};
use serde::Deserialize;
use std::time::Duration;

/// A worker waits for it, with some megabytes on the way.
const TIMEOUT: Duration = Duration::from_secs(20);

/// No answer of ImageKit is larger.
const LARGEST_ANSWER: usize = 64 * 1024;

/// What stands for the time in the signature of a URL that never ends.
const NEVER: &str = "9999999999";

/// Why ImageKit did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ImageKitError {
    /// It could not be reached, took too long, is overloaded or broken. Whether the request had an effect is unknown.
    #[error("ImageKit is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It refused: a wrong key, an account that is full, or a mistake of ours.
    #[error("ImageKit refused with {status}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its words; for the log.
        message: String,
    },
    /// It answered something that is not in its protocol.
    #[error("ImageKit answered something unexpected")]
    Malformed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<ImageKitError> for Error {
    fn from(error: ImageKitError) -> Self {
        Self::unavailable("The image service", 30).because(error)
    }
}

/// A picture to upload.
#[derive(Debug)]
pub struct Picture<'a> {
    /// Folder, with a slash before it.
    pub folder: &'a str,
    /// Name in the folder: letters, digits, `.`, `_`, `-`. A picture of that name is replaced.
    pub name: &'a str,
    /// Whether only signed URLs show it.
    pub private: bool,
    /// A JPEG.
    pub bytes: &'a [u8],
}

/// Where a picture is now.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Uploaded {
    /// ImageKit's id of the file.
    pub file_id: String,
    /// Its path below the URL endpoint, with a slash before it.
    pub file_path: String,
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
}

/// The client.
pub struct ImageKit {
    http: Outbound,
    authorization: HeaderValue,
    upload_url: String,
    api_url: String,
}

impl ImageKit {
    /// Reads `IMAGEKIT_PRIVATE_KEY`, `IMAGEKIT_UPLOAD_URL` and `IMAGEKIT_API_URL`.
    ///
    /// # Errors
    /// If one is missing.
    pub fn from_env(env: &Env) -> Result<Self, BootError> {
        Self::new(
            env.required("IMAGEKIT_UPLOAD_URL")?,
            env.required("IMAGEKIT_API_URL")?,
            &env.secret("IMAGEKIT_PRIVATE_KEY")?,
        )
    }

    /// A client of these hosts.
    ///
    /// # Errors
    /// If the HTTP client cannot be built, or the key cannot be sent.
    pub fn new(upload_url: &str, api_url: &str, private_key: &Secret) -> Result<Self, BootError> {
        let other = |error: &dyn std::fmt::Display| {
            BootError::Other(format!("failed to build the HTTP client: {error}"))
        };
        let basic = format!("Basic {}", STANDARD.encode(format!("{}:", private_key.expose())));
        let mut authorization = HeaderValue::from_str(&basic).map_err(|error| other(&error))?;
        authorization.set_sensitive(true);
        Ok(Self {
            http: Outbound::new().map_err(|error| other(&error))?,
            authorization,
            upload_url: upload_url.trim_end_matches('/').to_owned(),
            api_url: api_url.trim_end_matches('/').to_owned(),
        })
    }

    /// Uploads a picture under its own name, in place of what has that name: repeating it changes nothing.
    ///
    /// # Errors
    /// See [`ImageKitError`].
    pub async fn upload(&self, picture: &Picture<'_>) -> Result<Uploaded, ImageKitError> {
        let boundary = format!("gigglefest-{}", runtime::random::hex::<16>());
        let content_type = format!("multipart/form-data; boundary={boundary}");
        let url = format!("{}/api/v1/files/upload", self.upload_url);
        let body = form(&boundary, picture);
        let answer = self.send(Method::POST, url, Some(&content_type), body).await?;
        serde_json::from_slice(answer.body()).map_err(|error| ImageKitError::Malformed(error.into()))
    }

    /// Deletes a file. One that is not there any more is as good as deleted.
    ///
    /// # Errors
    /// See [`ImageKitError`].
    pub async fn delete(&self, file_id: &str) -> Result<(), ImageKitError> {
        let url = format!("{}/v1/files/{file_id}", self.api_url);
        match self.send(Method::DELETE, url, None, Bytes::new()).await {
            Ok(_) | Err(ImageKitError::Refused { status: 404, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn send(
        &self,
        method: Method,
        url: String,
        content_type: Option<&str>,
        body: Bytes,
    ) -> Result<Response<Bytes>, ImageKitError> {
        let mut request = Request::builder()
            .method(method)
            .uri(url)
            .header(AUTHORIZATION, &self.authorization);
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        let request = request
            .body(body)
            .map_err(|error| ImageKitError::Malformed(error.into()))?;
        let limits = Limits {
            timeout: TIMEOUT,
            largest_answer: LARGEST_ANSWER,
        };
        let answer = self
            .http
            .send(request, limits)
            .await
            .map_err(|error| ImageKitError::Unavailable(error.into()))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let text: String = String::from_utf8_lossy(answer.body()).chars().take(300).collect();
        if status.is_server_error()
            || [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status)
        {
            return Err(ImageKitError::Unavailable(format!("{status}: {text}").into()));
        }
        let said: Option<Refusal> = serde_json::from_slice(answer.body()).ok();
        Err(ImageKitError::Refused {
            status: status.as_u16(),
            message: said.map_or(text, |refusal| refusal.message),
        })
    }
}

fn form(boundary: &str, picture: &Picture<'_>) -> Bytes {
    let mut body = Vec::with_capacity(picture.bytes.len() + 2_048);
    let private = picture.private.to_string();
    for (name, value) in [
        ("fileName", picture.name),
        ("folder", picture.folder),
        ("useUniqueFileName", "false"),
        ("overwriteFile", "true"),
        ("isPrivateFile", private.as_str()),
    ] {
        let part =
            format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let head = format!(
        "--{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{}\"\r\n\
         content-type: image/jpeg\r\n\r\n",
        picture.name
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(picture.bytes);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    body.into()
}

/// Makes the URLs under which pictures are shown.
pub struct Delivery {
    endpoint: String,
    key: hmac::Key,
}

impl Delivery {
    /// Reads `IMAGEKIT_URL_ENDPOINT` and `IMAGEKIT_PRIVATE_KEY`.
    ///
    /// # Errors
    /// If one is missing.
    pub fn from_env(env: &Env) -> Result<Self, BootError> {
        let endpoint = env.required("IMAGEKIT_URL_ENDPOINT")?;
        Ok(Self::new(endpoint, &env.secret("IMAGEKIT_PRIVATE_KEY")?))
    }

    /// URLs below this endpoint.
    pub fn new(endpoint: &str, private_key: &Secret) -> Self {
        let key = private_key.expose().as_bytes();
        Self {
            endpoint: format!("{}/", endpoint.trim_end_matches('/')),
            // ImageKit's protocol; no collision of SHA-1 helps against an HMAC.
            key: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key),
        }
    }

    /// The URL of a file, transformed (`w-640`) if something is asked for.
    pub fn url(&self, file_path: &str, transformation: Option<&str>) -> String {
        format!("{}{}", self.endpoint, rest(file_path, transformation))
    }

    /// The same, signed: what shows a private file. Without `until` it never ends. Nothing in it can be changed, so nobody
    /// gets another transformation out of it.
    pub fn signed_url(
        &self,
        file_path: &str,
        transformation: Option<&str>,
        until: Option<Timestamp>,
    ) -> String {
        let rest = rest(file_path, transformation);
        let until = until.map(|until| until.unix_seconds().to_string());
        let message = format!("{rest}{}", until.as_deref().unwrap_or(NEVER));
        let signature = hmac::sign(&self.key, message.as_bytes());
        let signature = runtime::random::to_hex(signature.as_ref());
        let separator = if rest.contains('?') { '&' } else { '?' };
        let time = until.map(|until| format!("ik-t={until}&")).unwrap_or_default();
        format!("{}{rest}{separator}{time}ik-s={signature}", self.endpoint)
    }
}

/// What stands behind the endpoint.
fn rest(file_path: &str, transformation: Option<&str>) -> String {
    let path = file_path.trim_start_matches('/');
    transformation.map_or_else(|| path.to_owned(), |tr| format!("tr:{tr}/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery() -> Delivery {
        Delivery::new("https://ik.imagekit.io/demo", &Secret::new("dummy-key"))
    }

    #[test]
    fn urls_stand_below_the_endpoint() {
        let url = |tr| delivery().url("/events/a.jpg", tr);
        assert_eq!(url(None), "https://ik.imagekit.io/demo/events/a.jpg");
        assert_eq!(
            url(Some("w-320")),
            "https://ik.imagekit.io/demo/tr:w-320/events/a.jpg"
        );
    }

    /// From the tests of the official library.
    #[test]
    fn signatures_are_those_of_the_official_library() {
        let file = "sdk-testing-files/future-search.png";
        for (path, tr, signature) in [
            (file.to_owned(), None, "32dbbbfc5f945c0403c71b54c38e76896ef2d6b0"),
            (
                format!("{file}?version=1.0&cache=false"),
                None,
                "f2e5a1b8b6a0b03fd63789dfc6413a94acef9fd8",
            ),
            (
                format!("{file}?version=2.0&tr=w-300,h-200"),
                None,
                "601d97a7834b7554f4dabf0d3fc3a219ceeb6b31",
            ),
            (
                format!("{file}?version=2.0"),
                Some("w-300,h-200"),
                "dd1ee8f83d019bc59fd57a5fc4674a11eb8a3496",
            ),
            (
                "sdk-testing-files/%E0%A4%B9%E0%A4%BF%E0%A4%A8%E0%A5%8D%E0%A4%A6%E0%A5%80.png".to_owned(),
                None,
                "3fff2f31da1f45e007adcdbe95f88c8c330e743c",
            ),
        ] {
            let url = delivery().signed_url(&path, tr, None);
            assert!(url.ends_with(&format!("ik-s={signature}")), "{url}");
            assert!(!url.contains("ik-t"), "{url}");
        }
    }

    #[test]
    fn the_end_of_a_signed_url_is_part_of_what_is_signed() {
        let until = |text| Timestamp::parse(text);
        let url = delivery().signed_url("/a.jpg", None, until("2030-01-01T00:00:00Z"));
        assert!(url.contains("a.jpg?ik-t=1893456000&ik-s="), "{url}");
        let other = delivery().signed_url("/a.jpg", None, until("2030-01-01T00:00:01Z"));
        assert_ne!(url.rsplit_once('=').unwrap().1, other.rsplit_once('=').unwrap().1);
    }
}
