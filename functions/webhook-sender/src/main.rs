//! The Lambda function `webhook-sender`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_runtime::Error> {
    worker::run_queue(async |env| webhook_sender::App::from_env(&env)).await
}
