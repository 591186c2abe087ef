//! HTTP requests to other people's services: one pooled client with TLS by ring, a time-out for the whole exchange and a
//! largest answer. It follows no redirect, keeps no cookie and repeats nothing.
//!
//! It stands on the parts that every AWS SDK client links already; a richer client costs a function 0.4 MB of its zip.

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::sync::Arc;
use std::time::Duration;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Who cannot be connected to in this time is taken for absent.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Shorter than the idle time of common load balancers, so that a connection is rarely found closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// A client for any number of hosts. Cheap to share, costly to make.
#[derive(Debug, Clone)]
pub struct Outbound {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// How long an exchange may take, and how much may come back.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From the first byte sent to the last byte read.
    pub timeout: Duration,
    /// Bytes of the answer's body.
    pub largest_answer: usize,
}

/// Why there is no whole answer.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// It took too long. The request may have had its effect.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// The answer is larger than allowed.
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    /// The connection was not made or broke off. The request may have had its effect.
    #[error("the exchange failed")]
    Failed(#[source] BoxError),
}

impl Outbound {
    /// A client that trusts Mozilla's certificate authorities.
    ///
    /// # Errors
    /// If the TLS library does not know its own protocol versions.
    pub fn new() -> Result<Self, rustls::Error> {
        let mut roots = rustls::RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(connector);
        Ok(Self { client })
    }

    /// Sends a request and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// See [`OutboundError`].
    pub async fn send(
        &self,
        mut request: Request<Bytes>,
        limits: Limits,
    ) -> Result<Response<Bytes>, OutboundError> {
        request
            .headers_mut()
            .entry(header::USER_AGENT)
            .or_insert(HeaderValue::from_static("gigglefest"));
        let exchange = async {
            let answer = self
                .client
                .request(request.map(Full::new))
                .await
                .map_err(|error| OutboundError::Failed(error.into()))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, limits.largest_answer).collect().await;
            match body {
                Ok(body) => Ok(Response::from_parts(head, body.to_bytes())),
                Err(error) if error.is::<LengthLimitError>() => {
                    Err(OutboundError::TooLarge(limits.largest_answer))
                }
                Err(error) => Err(OutboundError::Failed(error)),
            }
        };
        tokio::time::timeout(limits.timeout, exchange)
            .await
            .unwrap_or(Err(OutboundError::TimedOut(limits.timeout)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    const LIMITS: Limits = Limits {
        timeout: Duration::from_millis(500),
        largest_answer: 10,
    };

    /// A server that gives this answer to each connection's first request, and then waits for the client to go.
    async fn server(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut seen = [0; 4096];
                let _ = stream.read(&mut seen).await;
                let _ = stream.write_all(answer.as_bytes()).await;
                if !answer.is_empty() {
                    let _ = stream.shutdown().await;
                }
                let _ = stream.read(&mut seen).await;
            }
        });
        url
    }

    async fn ask(url: &str) -> Result<Response<Bytes>, OutboundError> {
        let request = Request::get(url).body(Bytes::new()).unwrap();
        Outbound::new().unwrap().send(request, LIMITS).await
    }

    #[tokio::test]
    async fn an_answer_comes_whole_whatever_its_status() {
        let url = server("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nbusy").await;
        let answer = ask(&url).await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), answer.body().as_ref()),
            (503, &b"busy"[..])
        );
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer() {
        let url =
            server("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n").await;
        assert_eq!(ask(&url).await.unwrap().status().as_u16(), 302);
    }

    #[tokio::test]
    async fn silence_ends_with_the_time_out() {
        let url = server("").await;
        assert!(matches!(ask(&url).await, Err(OutboundError::TimedOut(_))));
    }

    #[tokio::test]
    async fn an_answer_that_does_not_end_is_cut_by_the_time_out() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut seen = [0; 4096];
            let _ = stream.read(&mut seen).await;
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n")
                .await;
            loop {
                tokio::time::sleep(Duration::from_millis(100)).await;
                if stream.write_all(b".").await.is_err() {
                    break;
                }
                let _ = stream.read(&mut [0; 1]).await;
            }
        });
        assert!(matches!(ask(&url).await, Err(OutboundError::TimedOut(_))));
    }

    #[tokio::test]
    async fn too_large_an_answer_is_refused() {
        let url = server("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n01234567890").await;
        assert!(matches!(ask(&url).await, Err(OutboundError::TooLarge(10))));
        let url = server("HTTP/1.1 200 OK\r\n\r\n01234567890 and on until the end").await;
        assert!(matches!(ask(&url).await, Err(OutboundError::TooLarge(10))));
    }

    #[tokio::test]
    async fn a_broken_exchange_fails() {
        let url = server("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await;
        assert!(matches!(ask(&url).await, Err(OutboundError::Failed(_))));
        let nobody = ask("http://127.0.0.1:1/").await;
        assert!(matches!(nobody, Err(OutboundError::Failed(_))));
    }
}
