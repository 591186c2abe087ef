//! The Lambda function `outbox-relay`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_runtime::Error> {
    worker::run_job(async |env| outbox_relay::App::from_env(&env).await).await
}
