use runtime::{BootError, Env};

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
    lambda_http::run(router).await
}
