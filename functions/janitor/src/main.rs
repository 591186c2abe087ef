//! The Lambda function `janitor`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_runtime::Error> {
    worker::run_job(async |env| janitor::App::from_env(&env).await).await
}
