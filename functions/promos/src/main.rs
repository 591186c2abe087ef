//! The Lambda function `promos`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_http::Error> {
    web::run(async |env| {
        Ok(promos::router(
            promos::App::from_env(&env).await?,
            web::Site::from_env(&env),
        ))
    })
    .await
}
