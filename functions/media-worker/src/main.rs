//! The Lambda function `media-worker`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_runtime::Error> {
    worker::run_queue(async |env| media_worker::App::from_env(&env)).await
}
