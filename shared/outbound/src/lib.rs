//! HTTP requests to other people's services: one pooled client with TLS by ring, a time-out for the whole exchange and a
//! largest answer. It follows no redirect, keeps no cookie and repeats nothing.
//!
//! To addresses that strangers typed goes [`Outbound::send_to`]: the caller looks a name up with [`Names`], judges what it led to,
//! and the connection goes there and nowhere else, whatever the name leads to by then.
//!
//! It stands on the parts that every AWS SDK client links already; a richer client costs a function 0.4 MB of its zip.

mod names;

pub use names::Names;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use lambda_runtime_api_client::body::Body;
use names::Resolver;
use std::net::IpAddr;
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
    client: HttpClient,
    tls: rustls::ClientConfig,
}

/// Bodies are those of the client that asks Lambda for events: with others its pool would be linked a second time.
type HttpClient = Client<HttpsConnector<HttpConnector<Resolver>>, Body>;

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
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(connector(tls.clone(), Resolver::system()));
        Ok(Self { client, tls })
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
        say_who(&mut request);
        let exchange = async {
            let answer = self
                .client
                .request(request.map(Body::from))
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

    /// Sends a request over a connection of its own to one of these numbers, whatever its host's name leads to, and reads the
    /// beginning of the answer: what is longer than the limit is cut off. The name is proved by TLS as usual.
    ///
    /// # Errors
    /// See [`OutboundError`].
    pub async fn send_to(
        &self,
        mut request: Request<Bytes>,
        numbers: Vec<IpAddr>,
        limits: Limits,
    ) -> Result<Response<Bytes>, OutboundError> {
        // A host that is a number is connected to without asking the resolver.
        let host = request.uri().host().unwrap_or_default();
        let literal = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>();
        if literal.is_ok_and(|literal| !numbers.contains(&literal)) {
            return Err(OutboundError::Failed("the host is another number".into()));
        }
        say_who(&mut request);
        let client: HttpClient = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(connector(self.tls.clone(), Resolver::Pinned(numbers)));
        let exchange = async {
            let answer = client
                .request(request.map(Body::from))
                .await
                .map_err(|error| OutboundError::Failed(error.into()))?;
            let (head, mut body) = answer.into_parts();
            let mut start = BytesMut::new();
            while start.len() < limits.largest_answer
                && let Some(frame) = body.frame().await
            {
                let frame = frame.map_err(|error| OutboundError::Failed(error.into()))?;
                if let Ok(data) = frame.into_data() {
                    start.extend_from_slice(&data);
                }
            }
            start.truncate(limits.largest_answer);
            Ok(Response::from_parts(head, start.freeze()))
        };
        tokio::time::timeout(limits.timeout, exchange)
            .await
            .unwrap_or(Err(OutboundError::TimedOut(limits.timeout)))
    }
}

/// Connects to what a resolver says.
fn connector(tls: rustls::ClientConfig, resolver: Resolver) -> HttpsConnector<HttpConnector<Resolver>> {
    let mut tcp = HttpConnector::new_with_resolver(resolver);
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp)
}

/// Says who sends a request that does not say it itself.
fn say_who(request: &mut Request<Bytes>) {
    request
        .headers_mut()
        .entry(header::USER_AGENT)
        .or_insert(HeaderValue::from_static("gigglefest"));
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

    /// What a server hears first of a request to `url` that is pinned to this machine.
    async fn heard(url: &str) -> Vec<u8> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = url.replace("PORT", &listener.local_addr().unwrap().port().to_string());
        let listening = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut seen = vec![0; 4096];
            let read = stream.read(&mut seen).await.unwrap();
            seen.truncate(read);
            seen
        };
        let request = Request::get(url).body(Bytes::new()).unwrap();
        let outbound = Outbound::new().unwrap();
        let here = vec!["127.0.0.1".parse().unwrap()];
        tokio::join!(listening, outbound.send_to(request, here, LIMITS)).0
    }

    #[tokio::test]
    async fn a_pinned_request_goes_where_it_is_pinned_and_names_its_host() {
        // Nobody has this name: had it been looked up, nobody would have been found.
        let plain = String::from_utf8(heard("http://hooks.invalid:PORT/a?b").await).unwrap();
        assert!(plain.starts_with("GET /a?b HTTP/1.1\r\n"), "{plain}");
        assert!(plain.contains("host: hooks.invalid:"), "{plain}");
        // The first message of TLS says in clear text for which name it asks a certificate.
        let hello = heard("https://hooks.invalid:PORT/").await;
        let name = b"hooks.invalid";
        assert_eq!(hello.first(), Some(&22));
        assert!(hello.windows(name.len()).any(|window| window == name));
    }

    #[tokio::test]
    async fn a_number_that_is_not_pinned_is_not_called() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let request = Request::get(url).body(Bytes::new()).unwrap();
        let elsewhere = vec!["127.0.0.2".parse().unwrap()];
        let answer = Outbound::new().unwrap().send_to(request, elsewhere, LIMITS).await;
        assert!(matches!(answer, Err(OutboundError::Failed(_))), "{answer:?}");
        let called = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
        assert!(called.is_err());
    }

    #[tokio::test]
    async fn a_long_answer_to_a_pinned_request_is_cut() {
        let url = server("HTTP/1.1 200 OK\r\n\r\n01234567890 and on until the end").await;
        let request = Request::get(url).body(Bytes::new()).unwrap();
        let here = vec!["127.0.0.1".parse().unwrap()];
        let answer = Outbound::new()
            .unwrap()
            .send_to(request, here, LIMITS)
            .await
            .unwrap();
        assert_eq!(answer.body().as_ref(), b"0123456789");
        let url =
            server("HTTP/1.1 301 Moved\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n").await;
        let request = Request::get(url).body(Bytes::new()).unwrap();
        let here = vec!["127.0.0.1".parse().unwrap()];
        let answer = Outbound::new()
            .unwrap()
            .send_to(request, here, LIMITS)
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), 301);
    }

    #[tokio::test]
    async fn names_lead_to_numbers() {
        let here = Names::System.numbers_of("localhost").await.unwrap();
        assert!(
            here.iter().all(IpAddr::is_loopback) && !here.is_empty(),
            "{here:?}"
        );
        assert!(Names::System.numbers_of("hooks.invalid").await.is_err());
        let table = Names::Table(vec![("a.example".to_owned(), here.clone())]);
        assert_eq!(table.numbers_of("a.example").await.unwrap(), here);
        assert!(table.numbers_of("b.example").await.is_err());
    }

    #[tokio::test]
    async fn a_broken_exchange_fails() {
        let url = server("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await;
        assert!(matches!(ask(&url).await, Err(OutboundError::Failed(_))));
        let nobody = ask("http://127.0.0.1:1/").await;
        assert!(matches!(nobody, Err(OutboundError::Failed(_))));
    }
}
