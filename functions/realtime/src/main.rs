//! The Lambda function `realtime`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_runtime::Error> {
    worker::run_sockets(async |env| realtime::App::from_env(&env).await).await
}
