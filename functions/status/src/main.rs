//! The Lambda function `status`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_http::Error> {
    web::run(async |env| {
        let app = status::App::from_env(&env).await?;
        Ok(status::router(app, web::Site::from_env(&env)))
    })
    .await
}
