use crate::finish::LARGEST_ANSWER;
use axum::body::to_bytes;
use axum::response::Response;
use http::StatusCode;
use lambda_http::{Body, IntoResponse, Request, tower::ServiceExt};
use runtime::{BootError, Env};
use std::pin::Pin;

/// Runs a function: reads the configuration, builds the router, and answers requests until the environment ends. Logs are
/// JSON.
///
/// # Errors
/// If the function cannot start; the process ends then and Lambda reports it.
pub async fn run(
    boot: impl AsyncFnOnce(Env) -> Result<axum::Router, BootError>,
) -> Result<(), lambda_http::Error> {
    runtime::telemetry::init();
    let router = boot(Env::load().await?).await?;
    lambda_http::run(ServiceExt::<Request>::map_response(router, ForGateway)).await
}

/// An answer on its way to the gateway, which takes text as it is and everything else as base64. What is no UTF-8 is no text of ours;
/// `lambda_http` by itself looks the encoding up among all that the web knows, and their tables are 0.14 MB of a zip.
struct ForGateway(Response);

impl IntoResponse for ForGateway {
    fn into_response(self) -> Pin<Box<dyn Future<Output = http::Response<Body>> + Send>> {
        Box::pin(async {
            let (mut head, body) = self.0.into_parts();
            let bytes = to_bytes(body, LARGEST_ANSWER).await.unwrap_or_else(|error| {
                tracing::error!(%error, "an answer could not be read");
                head.status = StatusCode::INTERNAL_SERVER_ERROR;
                bytes::Bytes::new()
            });
            let body = match String::from_utf8(bytes.into()) {
                Ok(text) => Body::Text(text),
                Err(error) => Body::Binary(error.into_bytes()),
            };
            http::Response::from_parts(head, body)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header;

    #[tokio::test]
    async fn text_goes_out_as_it_is_and_pictures_as_bytes() {
        let texts = ["", "{\"name\":\"Wayang Jåzz\"}", "\u{feff}a;b"];
        for text in texts {
            let answer = ForGateway(Response::new(text.into())).into_response().await;
            assert_eq!(*answer.body(), Body::Text(text.to_owned()));
        }
        let picture = b"\x89PNG\r\n".to_vec();
        let answer = Response::builder()
            .status(StatusCode::CREATED)
            .header(header::CONTENT_TYPE, "image/png")
            .body(picture.clone().into())
            .unwrap();
        let answer = ForGateway(answer).into_response().await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "image/png");
        assert_eq!(*answer.body(), Body::Binary(picture));
    }

    #[tokio::test]
    async fn what_lambda_does_not_take_is_a_failure_of_ours() {
        let answer = ForGateway(Response::new(vec![b' '; LARGEST_ANSWER + 1].into()));
        let answer = answer.into_response().await;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(answer.body().is_empty());
    }
}
