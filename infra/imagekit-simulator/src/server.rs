//! Listening, routes, faults and shutdown.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request as AxumRequest, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response as AxumResponse};
use axum::routing::{delete, get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode, header};
use simulator::Withheld;
use tokio::task::JoinHandle;

use crate::answer;
use crate::config::Config;
use crate::world::{Part, Sim};
use crate::{admin, delivery, media_api, upload};

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
        let public_url = config.public_url.clone().unwrap_or_else(|| url.clone());
        let sim = Sim::new(config, public_url.trim_end_matches('/'));
        let server = tokio::spawn(sim.stop.serve(listener, routes(&sim)));
        Ok(Self { sim, url, server })
    }

    /// Base URL of both APIs and of the admin API, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL endpoint of the account, without a slash at the end.
    pub fn endpoint(&self) -> &str {
        &self.sim.endpoint
    }

    /// Stops serving.
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
    let part = |part: Part| {
        let sim = Arc::clone(sim);
        from_fn_with_state((sim, part), with_faults)
    };
    let authenticated = || from_fn_with_state(Arc::clone(sim), require_key);
    let upload = Router::new()
        .route("/api/v1/files/upload", post(upload::upload))
        .layer(authenticated())
        .layer(part(Part::Upload));
    let api = Router::new()
        .route("/v1/files", get(media_api::list))
        .route("/v1/files/{id}/details", get(media_api::details))
        .route("/v1/files/{id}", delete(media_api::delete))
        .layer(authenticated())
        .layer(part(Part::Api));
    let delivery = Router::new()
        .route(
            &format!("/{}/{{*rest}}", sim.config.imagekit_id),
            get(delivery::deliver),
        )
        .layer(part(Part::Delivery));
    Router::new()
        .merge(upload)
        .merge(api)
        .merge(delivery)
        .nest("/admin", admin::routes())
        .fallback(async || answer::error(StatusCode::NOT_FOUND, "The requested resource does not exist."))
        .with_state(Arc::clone(sim))
}

async fn with_faults(
    State((sim, part)): State<(Arc<Sim>, Part)>,
    request: AxumRequest,
    next: Next,
) -> AxumResponse {
    let fault = sim.world().faults.take(part);
    if fault.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
    }
    let withheld = || {
        let mut response = StatusCode::OK.into_response();
        response.extensions_mut().insert(Withheld::Close);
        response
    };
    if fault.drop {
        return withheld();
    }
    if let Some(status) = fault.respond.and_then(|status| StatusCode::from_u16(status).ok()) {
        return answer::error(status, "Simulated fault.");
    }
    let response = next.run(request).await;
    if fault.lose_reply { withheld() } else { response }
}

/// The private key is the user name of Basic authentication; the password is ignored.
async fn require_key(State(sim): State<Arc<Sim>>, request: AxumRequest, next: Next) -> AxumResponse {
    match user(request.headers()) {
        None => answer::error(
            StatusCode::UNAUTHORIZED,
            "Your request does not contain private API key.",
        ),
        Some(key) if key != sim.config.private_key => {
            answer::error(StatusCode::FORBIDDEN, "Your account cannot be authenticated.")
        }
        Some(_) => next.run(request).await,
    }
}

fn user(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let decoded = STANDARD.decode(value.strip_prefix("Basic ")?.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    text.split_once(':').map(|(user, _)| user.to_owned())
}
