//! The AWS Parameters and Secrets Lambda extension: an HTTP server on the loopback of the execution environment that
//! reads Secrets Manager with the function's role and caches what it read.
//!
//! Protocol: AWS documentation, "Use Secrets Manager secrets in Lambda functions" (port 2773 unless
//! `PARAMETERS_SECRETS_EXTENSION_HTTP_PORT` says otherwise; the session token proves that the caller is the function).

use http::{Request, Uri};
use http_body_util::{BodyExt as _, Limited};
use lambda_runtime_api_client::PooledClient;
use lambda_runtime_api_client::body::Body;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::HashMap;
use std::time::Duration;

/// A secret holds a few keys; more than this is a mistake.
const LARGEST_ANSWER: usize = 64 * 1024;

/// Reads a secret whose text is a flat JSON object of strings.
pub(crate) async fn fetch(
    id: &str,
    env: &HashMap<String, String>,
) -> Result<HashMap<String, String>, String> {
    let port = env
        .get("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT")
        .map_or("2773", String::as_str);
    let token = env.get("AWS_SESSION_TOKEN").map_or("", String::as_str);
    tokio::time::timeout(Duration::from_secs(3), ask(id, port, token))
        .await
        .map_err(|_| "the secrets extension did not answer within 3 s".to_owned())?
}

async fn ask(id: &str, port: &str, token: &str) -> Result<HashMap<String, String>, String> {
    let say = |what: &str, error: &dyn std::fmt::Display| format!("{what}: {error}");
    let extension: Uri = format!("http://127.0.0.1:{port}")
        .parse()
        .map_err(|e| say("the port of the secrets extension is none", &e))?;
    // The client that the runtime asks for its events with: another would be linked a second time.
    let client = PooledClient::builder().with_endpoint(extension).build();
    let request = Request::get(format!(
        "/secretsmanager/get?secretId={}",
        utf8_percent_encode(id, NON_ALPHANUMERIC)
    ))
    .header("x-aws-parameters-secrets-token", token)
    .body(Body::empty())
    .map_err(|e| say("failed to build the request", &e))?;
    let answer = client.call(request).await.map_err(|e| {
        let mut cause: &dyn std::error::Error = &*e;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        say("failed to ask the secrets extension", cause)
    })?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), LARGEST_ANSWER)
        .collect()
        .await
        .map_err(|e| say("failed to read the answer", &e))?;
    if !status.is_success() {
        return Err(format!("the secrets extension answered {status}"));
    }
    let answer: serde_json::Value =
        serde_json::from_slice(&body.to_bytes()).map_err(|e| say("the answer is not JSON", &e))?;
    let text = answer
        .get("SecretString")
        .and_then(serde_json::Value::as_str)
        .ok_or("the answer has no SecretString")?;
    serde_json::from_str(text).map_err(|_| "the secret is not a flat JSON object of strings".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// Answers one request and returns what was asked.
    async fn extension(answer: String) -> (u16, tokio::task::JoinHandle<String>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        (port, asked)
    }

    fn http(status: &str, body: &str) -> String {
        format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    fn env(port: u16) -> HashMap<String, String> {
        [
            ("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", port.to_string()),
            ("AWS_SESSION_TOKEN", "session".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_secret_is_read_with_the_token_of_the_session() {
        let body = serde_json::json!({ "SecretString": r#"{"JWT_SECRET":"s3"}"# }).to_string();
        let (port, asked) = extension(http("200 OK", &body)).await;
        let secrets = fetch("arn:aws:secretsmanager:x", &env(port)).await.unwrap();
        assert_eq!(secrets.get("JWT_SECRET").map(String::as_str), Some("s3"));
        let asked = asked.await.unwrap();
        assert!(
            asked.starts_with("GET /secretsmanager/get?secretId=arn%3Aaws%3Asecretsmanager%3Ax "),
            "{asked}"
        );
        assert!(
            asked.contains("x-aws-parameters-secrets-token: session"),
            "{asked}"
        );
        assert!(asked.contains(&format!("host: 127.0.0.1:{port}\r\n")), "{asked}");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn refusals_and_odd_answers_are_told() {
        let (port, _asked) = extension(http("403 Forbidden", "no")).await;
        assert!(fetch("x", &env(port)).await.unwrap_err().contains("403"));
        let nobody = env(tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap()
            .port());
        assert!(fetch("x", &nobody).await.unwrap_err().contains("refused"));
        let (port, _asked) = extension(http("200 OK", r#"{"SecretString":"plain"}"#)).await;
        assert!(
            fetch("x", &env(port))
                .await
                .unwrap_err()
                .contains("flat JSON object")
        );
    }
}
