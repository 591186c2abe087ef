//! The Lambda function `migrate`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_runtime::Error> {
    worker::run_job(async |env| migrate::App::from_env(&env)).await
}
