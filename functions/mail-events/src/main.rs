//! The Lambda function `mail-events`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_runtime::Error> {
    worker::run_queue(async |env| mail_events::App::from_env(&env)).await
}
