//! The Lambda function `notifier`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_runtime::Error> {
    worker::run_queue(async |env| notifier::App::from_env(&env).await).await
}
