//! The Lambda function `cart`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_http::Error> {
    web::run(async |env| {
        Ok(cart::router(
            cart::App::from_env(&env).await?,
            web::Site::from_env(&env),
        ))
    })
    .await
}
