//! The Lambda function `reports`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_http::Error> {
    web::run(async |env| {
        Ok(reports::router(
            reports::App::from_env(&env)?,
            web::Site::from_env(&env),
        ))
    })
    .await
}
