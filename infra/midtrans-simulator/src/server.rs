//! Listening, routes and shutdown.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::routing::MethodFilter;
use tokio::task::JoinHandle;

use crate::api::{self, Operation, on};
use crate::config::Config;
use crate::sim::Sim;
use crate::{admin, index_page, page_routes};

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
        let (listener, url) = simulator::listen(config.listen).await?;
        let public_url = config
            .public_url
            .as_deref()
            .unwrap_or(&url)
            .trim_end_matches('/')
            .to_owned();
        let sim = Sim::new(config, public_url);
        sim.watch_expiry();
        let server = tokio::spawn(sim.stop.serve(listener, routes(&sim)));
        Ok(Self { sim, url, server })
    }

    /// Base URL of both APIs, the payment pages and the admin API, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops serving and gives up what was to be sent.
    pub async fn shutdown(mut self) {
        self.sim.stop.stop();
        // The only failure is a panic inside the accept loop; then there is nothing left to wait for.
        let _ = (&mut self.server).await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.sim.stop.stop();
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
