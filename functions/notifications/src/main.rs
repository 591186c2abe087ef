//! The Lambda function `notifications`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_http::Error> {
    web::run(async |env| {
        let app = notifications::App::from_env(&env).await?;
        Ok(notifications::router(app, web::Site::from_env(&env)))
    })
    .await
}
