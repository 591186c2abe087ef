//! The Lambda function `reconciler`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_runtime::Error> {
    worker::run_job(async |env| reconciler::App::from_env(&env).await).await
}
