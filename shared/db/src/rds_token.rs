//! The password of an IAM database user: a SigV4-presigned URL that RDS checks when a connection is made.
//!
//! Source: Amazon RDS user guide, "Connecting using IAM authentication". A token is good for 900 s, is made without a
//! call over the network, and is made anew for every connection.

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::error::Error;
use std::time::{Duration, SystemTime};

/// What `SigV4` wants encoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Makes a token for `user` at `host:port`.
pub(crate) fn token(
    host: &str,
    port: u16,
    user: &str,
    region: &str,
    credentials: &Credentials,
    now: SystemTime,
) -> Result<String, Box<dyn Error + Send + Sync>> {
    let mut settings = SigningSettings::default();
    settings.expires_in = Some(Duration::from_secs(900));
    settings.signature_location = SignatureLocation::QueryParams;
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("rds-db")
        .time(now)
        .settings(settings)
        .build()?;
    let url = format!("https://{host}:{port}/?Action=connect&DBUser={user}");
    let request = SignableRequest::new("GET", &url, std::iter::empty(), SignableBody::Bytes(&[]))?;
    let (instructions, _) = sign(request, &params.into())?.into_parts();
    let mut token = format!("{host}:{port}/?Action=connect&DBUser={user}");
    for (name, value) in instructions.params() {
        token.push('&');
        token.push_str(name);
        token.push('=');
        token.extend(utf8_percent_encode(value, RESERVED));
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_host_and_user_and_is_signed_for_fifteen_minutes() {
        let credentials = Credentials::new("AKID", "SECRET", Some("session/+=".to_owned()), None, "test");
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_893_456_000);
        let token = token("proxy.example", 5432, "app", "ap-southeast-3", &credentials, at).unwrap();
        assert!(
            token.starts_with("proxy.example:5432/?Action=connect&DBUser=app&"),
            "{token}"
        );
        for part in [
            "X-Amz-Algorithm=AWS4-HMAC-SHA256",
            "X-Amz-Credential=AKID%2F20300101%2Fap-southeast-3%2Frds-db%2Faws4_request",
            "X-Amz-Date=20300101T000000Z",
            "X-Amz-Expires=900",
            "X-Amz-SignedHeaders=host",
            "X-Amz-Security-Token=session%2F%2B%3D",
            "X-Amz-Signature=",
        ] {
            assert!(token.contains(part), "{part} in {token}");
        }
    }
}
