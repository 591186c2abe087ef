//! The Lambda function `mailer`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_runtime::Error> {
    worker::run_queue(async |env| mailer::App::from_env(&env).await).await
}
