//! Takes notifications of Midtrans. It checks the signature, queues the notification and answers, all within milliseconds
//! and without a database, so that a sale that keeps the database busy loses no notification.
//!
//! The signature covers order, code and amount, but not the status: what is queued is a hint, and `payment-worker` asks
//! Midtrans what is true.

mod receive_notification;

use runtime::{BootError, Clock, Env, Secret};
use std::sync::Arc;
use web::{Route, Router, Site};

/// What the handler works with.
pub struct App {
    /// Where notifications go.
    pub queue: Arc<queue::Publisher>,
    /// The key that signs notifications.
    pub server_key: Secret,
    /// Tells the time.
    pub clock: Clock,
}

impl App {
    /// Reads the configuration.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub async fn from_env(env: &Env) -> Result<Self, BootError> {
        let server_key = env.secret("MIDTRANS_SERVER_KEY")?;
        Ok(Self {
            queue: Arc::new(queue::Publisher::connect(|name| env.get(name)).await),
            server_key,
            clock: Clock::system(),
        })
    }
}

/// The routes of this function.
pub const ROUTES: &[Route] = &[receive_notification::ROUTE];

/// The router of this function.
pub fn router(app: App, site: Site) -> axum::Router {
    Router::default()
        .at(
            &receive_notification::ROUTE,
            receive_notification::receive_notification,
        )
        .build(app, site)
}
