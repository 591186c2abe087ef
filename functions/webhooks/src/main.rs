//! The Lambda function `webhooks`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_http::Error> {
    web::run(async |env| {
        Ok(webhooks::router(
            webhooks::App::from_env(&env)?,
            web::Site::from_env(&env),
        ))
    })
    .await
}
