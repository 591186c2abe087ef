//! The Lambda function `auth`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_http::Error> {
    web::run(async |env| {
        Ok(auth::router(
            auth::App::from_env(&env).await?,
            web::Site::from_env(&env),
        ))
    })
    .await
}
