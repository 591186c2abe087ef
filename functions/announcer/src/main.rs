//! The Lambda function `announcer`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_runtime::Error> {
    worker::run_job(async |env| announcer::App::from_env(&env)).await
}
