//! The Lambda function `payments`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_http::Error> {
    web::run(async |env| {
        Ok(payments::router(
            payments::App::from_env(&env).await?,
            web::Site::from_env(&env),
        ))
    })
    .await
}
