//! Listening, routes and shutdown.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::MethodFilter;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tower::ServiceExt as _;

use crate::api::{self, Operation, on};
use crate::config::Config;
use crate::sim::Sim;
use crate::{admin, index_page, page_routes};

/// How long open connections may take to end.
const GRACE: Duration = Duration::from_millis(500);

/// Marks a response that must not be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Withheld {
    /// The connection is closed instead.
    Close,
    /// The client waits until it gives up.
    Hang,
}

/// A running simulator. Dropping it stops it; [`Simulator::shutdown`] also waits until its port is free.
pub struct Simulator {
    sim: Arc<Sim>,
    url: String,
    server: JoinHandle<()>,
}

impl Simulator {
    /// Binds the address of the configuration and starts serving on the current Tokio runtime.
    ///
    /// # Errors
    ///
    /// When the address cannot be bound.
    pub async fn start(config: Config) -> io::Result<Self> {
        let listener = TcpListener::bind(config.listen).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let public_url = config
            .public_url
            .as_deref()
            .unwrap_or(&url)
            .trim_end_matches('/')
            .to_owned();
        let sim = Sim::new(config, public_url);
        sim.watch_expiry();
        let server = tokio::spawn(serve(listener, routes(&sim), Arc::clone(&sim)));
        Ok(Self { sim, url, server })
    }

    /// Base URL of both APIs, the payment pages and the admin API, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops serving and gives up what was to be sent.
    pub async fn shutdown(mut self) {
        self.sim.stop();
        // The only failure is a panic inside the accept loop; then there is nothing left to wait for.
        let _ = (&mut self.server).await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.sim.stop();
    }
}

fn routes(sim: &Arc<Sim>) -> Router {
    use MethodFilter as M;
    Router::new()
        .route("/snap/v1/transactions", on(M::POST, Operation::SnapCreate))
        .route(
            "/snap/v1/transactions/{id}/cancel",
            on(M::POST, Operation::SnapCancel),
        )
        .route("/v2/charge", on(M::POST, Operation::Charge))
        .route("/v2/capture", on(M::POST, Operation::Capture))
        .route("/v2/token", on(M::GET, Operation::CardToken))
        .route("/v2/{id}/status", on(M::GET, Operation::Status))
        .route("/v2/{id}/cancel", on(M::POST, Operation::Cancel))
        .route("/v2/{id}/expire", on(M::POST, Operation::Expire))
        .route("/v2/{id}/approve", on(M::POST, Operation::Approve))
        .route("/v2/{id}/deny", on(M::POST, Operation::Deny))
        .route("/v2/{id}/refund", on(M::POST, Operation::Refund))
        .route(
            "/v2/{id}/refund/online/direct",
            on(M::POST, Operation::DirectRefund),
        )
        .method_not_allowed_fallback(api::method_not_allowed)
        .merge(page_routes::routes())
        .merge(index_page::routes())
        .nest("/admin", admin::routes())
        .fallback(api::not_found)
        .with_state(Arc::clone(sim))
}

async fn serve(listener: TcpListener, router: Router, sim: Arc<Sim>) {
    let stopped = sim.stopped();
    tokio::pin!(stopped);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = &mut stopped => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(stream, router.clone(), Arc::clone(&sim)));
                }
                // Out of file descriptors, most likely: wait for connections to end.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
}

async fn serve_connection(stream: TcpStream, router: Router, sim: Arc<Sim>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move { answer(router, request).await }
    });
    let mut builder = http1::Builder::new();
    let connection = builder
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        // How a connection ends is the client's business.
        _ = connection.as_mut() => {}
        () = sim.stopped() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

async fn answer(router: Router, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let Ok(response) = router.oneshot(request.map(Body::new)).await;
    match response.extensions().get::<Withheld>() {
        None => Ok(response),
        Some(Withheld::Close) => Err(io::ErrorKind::ConnectionAborted.into()),
        Some(Withheld::Hang) => std::future::pending().await,
    }
}
