use crate::{BlobError, UPLOAD_SECONDS};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningInstructions, SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use outbound::{Limits, Outbound, OutboundError};
use runtime::{BootError, Clock, Env};
use std::time::{Duration, SystemTime};

/// No answer to a request without content is larger.
const LARGEST_MESSAGE: usize = 64 * 1024;

/// An attempt takes at most this time; what is sent and read is at most some megabytes, and S3 is near.
const TIMEOUT: Duration = Duration::from_millis(3_500);

/// Every request has the same effect when it is repeated, so one that fails is.
const ATTEMPTS: u32 = 2;

/// A bucket.
pub(crate) struct S3 {
    http: Outbound,
    /// Up to the key, with a slash at the end.
    base: String,
    region: String,
    credentials: Credentials,
}

impl S3 {
    pub(crate) fn from_env(env: &Env) -> Result<Self, BootError> {
        let bucket = env.required("MEDIA_BUCKET")?;
        let region = env.required("AWS_REGION")?;
        let base = match env.get("AWS_ENDPOINT_URL") {
            Some(endpoint) => format!("{}/{bucket}/", endpoint.trim_end_matches('/')),
            None => format!("https://{bucket}.s3.{region}.amazonaws.com/"),
        };
        let http = Outbound::new()
            .map_err(|error| BootError::Other(format!("failed to build the HTTP client: {error}")))?;
        Ok(Self {
            http,
            base,
            region: region.to_owned(),
            credentials: Credentials::new(
                env.required("AWS_ACCESS_KEY_ID")?,
                env.required("AWS_SECRET_ACCESS_KEY")?,
                env.get("AWS_SESSION_TOKEN").map(str::to_owned),
                None,
                "environment",
            ),
        })
    }

    pub(crate) async fn put(&self, key: &str, media_type: &str, bytes: Bytes) -> Result<(), BlobError> {
        let answer = self
            .send(Method::PUT, key, Some(media_type), bytes, LARGEST_MESSAGE)
            .await?;
        expect_success(&answer)
    }

    pub(crate) async fn get(&self, key: &str, largest: usize) -> Result<Option<Bytes>, BlobError> {
        let answer = self.send(Method::GET, key, None, Bytes::new(), largest).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        expect_success(&answer)?;
        Ok(Some(answer.into_body()))
    }

    pub(crate) async fn size(&self, key: &str) -> Result<Option<u64>, BlobError> {
        let answer = self
            .send(Method::HEAD, key, None, Bytes::new(), LARGEST_MESSAGE)
            .await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        expect_success(&answer)?;
        let length = answer.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        length.map(Some).ok_or_else(|| BlobError::Refused {
            status: answer.status().as_u16(),
            message: "an object without a length".to_owned(),
        })
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<(), BlobError> {
        let answer = self
            .send(Method::DELETE, key, None, Bytes::new(), LARGEST_MESSAGE)
            .await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(());
        }
        expect_success(&answer)
    }

    pub(crate) fn upload_url(&self, key: &str, media_type: &str, length: u32) -> Result<String, BlobError> {
        let mut url = format!("{}{key}", self.base);
        let length = length.to_string();
        let headers = [("content-type", media_type), ("content-length", &length)];
        let valid = Duration::from_secs(u64::from(UPLOAD_SECONDS));
        let signed = self.sign("PUT", &url, &headers, SignableBody::UnsignedPayload, Some(valid))?;
        let mut separator = '?';
        for (name, value) in signed.params() {
            url.push(separator);
            url.push_str(name);
            url.push('=');
            url.push_str(&encoded(value));
            separator = '&';
        }
        Ok(url)
    }

    async fn send(
        &self,
        method: Method,
        key: &str,
        media_type: Option<&str>,
        body: Bytes,
        largest_answer: usize,
    ) -> Result<Response<Bytes>, BlobError> {
        let url = format!("{}{key}", self.base);
        let limits = Limits {
            timeout: TIMEOUT,
            largest_answer,
        };
        let mut attempt = 1;
        loop {
            let request = self.request(&method, &url, media_type, &body)?;
            let failure: BlobError = match self.http.send(request, limits).await {
                Ok(answer) if answer.status().is_server_error() => {
                    BlobError::Unavailable(answer.status().to_string().into())
                }
                Ok(answer) => return Ok(answer),
                Err(error @ OutboundError::TooLarge(_)) => {
                    return Err(BlobError::Refused {
                        status: 200,
                        message: error.to_string(),
                    });
                }
                Err(error) => BlobError::Unavailable(error.into()),
            };
            if attempt == ATTEMPTS {
                return Err(failure);
            }
            attempt += 1;
        }
    }

