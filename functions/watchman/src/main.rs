//! The Lambda function `watchman`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_runtime::Error> {
    worker::run_job(async |env| watchman::App::from_env(&env).await).await
}
