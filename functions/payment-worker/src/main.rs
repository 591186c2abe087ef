//! The Lambda function `payment-worker`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_runtime::Error> {
    worker::run_queue(async |env| payment_worker::App::from_env(&env).await).await
}