    fn request(
        &self,
        method: &Method,
        url: &str,
        media_type: Option<&str>,
        body: &Bytes,
    ) -> Result<Request<Bytes>, BlobError> {
        let headers: Vec<_> = media_type
            .map(|media_type| ("content-type", media_type))
            .into_iter()
            .collect();
        let signed = self.sign(method.as_str(), url, &headers, SignableBody::Bytes(body), None)?;
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers.iter().copied().chain(signed.headers()) {
            request = request.header(name, value);
        }
        request
            .body(body.clone())
            .map_err(|error| BlobError::Signing(error.into()))
    }

    /// Signs a request: in its URL if the signature ends after a time, else in its headers.
    fn sign(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: SignableBody<'_>,
        valid: Option<Duration>,
    ) -> Result<SigningInstructions, BlobError> {
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.expires_in = valid;
        if valid.is_some() {
            settings.signature_location = SignatureLocation::QueryParams;
        } else {
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        let identity = self.credentials.clone().into();
        let signing = |error: Box<dyn std::error::Error + Send + Sync>| BlobError::Signing(error);
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(SystemTime::from(Clock::system().now().inner()))
            .settings(settings)
            .build()
            .map_err(|error| signing(error.into()))?;
        let request = SignableRequest::new(method, url, headers.iter().copied(), body)
            .map_err(|error| signing(error.into()))?;
        let (instructions, _) = sign(request, &params.into())
            .map_err(|error| signing(error.into()))?
            .into_parts();
        Ok(instructions)
    }
}

fn expect_success(answer: &Response<Bytes>) -> Result<(), BlobError> {
    if answer.status().is_success() {
        return Ok(());
    }
    Err(BlobError::Refused {
        status: answer.status().as_u16(),
        message: String::from_utf8_lossy(answer.body()).chars().take(300).collect(),
    })
}

/// A value as `SigV4` wants it in a query.
fn encoded(value: &str) -> String {
    use std::fmt::Write as _;
    value.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(endpoint: Option<&str>) -> S3 {
        let env = Env::of([
            ("MEDIA_BUCKET", "media"),
            ("AWS_REGION", "ap-southeast-3"),
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", "SECRET"),
            ("AWS_SESSION_TOKEN", "session/+="),
            ("AWS_ENDPOINT_URL", endpoint.unwrap_or("")),
        ]);
        S3::from_env(&env).unwrap()
    }

    #[test]
    fn a_signed_url_binds_key_type_length_and_time() {
        let url = bucket(None).upload_url("originals/ab", "image/png", 123).unwrap();
        for part in [
            "https://media.s3.ap-southeast-3.amazonaws.com/originals/ab?X-Amz-",
            "X-Amz-Algorithm=AWS4-HMAC-SHA256",
            "%2Fap-southeast-3%2Fs3%2Faws4_request",
            "X-Amz-Expires=900",
            "X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost",
            "X-Amz-Security-Token=session%2F%2B%3D",
            "X-Amz-Signature=",
        ] {
            assert!(url.contains(part), "{part} in {url}");
        }
    }

    #[test]
    fn another_endpoint_has_the_bucket_in_its_path() {
        let url = bucket(Some("http://127.0.0.1:4600/"))
            .upload_url("originals/ab", "image/png", 1)
            .unwrap();
        assert!(
            url.starts_with("http://127.0.0.1:4600/media/originals/ab?"),
            "{url}"
        );
    }

    #[tokio::test]
    async fn an_absent_store_is_told_as_such() {
        let nobody = bucket(Some("http://127.0.0.1:1"));
        for error in [
            nobody.put("a", "image/png", Bytes::new()).await.unwrap_err(),
            nobody.get("a", 10).await.unwrap_err(),
            nobody.size("a").await.unwrap_err(),
            nobody.delete("a").await.unwrap_err(),
        ] {
            assert!(matches!(error, BlobError::Unavailable(_)), "{error}");
        }
    }
}
